"""What the ledger knows of times that past jobs have had."""

from __future__ import annotations

from dataclasses import replace

import pytest

from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import NodeKind
from condorloop.model.jobs import JobRecord, PlannedNode
from condorloop.model.lumis import Lumis
from tests.unit.examples import RUN, START

WELL = JobRecord(
    node="RECO_0000",
    job_id="10.0",
    submitted_at=START,
    started_at=START + 10,
    ended_at=START + 70,
    exit_code=0,
    starts=1,
)


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as ledger:
        yield ledger


def latched(ledger, calibration, stream, run=RUN):
    """The reconstruction of a campaign."""
    key = CampaignKey(calibration, run.number)
    ledger.campaigns.latch(key, "/eos/RAW", run, "running", START, stream=stream)
    [mine] = ledger.connection.rows(
        "SELECT id FROM reconstruction WHERE stream = ? AND run = ?", stream, run.number
    )
    return mine["id"]


def dag(ledger, reconstruction, number, *jobs, events=100, kind=NodeKind.RECO):
    """A DAG of one node that has had jobs, and holds events if one of them did its work."""
    node = PlannedNode("RECO_0000", kind, f"out{number}", f"out{number}_job.txt")
    dag_id = ledger.dags.plan(reconstruction, number, number, [node], "1 new file", START)
    ledger.dags.submitted(dag_id, 9 + number, START)
    ledger.dags.record_jobs(dag_id, jobs)
    if events is not None:
        ledger.dags.node_done(dag_id, "RECO_0000", Lumis.span(1, 5), events, START + 80)


def test_jobs_of_one_stream_tell_their_seconds_and_events_the_last_to_end_first(ledger):
    mine = latched(ledger, "BeamSpotHP", "Express")
    later = latched(ledger, "BeamSpotHP", "Express", replace(RUN, number=RUN.number + 1))
    other = latched(ledger, "PPSAlignment", "ALCAPPSExpress")
    dag(ledger, mine, 0, WELL, events=100)
    dag(ledger, mine, 1, replace(WELL, job_id="11.0", ended_at=START + 130), events=250)
    dag(ledger, later, 0, replace(WELL, job_id="12.0", ended_at=START + 100), events=7)
    dag(ledger, other, 0, replace(WELL, job_id="13.0"), events=1000)
    assert ledger.times.reco_jobs("Express", 50) == [(120.0, 250), (90.0, 7), (60.0, 100)]
    assert ledger.times.reco_jobs("ALCAPPSExpress", 50) == [(60.0, 1000)]
    assert ledger.times.reco_jobs("Calibration", 50) == []


def test_calibrations_of_one_stream_count_its_jobs_once(ledger):
    mine = latched(ledger, "BeamSpotHP", "Express")
    assert latched(ledger, "SiPixelLA", "Express") == mine
    dag(ledger, mine, 0, WELL)
    assert ledger.times.reco_jobs("Express", 50) == [(60.0, 100)]


@pytest.mark.parametrize(
    ("job", "events"),
    [
        (replace(WELL, exit_code=65), None),
        (replace(WELL, exit_code=None, ended_at=None), None),
        (replace(WELL, starts=2), 100),
        (replace(WELL, started_at=None), 100),
        (replace(WELL, ended_at=WELL.started_at), 100),
        (WELL, 0),
        (WELL, None),
    ],
)
def test_a_job_whose_time_is_not_that_of_its_events_tells_nothing(ledger, job, events):
    dag(ledger, latched(ledger, "BeamSpotHP", "Express"), 0, job, events=events)
    assert ledger.times.reco_jobs("Express", 50) == []


def test_the_job_that_did_the_work_counts_and_not_those_that_failed_before(ledger):
    failed = replace(WELL, exit_code=65, ended_at=START + 15)
    well = replace(WELL, job_id="11.0")
    dag(ledger, latched(ledger, "BeamSpotHP", "Express"), 0, failed, well)
    assert ledger.times.reco_jobs("Express", 50) == [(60.0, 100)]


def test_jobs_of_other_nodes_are_no_reco(ledger):
    dag(ledger, latched(ledger, "BeamSpotHP", "Express"), 0, WELL, kind=NodeKind.ALCA)
    assert ledger.times.reco_jobs("Express", 50) == []


def test_the_latest_jobs_count(ledger):
    mine = latched(ledger, "BeamSpotHP", "Express")
    for i in range(5):
        dag(ledger, mine, i, replace(WELL, job_id=f"{i}.0", ended_at=START + 70 + i))
    assert [took for took, _ in ledger.times.reco_jobs("Express", 3)] == [64.0, 63.0, 62.0]
