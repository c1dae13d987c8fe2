"""A trial does not go to production: not by a restart, a rescue or `resubmit` in a fresh shell."""

import shutil

import yaml

from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import MANIFEST, UPLOAD_RECORD
from tests.faults.scenarios import run_of

RUN = 398990
ECAL = "EcalPedestals"
TRIAL = "EcalPedestals_NGTDemonstrator"
"""The one tag of the testbed's service is the trial's."""


def test_a_trial_that_was_stopped_never_goes_to_another_tag(loop):
    loop.edit(ECAL, {"uploads": {"wait": "1 h", "longest_wait": "1 h"}})
    loop.fail_conditions("http_error", status=500, times=100)
    loop.play(run_of(RUN, [ECAL]))
    run_dir = loop.work_dir / ECAL / f"run{RUN}"
    submitter = loop.start()
    loop.wait(lambda: list(run_dir.glob(f"*/{UPLOAD_RECORD}")), lambda: submitter.poll() is None)
    loop.wait(lambda: _failed(loop), lambda: submitter.poll() is None)
    submitter.terminate()
    submitter.wait(30)
    loop.service_faults(clear=True)
    there = _manifests(run_dir)

    production = loop.folder / "production" / "calibrationYAML"
    shutil.copytree(loop.calibrations, production)
    shutil.copy(loop.folder / "ngtParameters.jsn", production.parent)
    file = production / f"{ECAL}.yaml"
    data = yaml.safe_load(file.read_text())
    data["step_4_config"]["upload_metadata"]["destinationTags"] = {"Ped_production": {}}
    file.write_text(yaml.safe_dump(data))
    in_production = ("--calibrations", str(production))

    asked = ("resubmit", str(RUN), "-c", ECAL)
    for words in (("run",), ("run", "--once"), asked):
        refused = loop.condorloop(*words, *in_production, check=False)
        assert refused.returncode == 1, refused.stdout
        for part in (TRIAL, "Ped_production", str(file), "--accept-destination"):
            assert part in refused.stderr
    assert _manifests(run_dir) == there

    assert TRIAL in loop.condorloop(*asked, "--dry-run").stdout
    accepted = loop.condorloop("run", "--once", *in_production, "--accept-destination")
    assert f"{TRIAL} in" in accepted.stderr
    refused = loop.condorloop("run", "--once", check=False)
    assert refused.returncode == 1
    kept = loop.condorloop(*asked, *in_production)
    assert f"keeps its destination {TRIAL}" in kept.stdout

    submitter = loop.start(*in_production)
    loop.wait(lambda: _uploaded(run_dir), lambda: submitter.poll() is None)
    told = _manifests(run_dir)
    assert {name: told[name] for name in there} == there
    assert loop.payload_sizes(ECAL, RUN)


def _failed(loop):
    return loop.campaign(ECAL, RUN).get("dags", {}).get("failed")


def _manifests(run_dir):
    """Where each DAG uploads to."""
    manifests = run_dir.glob(f"*/{MANIFEST}")
    found = {p.parent.name: read_json(p)["upload"]["metadata"] for p in manifests}
    assert found
    return found


def _uploaded(run_dir):
    records = run_dir.glob(f"*/{UPLOAD_RECORD}")
    return any(read_json(record).get("outcome") == "uploaded" for record in records)
