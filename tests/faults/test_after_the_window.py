"""After the window nothing of a run is touched, until a person asks for it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest

from condorloop.cycle import intake
from condorloop.ledger.store import LedgerReader
from condorloop.model.enums import CampaignState
from condorloop.model.status import CampaignStatus
from tests.faults.outside import files_of, note_change, running
from tests.faults.scenarios import run_of
from tests.faults.stories import ECAL
from tests.loop import Loop, Played

RUN, LS = 399236, 3
STREAM = "TestEnablesEcalHcal"
UNREADABLE = {"stream": STREAM, "ls": LS, "fault": "unreadable"}


@dataclass
class Story:
    """A campaign whose file could not be read before its window was over."""

    loop: Loop
    play: Played
    probes: dict[str, int] = field(default_factory=dict)
    moments: dict[str, CampaignStatus] = field(default_factory=dict)

    def campaign(self) -> CampaignStatus:
        """The campaign as the ledger has it: status leaves out those of long ago."""
        with LedgerReader(self.loop.work_dir / "condorloop.db") as ledger:
            [campaign] = ledger.status.summaries(since=0.0)
        return campaign

    def note(self, moment: str) -> None:
        """Remember how the campaign is, and how often its file was probed."""
        self.moments[moment] = self.campaign()
        self.probes[moment] = self.loop.probes()[files_of(self.loop, RUN)[LS].path]

    def wait_for_cycles(self, count: int) -> None:
        """Wait until so many more cycles were made."""
        seen = {self.loop.status()["time"]}

        def enough() -> bool:
            seen.add(self.loop.status()["time"])
            return len(seen) > count

        self.loop.wait(enough)


@pytest.fixture(scope="module")
def story(stack, tmp_path_factory):
    loop = Loop(stack, tmp_path_factory.mktemp("late"), "after-the-window")
    passed = 0.0
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(intake, "PROBE_WAIT", 0.2)
        layout = {STREAM: {"ls_per_file": 1}}
        story = Story(
            loop, loop.play(run_of(RUN, [ECAL], lumisections=8, layout=layout, files=[UNREADABLE]))
        )
        try:
            with running(loop, clock=lambda: time.time() + passed):
                loop.wait(lambda: loop.closed() == 1)
                passed = 20 * 3600.0
                story.wait_for_cycles(2)
                file = files_of(loop, RUN)[LS].path
                (stack.xrootd.localroot / file[1:]).chmod(0o644)
                note_change(loop, file, "readable", good=True)
                story.note("closed")
                story.wait_for_cycles(4)
                story.note("readable")
                loop.ask_to_resubmit(RUN, include_quarantined=True)
                loop.wait(lambda: story.campaign().state is CampaignState.COMPLETE)
            story.note("asked")
            yield story
        finally:
            loop.close()


def test_a_file_that_can_be_read_after_the_window_is_left_alone(story):
    assert story.moments["closed"].state is CampaignState.INCOMPLETE
    assert story.moments["readable"] == story.moments["closed"]
    assert story.probes["readable"] == story.probes["closed"]


def test_it_is_in_the_payload_when_a_person_asks_for_what_was_given_up(story):
    assert str(story.moments["asked"].lumis.in_payload) == "1-8"
    assert story.play.assay(ECAL, RUN).faults == ()
    story.loop.assert_nothing_was_done_twice(RUN)
