"""The assay demands of a payload what the files that appeared allow, no more and no less."""

import json
from pathlib import Path
from typing import Any

import pytest

from condorloop import config
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.truth import Truth
from condorloop.testbed.verify import assay

RUN = 398600
[ECAL] = [c for c in config.shipped_calibrations() if c.name == "EcalPedestals"]


def judged(folder: Path, lines: list[dict[str, Any]], in_payload: list[int]) -> list[str]:
    """What the assay finds wrong with the LS of a payload, when these lines are on record."""
    record = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "appeared.jsonl").write_text(record)
    database = folder / "conditions" / "conditions.db"
    database.parent.mkdir()
    lumis = {str(ls): [40, 40] for ls in in_payload}
    payload = json.dumps({"constants": {}, "lumisections": lumis, "run": RUN}).encode()
    [tag] = ECAL.harvest.upload.tags
    sqlite_file.write(database, tag, "Run", "EcalPedestals", "any", [(RUN, payload)])
    faults = assay(folder, ECAL, RUN, Truth(), folder / "work").faults
    return [fault for fault in faults if fault.startswith("LS ")]


def line(ls: int, good: bool, fault: str | None = None) -> dict[str, Any]:
    path = f"{ECAL.stream_path}/000/398/600/00000/{ls}.root"
    what = {"path": path, "run": RUN, "stream": "TestEnablesEcalHcal", "ls": str(ls)}
    return {**what, "time": float(ls), "fault": fault, "good": good}


def change(ls: int, good: bool) -> dict[str, Any]:
    return {"path": line(ls, good)["path"], "change": "x", "time": 100.0, "good": good}


@pytest.mark.parametrize("in_payload", [[1], [1, 2]])
def test_a_file_that_vanished_may_be_in_the_payload_and_need_not(
    tmp_path: Path, in_payload: list[int]
) -> None:
    lines = [line(1, True), line(2, True, "vanishes"), change(2, False)]
    assert judged(tmp_path, lines, in_payload) == []


def test_a_file_that_became_good_must_be_in_the_payload(tmp_path: Path) -> None:
    lines = [line(1, True), line(2, False, "growing"), change(2, True)]
    assert judged(tmp_path, lines, [1]) == ["LS 2 had good files and are not in the payload"]


def test_a_file_that_never_was_good_must_not_be_in_the_payload(tmp_path: Path) -> None:
    lines = [line(1, True), line(2, False, "unreadable_event")]
    expected = ["LS 2 are in the payload and had no good file"]
    assert judged(tmp_path, lines, [1, 2]) == expected
