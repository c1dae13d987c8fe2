"""Cleaning up what a real run has left: its payloads and what tells of them stay."""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest

from condorloop.cycle.cleaner import Cleaner, inventories
from condorloop.ledger.store import Ledger
from condorloop.model.enums import Artifact, CampaignState
from condorloop.rundir.durable import read_json
from tests.faults.scenarios import run_of
from tests.faults.stories import ECAL, Story
from tests.loop import Loop

RUN = 399310
KINDS = (Artifact.RECO, Artifact.ALCARECO, Artifact.LOGS, Artifact.DAGS)
LATER = 9 * 3600.0
"""Seconds after which the window is over."""


@pytest.fixture(scope="module")
def cleaned(stack, tmp_path_factory):
    """A run that was processed, cleaned up, and whose ledger was then lost."""
    retention = {"retention": {kept.value: 0 for kept in KINDS}}
    loop = Loop(stack, tmp_path_factory.mktemp("cleanup"), "cleanup", {"defaults": retention})
    with closing(loop):
        story = Story(loop, loop.play(run_of(RUN, [ECAL], lumisections=52, every=0.1)))
        story.run_until_closed(1)
        moments, config = story.moments, loop.config()
        moments["payload"] = loop.campaign(ECAL, RUN)["lumis"]["in_payload"]
        moments["in the window"] = json.loads(loop.condorloop("cleanup", "--json").stdout)
        moments["before"] = files_of(loop)
        path = loop.work_dir / "condorloop.db"
        with Ledger(path) as ledger:
            [moments["inventory"]] = inventories(config, ledger, time.time() + LATER)
            moments["gone"] = Cleaner(ledger).clean(config, time.time() + LATER, 10_000)
            [moments["left"]] = inventories(config, ledger, time.time() + LATER)
        moments |= {"after": files_of(loop), "jobs": loop.jobs(RUN)}
        for part in ("", "-wal", "-shm"):
            path.with_name(path.name + part).unlink(missing_ok=True)
        submitter = loop.start()
        loop.wait(
            lambda: loop.status().get("pid") == submitter.pid and loop.closed() == 1,
            lambda: submitter.poll() is None,
        )
        yield story


def files_of(loop):
    folder = loop.work_dir / ECAL / f"run{RUN}"
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_nothing_goes_inside_the_window(cleaned):
    told = cleaned.moments["in the window"]
    assert told["going"] == {"files": 0, "bytes": 0}
    [campaign] = told["campaigns"]
    assert set(campaign["leavings"]) == {*KINDS, Artifact.RUNS}


def test_what_is_announced_goes(cleaned):
    inventory, (gone, finished) = cleaned.moments["inventory"], cleaned.moments["gone"]
    assert finished
    assert gone == inventory.freed
    assert gone.files == len(cleaned.moments["before"] - cleaned.moments["after"])
    assert set(cleaned.moments["left"].leavings) == {Artifact.RUNS}


@pytest.mark.parametrize(
    "name", ["promptCalibConditions.db", "upload.json", "harvest.json", "inputs.txt"]
)
def test_payloads_and_what_tells_of_them_stay(cleaned, name):
    def of(moment):
        return {p for p in cleaned.moments[moment] if p.startswith("harv") and p.endswith(name)}

    assert of("before")
    assert of("after") == of("before")


def test_manifests_and_witnesses_stay(cleaned):
    before, after = cleaned.moments["before"], cleaned.moments["after"]
    telling = {p for p in before if p.endswith(("manifest.json", "_job.txt", "Step3_job.txt"))}
    assert telling <= after
    [manifest, *_] = (p for p in after if p.endswith("manifest.json"))
    assert read_json(cleaned.loop.work_dir / ECAL / f"run{RUN}" / manifest)["run"] == RUN


def test_a_lost_ledger_is_rebuilt_from_what_is_left_and_nothing_runs_again(cleaned):
    assert cleaned.loop.states() == {ECAL: CampaignState.COMPLETE}
    campaign = cleaned.loop.campaign(ECAL, RUN)
    assert campaign["lumis"]["in_payload"] == cleaned.moments["payload"] == "1-52"
    assert cleaned.loop.jobs(RUN) == cleaned.moments["jobs"]
