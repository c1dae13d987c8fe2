"""What a report says of a play is what happened in it, by other clocks than the ledger's."""

import json
from datetime import UTC, datetime

import pytest

from condorloop.model.lumis import Lumis
from condorloop.reports.campaign_data import LedgerReport
from condorloop.reports.period import Period
from condorloop.reports.time_breakdown import timelines
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.services import Play
from condorloop.testbed.verify import appeared
from tests.loop import Loop

RUN = 398770
LUMISECTIONS, EVERY, END_AFTER = 24, 0.5, 0.5
CLOSE = 2.0
"""Seconds: OMS tells whole ones, the submitter polls, and HTCondor's events are rounded."""

SCENARIO = {
    "seed": RUN,
    "layout": {"TestEnablesEcalHcal": {"ls_per_file": 3}},
    "runs": [
        {
            "run": RUN,
            "calibrations": ["EcalPedestals"],
            "start_offset": 0,
            "lumisections": {"count": LUMISECTIONS, "every": EVERY},
            "end_after": END_AFTER,
            "files": [{"stream": "TestEnablesEcalHcal", "ls": 8, "late": 6}],
        }
    ],
    "faults": [
        {
            "target": "cmsrun",
            "mode": "exit_code",
            "exit_code": 65,
            "calibration": "EcalPedestals",
            "run": RUN,
            "step": "step2",
            "at": 0,
            "times": 1,
        }
    ],
}


@pytest.fixture(scope="module")
def loop(stack, tmp_path_factory):
    """A site of this module's own."""
    loop = Loop(stack, tmp_path_factory.mktemp("report"), "report")
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def verdict(loop):
    """The assay of the play, when it is over."""
    play = loop.play(SCENARIO)
    loop.run_until_closed(1)
    return play.assay("EcalPedestals", RUN)


@pytest.fixture(scope="module")
def found(loop, verdict):
    """The way of each lumisection, as the ledger tells."""
    with LedgerReport(loop.work_dir / "condorloop.db") as ledger:
        [campaign] = ledger.reported(Period())
        told = list(timelines(ledger.facts(campaign, lambda number: ())))
    assert verdict.faults == ()
    return {way.lumi: way for way in told}


@pytest.fixture(scope="module")
def reported(loop, found):
    """What the command says."""
    return json.loads(loop.condorloop("report", "--json").stdout)


@pytest.fixture(scope="module")
def began(loop, found):
    """When the play began."""
    return Play.of(loop.stack.folder, "playing.json").started_at


@pytest.fixture(scope="module")
def inserted(loop, found):
    """When each lumisection was first in a payload, as the conditions database tells."""
    database = loop.stack.folder / "conditions" / "conditions.db"
    [tag] = loop.config().calibrations["EcalPedestals"].harvest.upload.tags
    first = {}
    for iov in sqlite_file.iovs(database, tag, hidden=True):
        if iov.since == RUN:
            at = datetime.fromisoformat(iov.insertion_time).replace(tzinfo=UTC).timestamp()
            for lumi in json.loads(sqlite_file.payload(database, iov.payload_hash))["lumisections"]:
                first[int(lumi)] = min(at, first.get(int(lumi), at))
    return first


@pytest.fixture(scope="module")
def files(loop, found):
    """The good RAW files, as the player made them appear."""
    return [f for f in appeared(loop.stack.folder / "appeared.jsonl") if f.run == RUN and f.good]


def test_every_lumisection_has_a_way_whose_parts_sum_to_the_whole(found):
    assert Lumis.of(found) == Lumis.span(1, LUMISECTIONS)
    for way in found.values():
        assert sum(way.parts) == pytest.approx(way.delay, abs=1e-3)


def test_lumisections_end_when_the_play_has_them_end(found, began):
    for lumi, way in found.items():
        assert way.ended_at == pytest.approx(began + EVERY * lumi, abs=CLOSE)


def test_uploads_are_when_the_database_got_the_first_payload_with_a_lumisection(found, inserted):
    for lumi, way in found.items():
        assert way.uploaded_at == pytest.approx(inserted[lumi], abs=CLOSE)


def test_the_assay_finds_the_same_latencies_of_files(found, files, verdict):
    told = sorted(found[f.lumis.last].uploaded_at - f.time for f in files)
    assert told == pytest.approx(sorted(verdict.latencies), abs=CLOSE)


def test_waiting_for_a_file_ends_when_it_appears(found, files):
    for file in files:
        way = found[file.lumis.last]
        assert way.ended_at + way.parts[0] == pytest.approx(file.time, abs=CLOSE)


def test_the_report_tells_the_worst_way_and_the_last_payload(reported, found, inserted, began):
    [campaign] = reported["campaigns"]
    ended = began + EVERY * LUMISECTIONS + END_AFTER
    assert campaign["after_ls_end"]["worst"] == max(way.delay for way in found.values())
    assert campaign["after_run_end"] == pytest.approx(max(inserted.values()) - ended, abs=CLOSE)


def test_jobs_and_their_wall_time_are_those_of_the_pool(reported, loop):
    [campaign], [calibration] = reported["campaigns"], reported["calibrations"]
    ads = loop.history(f"CondorloopRun == {RUN} && CondorloopKind =!= undefined")
    assert (campaign["jobs"], campaign["retries"], campaign["failed"]) == (len(ads), 1, 1)
    ran = sum(ad["CompletionDate"] - ad["JobCurrentStartDate"] for ad in ads)
    assert 3600 * campaign["wall_hours"] == pytest.approx(ran, abs=len(ads))
    assert [kind["kind"] for kind in calibration["nodes"]] == ["RECO", "ALCA", "HARVEST", "UPLOAD"]


def test_the_status_tells_the_same_latencies(reported, loop):
    [point], [campaign] = loop.status()["latencies"], reported["campaigns"]
    told = campaign["after_ls_end"]
    assert point["lumis"] == told["count"] == LUMISECTIONS
    assert (point["median"], point["worst"]) == pytest.approx((told["median"], told["worst"]))
