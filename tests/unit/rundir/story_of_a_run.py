"""A run directory in the middle of its work, made by what its DAGs run on the access point."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from condorloop.model.enums import TagOutcome, UploadOutcome
from condorloop.node.post_script import finish
from condorloop.node.uploads.upload import upload
from condorloop.services.conditions import TagAnswer, UploadAnswer
from tests.unit.node_examples import leave, leave_reco, make_dag, run_alca, run_harvest

TAG = "EcalPedestals_NGTDemonstrator"
TAKEN = "tag successfully uploaded"
TOO_LATE = "the since is too late"

UPLOADED = UploadAnswer(
    UploadOutcome.UPLOADED, TAKEN, tags={TAG: TagAnswer(TagOutcome.UPLOADED, TAKEN)}
)
REFUSED = UploadAnswer(
    UploadOutcome.REFUSED, TOO_LATE, tags={TAG: TagAnswer(TagOutcome.FAILED, TOO_LATE)}
)


@contextmanager
def answering(answer: UploadAnswer | None) -> Iterator[None]:
    """Let the conditions service give this answer; with none it is not asked."""

    def told(**_: object) -> UploadAnswer:
        assert answer, "the service was asked"
        return answer

    with (
        mock.patch("condorloop.services.conditions.upload", told),
        mock.patch("condorloop.services.cmssw.Cmssw.environment", return_value={}),
        mock.patch("condorloop.services.conditions.missing_credentials", return_value=None),
    ):
        yield


def play(folder: Path) -> Path:
    """Let four DAGs of a run go as far as they do, and give the run directory.

    dag000 is done: its RECO failed once, its payload lacks a lumisection and is uploaded. dag001
    has RECO and ALCA behind it. dag002 has the RAW file of dag000 again and makes no payload. The
    payload of dag003 is refused.
    """
    first = make_dag(folder, 0, 0)
    leave(first, "RECO_0000", {}, listed=False)
    (first.directory / "RECO_0000.err").write_text("A fatal system signal has occurred: abort\n")
    os.utime(first.directory / "RECO_0000.out", (1_790_000_000, 1_790_000_000.25))
    finish(first, "RECO_0000", 84)
    leave_reco(first)
    finish(first, "RECO_0000", 0)
    run_alca(first)
    run_harvest(first, lumis="1-4")
    with answering(UPLOADED):
        upload(first)

    second = make_dag(folder, 1, 1)
    leave_reco(second, "6-10")
    finish(second, "RECO_0000", 0)
    run_alca(second, "6-10")

    third = make_dag(folder, 2, 2, like=0)
    leave_reco(third, "1-4")
    finish(third, "RECO_0000", 0)
    run_alca(third, "1-4")
    run_harvest(third, since=None)
    with answering(None):
        upload(third)

    fourth = make_dag(folder, 3, 3)
    leave_reco(fourth, "16-20")
    finish(fourth, "RECO_0000", 0)
    run_alca(fourth, "16-20")
    run_harvest(fourth)
    with answering(REFUSED):
        upload(fourth)
    return first.run_dir
