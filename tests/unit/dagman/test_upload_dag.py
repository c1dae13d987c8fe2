"""A DAG of one UPLOAD: how it is planned, written, renewed, found and told of."""

from dataclasses import replace

import pytest

from condorloop.dagman import written_destination
from condorloop.dagman.config_diff import planned_anew
from condorloop.dagman.plan import planned_nodes
from condorloop.dagman.render import Renderer
from condorloop.dagman.replan import plan_of
from condorloop.dagman.rerender import renew
from condorloop.history.search_terms import meanings
from condorloop.model.enums import NodeKind
from condorloop.model.queue import QueuedDag
from condorloop.rundir.layout import MANIFEST, dag_dir
from condorloop.rundir.records.manifest import Manifest
from tests.unit.dag_plans import RECONSTRUCTION, own_harvest, own_upload
from tests.unit.examples import KEY, calibration, config

PLAN = own_upload(KEY, 5, 3)
TRIAL = "Ped_trial"


@pytest.fixture
def renderer(tmp_path):
    loaded = config(tmp_path)
    return Renderer(loaded, loaded.site.work_dir, "ledger")


def manifest_of(renderer, number):
    return Manifest.read(dag_dir(renderer.run_dir(RECONSTRUCTION), number) / MANIFEST)


def settings_of(renderer, number):
    return manifest_of(renderer, number).settings[KEY.calibration]


def tags_of(renderer, number):
    return set(settings_of(renderer, number).upload.metadata.tags)


def asked_again(manifest):
    settings = replace(manifest.settings[KEY.calibration], again=True)
    return replace(manifest, settings={KEY.calibration: settings})


def with_tag(renderer, tag):
    """The same renderer, with another destination tag configured."""
    one = renderer.config.calibrations[KEY.calibration]
    upload = one.harvest.upload.model_copy(update={"tags": {tag: {}}, "input_tag": "other"})
    harvest = one.harvest.model_copy(update={"upload": upload})
    changed = {KEY.calibration: one.model_copy(update={"harvest": harvest})}
    calibrations = {**renderer.config.calibrations, **changed}
    return replace(renderer, config=replace(renderer.config, calibrations=calibrations))


def write(renderer, plan, **more):
    settle = written_destination.settled(renderer, plan, **more)
    renderer.write(plan, settle=settle)


def test_it_has_one_node_and_is_called_by_its_own_number():
    assert (PLAN.label, PLAN.sends, PLAN.harvests) == ("upload005", 3, False)
    [node] = PLAN.nodes
    assert (node.name, node.output) == ("UPLOAD", "harvestJob003")
    assert node.witness == "harvestJob003/upload005.json"
    assert own_harvest(KEY, 5).sends is None


def test_its_description_has_an_upload_alone(renderer):
    text = renderer.description(PLAN)
    assert [line for line in text.splitlines() if line.startswith("JOB ")] == ["JOB UPLOAD UPLOAD"]
    assert "PRE HARVEST" not in text
    assert "PARENT" not in text
    assert "SCRIPT DEFER" in text
    assert "0 RECO, 0 ALCA, UPLOAD" in text
    assert "SET_JOB_ATTR CondorloopSends = 3" in text
    assert "CondorloopBatch" not in text


def test_other_dags_say_nothing_of_sending(renderer):
    text = renderer.description(own_harvest(KEY, 5))
    assert "CondorloopSends" not in text
    jobs = [line for line in text.splitlines() if line.startswith("JOB ")]
    assert jobs == ["JOB HARVEST HARVEST", "JOB UPLOAD UPLOAD"]
    assert "0 RECO, 0 ALCA, HARVEST, UPLOAD" in text


def test_it_is_planned_again_from_its_manifest(renderer):
    write(renderer, PLAN)
    assert plan_of(manifest_of(renderer, 5)) == PLAN
    assert planned_anew(PLAN, calibration()) == PLAN


def test_it_keeps_the_destination_of_the_dag_that_made_the_payload(renderer):
    write(renderer, own_harvest(KEY, 3))
    own = tags_of(renderer, 3)
    elsewhere = with_tag(renderer, TRIAL)
    write(elsewhere, PLAN)
    assert tags_of(renderer, 5) == own
    write(elsewhere, own_upload(KEY, 6, 3), accept=True)
    assert tags_of(renderer, 6) == {TRIAL}
    write(renderer, own_upload(KEY, 7, 3))
    assert tags_of(renderer, 7) == {TRIAL}, "that of the last DAG that was to send it"


def test_the_tag_in_the_file_stays_whatever_is_configured(renderer):
    write(renderer, own_harvest(KEY, 3))
    own = settings_of(renderer, 3).upload.metadata.input_tag
    write(with_tag(renderer, TRIAL), PLAN, accept=True)
    assert settings_of(renderer, 5).upload.metadata.input_tag == own
    renew(with_tag(renderer, "third"), RECONSTRUCTION, 5, {}, accept_destination=True)
    assert settings_of(renderer, 5).upload.metadata.input_tag == own
    assert tags_of(renderer, 5) == {"third"}


def test_what_a_person_wants_again_stays_so_when_it_is_renewed(renderer):
    renderer.write(PLAN, settle=asked_again)
    assert settings_of(renderer, 5).again
    renew(with_tag(renderer, TRIAL), RECONSTRUCTION, 5, {})
    assert settings_of(renderer, 5).again
    renderer.write(own_harvest(KEY, 6))
    assert not settings_of(renderer, 6).again


def test_it_is_found_by_its_label():
    [meaning] = meanings("398600:upload005/UPLOAD")
    assert (meaning.run, meaning.text, meaning.node) == (398600, "upload005", "UPLOAD")


def test_it_is_named_in_the_queue():
    queued = QueuedDag("ledger/x/1/5", KEY, 5, 17, None, {}, sends=3)
    assert queued.label == "upload005"


def test_the_ledger_knows_what_it_sends():
    [node] = planned_nodes(PLAN)
    assert (node.kind, node.output) == (NodeKind.UPLOAD, "harvestJob003")
