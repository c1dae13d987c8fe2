"""DAGs of a stream that calibrations share: one RECO and ALCA, a HARVEST and UPLOAD for each."""

import os
import re
import subprocess
from dataclasses import replace
from unittest import mock

import pytest

from condorloop.dagman import dry_run
from condorloop.dagman.config_diff import compare
from condorloop.dagman.plan import plan_harvest, plan_upload, planned_nodes
from condorloop.dagman.replan import plan_of
from condorloop.dagman.rerender import renew
from condorloop.dagman.written_destination import mods_of
from condorloop.model.enums import NodeKind
from condorloop.model.lumis import Lumis
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import MANIFEST, dag_dir, dag_file
from condorloop.rundir.records.manifest import Manifest
from tests.unit.examples import raw_file
from tests.unit.shared_examples import (
    ALI,
    COMBINED,
    EXPRESS,
    GAINS,
    ROOTS,
    SHARING,
    STREAM,
    shared_batch,
    shared_renderer,
)


@pytest.fixture
def renderer(tmp_path):
    return shared_renderer(tmp_path)


@pytest.fixture
def plan(renderer):
    return shared_batch(renderer.config)


@pytest.fixture
def written(renderer, plan):
    renderer.write(plan)
    return renderer


RECIPE = ("reco.sh", "alca.sh")


def folder_of(renderer, number=0):
    return dag_dir(renderer.run_dir(EXPRESS), number)


def manifest_of(renderer, number=0):
    return Manifest.read(folder_of(renderer, number) / MANIFEST)


def text_of(renderer, file):
    return (folder_of(renderer) / file).read_text()


def lines(text, first):
    return [line for line in text.splitlines() if line.startswith(first)]


def description(text, name):
    return re.search(rf"^SUBMIT-DESCRIPTION {name} {{\n(.*?)^}}", text, re.M | re.S)[1]


def with_parameters(renderer, **changes):
    parameters = renderer.config.parameters.model_copy(update=changes)
    return replace(renderer, config=replace(renderer.config, parameters=parameters))


def with_calibration(renderer, name, **changes):
    changed = renderer.config.calibrations[name].model_copy(update=changes)
    calibrations = {**renderer.config.calibrations, name: changed}
    return replace(renderer, config=replace(renderer.config, calibrations=calibrations))


def with_tag(renderer, name, tag):
    harvest = renderer.config.calibrations[name].harvest
    upload = harvest.records[0].model_copy(update={"tags": {tag: {}}})
    return with_calibration(renderer, name, harvest=harvest.model_copy(update={"upload": upload}))


def without(renderer, name):
    known = {c: each for c, each in renderer.config.calibrations.items() if c != name}
    return replace(renderer, config=replace(renderer.config, calibrations=known))


def tags(manifest, name):
    return set(manifest.settings[name].upload.metadata.tags)


def test_all_harvests_wait_for_the_alcareco_of_one_reconstruction(renderer, plan):
    text = renderer.description(plan)
    assert lines(text, "JOB ") == [
        "JOB RECO_0000 RECO",
        "JOB ALCA_0000 ALCA",
        *(f"JOB HARVEST_{c} HARVEST_{c}" for c in SHARING),
        *(f"JOB UPLOAD_{c} UPLOAD_{c}" for c in SHARING),
    ]
    assert set(lines(text, "PARENT ")) == {
        "PARENT RECO_0000 CHILD ALCA_0000",
        *(f"PARENT ALCA_0000 CHILD HARVEST_{c}" for c in SHARING),
        *(f"PARENT HARVEST_{c} CHILD UPLOAD_{c}" for c in SHARING),
    }
    assert [line.split(" PRE ")[1] for line in lines(text, "SCRIPT") if " PRE " in line] == [
        f"HARVEST_{c} node.sh inputs $NODE" for c in SHARING
    ]
    assert len(lines(text, "RETRY ")) == len(plan.nodes)


def test_reco_makes_each_skim_once_and_alca_each_product(renderer, plan):
    texts = renderer.texts(plan)
    skims = "SiStripCalMinBias+TkAlMinBias+TkAlZMuMu"
    assert f"RAW2DIGI,L1Reco,RECO,ALCAPRODUCER:{skims}" in texts["reco.sh"]
    products = "+".join(sorted(root.removesuffix(".root") for root in ROOTS.values()))
    assert f"ALCAOUTPUT:{skims},ALCA:{products}" in texts["alca.sh"]


def test_a_batch_is_made_for_those_that_it_is_planned_for(renderer):
    texts = renderer.texts(shared_batch(renderer.config, made_for=(GAINS,)))
    assert "ALCAPRODUCER:SiStripCalMinBias" in texts["reco.sh"]
    assert "TkAl" not in texts["reco.sh"] + texts["alca.sh"] + texts["harvest.sh"]


def test_what_is_of_one_calibration_says_so_and_what_is_of_all_does_not(renderer, plan):
    text = renderer.description(plan)
    assert lines(text, "SET_JOB_ATTR CondorloopStream") == [
        'SET_JOB_ATTR CondorloopStream = "Express"'
    ]
    assert not lines(text, "SET_JOB_ATTR CondorloopCalibration")
    for node in plan.nodes:
        kind = str(node.kind) + (f"_{node.calibration}" if node.calibration else "")
        told = description(text, kind)
        assert 'My.CondorloopStream = "Express"' in told
        assert f'My.CondorloopKind = "{node.kind}"' in told
        named = re.findall(r'My.CondorloopCalibration = "(.*)"', told)
        assert named == ([node.calibration] if node.calibration else [])


@pytest.mark.parametrize("number", [1, 2])
def test_a_dag_of_one_calibration_alone_says_which(renderer, number):
    plan = plan_upload(EXPRESS, ALI, 2, 1) if number == 2 else plan_harvest(EXPRESS, ALI, 1)
    text = renderer.description(plan)
    assert f'SET_JOB_ATTR CondorloopCalibration = "{ALI}"' in text
    assert text.count(f'My.CondorloopCalibration = "{ALI}"') == len(plan.nodes)
    assert renderer.texts(plan).keys().isdisjoint({"reco.sh", "alca.sh"})
    assert renderer.manifest(plan).settings.keys() == {ALI}


def test_each_harvest_is_submitted_as_its_calibration_says_with_inputs_of_its_own(renderer, plan):
    text = renderer.description(plan)
    ali, gains = description(text, f"HARVEST_{ALI}"), description(text, f"HARVEST_{GAINS}")
    assert "request_cpus = 4\n" in ali
    assert "request_cpus = 1\n" in gains
    inputs = f"cmssw.sh, HARVEST_{ALI}.inputs/inputs, HARVEST_{ALI}.inputs/inputs.txt"
    assert f"transfer_input_files = {inputs}\n" in ali
    assert 'arguments = "upload $(JOB)"' in description(text, f"UPLOAD_{GAINS}")


def test_jobs_have_the_priority_and_the_group_of_whom_they_work_for(renderer, plan):
    config = renderer.config
    group = {"accounting_group": "group_ngt.express"}
    streams = {
        n: s.model_copy(update={"priority": 5} | group) for n, s in config.shared_streams.items()
    }
    own = {"priority": 30, "accounting_group": "group_ngt.pixel"}
    calibrations = config.calibrations | {ALI: config.calibrations[ALI].model_copy(update=own)}
    changed = replace(config, shared_streams=streams, calibrations=calibrations)
    text = replace(renderer, config=changed).description(plan)
    said = {}
    for name, lines in re.findall(r"SUBMIT-DESCRIPTION (\w+) \{(.*?)^\}", text, re.M | re.S):
        found = dict(re.findall(r"^ +(priority|accounting_group) = (.*)$", lines, re.M))
        said[name] = found.get("priority"), found.get("accounting_group")
    assert said == {
        "RECO": ("5", "group_ngt.express"),
        "ALCA": ("15", "group_ngt.express"),
        f"HARVEST_{ALI}": ("50", "group_ngt.pixel"),
        f"UPLOAD_{ALI}": (None, "group_ngt.pixel"),
        f"HARVEST_{COMBINED}": ("20", None),
        f"UPLOAD_{COMBINED}": (None, None),
        f"HARVEST_{GAINS}": ("20", None),
        f"UPLOAD_{GAINS}": (None, None),
    }


def test_ten_calibrations_have_the_files_of_one(renderer, plan):
    assert renderer.texts(plan).keys() == {
        "cmssw.sh",
        "reco.sh",
        "alca.sh",
        "harvest.sh",
        "node.sh",
        "dagman.config",
        "run398600_dag000.dag",
    }


@pytest.mark.parametrize("calibration", SHARING)
def test_the_script_harvests_the_calibration_of_its_node(renderer, plan, tmp_path, calibration):
    sandbox = tmp_path / "sandbox"
    (sandbox / "bin").mkdir(parents=True)
    (sandbox / "cmssw.sh").write_text(
        "enter_cmssw() { :; }\nrun_cmsrun() { echo ran $1; }\ntell_made() { echo told; }\n"
    )
    (sandbox / "inputs.txt").write_text("apJob000/x.root\napJob001/x.root\n")
    driver = sandbox / "bin" / "cmsDriver.py"
    driver.write_text('#!/bin/sh\necho "$@"\n')
    driver.chmod(0o755)
    script = sandbox / "harvest.sh"
    script.write_text(renderer.texts(plan)["harvest.sh"])
    path = {**os.environ, "PATH": f"{sandbox / 'bin'}:{os.environ['PATH']}"}
    command = ["bash", script, f"HARVEST_{calibration}"]
    said = subprocess.run(command, cwd=sandbox, env=path, capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")
    driven, ran, told = said.stdout.splitlines()
    step = renderer.config.calibrations[calibration].harvest.cms_driver.step
    assert f"-s {step} " in driven
    assert "--filein file:../inputs/apJob000/x.root,file:../inputs/apJob001/x.root" in driven
    assert (ran, told) == (f"ran run398600_{calibration}HARVEST", "told")


def test_the_manifest_gives_the_plan_back(written, plan):
    manifest = manifest_of(written)
    assert plan_of(manifest) == plan
    assert manifest == written.manifest(plan)
    told = read_json(folder_of(written) / MANIFEST)
    assert told["stream"] == STREAM
    assert "calibration" not in told
    assert told["calibrations"].keys() == set(SHARING)
    assert told["made_for"][COMBINED] == {
        "skims": ["TkAlMinBias", "TkAlZMuMu"],
        "producer": "PromptCalibProdSiPixelAliHGComb",
        "root": ROOTS[COMBINED],
    }
    assert told["nodes"][f"UPLOAD_{ALI}"]["calibration"] == ALI
    assert "calibration" not in told["nodes"]["ALCA_0000"]


def test_a_batch_that_is_not_harvested_for_all_has_settings_of_the_others_alone(renderer):
    plan = shared_batch(renderer.config, harvested_for=(GAINS,))
    manifest = renderer.manifest(plan)
    assert (set(manifest.settings), set(manifest.made_for)) == ({GAINS}, set(SHARING))


def test_a_batch_that_nobody_harvests_is_read_as_one_of_a_shared_stream(renderer):
    plan = shared_batch(renderer.config, harvested_for=())
    renderer.write(plan)
    assert plan_of(manifest_of(renderer)) == plan
    assert manifest_of(renderer).is_shared


def test_the_recipe_is_of_what_reco_and_alca_make_and_of_nothing_else(renderer, plan):
    before = renderer.manifest(plan).recipe
    assert before
    assert renderer.manifest(plan).recipe == before
    assert with_tag(renderer, ALI, "other").manifest(plan).recipe == before
    assert with_parameters(renderer, release="CMSSW_1").manifest(plan).recipe != before
    assert with_parameters(renderer, global_tag="other").manifest(plan).recipe != before
    fewer = shared_batch(renderer.config, made_for=(ALI, GAINS))
    assert renderer.manifest(fewer).recipe != before


def test_a_renewed_batch_keeps_its_recipe_release_and_global_tag(written):
    before, scripts = manifest_of(written), [text_of(written, file) for file in RECIPE]
    more = with_calibration(written, GAINS, skims=("SiStripCalMinBias", "SiStripCalMinBiasAAG"))
    present = with_parameters(more, release="CMSSW_1", global_tag="other")
    assert not renew(present, EXPRESS, 0, {})
    assert [text_of(written, file) for file in RECIPE] == scripts
    assert manifest_of(written) == before
    assert "CMSSW_1 " not in text_of(written, "cmssw.sh")


def test_a_renewed_harvest_takes_the_present_release(renderer):
    renderer.write(plan_harvest(EXPRESS, ALI, 0))
    assert renew(with_parameters(renderer, release="CMSSW_1"), EXPRESS, 0, {})
    assert manifest_of(renderer).release == "CMSSW_1"


def test_each_calibration_of_a_renewed_batch_keeps_its_destination(written):
    own = {name: tags(manifest_of(written), name) for name in SHARING}
    mods = {"config_mods": ("process.x = 1",)}
    harvest = written.config.calibrations[ALI].harvest
    driver = harvest.cms_driver.model_copy(update=mods)
    changed = with_calibration(
        written, ALI, harvest=harvest.model_copy(update={"cms_driver": driver})
    )
    assert renew(changed, EXPRESS, 0, {})
    assert mods_of(text_of(written, "harvest.sh"), f"HARVEST_{ALI}") == ("process.x = 1",)
    assert mods_of(text_of(written, "harvest.sh"), f"HARVEST_{GAINS}") == ()
    renew(with_tag(written, ALI, "other"), EXPRESS, 0, {})
    assert {name: tags(manifest_of(written), name) for name in SHARING} == own
    assert mods_of(text_of(written, "harvest.sh"), f"HARVEST_{ALI}") == ("process.x = 1",)
    renew(with_tag(written, ALI, "other"), EXPRESS, 0, {}, accept_destination=True)
    assert {name: tags(manifest_of(written), name) for name in SHARING} == own | {ALI: {"other"}}


def test_a_person_accepts_the_destination_of_one_calibration_alone(written):
    own = {name: tags(manifest_of(written), name) for name in SHARING}
    both = with_tag(with_tag(written, ALI, "other"), GAINS, "another")
    renew(both, EXPRESS, 0, {}, accept_destination=[GAINS])
    assert {name: tags(manifest_of(written), name) for name in SHARING} == own | {
        GAINS: {"another"}
    }
    renew(both, EXPRESS, 0, {}, accept_destination=True)
    assert tags(manifest_of(written), ALI) == {"other"}


def test_what_was_asked_of_one_calibration_stays_its_own(written):
    before = manifest_of(written)
    asked = replace(before.settings[ALI], again=True, turn=True)
    asked_for = replace(before, settings={**before.settings, ALI: asked})
    asked_for.write(folder_of(written) / MANIFEST)
    assert not renew(written, EXPRESS, 0, {})
    assert manifest_of(written) == asked_for


def test_a_calibration_that_breaks_the_process_is_taken_out_of_it(written, plan):
    before = manifest_of(written)
    assert renew(written, EXPRESS, 0, {}, without=[COMBINED])
    manifest = manifest_of(written)
    assert set(manifest.made_for) == {ALI, GAINS}
    assert manifest.recipe not in ("", before.recipe)
    assert manifest.taken_out
    assert "ZMuMu" not in text_of(written, "reco.sh")
    assert "HGComb" not in text_of(written, "alca.sh")
    text = dag_file(written.run_dir(EXPRESS), 0).read_text()
    assert lines(text, "JOB HARVEST") == [
        f"JOB HARVEST_{ALI} HARVEST_{ALI}",
        f"JOB HARVEST_{COMBINED} ALCA DONE",
        f"JOB HARVEST_{GAINS} HARVEST_{GAINS}",
    ]
    assert f"JOB UPLOAD_{COMBINED} ALCA DONE" in text
    assert f"SUBMIT-DESCRIPTION HARVEST_{COMBINED} " not in text
    empty = {node.name for node in planned_nodes(plan_of(manifest)) if node.empty}
    assert empty == {f"HARVEST_{COMBINED}", f"UPLOAD_{COMBINED}"}


def test_one_that_was_taken_out_stays_out(written):
    renew(written, EXPRESS, 0, {}, without=[COMBINED])
    there = manifest_of(written), text_of(written, "alca.sh")
    assert not renew(written, EXPRESS, 0, {})
    assert not renew(written, EXPRESS, 0, {}, without=[COMBINED])
    assert (manifest_of(written), text_of(written, "alca.sh")) == there


def test_one_that_is_not_configured_any_more_is_not_harvested_and_its_alcareco_stay(written):
    before = manifest_of(written)
    assert renew(without(written, GAINS), EXPRESS, 0, {})
    manifest = manifest_of(written)
    assert (manifest.made_for, manifest.recipe) == (before.made_for, before.recipe)
    out = {name for name, node in manifest.nodes.items() if node.taken_out}
    assert out == {f"HARVEST_{GAINS}", f"UPLOAD_{GAINS}"}
    assert manifest.settings[GAINS] == before.settings[GAINS]


def test_inputs_are_taken_out_as_of_any_other_dag(written, plan):
    [reco] = plan.of_kind(NodeKind.RECO)
    assert renew(written, EXPRESS, 0, {reco.name: frozenset(f.path for f in reco.files)})
    text = dag_file(written.run_dir(EXPRESS), 0).read_text()
    assert lines(text, "JOB RECO") == ["JOB RECO_0000 RECO DONE"]
    assert manifest_of(written).recipe == written.manifest(plan).recipe


def test_the_run_directories_of_its_calibrations_are_there(written):
    assert all((written.work_dir / name / "run398600").is_dir() for name in SHARING)


def test_what_a_next_dag_would_have_otherwise_is_told_of_the_stream_once(written):
    [same] = compare(written.config)
    assert (same.calibration, same.dag, same.changes) == (STREAM, folder_of(written), {})
    more = with_calibration(written, GAINS, skims=("SiStripCalMinBias", "SiStripCalMinBiasAAG"))
    [other] = compare(more.config)
    assert other.changes.keys() == {"reco.sh", "alca.sh", MANIFEST}


def test_a_calibration_that_is_gone_is_not_in_the_next_dag(written):
    [told] = compare(without(written, GAINS).config)
    [description] = [lines for file, lines in told.changes.items() if file.endswith(".dag")]
    assert f"-JOB HARVEST_{GAINS} HARVEST_{GAINS}" in description


def test_by_hand_a_stream_gets_one_dag_for_all_of_its_calibrations(renderer, tmp_path):
    files = (raw_file(0, 1, 5),)
    with (
        mock.patch("condorloop.dagman.dry_run.Storage"),
        mock.patch("condorloop.services.cmssw.Cmssw.environment", return_value={}),
        mock.patch("condorloop.dagman.dry_run._good_files", return_value=files),
    ):
        [written] = dry_run.render(renderer.config, 398600, tmp_path / "by-hand", print)
    assert written == tmp_path / "by-hand" / STREAM / "run398600/dag000/run398600_dag000.dag"
    assert len(lines(written.read_text(), "JOB HARVEST_")) == len(SHARING)


def test_what_the_database_has_is_no_matter_of_configuration(written):
    told = manifest_of(written)
    known = {n: replace(own, uploaded=(Lumis.span(1, 3), 5)) for n, own in told.settings.items()}
    replace(told, settings=known).write(folder_of(written) / MANIFEST)
    [same] = compare(written.config)
    assert same.changes == {}
