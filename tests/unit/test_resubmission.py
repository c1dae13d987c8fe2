"""What a person's `resubmit` runs again."""

from dataclasses import replace

import pytest

from condorloop.model import DagState, Request, RequestKind
from condorloop.resubmission import resubmission
from tests.unit.examples import START, campaign, dag

FAILED = dag(1, DagState.FAILED, failed=("RECO_0001", "HARVEST"))
REMOVED = replace(dag(2, DagState.REMOVED), removed_by="alice")
ALL = campaign(dags=(dag(0), FAILED, REMOVED, dag(3, DagState.PLANNED)))


def request(node=None, everything=False):
    return Request(
        id=1,
        kind=RequestKind.RESUBMIT,
        run=398600,
        calibration=None,
        node=node,
        everything=everything,
        made_by="alice@node",
        made_at=START,
    )


def labels(asked):
    return [d.label for wanted in resubmission(asked, [ALL]) for d in wanted.dags]


def test_what_failed_or_was_removed_runs_again_and_nothing_that_is_under_way():
    assert labels(request()) == ["b001", "b002"]


@pytest.mark.parametrize(
    ("node", "found"),
    [
        ("RECO_0001", ["b001"]),
        ("b001/RECO_0001", ["b001"]),
        ("b002", ["b002"]),
        ("b001", ["b001"]),
        ("b002/RECO_0001", []),
        ("RECO_0009", []),
        ("b000", []),
    ],
)
def test_a_name_narrows_to_the_dags_in_which_that_node_failed(node, found):
    assert labels(request(node)) == found


def test_files_that_were_given_up_are_touched_only_on_request():
    assert [r.files for r in resubmission(request(), [ALL])] == [False]
    assert [r.files for r in resubmission(request(everything=True), [ALL])] == [True]
