"""A finished run is made once more with another global tag, beside the loop, and compared."""

import shutil

import yaml

from condorloop.model.enums import CampaignState
from condorloop.rundir.layout import HARVEST_RECORD, MANIFEST, PAYLOAD_DB
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.manifest import Manifest
from condorloop.testbed.conditions import sqlite_file
from tests.faults.scenarios import run_of

RUN = 398991
ECAL = "EcalPedestals"
TRIAL = "EcalPedestals_Trial"
OLD, NEW = "160X_dataRun3_ExpressNGT_v0", "160X_dataRun3_ExpressNGT_v1"


def trial_of(loop):
    """The calibrations of the loop with another tag, beside other parameters."""
    folder = loop.folder / "other" / "calibrationYAML"
    shutil.copytree(loop.calibrations, folder)
    parameters = (loop.folder / "ngtParameters.jsn").read_text()
    (folder.parent / "ngtParameters.jsn").write_text(parameters.replace(OLD, NEW))
    file = folder / f"{ECAL}.yaml"
    data = yaml.safe_load(file.read_text())
    data["step_4_config"]["upload_metadata"]["destinationTags"] = {TRIAL: {}}
    file.write_text(yaml.safe_dump(data))
    return folder


def last_payload(runs):
    found = [(HarvestResult.read(f), f.parent) for f in runs.glob(f"harvestJob*/{HARVEST_RECORD}")]
    return max(found, key=lambda each: each[0].time)


def payloads_in(loop, tag):
    """What the conditions database of the testbed has in a tag: since and payload."""
    database = loop.stack.folder / "conditions" / "conditions.db"
    return [(iov.since, iov.payload_hash) for iov in sqlite_file.iovs(database, tag, hidden=True)]


def test_a_run_is_made_again_beside_the_loop_and_the_payloads_are_compared(loop):
    loop.play({**run_of(RUN, [ECAL]), "conditions": {"tags": {TRIAL: {"synchronisation": "any"}}}})
    loop.run_until_closed(1)
    runs = loop.work_dir / ECAL / f"run{RUN}"
    before = sorted(runs.rglob("*"))
    made, _ = last_payload(runs)
    trial, folder = trial_of(loop), loop.folder / "trial"
    options = ("-c", ECAL, "--calibrations", str(trial), "--work-dir", str(folder))
    tag = next(iter(yaml.safe_load((loop.calibrations / f"{ECAL}.yaml").read_text())
                    ["step_4_config"]["upload_metadata"]["destinationTags"]))  # fmt: skip
    in_production = payloads_in(loop, tag)
    assert in_production
    assert payloads_in(loop, TRIAL) == []

    refused = loop.condorloop("redo", str(RUN), *options, "--into", tag, check=False)
    assert refused.returncode == 1
    assert f"--into names {tag}" in refused.stderr

    done = loop.condorloop("redo", str(RUN), *options, "--into", TRIAL, check=False)
    again, harvest = last_payload(folder / ECAL / f"run{RUN}")
    assert (again.lumis, again.events) == (made.lumis, made.events)
    manifests = [Manifest.read(f) for f in (folder / ECAL).rglob(MANIFEST)]
    assert {m.global_tag for m in manifests} == {NEW}
    assert {tag for m in manifests for tag in m.settings[ECAL].upload.metadata.tags} == {TRIAL}
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{ECAL} run{RUN}: {CampaignState.COMPLETE}" in done.stdout
    assert f"--diff in-force {harvest / PAYLOAD_DB}" in done.stdout
    assert payloads_in(loop, TRIAL)[-1] == (RUN, again.iovs[0].hash)
    assert payloads_in(loop, tag) == in_production

    assert sorted(runs.rglob("*")) == before
    assert loop.states() == {ECAL: CampaignState.COMPLETE}
    compared = loop.condorloop(
        "payload", str(RUN), "-c", ECAL, "--calibrations", str(loop.calibrations),
        "--diff", "in-force", str(harvest / PAYLOAD_DB),
    )  # fmt: skip
    assert str(harvest / PAYLOAD_DB) in "".join(compared.stdout.split())
    assert f"from in force in {tag} to" in " ".join(compared.stdout.split())
    assert "mean: " in compared.stdout
