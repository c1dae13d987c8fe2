"""How cmsRun fails: exit codes, messages, and what the job report says of it."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import uproot

from condorloop.model.lumis import Lumis
from condorloop.testbed import daemons
from condorloop.testbed.cmssw.io.root_header import State, state
from condorloop.testbed.cmssw.steps import faults
from condorloop.testbed.cmssw.tools import cmsdriver, cmsrun
from condorloop.testbed.faults import Fault, Faults
from condorloop.testbed.scenario.raw_files import (
    BadFile,
    Stream,
    write_bad_raw_file,
    write_raw_file,
)
from condorloop.testbed.truth import Truth

RUN = 398600
TRUTH = Truth()


@pytest.fixture(autouse=True)
def in_a_folder_with_raw_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(faults.FAULTS, raising=False)
    write_raw_file(tmp_path / "ecal.root", Stream.ECAL, RUN, Lumis.span(1, 3), TRUTH)
    write_raw_file(tmp_path / "express.root", Stream.EXPRESS, RUN, Lumis.of([1]), TRUTH)


def reco(*inputs: str, producer: str = "EcalTestPulsesRaw", number: int = -1) -> None:
    """Write reco.py."""
    argv = f"""expressStep2 --conditions GT -s RAW2DIGI,RECO,ALCAPRODUCER:{producer}
        --datatier ALCARECO --eventcontent ALCARECO --data --process RERECO --scenario pp
        --era Run3 -n {number} --filein {",".join(f"file:{name}" for name in inputs)}
        --fileout file:reco.root --no_exec --python_filename reco.py"""
    assert cmsdriver.main(argv.split()) == 0


def alca(trigger: str = "RERECO") -> None:
    """Write alca.py."""
    argv = f"""expressStep3 --conditions GT
        -s ALCAOUTPUT:EcalTestPulsesRaw,ALCA:PromptCalibProdEcalPedestals
        --datatier ALCARECO --eventcontent ALCARECO --triggerResultsProcess {trigger}
        -n -1 --filein file:reco.root --no_exec --python_filename alca.py"""
    tag = f'process.ALCARECOEcalTestPulsesRaw.TriggerResultsTag = "TriggerResults::{trigger}"'
    assert cmsdriver.main([*argv.split(), "--customise_commands", tag]) == 0


def run(config: str, *, expect: int) -> ElementTree.Element:
    """Run cmsRun; give its report."""
    assert cmsrun.main(["-j", "report.xml", config]) == expect
    return ElementTree.parse("report.xml").getroot()


def error_of(report: ElementTree.Element) -> tuple[str, str]:
    error = report.find("FrameworkError")
    assert error is not None
    return error.attrib["ExitStatus"], error.text or ""


def test_a_job_that_went_well_reports_no_error(tmp_path):
    reco("ecal.root")
    report = run("reco.py", expect=0)
    assert report.find("FrameworkError") is None
    assert report.findtext("InputFile/EventsRead") == "120"
    assert report.findtext("File/TotalEvents") == "120"


@pytest.mark.parametrize(
    ("kind", "exit_code", "full_code"),
    [
        (BadFile.TRUNCATED, 84, "8020"),
        (BadFile.EMPTY, 84, "8020"),
        (BadFile.NOT_CLOSED, 84, "8020"),
        (BadFile.NO_EVENTS, 80, "8016"),
    ],
)
def test_a_bad_input_fails_the_job_and_the_report_tells_what_was_read_before(
    tmp_path, capfd, kind, exit_code, full_code
):
    write_bad_raw_file(tmp_path / "bad.root", kind, Stream.ECAL, RUN, Lumis.of([4]), TRUTH)
    reco("ecal.root", "bad.root")
    report = run("reco.py", expect=exit_code)
    assert error_of(report)[0] == full_code
    assert [each.text for each in report.findall("InputFile/PFN")] == ["file:ecal.root"]
    assert not (tmp_path / "reco.root").exists()
    err = capfd.readouterr().err
    assert "----- Begin Fatal Exception" in err
    assert "An exception of category 'File" in err or "'EventCorruption'" in err


def test_a_missing_input_is_a_file_open_error():
    reco("nowhere.root")
    status, text = error_of(run("reco.py", expect=84))
    assert status == "8020"
    assert "An exception of category 'FileOpenError' occurred while\n   [0] Constructing" in text
    assert "Failed to open the file 'file:nowhere.root'" in text


def test_a_server_that_is_down_is_a_file_open_error_and_soon(monkeypatch, tmp_path):
    reco("ecal.root")
    config = tmp_path / "reco.py"
    url = "root://127.0.0.1:1//eos/cms/ecal.root"
    config.write_text(config.read_text().replace("file:ecal.root", url))
    done = subprocess.run(
        [sys.executable, "-m", "condorloop.testbed.cmssw.tools.cmsrun", "reco.py"],
        env={**os.environ, "XRD_CONNECTIONWINDOW": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
        timeout=15,
    )
    assert done.returncode == 84
    assert f"Failed to open the file '{url}'" in done.stderr
    assert "Connection error" in done.stderr


def test_a_logical_name_that_no_catalogue_knows_fails_the_fallback_too(tmp_path):
    reco("ecal.root")
    config = tmp_path / "reco.py"
    config.write_text(config.read_text().replace("file:ecal.root", "/store/data/ecal.root"))
    assert error_of(run("reco.py", expect=92))[0] == "8028"


def test_a_stream_without_the_product_is_product_not_found():
    reco("express.root")
    assert error_of(run("reco.py", expect=70))[0] == "8006"


def test_trigger_results_of_a_process_that_never_ran_are_not_found():
    reco("ecal.root")
    run("reco.py", expect=0)
    alca(trigger="RERECO")
    run("alca.py", expect=0)
    alca(trigger="RECO")
    assert "Looking for process: RECO" in error_of(run("alca.py", expect=70))[1]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('process.nothing.tag = cms.string("a")', "'Process' object has no attribute 'nothing'"),
        ("process.source.fileNames[7] = 'a'", "IndexError"),
        ("process.source.nothing = 'a'", "does not already exist"),
        ("process.maxEvents.input = 'all'", "is not a valid integer"),
        ("process.load('No.Such_cff')", "No module named 'No.Such_cff'"),
        ("process = ", "SyntaxError"),
    ],
)
def test_a_mistake_in_the_configuration_is_told_by_line(tmp_path, line, words):
    reco("ecal.root")
    with (tmp_path / "reco.py").open("a") as config:
        config.write(f"{line}\n")
    status, text = error_of(run("reco.py", expect=90))
    assert status == "7002"
    assert words in text


def test_a_configuration_without_a_source_is_a_configuration_error(tmp_path):
    text = "import FWCore.ParameterSet.Config as cms\nprocess = cms.Process('A')\n"
    (tmp_path / "none.py").write_text(text)
    assert error_of(run("none.py", expect=73))[0] == "8009"


@pytest.mark.parametrize(("argv", "code"), [([], 89), (["--nonsense"], 88), (["none.py"], 90)])
def test_wrong_usage_has_its_own_codes(argv, code):
    assert cmsrun.main(argv) == code


def test_the_number_of_events_can_be_limited(tmp_path):
    write_raw_file(tmp_path / "more.root", Stream.ECAL, RUN, Lumis.span(4, 6), TRUTH)
    reco("ecal.root", "more.root", number=130)
    report = run("reco.py", expect=0)
    assert [each.text for each in report.findall("InputFile/EventsRead")] == ["120", "10"]
    assert report.findtext("File/TotalEvents") == "130"


def arm(folder: Path, **fault: Any) -> None:
    mode = fault.pop("mode", "exit_code")
    Faults(folder).arm([Fault("cmsrun", mode, **fault)], started_at=0.0)


def test_an_armed_fault_fails_the_jobs_that_it_is_for_and_no_others(monkeypatch, tmp_path, capfd):
    monkeypatch.setenv(faults.FAULTS, str(tmp_path / "faults"))
    scope = {"calibration": "EcalPedestals", "run": RUN, "step": "step2"}
    arm(tmp_path / "faults", exit_code=84, message="as the test wishes", **scope)
    reco("express.root", producer="TkAlMinBias")
    run("reco.py", expect=0)
    reco("ecal.root")
    status, text = error_of(run("reco.py", expect=84))
    assert status == "8020"
    assert "as the test wishes" in text
    assert "as the test wishes" in capfd.readouterr().err
    run("reco.py", expect=0)


def test_a_fault_of_another_run_or_step_does_not_fire(monkeypatch, tmp_path):
    monkeypatch.setenv(faults.FAULTS, str(tmp_path / "faults"))
    arm(tmp_path / "faults", exit_code=1, calibration="EcalPedestals", run=RUN + 1)
    arm(tmp_path / "faults", exit_code=1, calibration="EcalPedestals", step="step3")
    reco("ecal.root")
    run("reco.py", expect=0)
    alca()
    run("alca.py", expect=1)


def test_a_code_above_128_that_is_no_deadly_signal_is_just_a_code(monkeypatch, tmp_path):
    monkeypatch.setenv(faults.FAULTS, str(tmp_path / "faults"))
    arm(tmp_path / "faults", exit_code=147, calibration="EcalPedestals")
    reco("ecal.root")
    run("reco.py", expect=147)


def process(folder: Path) -> subprocess.Popen[str]:
    """Start cmsRun on reco.py as a process, with the faults that are armed."""
    paths = {"PYTHONPATH": os.pathsep.join(sys.path), faults.FAULTS: str(folder / "faults")}
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "condorloop.testbed.cmssw.tools.cmsrun",
            "-j",
            "report.xml",
            "reco.py",
        ],
        env={**os.environ, **paths},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def ecal_fault(monkeypatch, tmp_path):
    """Arm a fault of the next EcalPedestals job, whose configuration is reco.py."""
    monkeypatch.setenv(faults.FAULTS, str(tmp_path / "faults"))
    reco("ecal.root")
    return lambda mode, **keys: arm(
        tmp_path / "faults", mode=mode, calibration="EcalPedestals", **keys
    )


def test_a_job_without_a_fault_logs_its_files_as_cmsrun_does(capfd):
    reco("ecal.root")
    run("reco.py", expect=0)
    stamp = r"\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d \S+"
    actions = ("Initiating request to open", "Successfully opened", "Closed")
    found = re.findall(rf"^{stamp}  (.*) file file:ecal.root$", capfd.readouterr().err, re.M)
    assert tuple(found) == actions


def test_output_may_be_missing_though_all_went_well(ecal_fault, tmp_path):
    ecal_fault("no_output")
    run("reco.py", expect=0)
    assert not (tmp_path / "reco.root").exists()
    run("reco.py", expect=0)
    assert (tmp_path / "reco.root").exists()


def test_output_may_be_cut_though_all_went_well(ecal_fault, tmp_path):
    run("reco.py", expect=0)
    whole = (tmp_path / "reco.root").stat().st_size
    ecal_fault("truncated_output")
    run("reco.py", expect=0)
    assert 0 < (tmp_path / "reco.root").stat().st_size < 0.6 * whole
    assert state((tmp_path / "reco.root").read_bytes()) is State.UNREADABLE


def test_the_job_report_may_be_cut_though_all_went_well(ecal_fault, tmp_path):
    ecal_fault("cut_report")
    assert cmsrun.main(["-j", "report.xml", "reco.py"]) == 0
    assert (tmp_path / "report.xml").read_text().startswith("<FrameworkJobReport>")
    with pytest.raises(ElementTree.ParseError):
        ElementTree.parse("report.xml")
    assert (tmp_path / "reco.root").exists()


def test_a_lumisection_may_get_lost_without_a_word(ecal_fault, tmp_path):
    ecal_fault("lost_lumi", ls=2)
    report = run("reco.py", expect=0)
    for kind in ("InputFile", "File"):
        lumis = report.findall(f"{kind}/Runs/Run/LumiSection")
        assert [each.attrib["ID"] for each in lumis] == ["1", "3"]
    assert report.findtext("InputFile/EventsRead") == "80"
    with uproot.open(tmp_path / "reco.root") as file:
        assert set(file["Events"]["luminosityBlock"].array(library="np")) == {1, 3}
        assert set(file["LuminosityBlocks"]["luminosityBlock"].array(library="np")) == {1, 3}


def test_a_fault_at_a_lumisection_hits_the_job_that_reads_it(monkeypatch, tmp_path):
    monkeypatch.setenv(faults.FAULTS, str(tmp_path / "faults"))
    write_raw_file(tmp_path / "more.root", Stream.ECAL, RUN, Lumis.span(4, 6), TRUTH)
    arm(tmp_path / "faults", exit_code=66, calibration="EcalPedestals", ls=5)
    reco("ecal.root")
    run("reco.py", expect=0)
    reco("ecal.root", "more.root")
    report = run("reco.py", expect=66)
    assert [each.text for each in report.findall("InputFile/PFN")] == ["file:ecal.root"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_signal_kills_the_job_and_leaves_no_report(ecal_fault, tmp_path, number):
    ecal_fault("signal", signal=int(number))
    job = process(tmp_path)
    _, err = job.communicate(timeout=20)
    assert job.returncode == -number
    assert ("A fatal system signal has occurred" in err) is (number is not signal.SIGKILL)
    assert not (tmp_path / "report.xml").exists()


def test_a_job_that_hangs_ends_at_once_when_it_is_told_to(ecal_fault, tmp_path):
    ecal_fault("hang")
    job = process(tmp_path)
    assert job.stderr is not None
    assert any("Successfully opened" in line for line in job.stderr)
    armed = tmp_path / "faults" / "armed.json"
    assert daemons.wait_until(lambda: json.loads(armed.read_text()) == [], 10)
    assert job.poll() is None
    job.terminate()
    assert job.wait(10) == -signal.SIGTERM


def test_a_job_that_hangs_for_a_while_or_wants_much_memory_goes_on(ecal_fault, tmp_path):
    ecal_fault("hang", seconds=0.01)
    run("reco.py", expect=0)
    ecal_fault("memory", memory_mb=300, seconds=0.0)
    job = process(tmp_path)
    assert job.stderr is not None
    job.stderr.read()
    _, status, used = os.wait4(job.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert used.ru_maxrss > 300 * 1024


def test_events_that_cannot_be_read_are_a_file_read_error_that_names_the_file(tmp_path, capfd):
    kind = BadFile.UNREADABLE_EVENT
    write_bad_raw_file(tmp_path / "bad.root", kind, Stream.ECAL, RUN, Lumis.of([4]), TRUTH)
    reco("ecal.root", "bad.root")
    status, text = error_of(run("reco.py", expect=85))
    assert status == "8021"
    assert "An exception of category 'FileReadError' occurred while\n   [0] Processing" in text
    assert "Reading branch adc" in text
    assert "File: file:bad.root" in text
    err = capfd.readouterr().err
    assert "Successfully opened file file:bad.root" in err
    assert "File: file:bad.root" in err.partition("----- Begin Fatal Exception")[2]


def test_events_that_crash_kill_the_job_after_it_opened_their_file(tmp_path):
    kind = BadFile.CRASHES
    write_bad_raw_file(tmp_path / "bad.root", kind, Stream.ECAL, RUN, Lumis.of([4]), TRUTH)
    reco("ecal.root", "bad.root")
    job = process(tmp_path)
    _, err = job.communicate(timeout=20)
    assert job.returncode == -signal.SIGSEGV
    opened = [line for line in err.splitlines() if " opened file " in line]
    assert opened[-1].endswith("Successfully opened file file:bad.root")


def test_a_code_of_a_signal_kills_the_job_by_that_signal(tmp_path):
    arm(tmp_path / "faults", exit_code=139, calibration="EcalPedestals")
    reco("ecal.root")
    job = process(tmp_path)
    _, err = job.communicate(timeout=20)
    assert job.returncode == -signal.SIGSEGV
    assert "A fatal system signal has occurred" in err
    assert json.loads((tmp_path / "faults" / "armed.json").read_text()) == []
