"""Events of a DAG's jobs that are torn, or that come once more: no DAG is dead or deaf for good.

The first DAGs of three calibrations have a case each. DAGMan is kept from its event log while that
is changed, as a full disk or a schedd that dies would have left it.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from condorloop.model.enums import CampaignState
from condorloop.rundir.layout import dag_file
from condorloop.testbed import daemons
from tests.faults.scenarios import job_fault, run_of
from tests.loop import Loop, Played

RUN = 399280
FOUR_LS = {stream: {"ls_per_file": 4} for stream in ("TestEnablesEcalHcal", "ExpressPhysics")}
CHECK = 4
"""Seconds after which a job that is gone is missed; the job of `TORN_LATE` runs for longer."""

TORN, TORN_LATE, AGAIN = "EcalPedestals", "SiStripBad", "BeamSpot"
RUNS_FOR = {TORN: 3, TORN_LATE: 8 * CHECK, AGAIN: 9}
"""For how many seconds the first RECO job of each calibration runs."""


@dataclass
class Story:
    """The testbed while it happened; the rest can be asked when all is over."""

    loop: Loop
    play: Played

    def file(self, name: str, ending: str = "") -> Path:
        """A file beside a calibration's first DAG."""
        runs = self.loop.work_dir / name / f"run{RUN}"
        return Path(f"{dag_file(runs, 0)}{ending}")

    def ends(self, name: str) -> list[int]:
        """How the DAGMans of a calibration's first DAG ended, in order."""
        ads = self.loop.dagmans(first_dag(name))
        return [int(str(ad.get("ExitCode", -1))) for ad in sorted(ads, key=cluster)]


def first_dag(name: str) -> str:
    of_run = f'CondorloopRun == {RUN} && CondorloopCalibration == "{name}"'
    return f"{of_run} && CondorloopDag == 0"


def cluster(ad: dict[str, object]) -> int:
    return int(str(ad["ClusterId"]))


def scenario() -> dict[str, Any]:
    """A run whose first RECO jobs take their time."""
    hangs = [job_fault("hang", RUN, "step2", name, seconds=s) for name, s in RUNS_FOR.items()]
    return run_of(RUN, [*RUNS_FOR], *hangs, end_after=4, layout=FOUR_LS)


@pytest.fixture(scope="module")
def story(stack, tmp_path_factory):
    settings = {"pool": {"check_queue_interval": CHECK, "pending_report_interval": 2}}
    loop = Loop(stack, tmp_path_factory.mktemp("events"), "node-events", settings)
    story = Story(loop, loop.play(scenario()))
    submitter = loop.start()
    try:
        with stopped(story, TORN):
            tear(story, TORN)
        with hold(story, AGAIN):
            run_again(story, AGAIN)
            as_before(story, AGAIN)
        loop.wait(lambda: "pending job states validated" in said(story, TORN_LATE))
        with stopped(story, TORN_LATE):
            tear(story, TORN_LATE)
        loop.wait(lambda: loop.closed() == len(RUNS_FOR), lambda: submitter.poll() is None)
        yield story
    finally:
        loop.close()


def said(story: Story, name: str) -> str:
    """What a calibration's first DAGMan has said."""
    out = story.file(name, ".dagman.out")
    return out.read_text() if out.exists() else ""


def events(story: Story, name: str) -> list[str]:
    log = story.file(name, ".nodes.log")
    return log.read_text().split("...\n")[:-1] if log.exists() else []


def of_kind(story: Story, name: str, code: str) -> list[str]:
    return [event for event in events(story, name) if event.startswith(code)]


@contextmanager
def stopped(story: Story, name: str) -> Iterator[None]:
    """Let a DAGMan stand still once its RECO runs, and go on afterwards."""
    story.loop.wait(lambda: bool(of_kind(story, name, "001")))
    found: list[daemons.Process] = []

    def is_there() -> bool:
        found[:] = [p for p in daemons.everything() if is_dagman_of(p, story.file(name))]
        return bool(found)

    story.loop.wait(is_there)
    found[0].signal(signal.SIGSTOP)
    try:
        yield
    finally:
        found[0].signal(signal.SIGCONT)


def is_dagman_of(process: daemons.Process, file: Path) -> bool:
    words = daemons.command_line(process.pid)
    return bool(words) and "condor_dagman" in words[0] and str(file) in words


@contextmanager
def hold(story: Story, name: str) -> Iterator[None]:
    """Hold a DAGMan once its RECO runs; released, it recovers from the log."""
    story.loop.wait(lambda: bool(of_kind(story, name, "001")))
    which = f"{first_dag(name)} && CondorloopKind =?= undefined"
    story.loop.tool("condor_hold", "-constraint", which)
    yield
    story.loop.tool("condor_release", "-constraint", which)


def ended(story: Story, name: str) -> str:
    """Wait for the end of a RECO's job; give the event that tells of it."""
    story.loop.wait(lambda: bool(of_kind(story, name, "005")))
    [event] = of_kind(story, name, "005")
    return event


def tear(story: Story, name: str) -> None:
    """Let a job's last event be what a disk without room leaves of it."""
    event, log = ended(story, name), story.file(name, ".nodes.log")
    os.truncate(log, log.stat().st_size - len(event) // 2)


def run_again(story: Story, name: str) -> None:
    """Let the job of a RECO run again after its end, as after the death of a schedd."""
    end = ended(story, name)
    [job] = re.findall(r"^005 (\(.*?\))", end)
    [start] = [event for event in of_kind(story, name, "001") if f"001 {job}" in event]
    with story.file(name, ".nodes.log").open("a") as log:
        log.write(f"{start}...\n{end}...\n")


def as_before(story: Story, name: str) -> None:
    """Configure DAGMan as the version before did, which left HTCondor's own `ALLOW_EVENTS`."""
    config = story.file(name).with_name("dagman.config")
    config.write_text(config.read_text().replace("= 118", "= 114"))


def test_a_dag_that_died_of_a_job_that_ran_again_goes_on_when_it_is_rescued(story):
    assert "aborting DAG because of bad event" in said(story, AGAIN)
    assert story.ends(AGAIN) == [1, 0]


def test_a_dagman_recovers_over_a_job_that_ran_again_and_judges_it_once(story):
    recovered = said(story, AGAIN).rpartition("Running in RECOVERY mode")[2]
    assert "BAD EVENT" in recovered
    assert recovered.count("Running POST script of Node RECO_0000") == 1
    assert len(of_kind(story, AGAIN, "016")) == 4, "one of each node"


def test_a_job_whose_end_was_torn_is_missed_by_dagman_and_the_dag_is_rescued(story):
    assert "DAGMan lost track of node RECO_0000" in said(story, TORN)
    assert story.ends(TORN) == [1, 0]


def test_a_job_that_dagman_had_found_in_the_queue_before_is_missed_by_the_submitter(story):
    assert "lost track of node" not in said(story, TORN_LATE)
    told = "b000: DAGMan waits for a job that is not in the queue any more"
    assert told in story.loop.log(TORN_LATE)
    assert story.ends(TORN_LATE)[-1] == 0


@pytest.mark.parametrize("name", RUNS_FOR)
def test_all_lumisections_are_in_and_nothing_is_left_to_a_person(story, name):
    assert story.loop.states()[name] == CampaignState.COMPLETE
    assert story.play.assay(name, RUN).faults == ()
    assert story.loop.problems() == []
