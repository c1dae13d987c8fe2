"""Configuration is checked whole, and files written for the earlier loops load unchanged."""

import json
from pathlib import Path

import pytest
import yaml

from condorloop.config.loader import ConfigError, Mistake, load, located
from condorloop.config.shipped_files import shipped
from tests.unit.examples import TOP, calibration, config, site_file

YAML_2025 = """
calibration_name: "EcalPedestals"

file_in_path: /eos/cms/tier0/store/data/Run2025G/TestEnablesEcalHcal/RAW/Express-v1/000/

step_2_config:
  filltype : "PROTONS"
  l1hltmode: "collisions2025"
  step: "RAW2DIGI,RECO,ALCAPRODUCER:EcalTestPulsesRaw"
  scenario: "pp"
  datatier: "ALCARECO"
  eventcontent: "ALCARECO"
  process: "RERECO"
  era: "Run3"
  nThraeds: 4
  nStreams: 8
  output_filename_affix: "_ecalPedsStep2"

step_3_config:
  step_2_root_suffix: "ecalPedsStep2.root"
  step_2_witness_suffix: "ecalPedsStep2_job.txt"
  cms_driver:
    step: "ALCAOUTPUT:EcalTestPulsesRaw,ALCA:PromptCalibProdEcalPedestals"
    python_filename_affix: "_ecalPedsALCAOUTPUT"
    triggerResultsProcess: "RERECO"
    step_3_witness_suffix: "ecalPedsStep3_job.txt"
    cleanup_command: "if [ -f EcalTestPulsesRaw.root ]; then rm EcalTestPulsesRaw.root; fi\\n"

step_4_config:
  step_3_witness_suffix: "ecalPedsStep3_job.txt"
  step_3_root_filename: "PromptCalibProdEcalPedestals.root"
  cmssw_base_path: "/nfshome0/sakura/"
  cms_driver:
    step: "ALCAHARVEST:EcalPedestals"
    scenario: "pp"
    python_filename_affix: "_ecalPedsHARVESTING"
    python_config_mods:
      - 'process.PoolDBOutputService.toPut[0].tag = cms.string("EcalPedestals_NGTDemonstrator")'
  upload_metadata:
    destinationDatabase: "oracle://cms_orcon_prod/CMS_CONDITIONS"
    destinationTags:
      EcalPedestals_NGTDemonstrator: {}
    inputTag: "EcalPedestals_NGTDemonstrator"
    userText: "Periodical fill-up EcalPedestals upload for NGT Demonstrator"
  metadata_filename: "NGTCalibEcalPedestals.txt"
  final_db_name: "NGTCalibEcalPedestals.db"
"""


@pytest.fixture
def folder(tmp_path):
    """A folder of one calibration YAML file, with its parameters beside it."""
    (tmp_path / "calibrationYAML").mkdir()
    (tmp_path / "calibrationYAML" / "EcalPedestals.yaml").write_text(YAML_2025)
    (tmp_path / "ngtParameters.jsn").write_text((TOP / "ngtParameters.jsn").read_text())
    return tmp_path


def changed(folder, change):
    """Write the YAML file anew, changed by a function of its data."""
    file = folder / "calibrationYAML" / "EcalPedestals.yaml"
    data = yaml.safe_load(YAML_2025)
    change(data)
    file.write_text(yaml.safe_dump(data))


def loaded(folder, site=None):
    return load(site or site_file(folder), folder / "calibrationYAML")


def mistakes(folder, site=None):
    with pytest.raises(ConfigError) as error:
        loaded(folder, site)
    return error.value.mistakes


def test_a_file_of_2025_loads_unchanged_misspelling_included(folder):
    calibration = loaded(folder).calibrations["EcalPedestals"]
    assert calibration.reco.threads == 4
    assert calibration.reco.min_ls == 50
    assert not calibration.reco.stable_beam
    assert calibration.alca.cms_driver.config_mods == ()


@pytest.mark.parametrize("name", ["EcalPedestals", "SiStripBad", "BeamSpot"])
def test_the_shipped_calibrations_load(tmp_path, name):
    assert config(tmp_path).calibrations[name].name == name


def test_a_harvest_by_lumisection_leaves_each_iov_its_since():
    assert not calibration("BeamSpot").since_is_run
    assert calibration("EcalPedestals").since_is_run


def test_without_a_since_key_the_harvest_step_tells_what_since_means(folder):
    def by_lumi(data):
        data["step_4_config"]["cms_driver"]["step"] = "ALCAHARVEST:BeamSpotHPByLumi"

    assert loaded(folder).calibrations["EcalPedestals"].since_is_run
    changed(folder, by_lumi)
    assert not loaded(folder).calibrations["EcalPedestals"].since_is_run


def test_the_since_key_wins_over_the_harvest_step(folder):
    def by_iov(data):
        data["step_4_config"]["upload_metadata"]["since"] = "iov"

    changed(folder, by_iov)
    assert not loaded(folder).calibrations["EcalPedestals"].since_is_run


def test_all_mistakes_of_all_files_come_at_once(folder):
    def spoil(data):
        data["step_2_config"]["minLsToProcess"] = -1
        data["step_2_config"]["nTreads"] = 8
        del data["step_3_config"]["cms_driver"]["step"]

    changed(folder, spoil)
    (folder / "ngtParameters.jsn").write_text(json.dumps({"SCRAM_ARCH": "el8_amd64_gcc13"}))
    site = folder / "site.yaml"
    site.write_text("name: x\nwork_dir: relative\n")
    found = {(m.file.name, m.key) for m in mistakes(folder, site)}
    assert {
        ("EcalPedestals.yaml", "step_2_config.minLsToProcess"),
        ("EcalPedestals.yaml", "step_2_config.nTreads"),
        ("EcalPedestals.yaml", "step_3_config.cms_driver.step"),
        ("ngtParameters.jsn", "CMSSW_VERSION"),
        ("ngtParameters.jsn", "GLOBAL_TAG"),
        ("site.yaml", "oms"),
        ("site.yaml", "storage"),
        ("site.yaml", "cmssw"),
    } <= found


def test_a_mistake_names_file_key_value_and_what_was_expected(folder):
    changed(folder, lambda data: data["step_2_config"].update(minLsToProcess=-1))
    [mistake] = mistakes(folder)
    text = str(mistake)
    file = folder / "calibrationYAML" / "EcalPedestals.yaml"
    lines = file.read_text().splitlines()
    assert f"{file}:{mistake.line}: step_2_config.minLsToProcess: -1" in text
    assert lines[mistake.line - 1].strip() == "minLsToProcess: -1"
    assert "greater than 0" in text


@pytest.mark.parametrize(
    ("written", "key", "line"),
    [
        ("a: 1\nb:\n  c: 2\n", "b.c", 3),
        ("a: 1\nb:\n  c: 2\n", "b.missing", 2),
        ("a: [1,\n 2]\n", "a.1", 2),
        ("x: &base\n  c: 1\nb:\n  <<: *base\n  d: 2\n", "b.c", 2),
        ("x: &base\n  c: 1\nb:\n  <<: *base\n  c: 2\n", "b.c", 5),
        ('{\n "GLOBAL_TAG": 3\n}', "GLOBAL_TAG", 2),
        ("a: 1\na: [\n", "", 3),
        ("a: 1\n", "b", None),
        ("", "b", None),
        ("\x00", "b", None),
    ],
)
def test_a_mistake_is_in_the_line_of_its_key_or_of_the_section_that_lacks_it(
    tmp_path, written, key, line
):
    file = tmp_path / "some.yaml"
    file.write_text(written)
    [mistake] = located([Mistake(file, key, None, "something else")])
    assert mistake.line == line


def test_a_file_that_is_gone_has_no_lines(tmp_path):
    [mistake] = located([Mistake(tmp_path / "gone.yaml", "a", None, "a file")])
    assert mistake.line is None


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("calibrationYAML/EcalPedestals.yaml", "a: [1"),
        ("calibrationYAML/EcalPedestals.yaml", "- just\n- a list"),
        ("calibrationYAML/EcalPedestals.yaml", ""),
        ("ngtParameters.jsn", "{"),
        ("ngtParameters.jsn", "[]"),
    ],
)
def test_a_file_that_is_not_a_mapping_is_one_mistake(folder, file, text):
    site = site_file(folder)
    (folder / file).write_text(text)
    assert Path(file).name in {m.file.name for m in mistakes(folder, site)}


def test_a_missing_file_is_one_mistake(folder):
    site = site_file(folder)
    (folder / "ngtParameters.jsn").unlink()
    [mistake] = mistakes(folder, site)
    assert "cannot be read" in str(mistake)


def test_an_unknown_calibration_is_refused_with_those_that_there_are(folder):
    with pytest.raises(ConfigError, match="one of: EcalPedestals"):
        load(site_file(folder), folder / "calibrationYAML", ["Ecal"])


def test_suffixes_that_do_not_fit_the_affix_are_refused(folder):
    changed(folder, lambda data: data["step_3_config"].update(step_2_root_suffix="other.root"))
    assert "output_filename_affix" in str(mistakes(folder)[0])


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("30 s", 30), ("2 min", 120), ("1.5h", 5400)]
)
def test_durations_have_units(folder, text, seconds):
    closing = {"quiet_time": yaml.safe_load(text), "settle_time": "400 h"}
    changed(folder, lambda data: data.update(closing=closing))
    assert loaded(folder).calibrations["EcalPedestals"].closing.quiet_time == seconds


def test_a_duration_in_other_words_is_refused(folder):
    changed(folder, lambda data: data.update(closing={"quiet_time": "soon"}))
    assert "'2 min'" in str(mistakes(folder)[0])


def test_a_sites_defaults_give_way_to_the_calibrations_own(folder):
    site = site_file(folder)
    site.write_text(
        site.read_text() + "defaults: {batching: {max_files_per_job: 2, reco_per_alca: 7}}\n"
    )
    changed(folder, lambda data: data.update(batching={"max_files_per_job": 1}))
    batching = loaded(folder, site).calibrations["EcalPedestals"].batching
    assert (batching.max_files_per_job, batching.reco_per_alca) == (1, 7)


def test_a_site_takes_values_from_the_environment(folder, monkeypatch):
    site = site_file(folder)
    site.write_text(site.read_text().replace("name: example", "name: ${NODE:-fallback}"))
    assert loaded(folder, site).site.name == "fallback"
    monkeypatch.setenv("NODE", "ngtcalfu")
    assert loaded(folder, site).site.name == "ngtcalfu"
    monkeypatch.setenv("NODE", "")
    assert loaded(folder, site).site.name == "fallback"


def test_a_variable_that_is_not_set_is_a_mistake(folder, monkeypatch):
    site = site_file(folder)
    site.write_text(site.read_text().replace("name: example", "name: ${NOT_SET_ANYWHERE}"))
    assert "NOT_SET_ANYWHERE" in str(mistakes(folder, site)[0])


@pytest.mark.parametrize("work_dir", ["/data/n gt", "/data/a,b", "relative", "/data/$(x)"])
def test_a_work_dir_that_dagman_cannot_take_is_refused(folder, work_dir):
    site = site_file(folder)
    text = [f"work_dir: {work_dir!r}" if x.startswith("work_dir") else x
            for x in site.read_text().splitlines()]  # fmt: skip
    site.write_text("\n".join(text))
    assert "work_dir" in str(mistakes(folder, site)[0])


def test_a_memory_cap_below_the_request_is_refused(folder):
    nodes = {"RECO": {"request_memory_mb": 4000, "max_memory_mb": 2000}}
    changed(folder, lambda data: data.update(nodes=nodes))
    assert "max_memory_mb 2000" in str(mistakes(folder)[0])


def harvest(key, value):
    return lambda data: data["step_4_config"].update({key: value})


def tuned(section, **keys):
    return lambda data: data.update({section: keys})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (harvest("final_db_name", "promptCalibConditions.db"), "the name of another file"),
        (harvest("final_db_name", "harvest.json"), "the name of another file"),
        (harvest("metadata_filename", "upload.json"), "the name of another file"),
        (harvest("metadata_filename", "other.txt"), "must be NAME.db and NAME.txt"),
        (harvest("final_db_name", "NGTCalibEcalPedestals.sqlite"), "must be NAME.db"),
        (harvest("final_db_name", ".."), "dots alone"),
        (harvest("final_db_name", "a" * 300), "at most 100 characters"),
        (lambda data: data.update(calibration_name="..."), "pattern"),
        (lambda data: data.update(calibration_name="-x"), "pattern"),
        (lambda data: data.update(calibration_name="a" * 300), "at most 100 characters"),
        (lambda data: data.update(calibration_name="Ecal\n"), "pattern"),
        (
            lambda data: data["step_4_config"]["upload_metadata"].update(inputTag="Another"),
            "is not a tag that cms_driver.python_config_mods write: EcalPedestals_NGTDemonstrator",
        ),
        (tuned("closing", quiet_time="2 h"), "must not be longer than settle_time 1800 s"),
        (tuned("nodes", RECO={"max_memory_mb": 7999}), "without request_memory_mb it is 8000"),
        (tuned("nodes", HARVEST={"max_memory_mb": 1999}), "without request_memory_mb it is 2000"),
        (tuned("nodes", ALCA={"request_cpus": 2, "max_memory_mb": 3999}), "it is 4000"),
        (tuned("nodes", UPLOAD={"time_limit": "5 min"}), "longer than conditions.timeout"),
    ],
)
def test_keys_that_cannot_work_together_are_refused(folder, change, said):
    changed(folder, change)
    [mistake] = mistakes(folder)
    assert said in str(mistake)


@pytest.mark.parametrize(
    "change",
    [
        tuned("closing", quiet_time="30 min"),
        tuned("nodes", RECO={"max_memory_mb": 8000}),
        tuned("nodes", UPLOAD={"time_limit": "301 s"}),
        lambda data: data["step_4_config"]["cms_driver"].update(python_config_mods=[]),
    ],
)
def test_keys_that_can_work_together_are_taken(folder, change):
    changed(folder, change)
    assert loaded(folder).calibrations


RECORDS: list[dict[str, object]] = [
    {
        "inputTag": f"BeamSpotHP_{by}",
        "destinationDatabase": "oracle://cms_orcon_prod/CMS_CONDITIONS",
        "destinationTags": {f"BeamSpotHP_{by}_v1": {}},
        "userText": by,
    }
    for by in ("ByRun", "ByLumi")
]
WRITES = "process.PoolDBOutputService.toPut[{}].tag = cms.string('{}')"


def of_records(change=None, mods=()):
    """Give the harvest two records, which `change` may spoil."""

    def with_records(data):
        records = [dict(record) for record in RECORDS]
        if change:
            change(records)
        data["step_4_config"]["upload_metadata"] = records
        data["step_4_config"]["cms_driver"]["python_config_mods"] = list(mods)

    return with_records


@pytest.mark.parametrize(
    "mods",
    [
        (),
        (WRITES.format(0, "BeamSpotHP_ByRun"),),
        (WRITES.format(0, "BeamSpotHP_ByLumi"), WRITES.format(1, "BeamSpotHP_ByRun")),
    ],
)
def test_a_payload_file_can_have_several_records(folder, mods):
    changed(folder, of_records(mods=mods))
    harvest = loaded(folder).calibrations["EcalPedestals"].harvest
    assert [record.input_tag for record in harvest.records] == [
        "BeamSpotHP_ByRun",
        "BeamSpotHP_ByLumi",
    ]
    assert harvest.file_names == (
        ("NGTCalibEcalPedestals.db", "NGTCalibEcalPedestals.txt"),
        (
            "NGTCalibEcalPedestals_BeamSpotHP_ByLumi.db",
            "NGTCalibEcalPedestals_BeamSpotHP_ByLumi.txt",
        ),
    )


def put(n, **keys):
    return lambda records: records[n].update(keys)


@pytest.mark.parametrize(
    ("change", "mods", "key", "said"),
    [
        (
            put(1, inputTag="BeamSpotHP_ByLuma"),
            (WRITES.format(0, "BeamSpotHP_ByRun"), WRITES.format(1, "BeamSpotHP_ByLumi")),
            "upload_metadata.1.inputTag",
            "no record names BeamSpotHP_ByLumi",
        ),
        (put(1, inputTag="BeamSpotHP_ByRun"), (), "upload_metadata.1.inputTag", "no other record"),
        (
            put(1, destinationDatabase="oracle://cms_orcoff_prep/CMS_CONDITIONS"),
            (),
            "upload_metadata.1.destinationDatabase",
            "go to one database, here oracle://cms_orcon_prod/CMS_CONDITIONS",
        ),
        (
            put(1, destinationTags={"BeamSpotHP_ByRun_v1": {}}),
            (),
            "upload_metadata.1.destinationTags.BeamSpotHP_ByRun_v1",
            "no other record goes to",
        ),
        (put(1, inputTag="Beam/Spot"), (), "upload_metadata.1.inputTag", "name of a file"),
        (put(1, inputTag="x" * 90), (), "upload_metadata.1.inputTag", "at most 100 characters"),
        (put(1, since="lumi"), (), "upload_metadata.1.since", "'run' or 'iov'"),
        (put(1, inputTags="x"), (), "upload_metadata.1.inputTags", "no such key"),
        (put(1, destinationTags={}), (), "upload_metadata.1.destinationTags", "at least 1 item"),
        (lambda records: records.clear(), (), "upload_metadata", "at least 1 item"),
        (
            put(1, destinationDatabase="oracle://cms_orcon_prod"),
            (),
            "upload_metadata.1.destinationDatabase",
            "go to one database",
        ),
    ],
)
def test_a_mistake_in_one_of_several_records_has_its_line(folder, change, mods, key, said):
    changed(folder, of_records(change, mods))
    [mistake] = mistakes(folder)
    assert mistake.key == f"step_4_config.{key}"
    assert said in mistake.expected
    lines = (folder / "calibrationYAML" / "EcalPedestals.yaml").read_text().splitlines()
    assert key.rpartition(".")[2] in lines[mistake.line - 1] or key.endswith("inputTags")


def test_an_upload_has_time_for_each_of_its_destinations(folder):
    def in_time(seconds):
        def change(data):
            of_records()(data)
            data["nodes"] = {"UPLOAD": {"time_limit": seconds}}

        return change

    changed(folder, in_time(601))
    assert loaded(folder).calibrations
    changed(folder, in_time(600))
    [mistake] = mistakes(folder)
    assert "300 s, for each of 2 destination tags" in str(mistake)


@pytest.mark.parametrize(
    "database", ["oracle://cms_orcon_prod", "oracle://cms_orcoff_int/CMS_CONDITIONS", "sqlite:x.db"]
)
def test_a_database_that_the_upload_tool_does_not_know_is_refused(folder, database):
    """uploadConditions.py skips it, and says so with exit code 1, upload after upload."""
    changed(
        folder,
        lambda data: data["step_4_config"]["upload_metadata"].update(destinationDatabase=database),
    )
    [mistake] = mistakes(folder)
    assert mistake.key == "step_4_config.upload_metadata.destinationDatabase"
    assert mistake.line
    assert "oracle://cms_orcon_prod/SCHEMA or oracle://cms_orcoff_prep/SCHEMA" in str(mistake)
    site = site_file(folder)
    begins = database[:12]
    site.write_text(site.read_text() + f"conditions: {{databases: ['{begins}']}}\n")
    assert loaded(folder, site).calibrations


def test_a_poll_without_an_interval_is_refused(folder):
    site = site_file(folder)
    site.write_text(site.read_text() + "poll_interval: 0\n")
    assert "poll_interval" in str(mistakes(folder, site)[0])


READER = {"command": ["readPayload.py"], "timeout": "5 min"}


@pytest.mark.parametrize(
    ("gate", "tags", "limit", "key", "words"),
    [
        ({"command": ["judge"], "timeout": "10 min"}, 1, 1020, "gate.timeout", "gate.timeout and"),
        ({"command": ["judge"], "timeout": "10 min"}, 1, 1021, None, ""),
        ({"command": ["judge"], "timeout": "10 min"}, 2, 1800, "gate.timeout", "each of 2"),
        ({"sets": {"dead": {"come": 1}}}, 1, 1000, "payload_reader.timeout", "twice"),
        ({"sets": {"dead": {"come": 1}}}, 1, 1021, None, ""),
    ],
)
def test_an_upload_has_the_time_for_its_gate(folder, gate, tags, limit, key, words):
    """300 s to send, 10 min to judge, twice 60 s to read the tag back."""

    def change(data):
        data["nodes"] = {"UPLOAD": {"time_limit": f"{limit} s"}}
        data["gate"], data["payload_reader"] = gate, READER
        metadata = data["step_4_config"]["upload_metadata"]
        metadata["destinationTags"] = {f"Tag{number}": {} for number in range(tags)}

    changed(folder, change)
    if key is None:
        assert loaded(folder).calibrations
        return
    [mistake] = mistakes(folder)
    assert (mistake.key, mistake.value) == (key, "600 s" if "gate" in key else "300 s")
    assert mistake.line is not None
    assert words in mistake.expected
    assert f"less than nodes.UPLOAD.time_limit ({limit} s)" in mistake.expected


def test_a_time_limit_of_nothing_is_refused(folder):
    changed(folder, lambda data: data.update(nodes={"RECO": {"time_limit": "0 s"}}))
    assert "nodes.RECO.time_limit" in str(mistakes(folder)[0])


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"requirements": "OpSysMajorVer =="}, "a ClassAd expression"),
        ({"requirements": "Memory > 1)"}, "a ClassAd expression"),
        ({"concurrency_limits": ["eos: many"]}, "pattern"),
        ({"container_image": "two images.sif"}, "pattern"),
        ({"priority": True}, "no truth value"),
        ({"request_gpus": 0}, "greater than 0"),
        ({"submit": ["Universe = docker"]}, "universe"),
        ({"submit": ["should_transfer_files = NO"]}, "should_transfer_files"),
        ({"priority": 0, "submit": ["prio = 5"]}, "priority is given twice"),
        ({"request_cpus": 4, "submit": ["Request_Cpus = 2"]}, "request_cpus is given twice"),
        ({"requirements": "true", "submit": ["requirements = false"]}, "given twice"),
    ],
)
def test_what_the_pool_cannot_be_asked_for_is_refused(folder, asked, expected):
    changed(folder, lambda data: data.update(nodes={"RECO": asked}))
    [told] = mistakes(folder)
    assert "nodes.RECO" in str(told)
    assert expected in str(told)


def test_an_upload_asks_for_no_machine(folder):
    upload = {"container_image": "/cvmfs/image", "requirements": "true", "time_limit": "1 h"}
    changed(folder, lambda data: data.update(nodes={"UPLOAD": upload}))
    assert "nodes.UPLOAD: without requirements, container_image" in str(mistakes(folder)[0])


def test_a_schedd_is_given_time_to_answer(folder):
    site = site_file(folder)
    site.write_text(site.read_text() + "pool: {timeout: 0}\n")
    assert "pool.timeout" in str(mistakes(folder, site)[0])


def test_what_ships_is_found():
    for folder in ("templates", "calibrationYAML", "sites"):
        assert any(shipped(folder).iterdir())
