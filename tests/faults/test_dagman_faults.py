"""A DAGMan that dies, is held, removed or locked out: its DAG is neither lost nor run twice.

A person who touched it is obeyed and named. One run feeds three calibrations, and each one's first
DAGMan has a fault of its own.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from condorloop.model.enums import CampaignState
from condorloop.model.lumis import Lumis
from condorloop.model.problem import ProblemKind
from condorloop.rundir.durable import read_json
from tests.faults.scenarios import job_fault, run_of
from tests.loop import Loop, Played, matching

RUN = 399100
REMOVED, HELD, KILLED = "EcalPedestals", "SiStripBad", "BeamSpot"
ALL = [REMOVED, HELD, KILLED]
FOUR_LS = {stream: {"ls_per_file": 4} for stream in ("TestEnablesEcalHcal", "ExpressPhysics")}


@dataclass
class Story:
    """What was seen while it happened; the rest can be asked when all is over."""

    loop: Loop
    play: Played
    clusters: dict[str, int]
    problems: list[dict[str, Any]] = field(default_factory=list)
    campaigns: dict[str, dict[str, Any]] = field(default_factory=dict)
    held_stayed_held: bool = False
    problems_at_the_end: list[str] = field(default_factory=list)

    def ends(self, calibration: str) -> list[dict[str, Any]]:
        """How the DAGMan jobs of a calibration's first DAG ended, in order."""
        which = f'CondorloopRun == {RUN} && CondorloopCalibration == "{calibration}"'
        ads: list[dict[str, Any]] = self.loop.dagmans(f"{which} && CondorloopDag == 0")
        return sorted(ads, key=lambda ad: int(ad["ClusterId"]))


@pytest.fixture(scope="module")
def story(stack, tmp_path_factory):
    loop = Loop(stack, tmp_path_factory.mktemp("dagman"), "dagman-faults")
    hangs = [job_fault("hang", RUN, "step2", name, seconds=4) for name in ALL]
    play = loop.play(run_of(RUN, ALL, *hangs, end_after=4, layout=FOUR_LS))
    submitter = loop.start()
    try:
        story = Story(loop, play, {name: first_dagman(loop, name) for name in ALL})
        live(story, lambda: submitter.poll() is None)
        submitter.send_signal(signal.SIGTERM)
        assert submitter.wait(timeout=30) == 0
        yield story
    finally:
        loop.close()


def live(story: Story, alive: Callable[[], bool]) -> None:
    """Let each DAGMan have its fault, and wait for the end of all."""
    loop, pool, clusters = story.loop, story.loop.stack.pool, story.clusters
    pool.kill("dagman", clusters[KILLED])
    loop.tool("condor_rm", str(clusters[REMOVED]))
    loop.tool("condor_hold", str(clusters[HELD]))
    loop.wait(lambda: not pool.processes("dagman", clusters[HELD]))

    loop.wait(lambda: not any(loop.states()[name].open for name in (KILLED, REMOVED)), alive)
    story.problems = loop.status()["problems"]
    story.campaigns = {name: loop.campaign(name, RUN) for name in ALL}
    story.held_stayed_held = not pool.processes("dagman", clusters[HELD])

    loop.condorloop("resubmit", str(RUN), "-c", REMOVED)
    with locked(lock_of(loop, HELD)):
        loop.tool("condor_release", str(clusters[HELD]))
        loop.wait(lambda: "b000 failed: it left the queue" in loop.log(HELD), alive)
    loop.wait(lambda: loop.closed() == len(ALL), alive)
    story.problems_at_the_end = loop.problems()


def first_dagman(loop: Loop, calibration: str) -> int:
    """Wait until a calibration's first DAG is at work; give its cluster."""
    which = f'CondorloopRun == {RUN} && CondorloopCalibration == "{calibration}"'
    constraint = f"{which} && CondorloopDag == 0 && CondorloopKind =?= undefined"
    found: list[str] = []

    def works() -> bool:
        done = loop.tool("condor_q", "-constraint", constraint, "-af", "ClusterId")
        found[:] = done.stdout.split()
        return bool(found) and lock_of(loop, calibration).exists()

    loop.wait(works)
    return int(found[0])


def lock_of(loop: Loop, calibration: str) -> Path:
    """The lock file of a calibration's first DAG."""
    folder = loop.work_dir / calibration / f"run{RUN}" / "dag000"
    return folder / f"run{RUN}_dag000.dag.lock"


@contextmanager
def locked(lock: Path) -> Iterator[None]:
    """Hold DAGMan's lock meanwhile; what is left of it has the pid of a process that lives."""
    with lock.open("r+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def test_a_dagman_that_is_killed_goes_on_in_spite_of_the_lock_file_that_it_left(story):
    assert [ad["ClusterId"] for ad in story.ends(KILLED)] == [story.clusters[KILLED]]
    assert [ad["ExitCode"] for ad in story.ends(KILLED)] == [0]
    assert story.campaigns[KILLED]["state"] == CampaignState.COMPLETE
    assert story.play.assay(KILLED, RUN).faults == ()


def test_a_dagman_that_a_person_holds_is_left_alone_and_shown(story):
    assert story.held_stayed_held
    assert story.campaigns[HELD]["state"] in (CampaignState.ACTIVE, CampaignState.CLOSING)
    [told] = [p for p in story.problems if p["calibration"] == HELD]
    assert (told["kind"], told["job"]) == (ProblemKind.HELD, f"{story.clusters[HELD]}.0")
    assert "via condor_hold (by user " in told["text"]


def test_a_dagman_that_finds_its_lock_held_ends_and_its_dag_is_rescued_when_it_is_free(story):
    locked_out, *_, whole = story.ends(HELD)
    assert locked_out["ClusterId"] == story.clusters[HELD]
    assert locked_out["ExitCode"] != 0
    assert whole["ExitCode"] == 0
    assert story.play.assay(HELD, RUN).faults == ()
    assert story.loop.states()[HELD] == CampaignState.COMPLETE


def test_a_dag_that_a_person_removes_is_named_and_not_rescued_and_the_others_go_on(story):
    who = getpass.getuser()
    about = {"calibration": REMOVED, "run": RUN, "dag": "b000", "person": who}
    assert matching(story.problems, ProblemKind.REMOVED, **about)
    campaign = story.campaigns[REMOVED]
    assert campaign["state"] == CampaignState.INCOMPLETE
    assert f"b000 removed by {who}" in campaign["reason"]
    assert "b000 is rescued" not in story.loop.log(REMOVED)
    manifest = read_json(lock_of(story.loop, REMOVED).with_name("manifest.json"))
    missing = Lumis.union(Lumis.parse(file["lumis"]) for file in manifest["files"])
    assert Lumis.parse(campaign["lumis"]["missing"]) == missing
    assert Lumis.parse(campaign["lumis"]["in_payload"]) == Lumis.span(1, 12) - missing


def test_a_dag_that_was_removed_runs_again_when_it_is_resubmitted(story):
    removed, again = story.ends(REMOVED)
    assert (removed["ClusterId"], removed["JobStatus"]) == (story.clusters[REMOVED], 3)
    assert again["ExitCode"] == 0
    assert story.play.assay(REMOVED, RUN).faults == ()
    assert story.loop.states()[REMOVED] == CampaignState.COMPLETE
    assert story.problems_at_the_end == []


def test_no_dag_ran_twice_and_no_payload_was_followed_by_a_lesser_one(story):
    story.loop.assert_nothing_was_done_twice(RUN)
