"""What keeps failing whatever is tried: inputs that are given up, payloads that are refused."""

from __future__ import annotations

from contextlib import closing

import pytest
import uproot

from condorloop.model.enums import CampaignState, UploadOutcome
from condorloop.model.lumis import Lumis
from condorloop.model.problem import ProblemKind
from tests.faults.scenarios import job_fault, run_of
from tests.faults.stories import ECAL, SPOT, Story
from tests.loop import Loop

QUARANTINED, CORRUPT = 399040, 399041
CRASHING, UNLUCKY, DAMAGED = "crashing.root", "unlucky.root", "damaged.root"
QUICK = {"rescues": {"max_rescues": 1, "wait": 1}, "nodes": {"RECO": {"retries": 0}}}


@pytest.fixture(scope="module")
def quarantined(stack, tmp_path_factory):
    """A run with a file that crashes cmsRun, one of damaged events, one that cannot be read yet."""
    test_enables = {"stream": "TestEnablesEcalHcal"}
    scenario = run_of(
        QUARANTINED,
        [ECAL, SPOT],
        job_fault("exit_code", QUARANTINED, "step2", exit_code=85, ls=13, times="unlimited"),
        lumisections=16,
        layout={
            "TestEnablesEcalHcal": {"ls_per_file": 4},
            "ExpressPhysics": {"ls_per_file": 16, "files_per_ls": 2},
        },
        files=[
            {**test_enables, "ls": 9, "fault": "crashes", "name": CRASHING},
            {**test_enables, "ls": 13, "name": UNLUCKY},
            {
                "stream": "ExpressPhysics",
                "ls": 1,
                "part": 1,
                "fault": "unreadable_event",
                "name": DAMAGED,
            },
        ],
    )
    loop = Loop(stack, tmp_path_factory.mktemp("quarantined"), "quarantined", {"defaults": QUICK})
    with closing(loop):
        story = Story(loop, loop.play(scenario))
        story.run_until_closed(2)
        story.moments |= {"closed": loop.status(), "jobs": story.jobs(QUARANTINED)}
        loop.job_faults().clear()
        again = loop.condorloop("resubmit", str(QUARANTINED), "--include-quarantined")
        story.moments["words"] = again.stdout
        story.run_until_closed(2)
        yield story


@pytest.mark.parametrize(
    ("calibration", "name"),
    [
        pytest.param(ECAL, CRASHING, id="crashes"),
        pytest.param(ECAL, UNLUCKY, id="cannot be read"),
        pytest.param(SPOT, DAMAGED, id="damaged events"),
    ],
)
def test_a_file_that_keeps_failing_is_quarantined_and_named(quarantined, calibration, name):
    about = {"calibration": calibration, "run": QUARANTINED}
    assert quarantined.has_said(ProblemKind.QUARANTINED, name, **about)
    assert name in quarantined.campaign(calibration, QUARANTINED, "closed")["reason"]


def test_the_others_of_its_node_go_on_without_a_quarantined_file(quarantined):
    ecal = quarantined.campaign(ECAL, QUARANTINED, "closed")
    assert ecal["lumis"]["in_payload"] == "1-8"
    assert "8 of 16 LS missing (9-16)" in ecal["reason"]
    assert ecal["state"] == CampaignState.INCOMPLETE
    spot = quarantined.campaign(SPOT, QUARANTINED, "closed")
    assert (spot["state"], spot["lumis"]["in_payload"]) == (CampaignState.COMPLETE, "1-16")


def test_only_the_nodes_of_quarantined_files_are_redone(quarantined):
    """What ran more than once has a bad file; ECAL's two may have come into one batch or two."""
    again = {node for node, jobs in quarantined.moments["jobs"].items() if jobs > 1}
    blamed = [(dag.split()[0], quarantined.blamed(QUARANTINED, (dag, name))) for dag, name in again]
    assert all(names for _, names in blamed)
    assert set().union(*(names for of, names in blamed if of == ECAL)) == {CRASHING, UNLUCKY}
    assert set().union(*(names for of, names in blamed if of == SPOT)) == {DAMAGED}
    assert all(name.startswith("RECO") for _, name in again)


def test_resubmit_all_gives_quarantined_files_another_try(quarantined):
    """The one that storage gives by then is in the payload, the others are quarantined again."""
    assert "files that were given up" in quarantined.moments["words"]
    ecal = quarantined.campaign(ECAL, QUARANTINED)
    assert ecal["lumis"]["in_payload"] == "1-8,13-16"
    assert CRASHING in ecal["reason"]
    assert UNLUCKY not in ecal["reason"]
    quarantined.assert_whole(QUARANTINED, ECAL, SPOT)


@pytest.fixture(scope="module")
def corrupt(stack, tmp_path_factory):
    """A run whose first ALCARECO is damaged on the disk, and whose last upload is refused once."""
    scenario = run_of(
        CORRUPT,
        [ECAL],
        lumisections=16,
        every=0.5,
        layout={"TestEnablesEcalHcal": {"ls_per_file": 4}},
    )
    settings = {"defaults": {"batching": {"max_active_dags": 1}}}
    loop = Loop(stack, tmp_path_factory.mktemp("corrupt"), "corrupt", settings)
    with closing(loop):
        story = Story(loop, loop.play(scenario))
        story.run_until(lambda: bool(story.campaign(ECAL, CORRUPT).get("uploads")))
        story.moments["first"] = loop.status()
        apjob = loop.work_dir / ECAL / f"run{CORRUPT}" / "apJob000"
        overwrite_data(apjob / "PromptCalibProdEcalPedestals.root")
        loop.fail_conditions("too_late")
        story.run_until_closed(1)
        closed_at = loop.status()["time"]
        story.run_until(
            lambda: loop.status()["time"] > closed_at + 10 * loop.config().site.poll_interval
        )
        story.moments |= {"closed": loop.status(), "jobs": story.jobs(CORRUPT)}
        loop.condorloop("resubmit", str(CORRUPT))
        story.run_until_closed(1)
        story.moments |= {"uploaded": loop.status(), "jobs again": story.jobs(CORRUPT)}
        loop.condorloop("resubmit", str(CORRUPT), "--include-quarantined")
        story.run_until_closed(1)
        yield story


def overwrite_data(path):
    """Damage what the branches of a ROOT file hold; its header and its lists stay whole."""
    with uproot.open(path) as file:
        keys = [b.basket_key(0) for _, tree in file.items() if hasattr(tree, "branches")
                for b in tree.branches if b.num_baskets]  # fmt: skip
        places = [(key.fSeekKey + key.fKeylen, key.fNbytes - key.fKeylen) for key in keys]
    with path.open("r+b") as data:
        for at, length in places:
            data.seek(at)
            data.write(b"\xff" * length)


def test_a_corrupt_alcareco_is_left_out_of_the_harvest_and_named(corrupt):
    assert corrupt.has_said(ProblemKind.LEFT_OUT, run=CORRUPT, directory="apJob000")
    said = corrupt.failures(CORRUPT, (f"{ECAL} dag001", "HARVEST"))
    assert len(said) == 2
    first = Lumis.parse(corrupt.campaign(ECAL, CORRUPT, "first")["lumis"]["in_payload"])
    rest = Lumis.span(1, 16) - first
    closed, uploaded = (corrupt.campaign(ECAL, CORRUPT, when) for when in ("closed", "uploaded"))
    assert f"{len(rest)} of 16 LS missing ({rest}), all of them harvested" in closed["reason"]
    assert f"{len(first)} of 16 LS missing ({first})" in uploaded["reason"]


def test_a_refused_upload_is_named_and_not_asked_again(corrupt):
    closed = corrupt.campaign(ECAL, CORRUPT, "closed")
    assert corrupt.has_said(
        ProblemKind.UPLOAD, "too late", run=CORRUPT, outcome=UploadOutcome.REFUSED
    )
    assert closed["state"] == CampaignState.INCOMPLETE
    assert corrupt.moments["jobs"][f"{ECAL} dag001", "UPLOAD"] == 1


def test_resubmit_asks_for_a_refused_upload_again_and_harvests_nothing(corrupt):
    first = Lumis.parse(corrupt.campaign(ECAL, CORRUPT, "first")["lumis"]["in_payload"])
    whole = Lumis.span(1, 16)
    uploaded = corrupt.campaign(ECAL, CORRUPT, "uploaded")
    assert uploaded["lumis"]["in_payload"] == str(whole - first)
    more = corrupt.moments["jobs again"] - corrupt.moments["jobs"]
    assert more == {(f"{ECAL} dag001", "UPLOAD"): 1}


def test_resubmit_all_makes_an_alcareco_again_that_was_left_out(corrupt):
    campaign = corrupt.campaign(ECAL, CORRUPT)
    assert (campaign["state"], campaign["left_out"]) == (CampaignState.COMPLETE, [])
    assert campaign["lumis"]["in_payload"] == "1-16"
    corrupt.assert_whole(CORRUPT, ECAL)
