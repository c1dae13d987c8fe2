"""status.json and its table say what is."""

import io
import json

import pytest
from jsonschema import validate
from rich.console import Console

from condorloop.cli.views.status import status_view
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import CampaignState
from condorloop.model.lumi_fates import LumiState
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.model.problem import Problem, ProblemKind
from condorloop.model.queue import QueuedDag
from condorloop.model.service import Service
from condorloop.model.status import CalibrationDestination, Decision, LumiSets, jobs_in_queue
from condorloop.monitoring.status_file import StatusError, json_schema, only, read, to_json, write
from tests.unit.examples import START, campaign_status, loop_status


def printed(shown, width=140, now=START + 130):
    console = Console(file=io.StringIO(), width=width)
    console.print(status_view(shown, now))
    return console.file.getvalue()


def test_what_is_written_is_read_back(tmp_path):
    service = Service("OMS")
    service.failed("refused", START)
    problem = Problem(ProblemKind.SERVICE, "OMS does not answer", "condorloop doctor", since=START)
    shown = loop_status(campaign_status(), services=(service,), problems=(problem,))
    write(tmp_path, shown)
    assert read(tmp_path) == shown


def test_status_json_is_as_its_published_schema_says():
    validate(json.loads(json.dumps(to_json(loop_status(campaign_status())))), json_schema())


def test_lumisections_are_text_in_json():
    [campaign] = to_json(loop_status(campaign_status()))["campaigns"]
    assert campaign["lumis"]["missing"] == "21-40"
    assert campaign["fates"] == {
        "in payload": "1-20",
        "harvested": "21-30",
        "in work": "31-38",
        "awaited": "39-40",
    }


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"schema": 1}', "\x00"])
def test_what_is_no_status_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "status.json").write_text(text)
    with pytest.raises(StatusError, match=r"status\.json: not of this version"):
        read(tmp_path)


def test_where_no_submitter_has_run_the_command_to_start_one_is_named(tmp_path):
    with pytest.raises(StatusError, match=r"no submitter has run here yet: condorloop run"):
        read(tmp_path)


def test_a_choice_of_calibrations_keeps_what_concerns_all():
    ours = Problem(ProblemKind.FAILED, "ours", calibration="EcalPedestals")
    theirs = Problem(ProblemKind.FAILED, "theirs", calibration="BeamSpot")
    of_all = Problem(ProblemKind.SERVICE, "of all")
    both = (campaign_status(), campaign_status(calibration="BeamSpot"))
    shown = only(loop_status(*both, problems=(ours, theirs, of_all)), ["EcalPedestals"])
    assert shown.problems == (ours, of_all)
    assert [c.calibration for c in shown.campaigns] == ["EcalPedestals"]


def test_a_choice_of_calibrations_has_only_their_decisions_and_their_streams_bad_files():
    ecal, spot = "/eos/ecal/a.root", "/eos/express/b.root"
    both = (
        campaign_status(bad_files={ecal: "broken"}),
        campaign_status(calibration="BeamSpot", bad_files={spot: "broken"}),
    )
    readers = {ecal: "EcalPedestals", spot: "BeamSpot"}
    bad = tuple(
        Problem(ProblemKind.BAD_FILE, p, run=398600, path=p, calibrations=(name,))
        for p, name in readers.items()
    )
    lines = tuple(
        Decision(START, "info", "a line", name) for name in ("EcalPedestals", "BeamSpot", None)
    )
    whole = loop_status(*both, problems=bad, decisions=lines)
    shown = only(whole, ["BeamSpot"])
    assert [p.path for p in shown.problems] == [spot]
    assert [d.calibration for d in shown.decisions] == ["BeamSpot", None]
    assert only(whole, []) == whole


def test_jobs_in_the_queue_are_counted_for_their_campaign():
    key = CampaignKey("EcalPedestals", 398600)
    counts = {"JobsIdle": 2, "JobsRunning": 3, "JobsHeld": 0}
    mine = QueuedDag("x", key, 0, 1, None, counts)
    other = QueuedDag("y", CampaignKey("EcalPedestals", 1), 0, 2, None, counts)
    assert jobs_in_queue(key, [mine, other]) == {"idle": 2, "running": 3, "held": 0}


def test_a_row_tells_seen_covered_and_uploaded():
    text = printed(loop_status(campaign_status()))
    assert "38/40+" in text
    assert "2, 70 s ago" in text


def test_a_closed_campaign_names_what_is_not_in_its_payload():
    closed = campaign_status(state=CampaignState.INCOMPLETE, run_end=START + 90)
    assert "20 (21-40)" in printed(loop_status(closed))


def test_what_is_lost_is_shown_while_the_run_goes_on():
    fates = {
        LumiState.IN_PAYLOAD: Lumis.span(1, 20),
        LumiState.FAILED: Lumis.span(21, 22),
        LumiState.BAD_FILE: Lumis.span(25, 25),
        LumiState.AWAITED: Lumis.span(26, 40),
    }
    campaign = campaign_status(fates=fates)
    assert str(campaign.lost) == "21-22,25"
    shown = printed(loop_status(campaign))
    assert "missing" in shown
    assert "3 (21-22,25)" in shown


def test_a_problem_is_shown_with_the_command_to_type():
    problem = Problem(ProblemKind.FAILED, "b001 RECO_0002 failed", "condorloop analyze 398600")
    lines = printed(loop_status(campaign_status(), problems=(problem,))).splitlines()
    at = next(i for i, line in enumerate(lines) if "b001 RECO_0002 failed" in line)
    assert lines[at + 1].strip() == "condorloop analyze 398600"


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
    nothing = LumiSets(EMPTY, EMPTY, EMPTY, EMPTY)
    text = printed(loop_status(campaign_status(lumis=nothing, fates={}, uploads=0)), width)
    assert "398600" in text
    assert "active" in text


def test_where_payloads_go_is_shown_and_a_choice_of_calibrations_has_its_own():
    both = (
        CalibrationDestination("EcalPedestals", "oracle://prep/X", ("Ped_a", "Ped_b")),
        CalibrationDestination("BeamSpot", "oracle://prod/X", ("Spot",), "-u https://here/%s/"),
    )
    status = loop_status(destinations=both)
    text = printed(status)
    assert "EcalPedestals: payloads go to Ped_a, Ped_b in oracle://prep/X" in text
    assert "BeamSpot: payloads go to Spot in oracle://prod/X by -u https://here/%s/" in text
    assert only(status, ["BeamSpot"]).destinations == both[1:]


def test_a_problem_of_several_calibrations_is_shown_to_who_chose_one_of_them():
    both = Problem(ProblemKind.WAITING, "a, b: no machine", calibrations=("BeamSpot", "SiStripBad"))
    shown = loop_status(campaign_status(), problems=(both,))
    assert only(shown, ["BeamSpot"]).problems == (both,)
    assert only(shown, ["EcalPedestals"]).problems == ()


def test_a_status_that_the_version_before_wrote_is_read(tmp_path):
    problem = Problem(ProblemKind.FAILED, "BeamSpot run1: x", "y", "BeamSpot", 1, START)
    data = to_json(loop_status(campaign_status(), problems=(problem,)))
    known = ("kind", "text", "command", "calibration", "run", "since", "path")
    data["problems"] = [{key: p[key] for key in known} for p in data["problems"]]
    del data["campaigns"][0]["uploading"], data["campaigns"][0]["refused_uploads"]
    (tmp_path / "status.json").write_text(json.dumps(data))
    assert read(tmp_path).problems == (problem,)
