"""What goes wrong with a node and its job: exit codes, output, holds, machines."""

from __future__ import annotations

import signal
from contextlib import closing

import pytest

from condorloop.model import CampaignState
from condorloop.testbed.pool_config import MEMORY_POLICY
from tests.faults.scenarios import job_fault, run_of
from tests.faults.stories import ECAL, SPOT, STRIPS, Story
from tests.loop import Loop

SPOILED, HELD = 399020, 399021
RELEASES = 2
GONE_WRONG = {
    1: ("exit_code", {"exit_code": 84}),
    5: ("signal", {"signal": 9}),
    9: ("no_output", {}),
    13: ("truncated_output", {}),
    17: ("cut_report", {}),
    21: ("exit_code", {"exit_code": 65}),
    25: ("signal", {"signal": 11}),
}
"""How RECO fails once at the file of a lumisection."""


def hits(run, step, mode, calibration=ECAL, **more):
    return job_fault(mode, run, step, calibration, **more)


@pytest.fixture(scope="module")
def spoiled(stack, tmp_path_factory):
    """A run in which every node that reads a file of its own fails in a way of its own."""
    scenario = run_of(
        *(SPOILED, [ECAL, STRIPS, SPOT]),
        *(hits(SPOILED, "step2", m, ls=ls, **more) for ls, (m, more) in GONE_WRONG.items()),
        hits(SPOILED, "step3", "no_output", STRIPS),
        hits(SPOILED, "step3", "cut_report", STRIPS),
        hits(SPOILED, "step4", "truncated_output", STRIPS),
        hits(SPOILED, "step2", "lost_lumi", SPOT, ls=5),
        hits(SPOILED, "step4", "cut_report", SPOT),
        lumisections=28,
        every=0.1,
        layout={"TestEnablesEcalHcal": {"ls_per_file": 4}, "ExpressPhysics": {"ls_per_file": 28}},
    )
    settings = {"defaults": {"batching": {"max_files_per_job": 1}}}
    loop = Loop(stack, tmp_path_factory.mktemp("spoiled"), "spoiled", settings)
    with closing(loop):
        story = Story(loop, loop.play(scenario))
        story.run_until_closed(3)
        yield story


@pytest.mark.parametrize(
    ("ls", "words"),
    [
        pytest.param(1, "8020", id="an exit code that may pass"),
        pytest.param(5, "SIGKILL", id="SIGKILL"),
        pytest.param(9, "did not make it", id="exit 0 without output"),
        pytest.param(13, "it is cut", id="exit 0 with half of its output"),
        pytest.param(17, "no job report", id="exit 0 with half of its job report"),
        pytest.param(21, "8001", id="an exit code that stays"),
        pytest.param(25, "segmentation violation", id="a crash"),
    ],
)
def test_a_reco_node_that_fails_once_is_tried_again(spoiled, ls, words):
    node = spoiled.node(ECAL, SPOILED, ls)
    [said] = spoiled.failures(SPOILED, node)
    assert words in said
    assert spoiled.jobs(SPOILED)[node] == 2


@pytest.mark.parametrize(
    ("calibration", "name", "words"),
    [
        pytest.param(STRIPS, "ALCA_0000", ["did not make it", "no job report"], id="ALCA"),
        pytest.param(STRIPS, "HARVEST", ["promptCalibConditions.db"], id="a cut payload"),
        pytest.param(SPOT, "HARVEST", ["no job report"], id="a cut report of HARVEST"),
    ],
)
def test_exit_0_is_no_success_where_the_output_is_not_whole(spoiled, calibration, name, words):
    said = spoiled.failures(SPOILED, (f"{calibration} dag000", name))
    assert len(said) == len(words)
    assert all(w in s for w, s in zip(words, said, strict=True))


def test_only_what_another_try_cannot_help_takes_a_rescue(spoiled):
    log = spoiled.loop.log(ECAL)
    rescued = {line.split("is rescued: failed (")[1].split(")")[0] for line in log.splitlines()
               if "is rescued: failed (" in line}  # fmt: skip
    permanent = {spoiled.node(ECAL, SPOILED, ls)[1] for ls in (21, 25)}
    assert {name for names in rescued for name in names.split(", ")} == permanent
    assert "is rescued" not in spoiled.loop.log(STRIPS)


def test_a_lumisection_that_the_job_report_lacks_is_missing_and_named(spoiled):
    campaign = spoiled.campaign(SPOT, SPOILED)
    assert campaign["lacking"] == {"b000 RECO_0000": "5"}
    assert spoiled.has_said(f"{SPOT} run{SPOILED}: b000 RECO_0000 did not read LS 5 of its input")
    assert campaign["lumis"]["missing"] == "5"
    assert "1 of 28 LS missing (5)" in campaign["reason"]
    assert spoiled.play.assay(SPOT, SPOILED).faults == (
        "LS 5 had good files and are not in the payload",
    )


def test_spoiled_nodes_leave_no_trace_in_the_payloads(spoiled):
    assert spoiled.is_complete()
    spoiled.assert_whole(SPOILED, ECAL, STRIPS)


@pytest.fixture(scope="module")
def held(stack, tmp_path_factory):
    """A run whose jobs are held, evicted, killed, and lose their machine."""
    scenario = run_of(
        *(HELD, [ECAL, STRIPS]),
        hits(HELD, "step2", "memory", ls=1, memory_mb=220, seconds=8),
        hits(HELD, "step2", "memory", ls=5, memory_mb=800, seconds=60, times="unlimited"),
        hits(HELD, "step2", "hang", ls=9, times="unlimited"),
        hits(HELD, "step2", "hang", ls=13),
        hits(HELD, "step2", "hang", ls=17),
        hits(HELD, "step4", "hang", STRIPS, times="unlimited"),
        lumisections=28,
        every=0.1,
        layout={"TestEnablesEcalHcal": {"ls_per_file": 4}, "ExpressPhysics": {"ls_per_file": 28}},
    )
    settings = {
        "batching": {"max_files_per_job": 1, "reco_per_alca": 1},
        "holds": {"releases": RELEASES, "wait": 1},
        "nodes": {"RECO": {"time_limit": 20}, "HARVEST": {"time_limit": 15}},
    }
    loop = Loop(stack, tmp_path_factory.mktemp("held"), "held", {"defaults": settings})
    pool = stack.pool
    policy = {
        **MEMORY_POLICY,
        "SYSTEM_PERIODIC_HOLD": 'JobStatus < 3 && CondorloopLumis =?= "21-24"',
    }
    with closing(loop):
        with pool.reconfigured(policy):
            story = Story(loop, loop.play(scenario))
            loop.start()
            story.wait(lambda: story.hangs(13))
            evicted = story.job(HELD, "13-16")
            loop.tool("condor_vacate_job", evicted["id"])
            story.wait(lambda: story.hangs(17))
            killed = story.job(HELD, "17-20")
            starter(pool, killed["id"]).signal(signal.SIGKILL)
            stuck = {story.node(ECAL, HELD, ls) for ls in (5, 9, 21)}
            story.wait(lambda: len(story.held(HELD)) == 4 and story.jobs_held("21-24") > RELEASES)
            story.wait(lambda: story.campaign(ECAL, HELD)["lumis"]["in_payload"] == "1-4,13-20,25-28")
            story.moments |= {"held": loop.status(), "jobs": story.held(HELD)}
