"""What goes wrong with a node and its job: exit codes, output, holds, evictions."""

from __future__ import annotations

import signal
from contextlib import closing
from pathlib import Path

import pytest

from condorloop.model.enums import CampaignState
from condorloop.model.problem import ProblemKind
from condorloop.testbed.htcondor.config import MEMORY_POLICY
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
        SPOILED,
        [ECAL, STRIPS, SPOT],
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
    settings = {"batching": {"max_files_per_job": 1}}
    loop = Loop(stack, tmp_path_factory.mktemp("spoiled"), "spoiled", {"defaults": settings})
    with closing(loop):
        story = Story(loop, loop.play(scenario))
        story.run_until_closed(3)
        yield story


@pytest.mark.parametrize(
    ("ls", "words"),
    [
        pytest.param(1, "8020", id="an exit code that may pass"),
        pytest.param(5, "Killed", id="SIGKILL"),
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
    assert spoiled.has_said(
        ProblemKind.LACKING, "LS 5 ", calibration=SPOT, run=SPOILED, dag="b000", node="RECO_0000"
    )
    assert campaign["lumis"]["missing"] == "5"
    assert "1 of 28 LS missing (5)" in campaign["reason"]
    assert spoiled.play.assay(SPOT, SPOILED).faults == (
        "LS 5 had good files and are not in the payload",
    )


def test_spoiled_nodes_leave_no_trace_in_the_payloads(spoiled):
    assert spoiled.is_complete()
    spoiled.assert_whole(SPOILED, ECAL, STRIPS)


def running(story, lumis):
    """The job of RECO of these lumisections that runs and has met its fault; None if none does."""
    armed = {a.fault.ls for a in story.loop.job_faults().armed}
    jobs = story.queue(f'CondorloopLumis =?= "{lumis}" && JobStatus == 2')
    return None if int(lumis.partition("-")[0]) in armed or not jobs else jobs[0]


def starter_of(pool, job):
    """The process on the execution point that looks after a job."""
    for process in pool.processes("starter"):
        for ad in (pool.folder / "execute" / f"dir_{process.pid}").rglob(".job.ad"):
            if f"ClusterId = {job['ClusterId']}" in ad.read_text().splitlines():
                return process
    raise LookupError(f"no starter of {job['ClusterId']}")


def stuck(story):
    """The jobs of the run that are on hold, by their lumisections or kind."""
    jobs = story.queue(f"CondorloopRun == {HELD} && JobStatus == 5")
    return {job.get("CondorloopLumis", job["CondorloopKind"]): job for job in jobs}


def released(story, job):
    """How often a job was released."""
    [log] = Path(job["Iwd"]).glob("*.dag.nodes.log")
    return log.read_text().count(f"013 ({job['ClusterId']:03d}.")


@pytest.fixture(scope="module")
def held(stack, tmp_path_factory):
    """A run whose jobs are held, evicted and killed."""
    scenario = run_of(
        HELD,
        [ECAL, STRIPS],
        hits(HELD, "step2", "memory", ls=1, memory_mb=320, seconds=8),
        hits(HELD, "step2", "memory", ls=5, memory_mb=900, seconds=60, times="unlimited"),
        hits(HELD, "step2", "hang", ls=9, times="unlimited"),
        hits(HELD, "step2", "hang", ls=13),
        hits(HELD, "step2", "hang", ls=17),
        hits(HELD, "step4", "hang", STRIPS, times="unlimited"),
        lumisections=28,
        every=0.1,
        layout={"TestEnablesEcalHcal": {"ls_per_file": 4}, "ExpressPhysics": {"ls_per_file": 28}},
    )
    job = {"request_memory_mb": 300}
    settings = {
        "batching": {"max_files_per_job": 1, "reco_per_alca": 1},
        "holds": {"releases": RELEASES, "wait": 1},
        "nodes": {
            "RECO": {**job, "max_memory_mb": 700, "time_limit": 20},
            "ALCA": job,
            "HARVEST": {**job, "time_limit": 15},
        },
    }
    policy = {**MEMORY_POLICY, "SYSTEM_PERIODIC_HOLD": 'CondorloopLumis =?= "21-24"'}
    loop = Loop(stack, tmp_path_factory.mktemp("held"), "held", {"defaults": settings})
    with closing(loop):
        story = Story(loop, loop.play(scenario))
        with stack.pool.reconfigured(policy):
            loop.start()
            story.wait(lambda: running(story, "13-16") is not None)
            loop.tool("condor_vacate_job", str(running(story, "13-16")["ClusterId"]))
            story.wait(lambda: running(story, "17-20") is not None)
            starter_of(stack.pool, running(story, "17-20")).signal(signal.SIGKILL)
            story.wait(lambda: set(stuck(story)) == {"5-8", "9-12", "21-24", "HARVEST"})
            story.wait(lambda: stuck(story)["21-24"]["NumHolds"] > RELEASES)
            others = "1-4,13-20,25-28"
            story.wait(lambda: story.campaign(ECAL, HELD)["lumis"]["in_payload"] == others)
            jobs = stuck(story)
            ids = [f"{job['ClusterId']}.0" for job in jobs.values()]
            story.wait(lambda: all(story.has_said(ProblemKind.HELD, job=job) for job in ids))
            releases = {which: released(story, job) for which, job in jobs.items()}
            story.moments |= {"held": loop.status(), "stuck": jobs, "releases": releases}
        loop.job_faults().clear()
        loop.tool("condor_release", "-constraint", f"CondorloopRun == {HELD}")
        story.wait(story.is_complete)
        yield story


def ad_of(story, lumis):
    """A job of RECO of the run that has left the queue."""
    reco = f'CondorloopKind == "RECO" && CondorloopLumis == "{lumis}"'
    [ad] = story.loop.history(f"CondorloopRun == {HELD} && {reco}")
    return ad


def test_a_job_out_of_memory_gets_more_and_succeeds(held):
    assert 300 < ad_of(held, "1-4")["RequestMemory"] <= 700


@pytest.mark.parametrize(
    ("which", "words"),
    [
        pytest.param("5-8", "memory", id="out of all memory that it may have"),
        pytest.param("9-12", "execute duration", id="beyond its time"),
        pytest.param("HARVEST", "execute duration", id="HARVEST beyond its time"),
        pytest.param("21-24", "SYSTEM_PERIODIC_HOLD", id="another reason, after its releases"),
    ],
)
def test_a_job_that_stays_held_is_shown_with_the_reason(held, which, words):
    job = held.moments["stuck"][which]
    assert held.has_said(ProblemKind.HELD, words, job=f"{job['ClusterId']}.0")


def test_a_job_held_for_another_reason_is_released_so_often(held):
    """HTCondor counts a hold of a running job twice: there may be fewer releases, never more."""
    releases = held.moments["releases"]
    assert 1 <= releases.pop("21-24") <= RELEASES
    assert set(releases.values()) == {0}


def test_held_jobs_stop_neither_the_other_nodes_nor_the_harvest_of_what_is_complete(held):
    """The DAGs of the held jobs wait; HARVEST and UPLOAD of what is complete do not."""
    ecal = held.campaign(ECAL, HELD, "held")
    assert ecal["lumis"]["in_payload"] == "1-4,13-20,25-28"
    assert ecal["state"] in (CampaignState.ACTIVE, CampaignState.CLOSING)
    assert ecal["failed_nodes"] == []


def test_an_evicted_job_and_one_whose_starter_is_killed_run_again_by_themselves(held):
    assert ad_of(held, "13-16")["NumJobStarts"] == 2
    assert ad_of(held, "17-20")["NumJobStarts"] == 2


def test_released_jobs_make_the_campaign_whole(held):
    held.assert_whole(HELD, ECAL, STRIPS)
    assert "is rescued" not in held.loop.output()
