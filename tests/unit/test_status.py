"""status.json and its table say what is, and what is wrong."""

import io
import json

import pytest
from rich.console import Console

from condorloop.lumis import EMPTY, Lumis
from condorloop.model import CampaignKey, CampaignState, CampaignSummary, QueuedDag, UploadOutcome
from condorloop.services import Service
from condorloop.status import Status, problems
from condorloop.views.status import status_view
from tests.unit.examples import START


def summary(**changes):
    fields = {
        "key": CampaignKey("EcalPedestals", 398600),
        "state": CampaignState.ACTIVE,
        "reason": "running",
        "fill": 10900,
        "run_start": START,
        "run_end": None,
        "last_ls": 40,
        "seen": Lumis.span(1, 38),
        "harvested": Lumis.span(1, 30),
        "in_payload": Lumis.span(1, 20),
        "files": {"good": 8, "bad": 1},
        "bad_files": {"/eos/cms/x.root": "edmFileUtil, exit 1: broken"},
        "dags": {"active": 1, "done": 2},
        "failed_nodes": (),
        "uploads": 2,
        "last_upload_at": START + 60,
        "last_outcome": UploadOutcome.UPLOADED,
        "last_answer": "",
    }
    return CampaignSummary(**(fields | changes))


def status(*campaigns, services=(), dags=()):
    return Status("here", START + 100, 1, tuple(services), campaigns, tuple(dags))


def printed(shown, width=120, now=START + 130):
    console = Console(file=io.StringIO(), width=width)
    console.print(status_view(json.loads(json.dumps(shown.to_json())), now))
    return console.file.getvalue()


def test_an_alcareco_that_a_harvest_left_out_is_a_problem():
    [said] = [p for p in problems(status(summary(left_out=("apJob007",)))) if "apJob" in p]
    assert said.startswith("EcalPedestals run398600: apJob007 was left out of the harvest")


def test_missing_lumisections_are_named_by_number():
    [campaign] = status(summary()).to_json()["campaigns"]
    assert campaign["lumis"] == {
        "seen": "1-38",
        "harvested": "1-30",
        "in_payload": "1-20",
        "missing": "21-40",
    }


def test_a_row_tells_seen_covered_and_uploaded():
    text = printed(status(summary()))
    assert "38/40+" in text
    assert "2, 70 s ago" in text


def test_a_closed_campaign_names_what_is_not_in_its_payload():
    closed = summary(state=CampaignState.INCOMPLETE, run_end=START + 90)
    assert "20 (not 21-40)" in printed(status(closed))


def test_jobs_in_the_queue_are_counted_for_their_campaign():
    key = CampaignKey("EcalPedestals", 398600)
    counts = {"JobsIdle": 2, "JobsRunning": 3, "JobsHeld": 0}
    mine = QueuedDag("x", key, 0, 1, None, counts)
    other = QueuedDag("y", CampaignKey("EcalPedestals", 1), 0, 2, None, counts)
    shown = status(summary(), dags=[mine, other]).to_json()
    assert shown["campaigns"][0]["jobs"] == {"idle": 2, "running": 3, "held": 0}


def test_a_bad_file_of_a_shared_stream_is_named_once():
    shown = status(summary(), summary(key=CampaignKey("BeamSpot", 398600)))
    assert list(problems(shown)) == ["run 398600: bad file x.root: edmFileUtil, exit 1: broken"]


def test_an_outage_a_held_dag_a_failed_node_and_a_refusal_are_problems():
    service = Service("OMS")
    service.failed("refused", START)
    held = QueuedDag("x", CampaignKey("BeamSpot", 398600), 3, 17, "via condor_hold", {})
    bad = summary(
        bad_files={},
        failed_nodes=("b001 RECO_0002",),
        last_outcome=UploadOutcome.REFUSED,
        last_answer="too late",
    )
    found = list(problems(status(bad, services=[service], dags=[held])))
    assert [p.split(":")[0] for p in found] == [
        "OMS does not answer",
        "BeamSpot run398600",
        "EcalPedestals run398600",
        "EcalPedestals run398600",
    ]
    assert "b001 RECO_0002 failed" in found[2]
    assert "too late" in found[3]


def test_an_outage_is_remembered_from_its_beginning_and_told_once(caplog):
    service = Service("OMS")
    for second in range(3):
        service.failed("refused", START + second)
    assert service.failing_since == START
    service.good(START + 9)
    assert (service.answered_at, service.error) == (START + 9, "")
    told = [r.message for r in caplog.records if r.name.endswith("services")]
    assert len([t for t in told if "refused" in t]) <= 1


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_narrow_terminal_still_shows_run_and_state(width):
    text = printed(status(summary(seen=EMPTY, uploads=0, last_upload_at=None)), width)
    assert "398600" in text
    assert "active" in text
