"""Streams with files of their own, and the calibrations that share them."""

from __future__ import annotations

import json
import shutil
from collections import Counter

import pytest
import yaml
from click.testing import CliRunner

from condorloop.cli.commands.validate import validate
from condorloop.config import ConfigError, load
from condorloop.config.shared_stream import SharedCalibration
from condorloop.model.enums import NodeKind
from tests.unit.examples import TOP, site_file

STREAM = {
    "stream_name": "Express",
    "file_in_path": "/eos/cms/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/",
    "batching": {"max_files_per_job": 2},
    "step_2_config": {
        "filltype": "PROTONS",
        "l1hltmode": "collisions2026",
        "stable_beam": True,
        "minLsToProcess": 3,
        "step": "RAW2DIGI,RECO",
        "scenario": "pp",
        "datatier": "ALCARECO",
        "eventcontent": "ALCARECO",
        "process": "RECO",
        "era": "Run3",
    },
    "step_3_config": {"cms_driver": {"triggerResultsProcess": "RECO"}},
}
GAINS = {
    "calibration_name": "Gains",
    "stream": "Express",
    "skims": ["SiStripCalMinBias"],
    "producer": "PromptCalibProdSiStripGains",
    "step_4_config": {
        "cms_driver": {"step": "ALCAHARVEST:SiStripGains", "scenario": "pp"},
        "upload_metadata": {
            "destinationDatabase": "oracle://cms_orcoff_prep/CMS_CONDITIONS",
            "destinationTags": {"Gains_NGTTrial": {}},
            "inputTag": "SiStripApvGain_pcl",
            "userText": "trial",
        },
    },
}
SPOT = GAINS | {
    "calibration_name": "Spot",
    "skims": ["TkAlMinBias"],
    "producer": "PromptCalibProdBeamSpotHP",
    "step_2_config": {"stable_beam": False},
}


class Folder:
    """A folder of calibrations and streams, written as YAML files."""

    def __init__(self, path):
        self.path = path
        self.site = site_file(path)
        shutil.copy(TOP / "ngtParameters.jsn", path)
        (path / "calibrations" / "streams").mkdir(parents=True)

    def stream(self, **changes):
        data = STREAM | changes
        self._write("streams/" + data["stream_name"], data)
        return self

    def calibration(self, base=GAINS, **changes):
        data = base | changes
        self._write(data["calibration_name"], data)
        return self

    def _write(self, name, data):
        file = self.path / "calibrations" / f"{name}.yaml"
        file.write_text(yaml.safe_dump(data))

    def load(self, *only):
        return load(self.site, self.path / "calibrations", only)

    def mistakes(self, *only):
        with pytest.raises(ConfigError) as error:
            self.load(*only)
        return [str(mistake) for mistake in error.value.mistakes]


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path).stream().calibration().calibration(SPOT)


def test_two_calibrations_share_one_reconstruction(folder):
    loaded = folder.load()
    assert loaded.streams.keys() == {"Express"}
    stream = loaded.stream_of("Gains")
    assert stream == loaded.stream_of("Spot")
    assert stream.reco.step == "RAW2DIGI,RECO,ALCAPRODUCER:SiStripCalMinBias+TkAlMinBias"
    assert stream.alca.cms_driver.step == (
        "ALCAOUTPUT:SiStripCalMinBias+TkAlMinBias,"
        "ALCA:PromptCalibProdBeamSpotHP+PromptCalibProdSiStripGains"
    )


def test_a_calibration_latches_what_its_stream_says_unless_it_says_otherwise(folder):
    loaded = folder.load()
    gains, spot = loaded.calibrations["Gains"].runs, loaded.calibrations["Spot"].runs
    assert gains.matches("PROTONS", "collisions2026")
    assert (gains.min_ls, gains.stable_beam) == (3, True)
    assert (spot.min_ls, spot.stable_beam) == (3, False)


def test_names_of_files_follow_from_those_of_stream_and_calibration(folder):
    loaded = folder.load()
    stream, harvest = loaded.stream_of("Gains"), loaded.calibrations["Gains"].harvest
    assert stream.reco.affix == "_ExpressStep2"
    assert stream.reco_witness_ending == "_job.txt"
    assert harvest.witness == stream.alca.cms_driver.witness
    assert harvest.root_filename == "PromptCalibProdSiStripGains.root"
    assert (harvest.final_db_name, harvest.metadata_filename) == (
        "NGTCalibGains.db",
        "NGTCalibGains.txt",
    )


def test_the_stream_configures_reco_and_alca_and_the_calibration_all_else(folder):
    folder.stream(nodes={"RECO": {"time_limit": "3 h"}})
    folder.calibration(nodes={"HARVEST": {"request_cpus": 4}})
    loaded = folder.load()
    assert loaded.tuning_of("Gains", NodeKind.RECO).nodes[NodeKind.RECO].time_limit == 3 * 3600
    assert loaded.tuning_of("Gains", NodeKind.HARVEST).nodes[NodeKind.HARVEST].request_cpus == 4
    assert loaded.tuning_of("Gains", NodeKind.ALCA).default_cores(NodeKind.ALCA) == 8
    assert loaded.tuning_of("Gains", NodeKind.HARVEST).default_cores(NodeKind.HARVEST) == 1


def test_what_is_switched_off_is_read_and_has_no_part_in_its_stream(folder):
    loaded = folder.calibration(SPOT, enabled=False).load()
    assert loaded.calibrations.keys() == {"Gains"}
    assert loaded.switched_off == ("Spot",)
    assert loaded.stream_of("Gains").reco.step == "RAW2DIGI,RECO,ALCAPRODUCER:SiStripCalMinBias"


def test_a_calibration_can_change_the_configurations_of_its_stream(folder):
    line = 'process.ALCARECOGains.TriggerResultsTag = cms.InputTag("TriggerResults", "", "HLT")'
    folder.calibration(step_3_config={"python_config_mods": [line], "customise": ["A/B.of"]})
    driver = folder.load().stream_of("Spot").alca.cms_driver
    assert (driver.config_mods, driver.customise) == ((line,), ("A/B.of",))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stream": "Elsewhere"}, "stream: 'Elsewhere': a stream, of: Express"),
        ({"batching": {}}, "batching: {}: streams/Express.yaml says that"),
        ({"nodes": {"RECO": {}}}, "nodes.RECO: the stream Express says that"),
        ({"calibration_name": "Ga.ins"}, "calibration_name: 'Ga.ins'"),
        ({"calibration_name": "Express"}, "a name that no other file of the folder has"),
        ({"skims": []}, "skims"),
        ({"producer": "Prompt+Calib"}, "producer: 'Prompt+Calib'"),
        ({"file_in_path": "/eos/x/000/"}, "file_in_path: '/eos/x/000/': no such key"),
    ],
)
def test_what_cannot_work_in_a_calibration_is_a_mistake_of_its_file(folder, changes, words):
    [mistake] = folder.calibration(**changes).mistakes()
    name = changes.get("calibration_name", "Gains")
    assert f"calibrations/{name}.yaml" in mistake
    assert words in mistake


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"harvesting": {}}, "harvesting: {}: the calibrations of a stream say that"),
        ({"stream_name": "A+B"}, "stream_name: 'A+B'"),
        ({"step_4_config": {}}, "step_4_config: {}: no such key"),
    ],
)
def test_what_cannot_work_in_a_stream_is_a_mistake_of_its_file(folder, changes, words):
    told = folder.stream(**changes).mistakes()
    name = changes.get("stream_name", "Express")
    assert any(f"streams/{name}.yaml" in each and words in each for each in told)


def test_one_that_is_switched_off_cannot_be_asked_for_by_name(folder):
    [mistake] = folder.calibration(SPOT, enabled=False).mistakes("Spot")
    assert "Spot.yaml" in mistake
    assert "enabled" in mistake


def test_the_shipped_streams_are_those_of_tier_0_and_switched_off(tmp_path):
    shipped = Folder(tmp_path)
    shutil.copytree(TOP / "calibrationYAML", tmp_path / "calibrations", dirs_exist_ok=True)
    assert shipped.load().calibrations.keys() == {"EcalPedestals", "SiStripBad", "BeamSpot"}
    for file in (tmp_path / "calibrations").glob("*.yaml"):
        file.write_text(file.read_text().replace("enabled: false", "enabled: true"))
    loaded = shipped.load()
    shared = [c for c in loaded.calibrations.values() if isinstance(c, SharedCalibration)]
    assert Counter(c.stream for c in shared) == {
        "Express": 10,
        "HIExpress": 6,
        "ExpressCosmics": 3,
        "ALCAPPSExpress": 2,
        "HLTMonitor": 1,
        "Calibration": 1,
        "ExpressAlignment": 1,
        "ALCALumiPixelsCountsExpress": 1,
    }
    assert len({c.producer for c in shared}) == 18
    tags = [tag for c in shared for record in c.harvest.records for tag in record.tags]
    assert len(tags) == len(set(tags))
    assert all(tag.endswith("_NGTTrial") for tag in tags)
    assert {r.database for c in shared for r in c.harvest.records} == {
        "oracle://cms_orcoff_prep/CMS_CONDITIONS"
    }


def test_validate_shows_the_composed_command_lines_and_who_needs_what(folder):
    folder.calibration(SPOT, enabled=False)
    given = ["--site", str(folder.site), "--calibrations", str(folder.path / "calibrations")]
    told = CliRunner().invoke(validate, given).stdout
    for words in (
        "stream Express: /eos/cms/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1",
        "-s RAW2DIGI,RECO,ALCAPRODUCER:SiStripCalMinBias",
        "-s ALCAOUTPUT:SiStripCalMinBias,ALCA:PromptCalibProdSiStripGains",
        "Gains needs SiStripCalMinBias of RECO, PromptCalibProdSiStripGains of ALCA",
        "switched off (enabled: false): Spot",
    ):
        assert words in told
    streams = json.loads(CliRunner().invoke(validate, [*given, "--json"]).stdout)["streams"]
    assert streams["Express"]["calibrations"] == ["Gains"]
    assert streams["Express"]["reco"].startswith("cmsDriver.py expressStep2 --conditions ")
