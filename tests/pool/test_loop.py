"""The whole loop: a scenario's runs, the real submitter, pool, storage, OMS and conditions."""

import os
import signal
import subprocess
import sys
from functools import partial

import pytest

from condorloop.model.enums import CampaignState
from condorloop.model.lumis import Lumis
from condorloop.model.problem import ProblemKind
from condorloop.testbed.verify import appeared

COMPLETE = CampaignState.COMPLETE
LAYOUT = {"TestEnablesEcalHcal": {"ls_per_file": 4}, "ExpressPhysics": {"files_per_ls": 2}}


def scenario(run, calibrations, lumisections=12, **more):
    """One run, five lumisections a second."""
    the_run = {
        "run": run,
        "calibrations": calibrations,
        "start_offset": 0,
        "lumisections": {"count": lumisections, "every": 0.2},
        "end_after": 0.5,
        **more.pop("of_run", {}),
    }
    return {"seed": run, "layout": LAYOUT, "runs": [the_run], **more}


def cmsrun_fails(run, step, exit_code, times):
    return {
        "target": "cmsrun",
        "mode": "exit_code",
        "exit_code": exit_code,
        "calibration": "EcalPedestals",
        "run": run,
        "step": step,
        "at": 0,
        "times": times,
    }


def test_a_run_becomes_a_payload_of_each_calibration(loop):
    bad = {"stream": "ExpressPhysics", "ls": 5, "part": 0, "fault": "not_closed"}
    calibrations = ["EcalPedestals", "SiStripBad", "BeamSpot"]
    play = loop.play(scenario(398700, calibrations, of_run={"files": [bad]}))
    loop.run_until_closed(3)
    for name in calibrations:
        verdict = play.assay(name, 398700)
        assert verdict.faults == ()
        assert str(verdict.in_payload) == "1-12"
        assert verdict.uploads >= 1
    assert loop.states() == dict.fromkeys(calibrations, COMPLETE)
    assert set(loop.probes().values()) == {1}
    [bad_file] = [f.path for f in appeared(loop.stack.folder / "appeared.jsonl")
                  if f.run == 398700 and not f.good]  # fmt: skip
    assert loop.wrong(ProblemKind.BAD_FILE, path=bad_file)


def test_a_file_with_too_many_events_is_read_by_several_jobs_each_lumisection_once(loop):
    loop.edit("EcalPedestals", {"batching": {"events_per_job": 90, "reco_per_alca": 3}})
    play = loop.play(scenario(398730, ["EcalPedestals"]))
    loop.run_until_closed(1)
    verdict = play.assay("EcalPedestals", 398730)
    assert (verdict.faults, str(verdict.in_payload)) == ((), "1-12")
    jobs = loop.history('CondorloopRun == 398730 && CondorloopKind == "RECO"')
    lumis = sorted((ad["CondorloopLumis"] for ad in jobs), key=lambda text: Lumis.parse(text).first)
    assert lumis == ["1-2", "3-4", "5-6", "7-8", "9-10", "11-12"]
    assert loop.states() == {"EcalPedestals": COMPLETE}


def test_the_queue_can_be_asked_for_a_run(loop):
    loop.play(scenario(398701, ["EcalPedestals"]))
    loop.run_until_closed(1)
    names = {ad["JobBatchName"] for ad in loop.history("CondorloopRun == 398701")}
    assert "EcalPedestals run398701 b000" in names
    kinds = {
        ad["CondorloopKind"]
        for ad in loop.history("CondorloopRun == 398701 && CondorloopKind =!= undefined")
    }
    assert kinds == {"RECO", "ALCA", "HARVEST", "UPLOAD"}


def test_a_submitter_that_is_killed_again_and_again_ends_with_the_same_payload(loop):
    play = loop.play(scenario(398702, ["EcalPedestals", "BeamSpot"]))
    for cycles in (2, 3, 5, 8):
        loop.run_and_kill_after(cycles)
    loop.run_until_closed(2)
    for name in ("EcalPedestals", "BeamSpot"):
        assert play.assay(name, 398702).faults == ()
    submitted = [ad["CondorloopId"] for ad in loop.dagmans("CondorloopRun == 398702")]
    assert len(submitted) == len(set(submitted))
    assert set(loop.probes().values()) == {1}


def test_a_dag_that_was_submitted_but_not_recorded_is_adopted(loop):
    play = loop.play(scenario(398703, ["EcalPedestals"]))
    loop.run_until_crash_after_submission()
    loop.run_until_closed(1)
    assert play.assay("EcalPedestals", 398703).faults == ()
    submitted = [ad["CondorloopId"] for ad in loop.dagmans("CondorloopRun == 398703")]
    assert len(submitted) == len(set(submitted))
    assert "adopted" in loop.log("EcalPedestals")


def test_a_failed_node_stops_nothing_else_and_is_rescued(loop):
    fault = cmsrun_fails(398704, "step2", exit_code=65, times=1)
    play = loop.play(scenario(398704, ["EcalPedestals"], faults=[fault]))
    loop.run_until_closed(1)
    assert play.assay("EcalPedestals", 398704).faults == ()
    log = loop.log("EcalPedestals")
    assert "failed: RECO_0000" in log
    assert "is rescued" in log
    assert loop.states() == {"EcalPedestals": COMPLETE}


def test_a_node_that_keeps_failing_is_named_and_the_rest_is_harvested(loop):
    fault = cmsrun_fails(398705, "step2", exit_code=65, times=4)
    loop.play(scenario(398705, ["EcalPedestals"], lumisections=16, faults=[fault]))
    loop.run_until_closed(1, rescues=1)
    assert loop.states() == {"EcalPedestals": CampaignState.INCOMPLETE}
    [campaign] = loop.status()["campaigns"]
    assert "RECO_0000" in " ".join(campaign["failed_nodes"])
    assert campaign["lumis"]["missing"]
    assert all(ls in campaign["reason"] for ls in campaign["lumis"]["missing"].split(","))


def test_exit_codes_that_may_pass_are_retried_by_dagman(loop):
    fault = cmsrun_fails(398706, "step3", exit_code=84, times=2)
    play = loop.play(scenario(398706, ["EcalPedestals"], faults=[fault]))
    loop.run_until_closed(1)
    assert play.assay("EcalPedestals", 398706).faults == ()
    assert "is rescued" not in loop.log("EcalPedestals")


def test_too_few_events_for_a_payload_is_no_failure(loop):
    loop.play(scenario(398707, ["SiStripBad"], lumisections=2))
    loop.run_until_closed(1)
    assert loop.states() == {"SiStripBad": CampaignState.NO_PAYLOAD}
    [campaign] = loop.status()["campaigns"]
    assert (campaign["uploads"], campaign["last_outcome"]) == (0, "no payload")
    assert campaign["no_payload"]["cause"] == "statistics"
    assert "Not Enough Events" in campaign["no_payload"]["words"] in campaign["reason"]
    assert loop.status()["problems"] == []
    assert campaign["lumis"]["harvested"] == "1-2"


@pytest.mark.parametrize(
    ("run", "statistic", "harvests"), [(398715, "luminosity", 2), (398716, "lumisections", 3)]
)
def test_harvests_follow_what_was_recorded_if_the_yaml_says_so(loop, run, statistic, harvests):
    stream = "TestEnablesEcalHcal"
    of_run = {
        "lumisections": {"count": 12, "every": 0.02},
        "luminosity": [0.4, 0.4, 0.4, 0.4, 0.001],
        "files": [{"stream": stream, "ls": 5, "late": 5}, {"stream": stream, "ls": 9, "late": 10}],
        "end_after": 15,
    }
    loop.edit("EcalPedestals", {"harvesting": {"statistic": statistic, "growth": 0.6}})
    play = loop.play(scenario(run, ["EcalPedestals"], of_run=of_run))
    loop.run_until_closed(1)
    verdict = play.assay("EcalPedestals", run)
    assert verdict.faults == ()
    assert str(verdict.in_payload) == "1-12"
    kinds = [ad["CondorloopKind"] for ad in loop.history(f"CondorloopRun == {run}")
             if "CondorloopKind" in ad]  # fmt: skip
    assert (kinds.count("RECO"), kinds.count("HARVEST")) == (3, harvests)


def test_an_outage_of_oms_changes_nothing(loop):
    fault = {"target": "oms", "mode": "http_error", "status": 503, "at": 1, "times": 5}
    play = loop.play(scenario(398708, ["EcalPedestals"], faults=[fault]))
    loop.run_until_closed(1)
    assert play.assay("EcalPedestals", 398708).faults == ()
    assert "the last known state stands" in loop.log("EcalPedestals")


def test_an_outage_of_storage_is_no_end_of_files(loop):
    play = loop.play(scenario(398713, ["EcalPedestals"], of_run={"end_after": 8}))
    loop.run_and_kill_after(4)
    loop.stack.xrootd.stop()
    try:
        loop.run_and_kill_after(12)
        assert loop.wrong(ProblemKind.SERVICE, service="EOS")
        assert loop.states() == {"EcalPedestals": CampaignState.ACTIVE}
    finally:
        loop.stack.xrootd.start()
    loop.run_until_closed(1)
    assert play.assay("EcalPedestals", 398713).faults == ()


def test_the_run_directory_holds_what_people_of_the_earlier_loops_know(loop):
    loop.play(scenario(398714, ["EcalPedestals"], lumisections=4))
    loop.run_until_closed(1)
    runs = loop.work_dir / "EcalPedestals" / "run398714"
    there = {str(p.relative_to(runs)) for p in runs.rglob("*")}
    reco = "run398714_LS0001To0004_b000_0000_ecalPedsStep2"
    assert there >= {
        "runStart.log",
        "runEnd.log",
        "allLSProcessed.log",
        "expectedOutputs.log",
        "allStep2FilesProcessed.log",
        "allStep3FilesProcessed.log",
        f"{reco}.root",
        f"{reco}.py",
        f"{reco}.log",
        f"{reco}_job.txt",
        "apJob000/PromptCalibProdEcalPedestals.root",
        "apJob000/stdout.log",
        "apJob000/stderr.log",
        "apJob000/ecalPedsStep3_job.txt",
        "harvestJob000/promptCalibConditions.db",
        "harvestJob000/NGTCalibEcalPedestals.db",
        "harvestJob000/NGTCalibEcalPedestals.txt",
        "harvestJob000/inputs.txt",
        "harvestJob000/upload.json",
        "dag000/manifest.json",
    }
    assert (runs / "expectedOutputs.log").read_text() == f"file:{reco}.root\n"
    assert len((runs / "allLSProcessed.log").read_text().splitlines()) == 1
    assert "T" in (runs / "runStart.log").read_text()


def test_a_rendered_dag_can_be_submitted_by_hand(loop, tmp_path):
    loop.play(scenario(398709, ["EcalPedestals"]))
    loop.wait_for_files(398709, 3)
    rendered = loop.condorloop("render", "398709", "-c", "EcalPedestals", "-o", str(tmp_path / "r"))
    dag = tmp_path / "r/EcalPedestals/run398709/dag000/run398709_dag000.dag"
    assert f"condor_submit_dag {dag.name}" in rendered.stdout
    submitted = loop.tool("condor_submit_dag", str(dag.name), cwd=dag.parent)
    cluster = int(submitted.stdout.partition("submitted to cluster ")[2].split(".")[0])
    selected = loop.tool("condor_q", "-constraint", "CondorloopRun == 398709", "-af", "ClusterId")
    assert str(cluster) in selected.stdout.split()
    told = partial(loop.tool, "htcondor", "dag", "status", str(cluster), check=False)
    loop.wait(lambda: f"DAG {cluster}" in told().stderr)  # not before DAGMan has started
    loop.wait_until_gone(cluster)
    assert (dag.parent.parent / "harvestJob000" / "upload.json").exists()


def test_sigterm_ends_the_submitter_and_leaves_its_dags(loop):
    loop.play(scenario(398710, ["EcalPedestals"]))
    submitter = loop.start()
    loop.wait_for_log("EcalPedestals", "submitted as", submitter)
    submitter.send_signal(signal.SIGTERM)
    assert submitter.wait(timeout=30) == 0
    loop.run_until_closed(1)
    assert loop.states() == {"EcalPedestals": COMPLETE}


@pytest.mark.parametrize("command", [["status"], ["validate"], ["run", "--once"]])
def test_the_commands_end_well_on_the_testbed(loop, command):
    loop.play(scenario(398712, ["EcalPedestals"]))
    loop.condorloop("run", "--once")
    assert loop.condorloop(*command).stderr.count("Traceback") == 0


def test_the_testbeds_services_come_back_where_they_were(loop):
    before = loop.stack.oms_url
    loop.stack.kill_services()
    loop.stack.start_services()
    assert loop.stack.oms_url == before
    done = subprocess.run(
        [sys.executable, "-c", f"import requests; requests.get('{before}/v1/runs').json()"],
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0
