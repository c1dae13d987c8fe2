"""Cleaning up what a real run has left: its payloads and what tells of them stay."""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest

from condorloop.cycle.cleaner import Cleaner, going, inventories
from condorloop.ledger.store import Ledger, LedgerReader
from condorloop.model.enums import Artifact, CampaignState
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import run_dir
from condorloop.testbed import calibrations
from tests.faults.scenarios import run_of
from tests.faults.stories import ECAL, Story
from tests.loop import Loop

RUN, SHARED_RUN = 399310, 399311
SHARING = ("SiPixelAliHG", "SiStripGains")
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
        lose_ledger(loop, closed=1)
        yield story


def lose_ledger(loop, closed):
    """Delete a ledger, and let a submitter rebuild it until so many campaigns are closed."""
    path = loop.work_dir / "condorloop.db"
    for part in ("", "-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)
    submitter = loop.start()
    loop.wait(
        lambda: loop.status().get("pid") == submitter.pid and loop.closed() == closed,
        lambda: submitter.poll() is None,
    )


def is_busy(loop):
    """Whether a DAG of a closed campaign is still in the queue."""
    with LedgerReader(loop.work_dir / "condorloop.db") as ledger:
        return any(settled.busy for settled in ledger.retention.settled())


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


def test_a_shared_stream_is_cleaned_up_once_and_rebuilt_without_running_again(
    stack, tmp_path_factory
):
    retention = {"retention": {kept.value: 0 for kept in KINDS}}
    loop = Loop(stack, tmp_path_factory.mktemp("shared"), "shared", {"defaults": retention})
    with closing(loop):
        calibrations.write(loop.calibrations, SHARING)
        loop.play(run_of(SHARED_RUN, [*SHARING], lumisections=24))
        loop.run_until_closed(len(SHARING))
        loop.run_until(lambda: not is_busy(loop))
        assert loop.states() == dict.fromkeys(SHARING, CampaignState.COMPLETE)
        config, later = loop.config(), time.time() + LATER
        with Ledger(loop.work_dir / "condorloop.db") as ledger:
            found = list(inventories(config, ledger, later))
            assert [each.key.name for each in found] == [*SHARING, "Express"]
            assert going(found).files
            assert Cleaner(ledger).clean(config, later, 10_000) == (going(found), True)
            *_, stream = inventories(config, ledger, later)
        assert set(stream.leavings) == {Artifact.RUNS}
        runs = run_dir(loop.work_dir, "Express", SHARED_RUN)
        assert not list(runs.rglob("*.root"))
        assert list(runs.glob("apJob*/*_job.txt"))
        jobs = loop.jobs(SHARED_RUN)
        lose_ledger(loop, closed=len(SHARING))
        assert loop.states() == dict.fromkeys(SHARING, CampaignState.COMPLETE)
        assert loop.jobs(SHARED_RUN) == jobs
        for name in SHARING:
            assert loop.campaign(name, SHARED_RUN)["lumis"]["in_payload"] == "1-24"
