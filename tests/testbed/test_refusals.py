"""Harvesters that write no payload say so in CMSSW's own words, or say nothing, as CMSSW's do."""

from pathlib import Path

import pytest

from condorloop.model.lumis import Lumis
from condorloop.testbed.cmssw.steps import faults, refusals
from condorloop.testbed.cmssw.tools import cmsdriver, cmsrun
from condorloop.testbed.faults import Fault, Faults
from condorloop.testbed.means import TooFew
from condorloop.testbed.scenario.raw_files import Stream, write_raw_file
from condorloop.testbed.truth import HIT_EFFICIENCY, Truth

RUN = 398600
DATABASE = Path("promptCalibConditions.db")
STEPS = {
    "EcalPedestals": ("EcalTestPulsesRaw", "PromptCalibProdEcalPedestals", "EcalPedestals"),
    "SiStripBad": (
        "SiStripCalZeroBias+SiStripPCLHistos",
        "PromptCalibProdSiStrip",
        "SiStripQuality",
    ),
    "BeamSpot": ("TkAlMinBias", "PromptCalibProdBeamSpotHP", "BeamSpotHPByLumi"),
}
HEADER = {
    "EcalPedestals": "%MSG-e Large Variations found wrt to old pedestals, no file created:  ",
    "SiStripBad": "%MSG-w SiStripQualityHotStripIdentifierRoot:  ",
}


@pytest.fixture(autouse=True)
def in_a_folder_with_faults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(faults.FAULTS, str(tmp_path / "faults"))


def harvest(calibration: str, events: int, capfd: pytest.CaptureFixture[str]) -> str:
    """Run a calibration's three steps on an LS of so many events; give the log of its harvest."""
    producer, product, path = STEPS[calibration]
    stream = Stream.ECAL if calibration == "EcalPedestals" else Stream.EXPRESS
    write_raw_file(Path("raw.root"), stream, RUN, Lumis.of([1]), Truth(), events_per_ls=events)
    tag = 'ALCARECOEcalTestPulsesRaw.TriggerResultsTag="TriggerResults::RERECO"'
    own_filter = f"--customise_commands=process.{tag}" if calibration == "EcalPedestals" else ""
    calls = (
        f"s2 -s RAW2DIGI,RECO,ALCAPRODUCER:{producer}+{product} --datatier ALCARECO --eventcontent"
        " ALCARECO --process RERECO --filein file:raw.root --fileout file:reco.root",
        f"s3 -s ALCAOUTPUT:{producer},ALCA:{product} --datatier ALCARECO --eventcontent ALCARECO"
        f" --triggerResultsProcess RERECO --filein file:reco.root {own_filter}",
        f"s4 -s ALCAHARVEST:{path} --scenario pp --filein file:{product}.root",
    )
    for call in calls:
        options = "--conditions GT --data -n -1 --no_exec --python_filename X.py"
        assert cmsdriver.main([*call.split(), *options.split()]) == 0
        capfd.readouterr()
        assert cmsrun.main(["X.py"]) == 0
    return capfd.readouterr().err


def test_the_strip_harvester_says_how_few_events_there_were(capfd):
    log = harvest("SiStripBad", 40, capfd)
    words = "[SiStripQualityHotStripIdentifierRoot::getNewObject] :: Not Enough Events :: "
    assert f"\n {words}Total number of events is  40 Calibration NOT launched\n%MSG" in log
    assert HEADER["SiStripBad"] in log
    assert not DATABASE.exists()


@pytest.mark.parametrize("calibration", ["EcalPedestals", "BeamSpot"])
def test_the_others_say_nothing_of_too_few_events(calibration, capfd):
    assert "%MSG" not in harvest(calibration, 40, capfd)
    assert not DATABASE.exists()


@pytest.mark.parametrize(("calibration", "events"), [("EcalPedestals", 200), ("SiStripBad", 10000)])
def test_a_veto_refuses_what_had_the_statistics_and_says_so(calibration, events, capfd, tmp_path):
    fault = Fault("cmsrun", "veto", calibration=calibration, run=RUN, step="step4")
    Faults(tmp_path / "faults").arm([fault], started_at=0)
    log = harvest(calibration, events, capfd)
    assert HEADER[calibration] in log
    assert "Not Enough Events" not in log
    assert not DATABASE.exists()
    again = harvest(calibration, events, capfd)
    assert "%MSG" not in again
    assert DATABASE.exists()


def test_a_veto_of_the_beam_spot_is_silent(capfd, tmp_path):
    """The manager erases spots that are too short along the beam; only information tells."""
    fault = Fault("cmsrun", "veto", calibration="BeamSpot", step="step4")
    Faults(tmp_path / "faults").arm([fault], started_at=0)
    assert "%MSG" not in harvest("BeamSpot", 200, capfd)
    assert not DATABASE.exists()


def test_no_hit_at_all_is_no_measurement_of_the_efficiency(capfd):
    words = refusals.too_few(HIT_EFFICIENCY, TooFew(0))
    assert words is not None
    words.say(RUN)
    said = "There are no SiStrip hits for a valid measurement, skipping!\n"
    assert capfd.readouterr().err.endswith(said)


def test_the_words_of_the_tracker_alignment_have_its_missing_blank(capfd):
    words = refusals.veto("TrackerAlignmentRcd")
    assert words is not None
    words.say(RUN)
    header, text, end = capfd.readouterr().err.splitlines()
    assert header.startswith("%MSG-w MillePedeFileReader:  AlignmentProducerAsAnalyzer:")
    assert header.endswith(f"Run: {RUN}")
    assert text == (
        "Aborting payload creation. Exceeding maximum thresholds for movement: 217.3 "
        "forTPBHalfBarrelXplus(0)"
    )
    assert end == "%MSG"
