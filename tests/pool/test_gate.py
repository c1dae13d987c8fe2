"""Uploads that are held, a gate that holds a payload, and a person who approves it, on a pool."""

from __future__ import annotations

import re
import signal
from contextlib import closing

import pytest

from condorloop.history.ledger_reader import LedgerStories
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import CampaignState, UploadOutcome
from condorloop.model.problem import ProblemKind
from condorloop.rundir.layout import UPLOAD_RECORD
from condorloop.rundir.records.upload import UploadResult
from condorloop.testbed.truth import Truth
from condorloop.testbed.verify import assay
from tests.faults.scenarios import run_of
from tests.faults.stories import ECAL, Story
from tests.loop import Loop

RUN = 399320
TAG = "EcalPedestals_gate"
"""A tag of its own: nothing of other runs is in force there."""
GATE = {"quantities": {"mean": {"largest_shift": 5}}}


@pytest.fixture(scope="module")
def gated(stack, tmp_path_factory):
    """A run whose uploads are held from the start, then released to a gate that holds them."""
    loop = Loop(stack, tmp_path_factory.mktemp("gate"), "gate")
    loop.edit(ECAL, {"gate": GATE})
    for tags in (None, {TAG: {}}):
        loop.edit(ECAL, {"step_4_config": {"upload_metadata": {"destinationTags": tags}}})
    with closing(loop):
        one_file = {"TestEnablesEcalHcal": {"ls_per_file": 12}}
        known = {"tags": {TAG: {"synchronisation": "any"}}}
        told = {**run_of(RUN, [ECAL], layout=one_file), "conditions": known}
        story = Story(loop, loop.play(told))
        moments = story.moments
        submitter = loop.start()

        def alive():
            return submitter.poll() is None

        def until(condition):
            loop.wait(lambda: story.listen() and condition(), alive)

        def outcome():
            unsent = loop.campaign(ECAL, RUN).get("unsent") or [{}]
            return unsent[-1].get("held_for")

        def settled():
            """Whether every LS is harvested and nothing is in flight."""
            campaign = loop.campaign(ECAL, RUN)
            harvested = campaign.get("lumis", {}).get("harvested") == "1-12"
            return harvested and not campaign["dags"].get("active")

        until(lambda: loop.campaign(ECAL, RUN))
        hold = ("hold", str(RUN), "-c", ECAL, "--uploads", "--reason", "the tag is being changed")
        moments["hold"] = loop.condorloop(*hold).stdout
        until(lambda: outcome() == "person" and settled())
        moments["held"] = loop.status()
        moments["sent while held"] = loop.payload_sizes(ECAL, RUN)
        moments["status"] = loop.condorloop("status").stdout
        release = ("release", str(RUN), "-c", ECAL, "--uploads")
        moments["would release"] = loop.condorloop(*release, "--dry-run").stdout
        moments["release"] = loop.condorloop(*release).stdout
        until(lambda: outcome() == "gate")
        moments["gated"] = loop.status()
        moments["sent while gated"] = loop.payload_sizes(ECAL, RUN)
        submitter.send_signal(signal.SIGTERM)
        assert submitter.wait(timeout=30) == 0
        approve = ("approve", str(RUN), "-c", ECAL, "--why", "the first one")
        moments["approve"] = loop.condorloop(*approve).stdout
        submitter = loop.start()
        until(lambda: loop.states() == {ECAL: CampaignState.COMPLETE})
        moments["sizes"] = loop.payload_sizes(ECAL, RUN)
        loaded, truth = loop.config(), Truth(story.play.scenario.seed)
        of_this = loaded.calibrations[ECAL], loaded.stream_of(ECAL)
        moments["faults"] = assay(loop.stack.folder, *of_this, RUN, truth, loop.work_dir).faults
        loop.assert_nothing_was_done_twice(RUN)
        moments["show"] = loop.condorloop("show", str(RUN), "--all").stdout
        moments["find"] = loop.condorloop("find", f"{RUN}:upload001", check=False).stdout
        resubmit = ("resubmit", str(RUN), "-c", ECAL, "--upload")
        moments["again"] = loop.condorloop(*resubmit, "--dry-run").stdout

        def uploaded(name, *, restored=False):
            told = UploadResult.find(runs / name / UPLOAD_RECORD)
            there = told is not None and told.outcome is UploadOutcome.UPLOADED
            return there and told.restored == restored

        runs = loop.work_dir / ECAL / f"run{RUN}"
        harvest = ("resubmit", str(RUN), "-c", ECAL, "--harvest")
        moments["harvest"] = loop.condorloop(*harvest).stdout
        [label] = re.findall(r"harvest([0-9]{3}) harvests", moments["harvest"])
        until(lambda: uploaded(f"harvestJob{label}"))
        restore = ("restore", str(RUN), "harvestJob000", "-c", ECAL, "--why", "a test", "--yes")
        moments["restore"] = loop.condorloop(*restore).stdout
        until(lambda: uploaded("harvestJob000", restored=True))
        until(lambda: not loop.states()[ECAL].open)
        moments["restored"] = loop.status()
        words = ("release", str(RUN), "-c", ECAL, "--restored")
        moments["release restored"] = loop.condorloop(*words).stdout
        submitter.send_signal(signal.SIGTERM)
        assert submitter.wait(timeout=30) == 0
        yield story


def test_while_uploads_are_held_harvests_are_made_and_nothing_is_sent(gated):
    assert "uploads are held by" in gated.moments["hold"]
    assert gated.moments["sent while held"] == []
    [campaign] = gated.moments["held"]["campaigns"]
    assert campaign["lumis"]["harvested"] == "1-12"
    assert campaign["unsent"][-1]["outcome"] == UploadOutcome.HELD
    assert CampaignState(campaign["state"]).open
    words = "the tag is being changed"
    assert gated.has_said(ProblemKind.HELD, "uploads are held by", words, calibration=ECAL)
    assert "uploads held" in gated.moments["status"]


def test_at_release_the_best_payload_goes_to_the_gate_which_holds_it(gated):
    assert "would: " in gated.moments["would release"]
    assert "payloads go to" in gated.moments["would release"]
    assert "release its uploads" in gated.moments["release"]
    assert gated.moments["sent while gated"] == []
    [problem] = [p for p in gated.moments["gated"]["problems"] if p["kind"] == ProblemKind.GATE]
    assert "no payload is in force that it can be compared with" in problem["text"]
    assert problem["command"] == f"condorloop approve {RUN} -c {ECAL}"


def test_once_it_is_approved_it_is_in_the_conditions_database(gated):
    assert "is approved by" in gated.moments["approve"]
    assert [lumis for lumis, _ in gated.moments["sizes"]] == [12]
    assert gated.moments["faults"] == ()


def test_who_approved_it_and_why_is_kept(gated):
    with LedgerStories(gated.loop.work_dir / "condorloop.db") as ledger:
        story = ledger.story(CampaignKey(ECAL, RUN))
    assert story.in_force.decision.startswith("approved by ")
    assert story.in_force.decision.endswith(": the first one")
    labels = [dag.label for dag in story.dags]
    assert sum(label.startswith("upload") for label in labels) == 3
    assert "approved by" in gated.moments["show"]


def test_it_can_be_sent_again_by_name(gated):
    assert "again by an upload DAG" in gated.moments["again"]
    assert "reopen the campaign, which is complete" in gated.moments["again"]


def test_a_payload_that_is_made_again_passes_the_gate_and_is_sent(gated):
    """It is compared with the one in force, by the testbed's payload reader."""
    assert "harvests all" in gated.moments["harvest"]
    assert [lumis for lumis, _ in gated.loop.payload_sizes(ECAL, RUN)] == [12, 12, 12]


def test_an_earlier_payload_is_put_back_and_named_until_it_is_released(gated):
    assert "harvestJob000 was put back by" in gated.moments["restore"]
    problems = gated.moments["restored"]["problems"]
    [problem] = [p for p in problems if p["kind"] == ProblemKind.HELD]
    assert problem["command"] == f"condorloop release {RUN} -c {ECAL} --restored"
    assert "send better payloads again" in gated.moments["release restored"]
