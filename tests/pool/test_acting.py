"""Hold, release, abandon, resubmit: a person's word on a real pool, by the commands."""

from __future__ import annotations

import re
import signal
from contextlib import closing

import pytest

from condorloop.model.enums import CampaignState
from condorloop.model.problem import ProblemKind
from tests.faults.scenarios import job_fault, run_of
from tests.faults.stories import ECAL, SPOT, Story
from tests.loop import Loop, matching

HELD, NODE, ABANDONED = 399300, 399301, 399302
SLOW = {"times": "unlimited", "seconds": 3}
FOUR_LS = {stream: {"ls_per_file": 4} for stream in ("TestEnablesEcalHcal", "ExpressPhysics")}
SMALL = {"defaults": {"batching": {"max_files_per_job": 1, "max_active_dags": 2}}}


def queue(story, run, more="true"):
    """The jobs of a run in the queue, DAGMan's among them."""
    return story.loop.queue(f"CondorloopRun == {run} && {more}")


def states(story, run):
    """The state and the hold reason of each job of a run in the queue, by node."""
    return {
        (ad.get("DAGNodeName", "DAGMan"), ad["ClusterId"]): (ad["JobStatus"], ad.get("HoldReason"))
        for ad in queue(story, run)
    }


def dags(loop, calibration, run):
    return sorted(p.name for p in (loop.work_dir / calibration / f"run{run}").glob("dag*"))


@pytest.fixture(scope="module")
def held(stack, tmp_path_factory):
    """A run that is held while its jobs run and its files still come, and released later."""
    loop = Loop(stack, tmp_path_factory.mktemp("held"), "acting-held", SMALL)
    with closing(loop):
        slow = job_fault("hang", HELD, "step2", **SLOW)
        play = run_of(HELD, [ECAL], slow, lumisections=32, every=0.25, layout=FOUR_LS)
        story = Story(loop, loop.play(play))
        submitter = loop.start()

        def alive():
            return submitter.poll() is None

        loop.wait(lambda: queue(story, HELD, 'CondorloopKind == "RECO" && JobStatus == 2'), alive)
        moments = story.moments
        moments["dry run"] = loop.condorloop("hold", str(HELD), "--dry-run").stdout
        moments["before"] = states(story, HELD)
        moments["hold"] = loop.condorloop("hold", str(HELD)).stdout
        moments["dags"] = dags(loop, ECAL, HELD)
        loop.wait(lambda: loop.campaign(ECAL, HELD)["lumis"]["seen"] == "1-32", alive)
        loop.wait(lambda: all(s == 5 for s, _ in states(story, HELD).values()), alive)
        cycles(loop, alive, 6)
        moments |= {"held": loop.status(), "queue": states(story, HELD)}
        moments["dags later"] = dags(loop, ECAL, HELD)
        moments["resubmit"] = loop.condorloop("resubmit", str(HELD), check=False)
        moments["release"] = loop.condorloop("release", str(HELD)).stdout
        loop.wait(lambda: loop.closed() == 1, alive)
        submitter.send_signal(signal.SIGTERM)
        assert submitter.wait(timeout=30) == 0
        yield story


def cycles(loop, alive, count):
    """Let the submitter make so many more cycles."""
    times = {loop.status()["time"]}

    def enough():
        times.add(loop.status()["time"])
        return len(times) > count

    loop.wait(enough, alive)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(held):
    assert held.moments["dry run"].startswith(
        f"would: {ECAL} run{HELD}: begin no DAG, rescue or harvest; hold the jobs"
    )
    assert 5 not in {state for state, _ in held.moments["before"].values()}


def test_hold_says_what_it_will_do_and_what_it_did(held):
    will, done = held.moments["hold"].splitlines()
    assert will.startswith(f"will: {ECAL} run{HELD}: ")
    assert done.startswith(f"done: {ECAL} run{HELD}: held by ")
    assert "put on hold" in done


def test_while_a_run_is_held_no_dag_is_begun_and_what_is_queued_is_on_hold(held):
    assert held.moments["dags later"] == held.moments["dags"]
    assert held.moments["queue"]
    reasons = {why.partition(" (by user")[0] for _, why in held.moments["queue"].values()}
    assert len(reasons) == 1
    assert reasons.pop().startswith("condorloop: held by ")


def test_jobs_that_ran_came_to_their_end(held):
    """They are not in the queue any more, and none of them was evicted."""
    ran = {job for job, (state, _) in held.moments["before"].items() if state == 2}
    ran -= {job for job in ran if job[0] == "DAGMan"}
    assert ran
    assert not ran & held.moments["queue"].keys()


def test_a_held_run_is_shown_as_held_with_what_releases_it(held):
    [campaign] = held.moments["held"]["campaigns"]
    assert campaign["held_by"]
    assert campaign["state"] in (CampaignState.ACTIVE, CampaignState.CLOSING)
    [problem] = matching(held.moments["held"]["problems"], ProblemKind.HELD)
    assert problem["person"] == campaign["held_by"]
    assert problem["since"]
    assert problem["command"] == f"condorloop release {HELD} -c {ECAL}"


def test_a_held_run_is_not_resubmitted(held):
    assert held.moments["resubmit"].returncode == 1
    assert f"first condorloop release {HELD} -c {ECAL}" in held.moments["resubmit"].stderr


def test_a_released_run_ends_with_the_payload_that_it_would_have_had(held):
    assert "it goes on" in held.moments["release"]
    assert held.loop.states() == {ECAL: CampaignState.COMPLETE}
    held.assert_whole(HELD, ECAL)


@pytest.fixture(scope="module")
def one_node(stack, tmp_path_factory):
    """A run of which a single node is held while it runs, and then released."""
    loop = Loop(stack, tmp_path_factory.mktemp("node"), "acting-node", SMALL)
    with closing(loop):
        slow = job_fault("hang", NODE, "step2", seconds=30, ls=1)
        story = Story(loop, loop.play(run_of(NODE, [ECAL], slow, layout=FOUR_LS)))
        submitter = loop.start()

        def alive():
            return submitter.poll() is None

        hangs = 'DAGNodeName == "RECO_0000" && regexp("^1-", CondorloopLumis) && JobStatus == 2'
        loop.wait(lambda: queue(story, NODE, hangs), alive)
        [job] = queue(story, NODE, hangs)
        name = f"b{job['CondorloopBatch']:03d}/RECO_0000"
        moments = story.moments
        moments["left alone"] = loop.condorloop("hold", str(NODE), "--node", name).stdout
        moments["running"] = states(story, NODE)
        moments["hold"] = loop.condorloop("hold", str(NODE), "--node", name, "--running").stdout
        story.wait(lambda: story.has_said(ProblemKind.HELD, dag=name[:-10], node="RECO_0000"))
        moments["queue"] = states(story, NODE)
        moments |= {"held": loop.status(), "job": ("RECO_0000", job["ClusterId"])}
        moments["release"] = loop.condorloop("release", str(NODE), "--node", name).stdout
        loop.wait(lambda: loop.closed() == 1, alive)
        moments["unknown"] = [
            loop.condorloop(*words, check=False)
            for words in (
                ("hold", str(NODE), "--node", "b017"),
                ("release", "399999"),
                ("abandon", str(NODE), "-c", SPOT),
            )
        ]
        yield story


def test_a_node_that_runs_is_stopped_only_on_request(one_node):
    assert "0 jobs of" in one_node.moments["left alone"]
    assert one_node.moments["running"][one_node.moments["job"]][0] == 2
    assert "1 job of" in one_node.moments["hold"]
    assert one_node.moments["queue"][one_node.moments["job"]][0] == 5


def test_a_node_that_is_held_holds_nothing_else(one_node):
    held = {job for job, (state, _) in one_node.moments["queue"].items() if state == 5}
    assert held == {one_node.moments["job"]}
    assert one_node.moments["held"]["campaigns"][0]["held_by"] == ""


def test_a_node_that_is_released_begins_anew_and_the_payload_is_whole(one_node):
    assert "1 job of" in one_node.moments["release"]
    one_node.assert_whole(NODE, ECAL)


def test_what_is_not_there_is_answered_by_what_there_is_in_one_line(one_node):
    node, run, calibration = one_node.moments["unknown"]
    assert [d.returncode for d in (node, run, calibration)] == [1, 1, 1]
    assert node.stderr.startswith(f"{ECAL} run{NODE}: no b017; there are b000")
    assert run.stderr.startswith("run 399999: no campaign of it is known here; the latest are")
    assert calibration.stderr == f"run {NODE}: no campaign of {SPOT}; there are {ECAL}\n"
    assert {d.stderr.count("\n") for d in (node, run, calibration)} == {1}


@pytest.fixture(scope="module")
def abandoned(stack, tmp_path_factory):
    """A run that is abandoned while no submitter runs, one DAG of it on hold; later taken up."""
    loop = Loop(stack, tmp_path_factory.mktemp("abandoned"), "acting-abandoned", SMALL)
    with closing(loop):
        slow = job_fault("hang", ABANDONED, "step2", **SLOW)
        story = Story(loop, loop.play(run_of(ABANDONED, [ECAL], slow, layout=FOUR_LS)))
        moments = story.moments
        story.run_until(lambda: bool(queue(story, ABANDONED, 'CondorloopKind == "RECO"')))
        moments["hold"] = loop.condorloop("hold", str(ABANDONED), "--node", "b000").stdout
        words = ("abandon", str(ABANDONED), "--reason", "wrong menu")
        moments["abandon"] = loop.condorloop(*words).stdout
        loop.wait(lambda: not queue(story, ABANDONED))
        moments["dags"] = dags(loop, ECAL, ABANDONED)
        submitter = loop.start()

        def alive():
            return submitter.poll() is None

        loop.wait(lambda: loop.status().get("pid") == submitter.pid, alive)
        cycles(loop, alive, 6)
        moments |= {"abandoned": loop.status(), "queue": queue(story, ABANDONED)}
        moments["dags later"] = dags(loop, ECAL, ABANDONED)
        moments["twice"] = loop.condorloop("abandon", str(ABANDONED), check=False)
        moments["resubmit"] = loop.condorloop("resubmit", str(ABANDONED)).stdout
        loop.wait(lambda: loop.states() == {ECAL: CampaignState.COMPLETE}, alive)
        yield story


def test_an_abandoned_run_leaves_the_queue_and_says_who_and_why(abandoned):
    [campaign] = abandoned.moments["abandoned"]["campaigns"]
    assert campaign["state"] == CampaignState.ABANDONED
    assert campaign["reason"].startswith("by ")
    assert campaign["reason"].endswith(": wrong menu")
    assert abandoned.moments["queue"] == []
    assert re.search(r"b000\b.* removed", abandoned.moments["abandon"])


def test_nothing_is_done_for_an_abandoned_run_and_it_is_no_problem(abandoned):
    assert abandoned.moments["dags later"] == abandoned.moments["dags"]
    assert abandoned.moments["abandoned"]["problems"] == []
    assert abandoned.moments["twice"].returncode == 1
    assert "it is abandoned already" in abandoned.moments["twice"].stderr


def test_an_abandoned_run_that_is_resubmitted_ends_with_its_whole_payload(abandoned):
    assert "it is active again" in abandoned.moments["resubmit"]
    assert abandoned.play.assay(ECAL, ABANDONED).faults == ()
