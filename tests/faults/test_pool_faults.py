"""A schedd that refuses, hangs, dies or comes back, and a machine that reboots.

No state is invented meanwhile, `status` says what is wrong, and the work goes on afterwards.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from condorloop.model.enums import CampaignState
from condorloop.model.problem import ProblemKind
from condorloop.testbed.daemons import Process
from condorloop.testbed.htcondor.pool import Pool
from tests.faults.outside import running
from tests.faults.scenarios import job_fault, run_of
from tests.loop import Loop, Played, matching

SCHEDD_RUN, REBOOT_RUN = 399110, 399111
CALIBRATIONS = ["EcalPedestals", "BeamSpot"]
COMPLETE = dict.fromkeys(CALIBRATIONS, CampaignState.COMPLETE)
FOUR_LS = {stream: {"ls_per_file": 4} for stream in ("TestEnablesEcalHcal", "ExpressPhysics")}
SHORT_LEASE = {"submit": ["job_lease_duration = 10"]}
"""How long the schedd waits for a machine with its job; it is 10 minutes if nobody says."""
PLACEHOLDER = "executable = /bin/true\nuniverse = local\nhold = true\nqueue\n"


SUBMISSION = "submission of DAGs"


@dataclass
class Story:
    """What `status` said at each point of a story; the rest can be asked when all is over."""

    loop: Loop
    play: Played
    said: dict[str, dict[str, Any]]

    def note(self, when: str) -> None:
        """Keep what `status` says."""
        self.said[when] = self.loop.status()

    def wrong(self, when: str, kind: ProblemKind, *words: str, **about: object) -> bool:
        """Whether there was such a problem at a point."""
        return bool(matching(self.said[when]["problems"], kind, *words, **about))

    def dags(self, when: str) -> dict[str, dict[str, int]]:
        """The DAGs of each calibration by state, at a point."""
        return {c["calibration"]: c["dags"] for c in self.said[when]["campaigns"]}


def is_silent(loop: Loop, service: str) -> bool:
    """Whether `status` names a service that gives no answer."""
    return bool(loop.wrong(ProblemKind.SERVICE, service=service))


@contextmanager
def full_queue(loop: Loop, pool: Pool) -> Iterator[None]:
    """Let the schedd take no more jobs meanwhile."""
    file = loop.folder / "placeholder.sub"
    file.write_text(PLACEHOLDER)
    placeholder = loop.tool("condor_submit", "-terse", file.name).stdout.partition(".")[0]
    try:
        with pool.reconfigured({"MAX_JOBS_PER_OWNER": "1"}):
            yield
    finally:
        loop.tool("condor_rm", placeholder)


@pytest.fixture(scope="module")
def story(stack, tmp_path_factory):
    loop = Loop(stack, tmp_path_factory.mktemp("schedd"), "schedd-faults", {"pool": {"timeout": 2}})
    hang = job_fault("hang", SCHEDD_RUN, "step2", seconds=10)
    scenario = run_of(SCHEDD_RUN, CALIBRATIONS, hang, end_after=8, layout=FOUR_LS)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("condorloop.cycle.tracker.IDLE_LONG", 1.0)
            yield live(Story(loop, loop.play(scenario), {}), stack.pool)
    finally:
        loop.close()
        # it keeps what the schedd that was killed had claimed of it
        stack.pool.kill("startd")
        stack.pool.wait_ready()


def live(story: Story, pool: Pool) -> Story:
    """Let one thing after the other happen to the schedd while DAGs are submitted and run."""
    loop = story.loop
    with pool.reconfigured({"MAX_RUNNING_SCHEDULER_JOBS_PER_OWNER": "1"}):
        with full_queue(loop, pool), running(loop):
            loop.wait(lambda: is_silent(loop, SUBMISSION))
            loop.wait(lambda: all(campaign["dags"] for campaign in loop.campaigns()))
            story.note("full")
        with running(loop):
            loop.wait(lambda: bool(loop.wrong(ProblemKind.FULL)))
            story.note("all turns taken")
    with running(loop):
        loop.wait(lambda: not loop.problems())
        story.note("before")
        with pool.paused("schedd"):
            loop.wait(lambda: is_silent(loop, "schedd"))
            story.note("hangs")
        loop.wait(lambda: not loop.problems())
        story.note("answers again")
        killed = only_schedd(loop, pool)
        pool.kill("schedd")
        restarted = only_schedd(loop, pool, killed)
        loop.tool("condor_restart", "-daemon", "schedd")
        only_schedd(loop, pool, restarted)
        loop.wait(lambda: loop.closed() == len(CALIBRATIONS))
    return story


def only_schedd(loop: Loop, pool: Pool, other_than: Process | None = None) -> Process:
    """Wait for a schedd that is another one, and that starts nothing at the moment."""
    found: list[Process] = []

    def one() -> bool:
        found[:] = pool.processes("schedd")
        return len(found) == 1 and found != [other_than]

    loop.wait(one)
    return found[0]


def test_a_dag_that_the_schedd_refuses_is_no_dag_that_was_submitted(story):
    words = "submitting run399110_dag000.dag: "
    assert story.wrong("full", ProblemKind.SERVICE, words, service=SUBMISSION)
    assert all(dags == {"planned": 1} for dags in story.dags("full").values())


def test_dags_that_wait_for_their_turn_are_told_and_stay_what_they_are(story):
    assert story.wrong("all turns taken", ProblemKind.FULL)
    for dags in story.dags("all turns taken").values():
        assert set(dags) <= {"active", "planned", "done"}


def test_a_schedd_that_hangs_says_nothing_of_the_queue_and_dags_stay_in_flight(story):
    assert story.wrong("hangs", ProblemKind.SERVICE, "no answer in 2 s", service="schedd")
    for calibration, dags in story.dags("before").items():
        assert dags.get("active")
        hangs = story.dags("hangs")[calibration]
        assert hangs["active"] == dags["active"]
        assert set(hangs) <= {*dags, "planned"}
        assert not {"failed", "removed", "lost"} & set(story.dags("answers again")[calibration])


@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_after_all_that_befell_the_schedd_each_campaign_is_complete(story, calibration):
    assert story.play.assay(calibration, SCHEDD_RUN).faults == ()
    assert story.loop.states() == COMPLETE
    story.loop.assert_nothing_was_done_twice(SCHEDD_RUN)


def test_a_schedd_that_was_killed_or_restarted_makes_no_dag_fail(story):
    ends = story.loop.dagmans(f"CondorloopRun == {SCHEDD_RUN}")
    assert {ad["ExitCode"] for ad in ends} == {0}
    assert len({ad["CondorloopId"] for ad in ends}) == len(ends)


@pytest.fixture(scope="module")
def reboot(stack, tmp_path_factory):
    leases = {"nodes": dict.fromkeys(("RECO", "ALCA", "HARVEST"), SHORT_LEASE)}
    settings = {"pool": {"timeout": 5}, "defaults": leases}
    loop = Loop(stack, tmp_path_factory.mktemp("reboot"), "reboot", settings)
    scenario = run_of(REBOOT_RUN, CALIBRATIONS, lumisections=16, end_after=8, layout=FOUR_LS)
    story = Story(loop, loop.play(scenario), {})
    submitter = loop.start()

    def works() -> bool:
        at_work = [c for c in loop.campaigns() if c["dags"].get("active")]
        return len(at_work) == len(CALIBRATIONS) and bool(stack.pool.processes("starter"))

    try:
        loop.wait(works, lambda: submitter.poll() is None)
        submitter.kill()
        stack.pool.crash()
        stack.kill_services()
        stack.xrootd.stop()
        submitter.wait()
        story.note("before")

        submitter = loop.start()
        names = ("OMS", "EOS", "schedd")
        loop.wait(
            lambda: all(is_silent(loop, name) for name in names), lambda: submitter.poll() is None
        )
        story.note("nothing else is up")
        stack.up()
        loop.wait(lambda: loop.closed() == len(CALIBRATIONS), lambda: submitter.poll() is None)
        submitter.send_signal(signal.SIGTERM)
        assert submitter.wait(timeout=30) == 0
        yield story
    finally:
        stack.up()
        loop.close()


def test_a_submitter_that_starts_before_everything_else_invents_nothing(reboot):
    there = {c["calibration"]: c["state"] for c in reboot.said["nothing else is up"]["campaigns"]}
    assert there == {c["calibration"]: c["state"] for c in reboot.said["before"]["campaigns"]}
    for dags in reboot.dags("nothing else is up").values():
        assert set(dags) <= {"active", "planned", "done"}


@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_after_a_reboot_of_the_machine_all_goes_on_and_nothing_is_done_twice(reboot, calibration):
    assert reboot.play.assay(calibration, REBOOT_RUN).faults == ()
    assert reboot.loop.states() == COMPLETE
    reboot.loop.assert_nothing_was_done_twice(REBOOT_RUN)
    assert "Traceback" not in reboot.loop.output()
