"""The assay demands of a payload what the files that appeared allow, no more and no less."""

import json
from pathlib import Path
from typing import Any

import pytest

from condorloop import config
from condorloop.model.lumis import Lumis
from condorloop.rundir.durable import write_json
from condorloop.rundir.layout import HARVEST_RECORD, UPLOAD_RECORD, run_dir
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.truth import Truth
from condorloop.testbed.verify import Verdict, assay
from tests.unit.express import STREAM
from tests.unit.shared_examples import GAINS, SHARING, shared_alca, shared_config, shared_dag

RUN = 398600
CALIBRATIONS, STREAMS = config.shipped_known()
ECAL, SPOT = CALIBRATIONS["EcalPedestals"], CALIBRATIONS["BeamSpot"]
TRUTH = Truth(seed=5)


def judged(folder: Path, lines: list[dict[str, Any]], in_payload: list[int]) -> list[str]:
    """What the assay finds wrong with the LS of a payload, when these lines are on record."""
    record = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "appeared.jsonl").write_text(record)
    database = folder / "conditions" / "conditions.db"
    database.parent.mkdir()
    lumis = {str(ls): [40, 40] for ls in in_payload}
    payload = json.dumps({"constants": {}, "lumisections": lumis, "run": RUN}).encode()
    [tag] = ECAL.harvest.records[0].tags
    sqlite_file.write(database, tag, "Run", "EcalPedestals", "any", [(RUN, payload)])
    faults = assay(folder, ECAL, STREAMS[ECAL.name], RUN, Truth(), folder / "work").faults
    return [fault for fault in faults if fault.startswith("LS ")]


def line(ls: int, good: bool, fault: str | None = None) -> dict[str, Any]:
    path = f"{STREAMS[ECAL.name].raw_path}/000/398/600/00000/{ls}.root"
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


class Played:
    """BeamSpot's runs of 60 LS, all good, and a database that is filled as nobody would check it.

    Its constants are the truth.
    """

    def __init__(self, folder: Path, *runs: int) -> None:
        self.folder = folder
        self.database = folder / "conditions" / "conditions.db"
        [self.tag] = SPOT.harvest.records[0].tags
        rows = [
            {
                "path": f"{STREAMS[SPOT.name].raw_path}/000/398/{run % 1000}/00000/{ls}.root",
                "run": run,
                "stream": "ExpressPhysics",
                "ls": str(ls),
                "time": float(ls),
                "fault": None,
                "good": True,
            }
            for run in runs
            for ls in range(1, 61)
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "appeared.jsonl").write_text(lines)
        self.database.parent.mkdir()

    def upload(self, run: int, *iovs: str, since: int | None = None, twice: str = "") -> None:
        """Put in IOVs of these LS at their first one, or all at one since."""
        rows = []
        for lumis in map(Lumis.parse, iovs):
            again = Lumis.parse(twice)
            counts = {ls: [2000 if ls in again else 1000, 1000] for ls in lumis}
            spot = TRUTH.mean_beam_spot(run, {ls: events for ls, (events, _) in counts.items()})
            constants = {
                "vertices": sum(events for events, _ in counts.values()),
                **dict(zip("xyz", spot.centre, strict=True)),
                **{f"sigma_{a}": w for a, w in zip("xyz", spot.width, strict=True)},
            }
            made_of = {str(ls): each for ls, each in counts.items()}
            data = {"constants": constants, "lumisections": made_of, "run": run}
            at = since or sqlite_file.lumi_since(run, lumis.first)
            rows.append((at, json.dumps(data).encode()))
        sqlite_file.write(self.database, self.tag, "Lumi", "BeamSpotObjects", "any", rows)

    def faults(self, run: int) -> list[str]:
        """What the assay says of the database."""
        words = ("RECO nodes", "good files in no payload")
        found = self.judged(run)
        return [fault for fault in found if not any(word in fault for word in words)]

    def judged(self, run: int) -> tuple[str, ...]:
        """All that the assay says, of the run directory too, in which there is nothing."""
        return assay(self.folder, SPOT, STREAMS[SPOT.name], run, TRUTH, self.folder / "work").faults


def test_a_database_that_is_as_it_must_be_has_no_faults(tmp_path: Path) -> None:
    played = Played(tmp_path, RUN, RUN + 1)
    played.upload(RUN, "1-20", "21-40", "41-60")
    played.upload(RUN + 1, "1-33", "34-60")
    assert played.faults(RUN) == played.faults(RUN + 1) == []


def test_an_obsolete_iov_that_stays_in_force_is_named(tmp_path: Path) -> None:
    played = Played(tmp_path, RUN)
    played.upload(RUN, "1-4,6-21", "22-41", "42-60")
    played.upload(RUN, "1-20", "21-40", "41-60")
    named = [fault.partition(" of 20")[0] for fault in played.faults(RUN)]
    assert named == [
        f"tag {played.tag}: run {RUN} LS 22-40: served by an obsolete IOV: since {RUN}:22",
        f"tag {played.tag}: run {RUN} LS 42-60: served by an obsolete IOV: since {RUN}:42",
    ]


def test_a_lumisection_that_other_ones_constants_serve_is_named(tmp_path: Path) -> None:
    played = Played(tmp_path, RUN)
    played.upload(RUN, "1-20", "31-60")
    assert played.faults(RUN) == ["LS 21-30 had good files and are not in the payload"]


def test_an_older_run_over_a_younger_one_is_named_with_what_is_not_served(tmp_path: Path) -> None:
    played = Played(tmp_path, RUN, RUN + 1)
    played.upload(RUN + 1, "1-60")
    played.upload(RUN, "1-60", since=sqlite_file.lumi_since(RUN + 1, 11))
    where = f"run {RUN + 1} LS 11-60"
    assert played.faults(RUN + 1) == [
        "LS 11-60 had good files and are not in the payload",
        f"tag {played.tag}: since {RUN + 1}:11 has constants of run {RUN}",
        f"tag {played.tag}: {where}: served by run {RUN}, though run {RUN + 1} has constants in"
        " force",
    ]


def test_a_lumisection_that_went_in_twice_is_named(tmp_path: Path) -> None:
    played = Played(tmp_path, RUN)
    played.upload(RUN, "1-60", twice="7-8")
    assert played.faults(RUN) == ["LS 7-8 have events that were counted twice"]


def test_what_served_before_and_serves_no_more_is_not_judged(tmp_path: Path) -> None:
    played = Played(tmp_path, RUN)
    played.upload(RUN, "1-60", twice="7-8")
    played.upload(RUN, "1-60")
    assert played.faults(RUN) == []


def test_files_of_a_run_that_came_after_a_younger_one_may_be_in_no_payload(tmp_path: Path) -> None:
    played = Played(tmp_path, RUN, RUN + 1)
    played.upload(RUN, "1-40")
    played.upload(RUN + 1, "1-60")
    files = "60 good files in no payload"
    assert any(files in fault for fault in played.judged(RUN))
    with sqlite_file.transaction(played.database) as connection:
        connection.execute("UPDATE TAG SET SYNCHRONIZATION = 'hlt'")
    assert not any(files in fault for fault in played.judged(RUN))
    assert played.faults(RUN) == []
    assert any(files in fault for fault in played.judged(RUN + 1))


def test_what_calibrations_share_is_looked_for_in_the_directory_of_their_stream(
    tmp_path: Path,
) -> None:
    """RECO and ALCA are there, and a harvest with its upload in that of its calibration."""
    loaded, dag = shared_config(tmp_path), shared_dag(tmp_path)
    calibration = loaded.calibrations[GAINS]
    stream = loaded.stream(STREAM, SHARING).model_copy(update={"file_in_path": "/eos/cms"})
    [raw] = dag.manifest.files
    row: dict[str, Any] = {"path": raw.path, "run": RUN, "stream": STREAM, "ls": str(raw.lumis)}
    row |= {"time": 1000.0, "fault": None, "good": True}
    (tmp_path / "appeared.jsonl").write_text(json.dumps(row) + "\n")
    database = tmp_path / "conditions" / "conditions.db"
    database.parent.mkdir()
    [tag] = calibration.harvest.records[0].tags
    sqlite_file.write(database, tag, "Run", "SiStripApvGain", "any", [])

    def judged() -> Verdict:
        return assay(tmp_path, calibration, stream, RUN, Truth(), loaded.site.work_dir)

    unread = f"{raw.path} is in 0 RECO nodes that succeeded"
    assert unread in judged().faults
    assert shared_alca(dag) == 0
    assert unread not in judged().faults
    assert (judged().uploads, judged().latencies) == (0, ())
    harvest = run_dir(loaded.site.work_dir, GAINS, RUN) / "harvestJob000"
    harvest.mkdir()
    made: dict[str, Any] = {
        "dag_id": dag.manifest.id,
        "inputs": ["apJob000"],
        "left_out": [],
        "lumis": str(raw.lumis),
    }
    made |= {"lacking": "", "events": 100, "iovs": [], "time": 1050.0}
    write_json(harvest / HARVEST_RECORD, made)
    answer = {"outcome": "uploaded", "answer": "", "time": 1060.0, "unanswered": False}
    write_json(harvest / UPLOAD_RECORD, answer)
    assert (judged().uploads, judged().latencies) == (1, (60.0,))
