"""A script of a DAG that the machine keeps from its work: nothing that a job has made is lost.

One run feeds a calibration for each way. While the job of RECO runs, what its POST script needs is
taken away, and given back when a person has been told.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from condorloop.dagman.logs import script_log
from condorloop.model.enums import CampaignState
from condorloop.model.problem import ProblemKind
from condorloop.rundir.layout import DEFERRED
from tests.faults.scenarios import job_fault, run_of
from tests.loop import Loop, Played

RUN = 399270
NO_PYTHON, NO_RIGHTS, NO_PRE = "EcalPedestals", "SiStripBad", "BeamSpot"
ALL = [NO_PYTHON, NO_RIGHTS, NO_PRE]
FOUR_LS = {stream: {"ls_per_file": 4} for stream in ("TestEnablesEcalHcal", "ExpressPhysics")}
HELD_UP = {NO_PYTHON: "RECO_0000", NO_RIGHTS: "RECO_0000", NO_PRE: "HARVEST"}


@dataclass
class Story:
    """What was seen while it happened; the rest can be asked when all is over."""

    loop: Loop
    play: Played
    problems: dict[str, dict[str, object]] = field(default_factory=dict)
    problems_at_the_end: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def story(stack, tmp_path_factory):
    settings = {"pool": {"script_wait": 1, "check_queue_interval": 3}}
    loop = Loop(stack, tmp_path_factory.mktemp("scripts"), "dag-scripts", settings)
    hangs = [job_fault("hang", RUN, "step2", name, seconds=4) for name in ALL]
    play = loop.play(run_of(RUN, ALL, *hangs, end_after=4, layout=FOUR_LS))
    story = Story(loop, play)
    taken: dict[str, Callable[[], None]] = {}

    def over() -> bool:
        for name in ALL:
            folder = loop.work_dir / name / f"run{RUN}" / "dag000"
            if name not in taken and (folder / f"run{RUN}_dag000.dag.lock").exists():
                taken[name] = take_away(name, folder, loop.folder / "gone")
        for problem in loop.status().get("problems", []):
            name = str(problem["calibration"])
            # so soon, a PRE of another DAG is late that DAGMan has only not counted as done yet
            ours = (problem["run"], problem["dag"]) == (RUN, "b000")
            late = problem["kind"] == ProblemKind.DEFERRED
            if late and ours and name not in story.problems:
                story.problems[name] = problem
                taken[name]()
        return bool(loop.closed() == len(ALL))

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(script_log, "LATE", 2.0)
            loop.run_until(over)
        story.problems_at_the_end = loop.problems()
        yield story
    finally:
        for give_back in taken.values():
            give_back()
        loop.close()


def take_away(name: str, folder: Path, gone: Path) -> Callable[[], None]:
    """Take away what a script needs; give what gives it back."""
    if name == NO_RIGHTS:
        folder.parent.chmod(0o555)
        return lambda: folder.parent.chmod(0o775)
    script = folder / "node.sh"
    text = script.read_text()
    broken = text.replace(sys.executable, str(gone))
    if name == NO_PRE:
        head, line, rest = text.partition("verdict=")
        broken = head + '[ "$1" != inputs ] || exit 75\n' + line + rest
    script.write_text(broken)

    def give_back() -> None:
        script.write_text(text)

    return give_back


def scripts_log(story: Story, name: str) -> str:
    return (story.loop.work_dir / name / f"run{RUN}" / "dag000" / "scripts.log").read_text()


@pytest.mark.parametrize("name", ALL)
def test_the_script_is_run_again_until_it_can_work(story, name):
    said = scripts_log(story, name)
    deferred = f"ExitCode={DEFERRED} "
    assert said.count(f"*** Node={HELD_UP[name]}") > said.count(deferred) >= 1


@pytest.mark.parametrize("name", ALL)
def test_no_job_runs_again_and_all_lumisections_are_in(story, name):
    of_dag = {k: n for k, n in story.loop.jobs(RUN).items() if k[0].startswith(f"{name}/")}
    assert set(of_dag.values()) == {1}, json.dumps({"/".join(k): n for k, n in of_dag.items()})
    assert story.loop.states()[name] == CampaignState.COMPLETE
    assert story.play.assay(name, RUN).faults == ()
    assert not list((story.loop.work_dir / name / f"run{RUN}").glob("dag*/*.failures"))


@pytest.mark.parametrize("name", ALL)
def test_a_person_is_told_which_node_waits_why_and_what_to_type(story, name):
    problem = story.problems[name]
    script = "PRE" if name == NO_PRE else "POST"
    text = str(problem["text"])
    assert problem["node"] == HELD_UP[name]
    assert script in text
    words = {NO_PYTHON: "gone: not found", NO_RIGHTS: "Permission denied", NO_PRE: ""}
    assert words[name] in text
    assert problem["command"] == "condorloop doctor"


def test_when_it_is_over_nothing_is_wrong(story):
    assert story.problems_at_the_end == []
