"""An outage of storage is no end of files: it is named, and nothing is given up meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from condorloop.model.enums import CampaignState
from condorloop.model.problem import ProblemKind
from tests.faults.outside import MeddledPool, appears, problems, running
from tests.faults.scenarios import run_of
from tests.loop import Loop

ECAL = "TestEnablesEcalHcal"
RUN, LAST = 399230, 12
SETTLE_TIME = 20
"""Longer than a busy machine takes to list, probe and submit a file."""


def eos_problem(loop: Loop) -> str:
    return next((p["text"] for p in loop.wrong(ProblemKind.SERVICE, service="EOS")), "")


def scenario(**more: Any) -> dict[str, Any]:
    late = {"stream": ECAL, "ls": LAST, "late": 9999.0}
    block = {"stream": ECAL, "ls": 6, "block": 1}
    return run_of(
        RUN,
        ["EcalPedestals"],
        lumisections=LAST,
        every=0.1,
        layout={ECAL: {"ls_per_file": 1}},
        files=[late, block],
        **more,
    )


@dataclass
class Story:
    """What status said while storage failed in one way after another, and what came of it."""

    before_files: str
    said: dict[str, str]
    state_in_outage: CampaignState
    failed_in_outage: str
    campaign: dict[str, Any]
    faults: tuple[str, ...]
    left: str


@pytest.fixture(scope="module")
def story(stack, tmp_path_factory):
    settings = {
        "storage": {"timeout": 3},
        "defaults": {
            "nodes": {"RECO": {"retries": 0}},
            "closing": {"quiet_time": SETTLE_TIME, "settle_time": SETTLE_TIME},
        },
    }
    loop = Loop(stack, tmp_path_factory.mktemp("storage"), "storage-faults", settings)
    said: dict[str, str] = {}
    xrootd = stack.xrootd

    def denied(what: str, folder: Path) -> None:
        folder.chmod(0)
        try:
            loop.wait(lambda: bool(eos_problem(loop)))
            said[what] = eos_problem(loop)
        finally:
            folder.chmod(0o755)
        loop.wait(lambda: not eos_problem(loop))

    def files(state: str) -> int:
        return int(loop.campaigns()[0]["files"].get(state, 0))

    def around(world):
        return replace(world, pool=MeddledPool(world.pool, {"last.root": xrootd.stop}))

    try:
        nothing_yet = scenario(end_after="never")
        nothing_yet["runs"][0] |= {"lumisections": [], "files": []}
        loop.play(nothing_yet)
        with running(loop, around=around):
            loop.wait(lambda: bool(loop.campaigns()))
            cycle = loop.status()["time"]
            loop.wait(lambda: loop.status()["time"] > cycle)
            before_files = problems(loop)
            play = loop.play(scenario(end_after="never"))
            loop.wait(lambda: files("good") == LAST - 1)
            folder = xrootd.localroot / stream(loop)[1:] / "000/399/230"
            denied("run folder", folder)
            denied("block folder", folder / "00001")
            with xrootd.paused():
                loop.wait(lambda: bool(eos_problem(loop)))
                said["hangs"] = eos_problem(loop)
            loop.wait(lambda: not eos_problem(loop))
            loop.play(scenario(end_after=0.0))
            appears(loop, play, RUN, LAST, "last.root")
            loop.wait(lambda: not xrootd.is_running() and bool(eos_problem(loop)))
            said["down"] = eos_problem(loop)
            loop.wait(lambda: bool(loop.campaigns()[0]["failed_nodes"]))
            loop.wait(
                lambda: time.time() > (loop.campaigns()[0]["run_end"] or time.time()) + SETTLE_TIME
            )
            cycle = loop.status()["time"]
            loop.wait(lambda: loop.status()["time"] > cycle + 1)
            state, failed = loop.states()["EcalPedestals"], problems(loop)
            xrootd.start()
            loop.wait(lambda: loop.closed() == 1)
        [campaign] = loop.campaigns()
        loop.assert_nothing_was_done_twice(RUN)
        faults = play.assay("EcalPedestals", RUN).faults
        yield Story(before_files, said, state, failed, campaign, faults, problems(loop))
    finally:
        xrootd.start()
        loop.close()


def stream(loop: Loop) -> str:
    return loop.config().stream_of("EcalPedestals").raw_path


def test_a_run_folder_that_is_not_there_yet_is_no_outage(story):
    assert "EOS" not in story.before_files


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("run folder", "permission denied: is the ticket still valid? see klist"),
        ("block folder", "permission denied: is the ticket still valid? see klist"),
        ("hangs", "no answer in 3 s"),
        ("down", "exit 51"),
    ],
    ids=["run folder denied", "second block folder denied", "hangs", "down"],
)
def test_what_storage_does_not_answer_is_named_in_words(story, what, words):
    assert words in story.said[what]


def test_a_folder_that_is_denied_is_named_with_what_else_was_listed(story):
    assert "lists only a part" in story.said["block folder"]


def test_no_campaign_closes_by_the_silence_of_an_outage(story):
    assert story.state_in_outage is CampaignState.ACTIVE


def test_jobs_that_cannot_read_during_an_outage_are_named_and_quarantine_no_file(story):
    assert "RECO_0000 failed" in story.failed_in_outage
    assert story.campaign["quarantined"] == []
    assert story.campaign["failed_nodes"] == []


def test_after_all_outages_the_payload_is_the_one_that_it_would_have_been(story):
    assert story.faults == ()
    assert story.campaign["state"] == CampaignState.COMPLETE
    assert story.left == ""
