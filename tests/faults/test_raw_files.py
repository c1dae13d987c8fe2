"""RAW files that are not as they should be: each is named, and costs nothing but itself."""

from __future__ import annotations

import stat
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from condorloop.cycle import intake
from condorloop.model.enums import CampaignState
from condorloop.model.lumis import Lumis
from condorloop.model.problem import ProblemKind
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import MANIFEST
from condorloop.testbed.scenario.raw_files import Stream, write_raw_file
from condorloop.testbed.truth import Truth
from condorloop.testbed.verify import Appeared, Verdict
from tests.faults.outside import (
    MeddledFiles,
    MeddledPool,
    appears,
    files_of,
    note_change,
    problems,
    running,
)
from tests.faults.scenarios import run_of
from tests.loop import Loop

ECAL = "TestEnablesEcalHcal"
ONE_EACH = {ECAL: {"ls_per_file": 1}}


def bad(ls: int, fault: str, **more: object) -> dict[str, object]:
    return {"stream": ECAL, "ls": ls, "fault": fault, **more}


@dataclass
class Story:
    """What became of a run: when its campaign first closed, and at the end."""

    loop: Loop
    verdict: Verdict
    problems: str
    first_state: CampaignState
    files: dict[int, Appeared]

    def name(self, ls: int) -> str:
        """The name of the file of a lumisection."""
        return self.files[ls].path.rpartition("/")[2]

    def probes(self, ls: int) -> int:
        """How often the file of a lumisection was probed."""
        return self.loop.probes()[self.files[ls].path]


@pytest.fixture(scope="module")
def quick_probes():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(intake, "PROBE_WAIT", 0.7)
        yield


def probes_of(loop: Loop, run: int, ls: int) -> int:
    """How often the file of a lumisection was probed so far."""
    files = files_of(loop, run)
    return loop.probes().get(files[ls].path, 0) if ls in files else 0


def becomes_readable(loop: Loop, run: int, ls: int) -> None:
    """Let everybody read a file that nobody could."""
    path = files_of(loop, run)[ls].path
    (loop.stack.xrootd.localroot / path[1:]).chmod(0o644)
    note_change(loop, path, "readable", good=True)


@pytest.fixture(scope="module")
def story(stack, tmp_path_factory, quick_probes):
    run, last = 399200, 24
    loop = Loop(stack, tmp_path_factory.mktemp("raw"), "raw-files")
    files = [
        bad(2, "truncated"),
        bad(3, "not_closed"),
        bad(4, "no_events"),
        bad(5, "empty"),
        bad(6, "growing", seconds=2.0),
        bad(7, "unreadable"),
        bad(8, "unreadable"),
        bad(9, "other_run", run=run - 1),
        bad(10, "also_other_run", run=run - 1),
        {"stream": ECAL, "ls": 11, "late": 3.0},
        {"stream": ECAL, "ls": 12, "block": 1},
        {"stream": ECAL, "ls": 23, "late": 3.0},
        {"stream": ECAL, "ls": last, "late": 9999.0},
    ]
    script = run_of(
        run,
        ["EcalPedestals"],
        lumisections=last,
        layout=ONE_EACH,
        files=files,
        oms={"last_lumisection_number": 20},
    )
    play = loop.play(script)
    try:
        with running(loop):
            loop.wait(lambda: probes_of(loop, run, 7) > 1)
            becomes_readable(loop, run, 7)
            loop.wait(lambda: loop.closed() == 1)
            first = loop.states()["EcalPedestals"]
            appears(loop, play, run, last, "after-closing.root")
            loop.wait(lambda: last in play.assay("EcalPedestals", run).in_payload)
            loop.wait(lambda: loop.closed() == 1)
        by_ls = files_of(loop, run)
        verdict = play.assay("EcalPedestals", run)
        yield Story(loop, verdict, problems(loop), first, by_ls)
    finally:
        loop.close()


def test_bad_files_stop_no_other_file(story):
    assert story.verdict.faults == ()
    assert story.verdict.in_payload == Lumis.span(1, 24) - Lumis.of([2, 3, 4, 5, 8, 9])
    story.loop.assert_nothing_was_done_twice(399200)


@pytest.mark.parametrize(
    ("ls", "words"),
    [
        (2, "edmFileUtil, exit 1: "),
        (3, "autorecovered"),
        (4, "appears to be missing"),
        (5, "edmFileUtil, exit 1: "),
        (8, "could not be opened"),
        (9, "no lumisection of run 399200"),
    ],
    ids=["truncated", "not closed", "no events", "empty", "never readable", "another run's"],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(story, ls, words):
    [named] = [p for p in story.loop.status()["problems"] if story.name(ls) in p["text"]]
    assert (named["kind"], named["run"]) == (ProblemKind.BAD_FILE, 399200)
    assert words in named["text"]


def test_a_file_that_is_still_being_written_is_taken_when_it_is_whole(story):
    assert 6 in story.verdict.in_payload
    assert story.name(6) not in story.problems


def test_a_file_that_cannot_be_read_for_a_while_is_taken_when_it_can(story):
    assert story.probes(7) > 1
    assert 7 in story.verdict.in_payload
    assert story.name(7) not in story.problems


def test_a_file_with_another_runs_lumisections_too_gives_those_of_its_run(story):
    assert 10 in story.verdict.in_payload
    manifests = (story.loop.work_dir / "EcalPedestals").glob(f"run*/dag*/{MANIFEST}")
    files = [f for m in manifests for f in read_json(m)["files"]]
    assert [f["lumis"] for f in files if f["path"] == story.files[10].path] == ["10"]


def test_files_that_arrive_out_of_order_or_after_the_run_has_ended_are_in_the_payload(story):
    assert {11, 23} <= set(story.verdict.in_payload)


def test_files_of_a_second_block_folder_are_in_the_payload(story):
    assert "/00001/" in story.files[12].path
    assert 12 in story.verdict.in_payload


def test_lumisections_beyond_the_last_one_of_oms_are_in_the_payload_and_count(story):
    assert {21, 22, 23} <= set(story.verdict.in_payload)
    [campaign] = story.loop.campaigns()
    assert "6 of 24 LS missing (2-5,8-9)" in campaign["reason"]


def test_a_file_that_comes_after_closing_reopens_the_campaign_and_is_in_its_payload(story):
    assert not story.first_state.open
    assert story.loop.states()["EcalPedestals"] is CampaignState.INCOMPLETE
    assert 24 in story.verdict.in_payload


def test_good_files_are_probed_once(story):
    steady = set(story.files) - {2, 5, 6, 7, 8}  # those may be on their way, or storage's fault
    assert {story.probes(ls) for ls in steady} == {1}


@pytest.fixture(scope="module")
def meddled(stack, tmp_path_factory, quick_probes):
    """Files vanish or are replaced at chosen moments of their way."""
    run, last = 399201, 20
    settings = {
        "defaults": {
            "nodes": {"RECO": {"retries": 0}},
            "batching": {"batch_window": 30, "max_active_dags": 1},
            "rescues": {"max_rescues": 1},
        }
    }
    loop = Loop(stack, tmp_path_factory.mktemp("meddled"), "meddled-files", settings)
    named = {
        4: "vanishes-before-it-is-probed",
        8: "vanishes-while-it-waits",
        1: "vanishes-in-a-dag",
        9: "replaced-while-it-is-probed",
        10: "replaced-while-it-waits",
        14: "replaced-in-a-dag",
    }
    files = [{"stream": ECAL, "ls": ls, "name": f"{name}.root"} for ls, name in named.items()]
    for file in files:
        file["late"] = 9999.0 if file["ls"] in (8, 10) else 0.0
    script = run_of(run, ["EcalPedestals"], lumisections=last, layout=ONE_EACH, files=files)
    play = loop.play(script)
    folder = f"{loop.config().stream_of('EcalPedestals').raw_path}/000/399/201/00000"

    def on_disk(ls: int) -> Path:
        return Path(stack.xrootd.localroot, folder[1:], f"{named[ls]}.root")

    def vanish(ls: int) -> None:
        on_disk(ls).unlink()
        note_change(loop, f"{folder}/{named[ls]}.root", "vanishes", good=False)

    def replace_it(ls: int) -> None:
        """Put a file of twice the events in its place."""
        truth = Truth(play.scenario.seed)
        events = 80
        write_raw_file(on_disk(ls), Stream.ECAL, run, Lumis.of([ls]), truth, events_per_ls=events)
        note_change(loop, f"{folder}/{named[ls]}.root", "replaced", good=True)

    def vanish_and_let_others_wait(ls: int) -> None:
        """What appears now waits: there is a DAG, and there may be only one."""
        vanish(ls)
        for waiting in (8, 10):
            appears(loop, play, run, waiting, f"{named[waiting]}.root")

    def of(meddle, *lumis):
        return {f"{named[ls]}.root": lambda ls=ls: meddle(ls) for ls in lumis}

    def around(world):
        before_probe = of(vanish, 4) | of(replace_it, 9)
        storage = MeddledFiles(world.storage, before_probe, of(vanish, 8) | of(replace_it, 10))
        in_dag = of(vanish_and_let_others_wait, 1) | of(replace_it, 14)
        return replace(world, storage=storage, pool=MeddledPool(world.pool, in_dag))

    try:
        with running(loop, around=around):
            loop.wait(lambda: loop.closed() == 1)
        verdict = play.assay("EcalPedestals", run)
        state = loop.states()["EcalPedestals"]
        yield Story(loop, verdict, problems(loop), state, files_of(loop, run))
    finally:
        loop.close()


def test_files_that_vanish_or_are_replaced_stop_no_other_file(meddled):
    assert meddled.verdict.faults == ()
    assert Lumis.span(1, 20) - meddled.verdict.in_payload == Lumis.of([1, 4, 8])
    meddled.loop.assert_nothing_was_done_twice(399201)
    [campaign] = meddled.loop.campaigns()
    assert "3 of 20 LS missing (1,4,8)" in campaign["reason"]


@pytest.mark.parametrize("ls", [4, 8, 1], ids=["before it is probed", "while it waits", "in a DAG"])
def test_a_file_that_vanishes_is_named(meddled, ls):
    assert f"{meddled.name(ls)}: no longer in the listing of storage" in meddled.problems


def test_a_dag_goes_on_without_a_file_that_vanishes_from_it_until_that_is_back(meddled):
    [campaign] = meddled.loop.campaigns()
    assert f"cannot be read yet: {meddled.name(1)}" in campaign["reason"]
    assert not meddled.loop.wrong(ProblemKind.QUARANTINED)


@pytest.mark.parametrize("ls", [9, 10], ids=["while it is probed", "while it waits"])
def test_a_file_that_is_replaced_before_it_is_read_is_probed_again_and_read_whole(meddled, ls):
    assert meddled.name(ls) not in meddled.problems
    manifests = (meddled.loop.work_dir / "EcalPedestals").glob(f"run*/dag*/{MANIFEST}")
    files = [f for m in manifests for f in read_json(m)["files"]]
    assert [f["events"] for f in files if f["path"] == meddled.files[ls].path] == [80]


def test_a_file_that_is_replaced_in_a_dag_is_named(meddled):
    words = f"{meddled.name(14)}: replaced after it was read"
    assert meddled.loop.wrong(ProblemKind.BAD_FILE, words)


@pytest.mark.parametrize(
    ("run", "parts"), [(399202, 10), pytest.param(399203, 100, marks=pytest.mark.long)]
)
def test_thousands_of_files_of_one_run_are_probed_and_planned_once_each(
    stack, tmp_path, run, parts
):
    """What edmFileUtil would take, 0.1 s a file, is left out: a script tells what is in a file."""
    tool = tmp_path / "edmFileUtil"
    tool.write_text(
        '#!/bin/sh\necho "$2" >>"$0.probed"\nls=${2##*/LS}\n'
        f'printf "%15s%15s%15s\\n" {run} "${{ls%%_*}}" 40\n'
    )
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    settings = {
        "storage": {"edm_file_util": str(tool)},
        "pool": {"condor_config": str(tmp_path / "not-there")},
        "defaults": {"batching": {"max_active_dags": 100}},
    }
    loop = Loop(stack, tmp_path, "many-files", settings)
    loop.play(run_of(run, ["EcalPedestals"], lumisections=1, end_after="never"))
    stream = loop.config().stream_of("EcalPedestals").raw_path
    folder = stack.xrootd.localroot / f"{stream[1:]}/000/399/{run % 1000}"
    names = [f"LS{ls}_{part}.root" for ls in range(1, 101) for part in range(parts)]
    for i, name in enumerate(names):
        block = folder / f"{i // 1000:05d}"
        block.mkdir(parents=True, exist_ok=True)
        (block / name).write_bytes(b"x")

    def planned() -> list[str]:
        manifests = (loop.work_dir / "EcalPedestals").glob(f"run*/dag*/{MANIFEST}")
        return [f["path"].rpartition("/")[2] for m in manifests for f in read_json(m)["files"]]

    with running(loop):
        loop.wait(lambda: set(names) <= set(planned()))
    assert sum(name in set(names) for name in planned()) == len(names)
    probed = Path(f"{tool}.probed").read_text().splitlines()
    assert len(probed) == len(set(probed))
    assert set(loop.probes().values()) == {1}
