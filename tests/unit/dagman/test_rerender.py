"""A DAG that is submitted again gets the present configuration, and tells what was made before."""

import shutil
from dataclasses import replace

import pytest

from condorloop.config.resources import Resources
from condorloop.dagman.logs.dag_records import read
from condorloop.dagman.render import Renderer
from condorloop.dagman.rerender import renew
from condorloop.dagman.written_destination import destination_of, mods_of
from condorloop.dagman.written_destination import written as written_destination
from condorloop.model.campaign import Batch
from condorloop.model.enums import NodeKind
from condorloop.rundir import durable
from condorloop.rundir.durable import read_json, write_json
from condorloop.rundir.layout import MANIFEST, dag_dir, dag_file
from condorloop.rundir.records.record import RecordError
from tests.unit.dag_plans import RECONSTRUCTION, own_batch
from tests.unit.examples import KEY, calibration, config, raw_file

FILES = tuple(raw_file(i, 2 * i + 1, 2 * i + 2) for i in range(12))
PLAN = own_batch(KEY, calibration(), Batch(3, FILES), 4, 7)
RELEASE = "CMSSW_99_0_0"


@pytest.fixture
def written(tmp_path):
    """A DAG as it was written, and a renderer with another memory request and release."""
    before = Renderer(config(tmp_path), tmp_path / "work", "0123456789ab")
    before.write(PLAN)
    loaded = before.config
    reco = loaded.calibrations[KEY.calibration]
    nodes = {**reco.nodes, NodeKind.RECO: Resources(request_memory_mb=12345)}
    changed = {**loaded.calibrations, KEY.calibration: reco.model_copy(update={"nodes": nodes})}
    parameters = loaded.parameters.model_copy(update={"release": RELEASE})
    present = replace(loaded, calibrations=changed, parameters=parameters)
    return before, Renderer(present, before.work_dir, before.ledger_id)


def folder_of(renderer):
    return dag_dir(renderer.run_dir(RECONSTRUCTION), PLAN.number)


def everything(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def done(renderer, name):
    """Leave the witness of a node."""
    runs = renderer.run_dir(RECONSTRUCTION)
    write_json(runs / next(n for n in PLAN.nodes if n.name == name).witness, {})


def test_a_dag_that_is_as_configured_is_left_alone(written):
    before, _ = written
    there = everything(folder_of(before))
    assert not renew(before, RECONSTRUCTION, PLAN.number, {})
    assert everything(folder_of(before)) == there


def test_its_jobs_ask_for_what_is_configured_now_and_its_nodes_stay(written):
    _, after = written
    file = dag_file(after.run_dir(RECONSTRUCTION), PLAN.number)
    nodes = [line for line in file.read_text().splitlines() if line.startswith(("JOB", "VARS"))]
    assert "12345M" not in file.read_text()
    assert renew(after, RECONSTRUCTION, PLAN.number, {})
    text = file.read_text()
    assert "request_memory = 12345M" in text
    assert [line for line in text.splitlines() if line.startswith(("JOB", "VARS"))] == nodes
    assert RELEASE in (file.parent / "reco.sh").read_text()
    assert (file.parent / "reco.sh").stat().st_mode & 0o111
    assert not renew(after, RECONSTRUCTION, PLAN.number, {})


def test_it_is_the_same_as_if_it_were_written_with_the_present_configuration(written, tmp_path):
    _, after = written
    renew(after, RECONSTRUCTION, PLAN.number, {})
    renewed = everything(folder_of(after))
    elsewhere = folder_of(after)
    elsewhere.rename(tmp_path / "aside")
    after.write(PLAN)
    assert everything(elsewhere) == renewed


def test_the_manifest_tells_with_what_each_node_was_made(written):
    before, after = written
    done(before, "RECO_0000")
    old = before.config.parameters.release
    for _ in range(2):
        renew(after, RECONSTRUCTION, PLAN.number, {})
        records = read(dag_file(after.run_dir(RECONSTRUCTION), PLAN.number), jobs=False)
        assert records.software.release == RELEASE
        assert {name: s.release for name, s in records.earlier.items()} == {"RECO_0000": old}
    done(before, "RECO_0001")
    renew(before, RECONSTRUCTION, PLAN.number, {})
    records = read(dag_file(after.run_dir(RECONSTRUCTION), PLAN.number), jobs=False)
    told = {name: s.release for name, s in records.earlier.items()}
    assert told == {"RECO_0000": old, "RECO_0001": RELEASE}
    assert records.software.release == old


def test_what_is_uploaded_already_is_not_forgotten(written):
    before, after = written
    path = folder_of(before) / MANIFEST
    write_json(path, read_json(path) | {"uploaded": {"lumis": "1-4", "events": 400}})
    renew(after, RECONSTRUCTION, PLAN.number, {})
    assert read_json(path)["uploaded"] == {"lumis": "1-4", "events": 400}


def test_a_renewal_that_was_cut_short_anywhere_is_made_again_with_the_same_result(
    written, monkeypatch
):
    before, after = written
    done(before, "RECO_0000")
    there = everything(folder_of(before))
    renew(after, RECONSTRUCTION, PLAN.number, {})
    whole = everything(folder_of(after))
    for survived in range(len(whole)):
        for name, content in there.items():
            (folder_of(after) / name).write_bytes(content)
        with monkeypatch.context() as patched:
            cut_after(patched, survived)
            with pytest.raises(KeyboardInterrupt):
                renew(after, RECONSTRUCTION, PLAN.number, {})
        renew(after, RECONSTRUCTION, PLAN.number, {})
        assert everything(folder_of(after)) == whole
        if survived == sum(there[n] != whole[n] for n in there) - 1:
            return
    raise AssertionError("the last file was never the one that was cut")


def cut_after(patched, count):
    """Let so many files be written, and no more."""
    left = [count]

    def write(*args, **kwargs):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        whole(*args, **kwargs)

    whole = durable.write_whole
    patched.setattr("condorloop.dagman.render.write_whole", write)
    patched.setattr("condorloop.rundir.durable.write_whole", write)


def test_a_dag_without_a_manifest_stays_as_it_was_written(written):
    _, after = written
    (folder_of(after) / MANIFEST).unlink()
    there = everything(folder_of(after))
    assert not renew(after, RECONSTRUCTION, PLAN.number, {})
    assert everything(folder_of(after)) == there
    with pytest.raises(RecordError, match=f"{MANIFEST} is missing"):
        renew(after, RECONSTRUCTION, PLAN.number, {"RECO_0000": frozenset([FILES[0].path])})


def test_nothing_else_of_a_manifest_is_lost(written):
    before, after = written
    path = folder_of(before) / MANIFEST
    keys = read_json(path).keys()
    renew(after, RECONSTRUCTION, PLAN.number, {})
    assert read_json(path).keys() == keys
    assert not keys & {"earlier", "taken_out"}


TRIAL = {"destinationTags": {"Ped_trial": {}}, "destinationDatabase": "oracle://prep/CONDITIONS"}
ADDRESS = ("-u", "https://trial/%s/")


def elsewhere(renderer, tag="Ped_trial", **upload):
    """A renderer whose calibration uploads elsewhere, under a tag that its HARVEST names."""
    present = renderer.config
    before = present.calibrations[KEY.calibration]
    harvest = before.harvest
    driver = harvest.cms_driver.model_copy(update={"config_mods": (f"process.a.tag = '{tag}'",)})
    goes = {"tags": {tag: {}}, "database": TRIAL["destinationDatabase"], "input_tag": tag, **upload}
    changed = harvest.model_copy(
        update={"cms_driver": driver, "upload": harvest.upload.model_copy(update=goes)}
    )
    calibrations = {
        **present.calibrations,
        KEY.calibration: before.model_copy(update={"harvest": changed}),
    }
    return replace(renderer, config=replace(present, calibrations=calibrations))


@pytest.fixture
def trial(written):
    """A DAG that was written for a trial, and a renderer with the real destination."""
    before, after = written
    folder = folder_of(before)
    shutil.rmtree(folder)
    conditions = before.config.site.conditions.model_copy(update={"options": ("-d", *ADDRESS)})
    site = before.config.site.model_copy(update={"conditions": conditions})
    at_trial = replace(elsewhere(before), config=replace(elsewhere(before).config, site=site))
    at_trial.write(PLAN)
    return at_trial, after


def test_a_dag_keeps_its_destination_and_all_else_is_brought_up_to_date(trial):
    before, after = trial
    path = folder_of(before) / MANIFEST
    metadata = read_json(path)["upload"]["metadata"]
    assert renew(after, RECONSTRUCTION, PLAN.number, {})
    told = read_json(path)
    assert told["upload"]["metadata"] == metadata
    assert metadata["destinationTags"] == TRIAL["destinationTags"]
    assert told["conditions"]["command"] == ["uploadConditions.py", *ADDRESS]
    assert told["release"] == RELEASE
    script = (path.parent / "harvest.sh").read_text()
    assert "process.a.tag = " in script
    assert "Ped_trial" in script
    assert RELEASE in script
    description = dag_file(after.run_dir(RECONSTRUCTION), PLAN.number)
    assert "request_memory = 12345M" in description.read_text()
    assert not renew(after, RECONSTRUCTION, PLAN.number, {})


def test_it_keeps_it_however_often_the_configured_one_changes(trial):
    before, after = trial
    there = read_json(folder_of(before) / MANIFEST)["upload"]["metadata"]
    for tag in ("Ped_prompt", "Ped_other"):
        renew(elsewhere(after, tag), RECONSTRUCTION, PLAN.number, {})
        assert read_json(folder_of(before) / MANIFEST)["upload"]["metadata"] == there
    renew(before, RECONSTRUCTION, PLAN.number, {})
    there = destination_of(before.run_dir(RECONSTRUCTION), PLAN.number, KEY.calibration)
    assert there == written_destination(before.manifest(PLAN).settings[KEY.calibration])


def test_another_service_alone_is_another_destination(written):
    before, _ = written
    conditions = before.config.site.conditions.model_copy(update={"options": ADDRESS})
    site = before.config.site.model_copy(update={"conditions": conditions})
    moved = replace(before, config=replace(before.config, site=site))
    renew(moved, RECONSTRUCTION, PLAN.number, {})
    path = folder_of(before) / MANIFEST
    assert read_json(path)["conditions"]["command"] == ["uploadConditions.py"]
    renew(moved, RECONSTRUCTION, PLAN.number, {}, accept_destination=True)
    assert read_json(path)["conditions"]["command"] == ["uploadConditions.py", *ADDRESS]


def test_on_a_persons_word_it_takes_the_configured_one_whole(trial, tmp_path):
    _, after = trial
    assert renew(after, RECONSTRUCTION, PLAN.number, {}, accept_destination=True)
    taken = everything(folder_of(after))
    folder_of(after).rename(tmp_path / "aside")
    after.write(PLAN)
    assert everything(folder_of(after)) == taken


def test_a_payload_that_is_made_is_sent_to_the_accepted_destination_by_its_own_tag(trial):
    before, after = trial
    [harvest] = PLAN.of_kind(NodeKind.HARVEST)
    beside = after.run_dir(RECONSTRUCTION) / harvest.output
    beside.mkdir()
    done(before, "HARVEST")
    told = read_json(folder_of(before) / MANIFEST)["upload"]
    write_json(beside / told["metadata_filename"], told["metadata"])
    renew(after, RECONSTRUCTION, PLAN.number, {})
    assert read_json(beside / told["metadata_filename"]) == told["metadata"]
    renew(after, RECONSTRUCTION, PLAN.number, {}, accept_destination=True)
    real = after.manifest(PLAN).settings[KEY.calibration].upload.metadata.to_json()
    assert read_json(beside / told["metadata_filename"]) == real | {"inputTag": "Ped_trial"}
    assert not renew(after, RECONSTRUCTION, PLAN.number, {})


def test_a_manifest_that_does_not_say_where_its_dag_uploads_to_is_not_written_anew(trial):
    before, after = trial
    path = folder_of(before) / MANIFEST
    told = read_json(path)
    del told["upload"]["metadata"]["destinationTags"]
    write_json(path, told)
    there = everything(folder_of(before))
    with pytest.raises(RecordError, match=r"upload\.metadata\.destinationTags is missing"):
        renew(after, RECONSTRUCTION, PLAN.number, {})
    assert everything(folder_of(before)) == there


@pytest.mark.parametrize("mods", [(), ("a = 'b'",), ('a = "it\'s"', "b = '$HOME `x` \\n'")])
def test_the_lines_of_a_harvest_are_read_back_from_its_script(written, mods):
    before, _ = written
    changed = elsewhere(before)
    calibration = changed.config.calibrations[KEY.calibration]
    driver = calibration.harvest.cms_driver.model_copy(update={"config_mods": mods})
    harvest = calibration.harvest.model_copy(update={"cms_driver": driver})
    calibrations = {KEY.calibration: calibration.model_copy(update={"harvest": harvest})}
    renderer = replace(before, config=replace(before.config, calibrations=calibrations))
    assert mods_of(renderer.texts(PLAN)["harvest.sh"]) == mods
