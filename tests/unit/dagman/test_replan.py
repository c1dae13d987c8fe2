"""A plan comes back from its manifest, and goes on without what was taken from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.dagman.plan import planned_nodes
from condorloop.dagman.render import Renderer
from condorloop.dagman.replan import plan_of, without
from condorloop.dagman.rerender import renew
from condorloop.model.campaign import Batch
from condorloop.model.enums import NodeKind
from condorloop.model.lumis import Lumis
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import MANIFEST, dag_dir, dag_file
from condorloop.rundir.records.manifest import Manifest
from tests.unit.dag_plans import RECONSTRUCTION, own_batch, own_harvest
from tests.unit.examples import KEY, calibration, config, raw_file

FILES = tuple(raw_file(i, 2 * i + 1, 2 * i + 2) for i in range(23))
PLAN = own_batch(KEY, calibration(), Batch(3, FILES), 4, 7)


def in_parts(*files, events=40, number=4):
    """A plan of jobs that take so many events."""
    stream = calibration()
    batching = stream.batching.model_copy(update={"events_per_job": events})
    stream = stream.model_copy(update={"batching": batching})
    return own_batch(KEY, stream, Batch(3, files), number, 7)


PARTS = in_parts(raw_file(0, 1, 5), raw_file(1, 6, 6))


def manifest_of(tmp_path, plan=PLAN):
    renderer = Renderer(config(tmp_path), tmp_path / "work", "0123456789ab")
    renderer.write(plan)
    return renderer, dag_dir(renderer.run_dir(RECONSTRUCTION), plan.number) / MANIFEST


@pytest.mark.parametrize("plan", [PLAN, PARTS, own_harvest(KEY, 5)])
def test_a_plan_comes_back_as_it_was(tmp_path, plan):
    _, manifest = manifest_of(tmp_path, plan)
    assert plan_of(Manifest.read(manifest)) == plan


def test_a_node_goes_on_without_a_file_and_no_other_is_touched(tmp_path):
    renderer, manifest = manifest_of(tmp_path)
    file = dag_file(renderer.run_dir(RECONSTRUCTION), PLAN.number)
    before = file.read_text().splitlines()
    [victim, *_] = PLAN.of_kind(NodeKind.RECO)[1].files
    for _ in range(2):
        renew(renderer, RECONSTRUCTION, PLAN.number, {"RECO_0001": frozenset([victim.path])})
        after = file.read_text().splitlines()
        changed = [b for b, a in zip(before, after, strict=True) if a != b]
        assert [line.split()[:2] for line in changed] == [["VARS", "RECO_0001"]]
        assert victim.path not in file.read_text()
        node = read_json(manifest)["nodes"]["RECO_0001"]
        assert victim.path not in node["files"]
        assert len(node["files"]) == len(PLAN.of_kind(NodeKind.RECO)[1].files) - 1
    assert read_json(manifest)["id"] == renderer.dag_id(RECONSTRUCTION, PLAN.number)


def test_a_node_without_inputs_counts_as_done_and_is_not_read_by_the_next_one(tmp_path):
    renderer, manifest = manifest_of(tmp_path)
    reco = PLAN.of_kind(NodeKind.RECO)[0]
    renew(renderer, RECONSTRUCTION, PLAN.number, {reco.name: frozenset(f.path for f in reco.files)})
    text = dag_file(renderer.run_dir(RECONSTRUCTION), PLAN.number).read_text()
    assert "JOB RECO_0000 RECO DONE" in text
    assert f"{reco.output}.root" not in text
    assert reco.output not in read_json(manifest)["nodes"]["ALCA_0000"]["inputs"]


@given(st.sets(st.sampled_from(FILES)))
def test_what_is_taken_out_is_gone_and_the_rest_is_in_one_node_each(taken):
    dropped = {
        node.name: frozenset(f.path for f in node.files if f in taken) for node in PLAN.nodes
    }
    left = without(PLAN, dropped)
    files = [f for node in left.nodes for f in node.files]
    assert sorted(f.path for f in files) == sorted(f.path for f in set(FILES) - taken)
    made = {n.output for n in left.of_kind(NodeKind.RECO) if not n.is_empty}
    assert {i for n in left.of_kind(NodeKind.ALCA) for i in n.inputs} == made


def test_a_reco_whose_input_was_taken_out_has_the_lumisections_of_the_others():
    reco = PLAN.of_kind(NodeKind.RECO)[1]
    [gone, *rest] = reco.files
    left = without(PLAN, {reco.name: frozenset([gone.path])}).of_kind(NodeKind.RECO)[1]
    assert left.files == tuple(rest)
    assert left.lumis == Lumis.union(f.lumis for f in rest) != reco.lumis


def test_a_node_that_lost_all_inputs_still_names_the_lumisections_that_it_was_made_for():
    reco = PLAN.of_kind(NodeKind.RECO)[0]
    left = without(PLAN, {reco.name: frozenset(f.path for f in reco.files)})
    assert left.nodes[0].is_empty
    assert left.nodes[0].lumis == reco.lumis
    assert planned_nodes(left)[0].empty


def test_jobs_that_read_parts_of_a_file_are_told_which_lumisections():
    recos = PARTS.of_kind(NodeKind.RECO)
    assert [str(n.lumis) for n in recos] == ["1", "2-3", "4-5", "6"]
    assert [n.reads_part for n in recos] == [True, True, True, False]
    assert [str(n.part) for n in planned_nodes(PARTS)[:4]] == ["1", "2-3", "4-5", ""]
    assert {n.files[0].path for n in recos[:3]} == {raw_file(0, 1, 5).path}


def test_one_of_the_parts_of_a_file_is_taken_out_and_the_others_stay():
    left = without(PARTS, {"RECO_0001": frozenset([raw_file(0, 1, 5).path])})
    recos = left.of_kind(NodeKind.RECO)
    assert [n.is_empty for n in recos] == [False, True, False, False]
    assert str(left.of_kind(NodeKind.RECO)[2].lumis) == "4-5"
    assert recos[1].output not in left.of_kind(NodeKind.ALCA)[0].inputs
