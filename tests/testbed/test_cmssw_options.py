"""cmsDriver.py's options that change what a job reads or how it is configured."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from condorloop.model.lumis import Lumis
from condorloop.testbed.cmssw.framework import run_config
from condorloop.testbed.cmssw.framework.fwcore import VLuminosityBlockRange
from condorloop.testbed.cmssw.framework.job_plan import Step, plan_of
from condorloop.testbed.cmssw.framework.lumi_list import LumiList
from condorloop.testbed.cmssw.tools.cmsdriver import main
from tests.testbed import pcl_jobs
from tests.testbed.pcl_jobs import REPORT, RUN

SKIM = "EcalTestPulsesRaw"
MONITORING = "Configuration/DataProcessing/Utils.addMonitoring"
EXPRESS = "Configuration/DataProcessing/RecoTLR.customiseExpress"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A RAW file of ten lumisections of 20 events."""
    file = tmp_path_factory.mktemp("raw") / "raw.root"
    pcl_jobs.write_raw(file, Lumis.span(1, 10), 20)
    return file


def driver(*options: str) -> int:
    """Write X.py of a RECO job."""
    step = f"RAW2DIGI,RECO,ALCAPRODUCER:{SKIM}"
    argv = f"s2 -s {step} --conditions GT --no_exec --python_filename X.py --filein file:a.root"
    return main([*argv.split(), *options])


def lumis_json(ranges: list[list[int]], run: int = RUN) -> str:
    """Write a file of certified lumisections; give its name."""
    Path("good.json").write_text(json.dumps({str(run): ranges}))
    return "good.json"


def lumis_of(kind: str) -> Lumis:
    """The lumisections that the report names for inputs or outputs."""
    found = ElementTree.parse(REPORT).findall(f"{kind}/Runs/Run/LumiSection")
    return Lumis.of(int(each.attrib["ID"]) for each in found)


def test_a_job_processes_the_lumisections_of_a_json_file_alone(raw):
    name = lumis_json([[2, 3], [7, 7]])
    assert pcl_jobs.reco([SKIM], raw, "--lumiToProcess", name) == 0
    wanted = Lumis.of([2, 3, 7])
    assert (lumis_of("InputFile"), lumis_of("File")) == (wanted, wanted)
    report = ElementTree.parse(REPORT)
    assert report.findtext("InputFile/EventsRead") == report.findtext("File/TotalEvents") == "60"


def test_the_number_of_events_counts_those_that_are_wanted(raw):
    name = lumis_json([[9, 10]])
    assert pcl_jobs.reco([SKIM], raw, "--lumiToProcess", name, "-n", "-1") == 0
    with Path("X.py").open("a") as config:
        config.write("process.maxEvents.input = 25\n")
    assert pcl_jobs.cmsrun.main(["-j", str(REPORT), "X.py"]) == 0
    assert ElementTree.parse(REPORT).findtext("File/TotalEvents") == "25"
    assert lumis_of("File") == Lumis.of([9, 10])


def test_a_job_of_which_nothing_is_wanted_writes_a_file_without_events(raw):
    assert pcl_jobs.reco([SKIM], raw, "--lumiToProcess", lumis_json([[1, 99]], RUN + 1)) == 0
    assert ElementTree.parse(REPORT).findtext("File/TotalEvents") == "0"
    assert pcl_jobs.alca(["PromptCalibProdEcalPedestals"], [Path("reco.root")]) == 0


def test_the_configuration_has_the_ranges_in_cmssws_form(tmp_path):
    assert driver("--lumiToProcess", lumis_json([[7, 7], [1, 5]])) == 0
    text = (tmp_path / "X.py").read_text()
    assert "lumisToProcess = cms.untracked.VLuminosityBlockRange('398600:1-398600:5'," in text
    wanted = (((RUN, 1), (RUN, 5)), ((RUN, 7), (RUN, 7)))
    assert plan_of(run_config.run("X.py")).wanted == wanted


def test_a_configuration_can_read_the_list_itself():
    assert driver() == 0
    name = lumis_json([[1, 5]])
    with Path("X.py").open("a") as config:
        config.write(
            "import FWCore.PythonUtilities.LumiList as LumiList\n"
            f"good = LumiList.LumiList(filename={name!r})\n"
            "process.source.lumisToProcess = good.getVLuminosityBlockRange()\n"
        )
    assert plan_of(run_config.run("X.py")).wanted == (((RUN, 1), (RUN, 5)),)
    assert LumiList(name).getCMSSWString() == "398600:1-398600:5"


@pytest.mark.parametrize(
    ("text", "last"), [("1:2-3:4", (3, 4)), ("1:2-3:MAX", (3, 2**32 - 1)), ("1:2", (1, 2))]
)
def test_a_range_of_lumisections_may_be_open_or_one_alone(text, last):
    assert VLuminosityBlockRange(text).value() == [((1, 2), last)]


def test_a_range_that_is_none_is_refused():
    with pytest.raises(ValueError, match="398600"):
        VLuminosityBlockRange("398600")


def test_a_list_of_lumisections_that_is_not_there_ends_cmsdriver(capsys, tmp_path):
    assert driver("--lumiToProcess", "none.json") == 1
    assert "none.json" in capsys.readouterr().err
    assert not (tmp_path / "X.py").exists()


def test_customisations_are_imported_called_and_named(capsys):
    options = ("--customise", f"{MONITORING},{EXPRESS}")
    assert driver(*options, "--customise", "") == 0
    text = Path("X.py").read_text()
    assert "from Configuration.DataProcessing.Utils import addMonitoring \n" in text
    assert "\nprocess = addMonitoring(process)\n" in text
    assert "\nprocess = customiseExpress(process)\n" in text
    assert "customising the process with addMonitoring from" in capsys.readouterr().out
    assert "SimpleMemoryCheck" in run_config.run("X.py").labels()


def test_a_customisation_may_be_a_module_of_one_s_own(monkeypatch, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import FWCore.ParameterSet.Config as cms\n"
        "def customise(process):\n"
        "    process.maxEvents.input = 7\n"
        "    return process\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert driver("--customise", "mine") == 0
    assert plan_of(run_config.run("X.py")).max_events == 7


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("No/Such.thing", "ModuleNotFoundError: No module named 'No'"),
        ("Configuration/DataProcessing/Utils.nothing", "has no function nothing"),
        (f"{MONITORING},{MONITORING}", "cannot specify twice addMonitoring"),
        ("a.b.c", "more than . in the specification:a.b.c"),
    ],
)
def test_a_customisation_that_cannot_be_ends_cmsdriver(names, words, capsys, tmp_path):
    assert driver("--customise", names) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "X.py").exists()


def test_modifiers_and_eras_are_named_with_commas():
    assert driver("--procModifiers", "alpaka,gpuValidation", "--era", "Run3_2026") == 0
    text = Path("X.py").read_text()
    assert "cms.Process('RECO',Run3_2026,alpaka,gpuValidation)" in text
    assert plan_of(run_config.run("X.py")).step is Step.RECO


@pytest.mark.parametrize(
    ("options", "sequence", "fragment"),
    [
        ("--scenario cosmics", "reconstructionCosmics", "ReconstructionCosmics_cff"),
        ("--scenario HeavyIons", "reconstructionHeavyIons", "ReconstructionHeavyIons_cff"),
        ("--scenario pp", "reconstruction", "Reconstruction_Data_cff"),
    ],
)
def test_a_scenario_has_its_reconstruction(options, sequence, fragment):
    assert driver(*options.split()) == 0
    text = Path("X.py").read_text()
    assert f"cms.Path(process.{sequence})" in text
    assert f"process.load('Configuration.StandardSequences.{fragment}')" in text
    assert plan_of(run_config.run("X.py")).step is Step.RECO


def test_the_reconstruction_may_be_tracking_alone():
    step = "RAW2DIGI,RECO:reconstruction_trackingOnly,ALCAPRODUCER:TkAlMinBias"
    assert driver("-s", step) == 0
    assert plan_of(run_config.run("X.py")).skims == ("TkAlMinBias",)
