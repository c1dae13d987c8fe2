"""One disk server is down for longer than all rescues: nobody is asked, and nothing is lost."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from condorloop.cycle import intake
from condorloop.model.enums import CampaignState
from condorloop.model.problem import ProblemKind
from tests.faults.outside import MeddledPool, files_of, running
from tests.faults.scenarios import run_of
from tests.faults.stories import ECAL, Story
from tests.loop import Loop

RUN, LS, NAME = 399235, 3, "of-the-server-that-is-down.root"
STREAM = "TestEnablesEcalHcal"
QUICK = {"rescues": {"max_rescues": 3, "wait": 0.5}, "nodes": {"RECO": {"retries": 0}}}


@pytest.fixture(scope="module")
def story(stack, tmp_path_factory):
    """A file cannot be opened from when its DAG is submitted until its campaign is closed."""
    loop = Loop(stack, tmp_path_factory.mktemp("server"), "disk-server", {"defaults": QUICK})
    scenario = run_of(
        RUN,
        [ECAL],
        lumisections=8,
        layout={STREAM: {"ls_per_file": 1}},
        files=[{"stream": STREAM, "ls": LS, "name": NAME}],
    )

    def file():
        return stack.xrootd.localroot / files_of(loop, RUN)[LS].path[1:]

    def around(world):
        return replace(world, pool=MeddledPool(world.pool, {NAME: lambda: file().chmod(0)}))

    with closing(loop), pytest.MonkeyPatch.context() as patched:
        patched.setattr(intake, "PROBE_WAIT", 0.7)
        story = Story(loop, loop.play(scenario))
        with running(loop, around=around):
            story.wait(lambda: loop.closed() == 1)
            story.moments["down"] = loop.status()
            file().chmod(0o644)
            story.wait(story.is_complete)
        yield story


def test_the_other_files_of_its_node_go_on_without_it(story):
    assert story.campaign(ECAL, RUN, "down")["lumis"]["in_payload"] == "1-2,4-8"


def test_it_is_named_as_what_cannot_be_read_and_not_as_given_up(story):
    assert f"cannot be read yet: {NAME}" in story.campaign(ECAL, RUN, "down")["reason"]
    assert story.has_said(ProblemKind.BAD_FILE, NAME, run=RUN)
    assert not story.has_said(ProblemKind.QUARANTINED)


def test_when_the_server_is_back_the_payload_is_complete_and_nobody_was_asked(story):
    campaign = story.campaign(ECAL, RUN)
    assert (campaign["state"], campaign["asked_at"]) == (CampaignState.COMPLETE, None)
    assert campaign["lumis"]["in_payload"] == "1-8"
    story.assert_whole(RUN, ECAL)
