"""The faults of scenario files: those that retries absorb, and those that outlast them.

What outlasts them is named, waits for a person's `resubmit`, and stops nothing else.
"""

from __future__ import annotations

from contextlib import closing

import pytest

from condorloop.model.enums import CampaignState, UploadOutcome
from condorloop.model.problem import ProblemKind
from tests.faults.scenarios import job_fault, run_of
from tests.faults.stories import ALL, ECAL, SPOT, STRIPS, Story
from tests.loop import Loop

LAYOUT = {"TestEnablesEcalHcal": {"ls_per_file": 4}, "ExpressPhysics": {"ls_per_file": 12}}
CONNECTION_LOST = 255


def fails(run, step, calibration, exit_code, **more):
    return job_fault("exit_code", run, step, calibration, exit_code=exit_code, **more)


def upload_fails(run, calibration, exit_code=1, **more):
    fault = {"target": "upload_conditions", "mode": "exit_code", "exit_code": exit_code, "at": 0}
    return {**fault, "calibration": calibration, "run": run, **more}


def oms_fails(run, mode, at, **more):
    return {"target": "oms", "mode": mode, "run": run, "at": at, **more}


RUN = 399000
"""Of faults that retries absorb."""

OTHERS = [
    fails(RUN + 1, "step2", ECAL, 65, times="unlimited"),
    fails(RUN, "step2", SPOT, 65, at=3600, times="unlimited"),
    upload_fails(RUN + 1, SPOT, times="unlimited"),
]
"""Faults that do not touch it."""


@pytest.fixture(scope="module")
def absorbed(stack, tmp_path_factory):
    """Each outside part fails, some more than once; OMS from the sixth second on for good."""
    faults = [
        oms_fails(RUN, "connection_error", 1, times=2),
        oms_fails(RUN, "timeout", 2),
        oms_fails(RUN, "http_error", 3, status=503, times=2),
        oms_fails(RUN, "malformed_json", 4, times=2),
        oms_fails(RUN, "http_error", 6, status=502, times="unlimited"),
        fails(RUN, "step2", ECAL, 139),
        fails(RUN, "step3", STRIPS, 84, times=2),
        fails(RUN, "step4", SPOT, 137),
        upload_fails(RUN, ECAL, times=2),
        upload_fails(RUN, STRIPS, CONNECTION_LOST),
        *OTHERS,
    ]
    settings = {"oms": {"timeout": 2}, "defaults": {"uploads": {"wait": 1}}}
    loop = Loop(stack, tmp_path_factory.mktemp("absorbed"), "absorbed", settings)
    with closing(loop):
        story = Story(loop, loop.play(run_of(RUN, list(ALL), *faults, layout=LAYOUT)))

        def oms_is_gone_and_all_files_are_there() -> bool:
            seen = [c["lumis"]["seen"] for c in loop.campaigns()]
            return "502" in " ".join(loop.problems()) and seen == ["1-12"] * 3

        story.run_until(oms_is_gone_and_all_files_are_there)
        story.moments["OMS is gone"] = loop.status()
        loop.service_faults(clear=True)
        story.run_until_closed(3)
        yield story


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("connection_error", "closed connection"),
        ("timeout", "no answer in 2 s"),
        ("http_error", "HTTP 503"),
        ("malformed_json", "Invalid JSON"),
    ],
)
def test_a_failure_of_oms_is_told_while_it_lasts(absorbed, mode, words):
    assert absorbed.has_said(ProblemKind.SERVICE, words, service="OMS")


def test_an_oms_that_fails_for_good_is_told_and_ends_no_run(absorbed):
    states = {c["state"] for c in absorbed.moments["OMS is gone"]["campaigns"]}
    assert states == {CampaignState.ACTIVE}


def test_every_fault_that_was_due_has_hit(absorbed):
    assert [a.fault.at for a in absorbed.loop.job_faults().armed] == [f["at"] for f in OTHERS]
    assert absorbed.loop.service_faults() == []


def test_a_crash_of_reco_is_rescued(absorbed):
    jobs = absorbed.jobs(RUN).items()
    counts = sorted(n for (dag, node), n in jobs if dag.startswith(ECAL) and "RECO" in node)
    assert counts == [1] * (len(counts) - 1) + [2]
    assert "is rescued" in absorbed.loop.log(ECAL)


@pytest.mark.parametrize("calibration", [STRIPS, SPOT])
def test_exit_codes_that_may_pass_are_tried_again_by_dagman(absorbed, calibration):
    assert "is rescued" not in absorbed.loop.log(calibration)


def test_faults_that_retries_absorb_leave_no_trace_in_the_payloads(absorbed):
    assert absorbed.is_complete()
    absorbed.assert_whole(RUN, *ALL)


OUTLASTED = 399010
FATAL, CRASHING = 1, 9
"""LS of files that RECO fails at: with an exit code that stays, and with one that may pass."""


@pytest.fixture(scope="module")
def outlasted(stack, tmp_path_factory):
    """One run in which each calibration has its own trouble, and one with trouble for one."""
    whole = {"lumisections": {"count": 12, "every": 0.2}, "end_after": 0.5, "start_offset": 4}
    second = {"run": OUTLASTED + 1, "calibrations": list(ALL), **whole}
    scenario = run_of(
        OUTLASTED,
        list(ALL),
        fails(OUTLASTED, "step2", ECAL, 65, ls=FATAL, times="unlimited"),
        fails(OUTLASTED, "step2", ECAL, 50, ls=CRASHING, times=4),
        fails(OUTLASTED, "step3", STRIPS, 66, times="unlimited"),
        upload_fails(OUTLASTED, SPOT, times="unlimited"),
        fails(OUTLASTED + 1, "step4", ECAL, 70, times="unlimited"),
        layout=LAYOUT,
        # After the first batch is made, so that the two are not of one DAG.
        files=[{"stream": "TestEnablesEcalHcal", "ls": CRASHING, "late": 2.0}],
    )
    scenario["runs"].append(second)
    quick = {
        "rescues": {"max_rescues": 1, "wait": 1},
        "uploads": {"retries": 1, "wait": 1},
        "nodes": {"RECO": {"retries": 1}, "UPLOAD": {"retries": 1}},
        "batching": {"max_files_per_job": 1, "reco_per_alca": 1},
    }
    loop = Loop(stack, tmp_path_factory.mktemp("outlasted"), "outlasted", {"defaults": quick})
    with closing(loop):
        story = Story(loop, loop.play(scenario))
        story.run_until_closed(6)
        story.moments |= {"closed": loop.status(), "jobs": story.jobs(OUTLASTED)}
        loop.job_faults().clear()

        fatal = story.told(OUTLASTED, story.node(ECAL, OUTLASTED, FATAL)).replace(" ", "/")
        one_node = ["resubmit", str(OUTLASTED), "-c", ECAL, "--node", fatal]
        one_calibration = ["resubmit", str(OUTLASTED), "-c", STRIPS]
        story.moments["words"] = [loop.condorloop(*c).stdout for c in (one_node, one_calibration)]
        story.run_until_closed(6)
        story.moments |= {"asked": loop.status(), "jobs then": story.jobs(OUTLASTED)}

        loop.start()
        for run in (OUTLASTED, OUTLASTED + 1):
            loop.condorloop("resubmit", str(run))
        loop.wait(story.is_complete)
        yield story


def test_what_outlasts_the_retries_is_named(outlasted):
    ecal = outlasted.campaign(ECAL, OUTLASTED, "closed")
    nodes = (outlasted.node(ECAL, OUTLASTED, ls) for ls in (FATAL, CRASHING))
    fatal, crashing = (outlasted.told(OUTLASTED, node) for node in nodes)
    assert ecal["failed_nodes"] == [fatal, crashing]
    named = (
        (ECAL, fatal, "exit 65"),
        (ECAL, crashing, "exit 50"),
        (STRIPS, "b000 ALCA_0000", "exit 66"),
        (SPOT, "b000 UPLOAD", ""),
    )
    for name, failed, words in named:
        dag, node = failed.split()
        about = {"calibration": name, "run": OUTLASTED, "dag": dag, "node": node}
        assert outlasted.has_said(ProblemKind.FAILED, words, **about)
    of_run = {"calibration": SPOT, "run": OUTLASTED, "outcome": UploadOutcome.FAILED}
    assert outlasted.has_said(ProblemKind.UPLOAD, "uploadConditions.py, exit 1", **of_run)
    harvest = {"calibration": ECAL, "run": OUTLASTED + 1, "node": "HARVEST"}
    assert outlasted.has_said(ProblemKind.FAILED, "exit 70", **harvest)
    assert f"{fatal} failed" in ecal["reason"]
    assert "8 of 12 LS missing (1-4,9-12)" in ecal["reason"]


def test_what_outlasts_the_retries_stops_nothing_else(outlasted):
    assert outlasted.campaign(ECAL, OUTLASTED, "closed")["lumis"]["in_payload"] == "5-8"
    states = [c["state"] for c in outlasted.moments["closed"]["campaigns"]]
    assert states.count(CampaignState.INCOMPLETE) == 4
    for calibration in (STRIPS, SPOT):
        other = outlasted.campaign(calibration, OUTLASTED + 1, "closed")
        assert (other["state"], other["failed_nodes"]) == (CampaignState.COMPLETE, [])


def test_a_failed_node_is_tried_as_often_as_configured(outlasted):
    """One rescue; in each run of the DAG one retry of what may pass, none of what cannot."""
    jobs = outlasted.moments["jobs"]
    assert jobs[outlasted.node(ECAL, OUTLASTED, FATAL)] == 2
    assert jobs[outlasted.node(ECAL, OUTLASTED, CRASHING)] == 4
    assert jobs[f"{STRIPS} dag000", "ALCA_0000"] == 2
    assert jobs[f"{SPOT} dag000", "UPLOAD"] == 4


def test_resubmit_of_one_node_and_of_one_calibration_runs_nothing_else(outlasted):
    one_node, one_calibration = outlasted.moments["words"]
    nodes = [outlasted.node(ECAL, OUTLASTED, ls) for ls in (FATAL, CRASHING)]
    fatal, crashing = (outlasted.told(OUTLASTED, node) for node in nodes)
    assert fatal.split()[0] in one_node
    assert crashing.split()[0] not in one_node
    assert STRIPS in one_calibration
    states = {name: outlasted.campaign(name, OUTLASTED, "asked")["failed_nodes"] for name in ALL}
    assert states == {ECAL: [crashing], STRIPS: [], SPOT: ["b000 UPLOAD"]}
    more = outlasted.moments["jobs then"] - outlasted.moments["jobs"]
    assert {dag for dag, _ in more} == {nodes[0][0], f"{STRIPS} dag000"}


def test_resubmit_with_a_submitter_running_makes_every_campaign_whole(outlasted):
    assert outlasted.is_complete()
    outlasted.assert_whole(OUTLASTED, *ALL)
    outlasted.assert_whole(OUTLASTED + 1, *ALL)


def test_nodes_that_were_done_are_not_run_again(outlasted):
    jobs = outlasted.jobs(OUTLASTED)
    failed = {
        outlasted.node(ECAL, OUTLASTED, FATAL): 3,
        outlasted.node(ECAL, OUTLASTED, CRASHING): 5,
        (f"{STRIPS} dag000", "ALCA_0000"): 3,
        (f"{SPOT} dag000", "UPLOAD"): 5,
    }
    assert {node: n for node, n in jobs.items() if n > 1} == failed
