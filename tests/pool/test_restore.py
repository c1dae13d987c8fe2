"""A payload of another run is put in force for a run, on a pool, and stays."""

from condorloop.model.enums import CampaignState
from condorloop.rundir.layout import HARVEST_RECORD
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.testbed.conditions import sqlite_file
from tests.faults.scenarios import run_of
from tests.faults.stories import ECAL

OLD, RUN = 399340, 399341
TAG = "EcalPedestals_NGTDemonstrator"


def in_force(loop, since):
    """The payload that the tag of the testbed has at a since."""
    database = loop.stack.folder / "conditions" / "conditions.db"
    return {iov.since: iov.payload_hash for iov in sqlite_file.iovs(database, TAG)}[since]


def newest(loop, run):
    runs = loop.work_dir / ECAL / f"run{run}"
    found = [(HarvestResult.read(f), f.parent) for f in runs.glob(f"harvestJob*/{HARVEST_RECORD}")]
    return max(found, key=lambda each: each[0].time)


def test_a_payload_of_an_older_run_serves_a_run_until_it_is_released(loop):
    older, younger = run_of(OLD, [ECAL]), run_of(RUN, [ECAL], start_offset=3)
    loop.play({**older, "runs": [*older["runs"], *younger["runs"]]})
    loop.run_until_closed(2)
    made, folder = newest(loop, OLD)
    own, _ = newest(loop, RUN)
    assert in_force(loop, RUN) == own.iovs[0].hash != made.iovs[0].hash

    origin = f"{OLD}/{folder.name}"
    asked = ("restore", str(RUN), origin, "-c", ECAL, "--why", "its laser was off", "--yes")
    assert f"put {origin}" in loop.condorloop(*asked, "--dry-run").stdout
    assert f"taken from {origin}: its laser was off" in loop.condorloop(*asked).stdout
    loop.run_until_closed(2)
    assert in_force(loop, RUN) == made.iovs[0].hash
    taken, _ = newest(loop, RUN)
    assert (taken.origin, taken.iovs[0].since) == (origin, RUN)

    campaign = loop.campaign(ECAL, RUN)
    assert CampaignState(campaign["state"]) is CampaignState.INCOMPLETE
    assert f"taken from {origin}" in campaign["reason"]
    assert any("put back by" in told and origin in told for told in loop.problems())
    shown = " ".join(loop.condorloop("show", str(RUN), "-c", ECAL).stdout.split())
    assert f"was taken from {origin}" in shown
    assert loop.condorloop("verify", str(RUN), "-c", ECAL).returncode == 0
    told = loop.condorloop("show", str(RUN), "-c", ECAL, "--provenance").stdout
    assert f"taken from {origin}: it has no LS of this run" in " ".join(told.split())
