"""`condorloop analyze` explains what failed, is held, waits or was refused, and what to type."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from tests.faults.scenarios import job_fault, run_of
from tests.faults.stories import ECAL, SPOT, STRIPS, Story
from tests.loop import Loop

RUN = 399319
TOO_MUCH = 999_999
SETTINGS = {
    "batching": {"max_files_per_job": 1, "reco_per_alca": 1},
    "rescues": {"max_rescues": 0},
    "nodes": {"RECO": {"retries": 1}, "HARVEST": {"request_memory_mb": 100}},
}


@pytest.fixture(scope="module")
def told(stack, tmp_path_factory):
    """What is told of a run: RECO that fails, a held job, HARVEST too large, a refused upload."""
    scenario = run_of(
        RUN,
        [ECAL, STRIPS, SPOT],
        job_fault("exit_code", RUN, "step2", exit_code=65, ls=5, times="unlimited"),
        job_fault("hang", RUN, "step2", ls=9, times="unlimited"),
        lumisections=12,
        layout={"TestEnablesEcalHcal": {"ls_per_file": 4}, "ExpressPhysics": {"ls_per_file": 12}},
    )
    loop = Loop(stack, tmp_path_factory.mktemp("analysis"), "analysis", {"defaults": SETTINGS})
    loop.edit(ECAL, {"nodes": {"UPLOAD": {"submit": ["requirements = false"]}}})
    strips = {"nodes": {"HARVEST": {"request_memory_mb": TOO_MUCH, "max_memory_mb": TOO_MUCH}}}
    loop.edit(STRIPS, strips)
    with closing(loop):
        story = Story(loop, loop.play(scenario))
        loop.fail_conditions("too_late", times=50)
        loop.start()
        held = f'CondorloopRun == {RUN} && CondorloopLumis =?= "9-12"'
        story.wait(lambda: bool(story.queue(f"{held} && JobStatus == 2")))
        loop.tool("condor_hold", "-constraint", held)
        large = f'CondorloopCalibration == "{STRIPS}" && CondorloopKind == "HARVEST"'
        story.wait(lambda: bool(story.queue(f"CondorloopRun == {RUN} && {large}")))
        story.wait(lambda: has_failed(story, ECAL, "RECO"))
        upload = f'CondorloopCalibration == "{ECAL}" && CondorloopKind == "UPLOAD"'
        story.wait(lambda: bool(story.queue(f"CondorloopRun == {RUN} && {upload}")))
        story.wait(lambda: has_failed(story, SPOT, "UPLOAD"))
        story.moments["json"] = json.loads(loop.condorloop("analyze", str(RUN), "--json").stdout)
        story.moments["text"] = loop.condorloop("analyze", str(RUN)).stdout
        yield story
        loop.service_faults(clear=True)
        loop.tool("condor_rm", "-constraint", f"CondorloopRun == {RUN}")


def has_failed(story, calibration, kind):
    failed = story.campaign(calibration, RUN).get("failed_nodes", [])
    return any(kind in node for node in failed)


def finding(told, sign, calibration):
    [found] = [
        f
        for f in told.moments["json"]["findings"]
        if (f["sign"], f["calibration"]) == (sign, calibration)
    ]
    return found


def test_a_failed_node_is_explained_with_its_exit_code_log_and_input(told):
    found = finding(told, "failed", ECAL)
    assert (found["exit_code"], found["meaning"]) == (65, "an exception of CMSSW (8001)")
    assert found["kind"] == "RECO"
    assert len(found["attempts"]) == 1
    [path] = found["inputs"]
    assert path.startswith("/eos/")
    assert found["log"].endswith(".log")
    assert any("Fatal Exception" in line for line in found["log_end"])
    assert found["host"]
    name = f"{found['dag']}/{found['node']}"
    assert f"condorloop resubmit {RUN} -c {ECAL} --node {name}" in found["commands"]


def test_a_held_job_is_explained_with_the_command_that_releases_it(told):
    found = finding(told, "held", ECAL)
    assert found["meaning"] == "a person held it"
    assert "condor_hold" in found["reason"]
    [release] = found["commands"]
    assert release == f"condorloop release {RUN} -c {ECAL} --node {found['dag']}/{found['node']}"


def test_a_job_that_nothing_can_run_is_explained_by_what_does_not_match(told):
    found = finding(told, "idle", STRIPS)
    assert found["node"] == "HARVEST"
    assert f"nothing in the pool is large enough: it asks for {TOO_MUCH} MB" in found["meaning"]
    assert "request_memory_mb" in found["advice"]


def test_an_upload_that_the_schedd_does_not_start_is_explained_by_its_rule(told):
    found = finding(told, "idle", ECAL)
    assert found["node"] == "UPLOAD"
    assert "START_LOCAL_UNIVERSE" in found["meaning"]


def test_a_node_that_nobody_has_is_refused_with_what_there_is(told):
    done = told.loop.condorloop("analyze", str(RUN), "--node", "b009", check=False)
    assert done.returncode == 1
    assert f"{ECAL} run{RUN}: no b009; there are" in done.stderr


def test_a_refused_upload_is_explained_by_the_service_s_own_words(told):
    found = finding(told, "not uploaded", SPOT)
    assert found["meaning"].startswith("refused")
    assert "too late" in found["reason"]


def test_all_of_it_can_be_read_on_the_terminal(told):
    text = told.moments["text"]
    for words in ("8001", "a person held it", "large enough", "too late", "condorloop release"):
        assert words in text


def test_one_node_can_be_asked_for(told):
    found = finding(told, "held", ECAL)
    node = f"{found['dag']}/{found['node']}"
    asked = told.loop.condorloop("analyze", str(RUN), "-c", ECAL, "--node", node, "--json")
    [only] = json.loads(asked.stdout)["findings"]
    assert (only["dag"], only["node"]) == (found["dag"], found["node"])
