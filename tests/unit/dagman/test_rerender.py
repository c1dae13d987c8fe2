"""A DAG that is submitted again gets the present configuration, and tells what was made before."""

from dataclasses import replace

import pytest

from condorloop.config.resources import Resources
from condorloop.dagman import rerender
from condorloop.dagman.logs.dag_records import read
from condorloop.dagman.plan import plan_batch
from condorloop.dagman.render import Renderer
from condorloop.dagman.rerender import EARLIER, renew
from condorloop.model.campaign import Batch
from condorloop.model.enums import NodeKind
from condorloop.rundir import durable
from condorloop.rundir.durable import read_json, write_json
from condorloop.rundir.layout import MANIFEST, dag_dir, dag_file
from tests.unit.examples import KEY, calibration, config, raw_file

FILES = tuple(raw_file(i, 2 * i + 1, 2 * i + 2) for i in range(12))
PLAN = plan_batch(KEY, calibration(), Batch(3, FILES), 4, 7)
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
    return dag_dir(renderer.run_dir(KEY), PLAN.number)


def everything(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def done(renderer, name):
    """Leave the witness of a node."""
    runs = renderer.run_dir(KEY)
    write_json(runs / next(n for n in PLAN.nodes if n.name == name).witness, {})


def test_a_dag_that_is_as_configured_is_left_alone(written):
    before, _ = written
    there = everything(folder_of(before))
    assert not renew(before, KEY, PLAN.number, {})
    assert everything(folder_of(before)) == there


def test_its_jobs_ask_for_what_is_configured_now_and_its_nodes_stay(written):
    _, after = written
    file = dag_file(after.run_dir(KEY), PLAN.number)
    nodes = [line for line in file.read_text().splitlines() if line.startswith(("JOB", "VARS"))]
    assert "12345M" not in file.read_text()
    assert renew(after, KEY, PLAN.number, {})
    text = file.read_text()
    assert "request_memory = 12345M" in text
    assert [line for line in text.splitlines() if line.startswith(("JOB", "VARS"))] == nodes
    assert RELEASE in (file.parent / "reco.sh").read_text()
    assert (file.parent / "reco.sh").stat().st_mode & 0o111
    assert not renew(after, KEY, PLAN.number, {})


def test_it_is_the_same_as_if_it_were_written_with_the_present_configuration(written, tmp_path):
    _, after = written
    renew(after, KEY, PLAN.number, {})
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
        renew(after, KEY, PLAN.number, {})
        records = read(dag_file(after.run_dir(KEY), PLAN.number), jobs=False)
        assert records.software.release == RELEASE
        assert {name: s.release for name, s in records.earlier.items()} == {"RECO_0000": old}
    done(before, "RECO_0001")
    renew(before, KEY, PLAN.number, {})
    records = read(dag_file(after.run_dir(KEY), PLAN.number), jobs=False)
    told = {name: s.release for name, s in records.earlier.items()}
    assert told == {"RECO_0000": old, "RECO_0001": RELEASE}
    assert records.software.release == old


def test_what_is_uploaded_already_is_not_forgotten(written):
    before, after = written
    path = folder_of(before) / MANIFEST
    write_json(path, read_json(path) | {"uploaded": {"lumis": "1-4", "events": 400}})
    renew(after, KEY, PLAN.number, {})
    assert read_json(path)["uploaded"] == {"lumis": "1-4", "events": 400}


def test_a_renewal_that_was_cut_short_anywhere_is_made_again_with_the_same_result(
    written, monkeypatch
):
    before, after = written
    done(before, "RECO_0000")
    there = everything(folder_of(before))
    renew(after, KEY, PLAN.number, {})
    whole = everything(folder_of(after))
    for survived in range(len(whole)):
        for name, content in there.items():
            (folder_of(after) / name).write_bytes(content)
        with monkeypatch.context() as patched:
            cut_after(patched, survived)
            with pytest.raises(KeyboardInterrupt):
                renew(after, KEY, PLAN.number, {})
        renew(after, KEY, PLAN.number, {})
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
    assert not renew(after, KEY, PLAN.number, {})
    assert everything(folder_of(after)) == there
    with pytest.raises(ValueError, match="not the manifest"):
        renew(after, KEY, PLAN.number, {"RECO_0000": frozenset([FILES[0].path])})


def test_nothing_else_of_a_manifest_is_lost(written):
    before, after = written
    path = folder_of(before) / MANIFEST
    keys = read_json(path).keys()
    renew(after, KEY, PLAN.number, {})
    assert read_json(path).keys() == keys
    assert EARLIER not in keys
    assert rerender.TAKEN_OUT not in keys
