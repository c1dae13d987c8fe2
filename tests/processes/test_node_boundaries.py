"""A DAG's steps on the access point, killed or without room before each of their effects."""

import json
import os
import shutil

import pytest

from condorloop.node import main
from condorloop.node.dag_context import DagContext
from condorloop.node.pre_script import choose_inputs
from condorloop.rundir.layout import DEFERRED
from condorloop.rundir.records.manifest import Manifest
from tests import boundaries
from tests.unit.node_examples import (
    ROOT,
    leave,
    leave_alca,
    leave_harvest,
    leave_reco,
    make_dag,
    payload,
    root_bytes,
    run_alca,
)


def reco(dag):
    leave_reco(dag)
    return ["finish", "RECO_0000", "0"]


def alca(dag):
    leave_alca(dag)
    return ["finish", "ALCA_0000", "0"]


def harvest(dag):
    run_alca(dag)
    choose_inputs(dag)
    leave_harvest(dag, data=payload())
    return ["finish", "HARVEST", "0"]


def inputs(dag):
    run_alca(dag)
    choose_inputs(dag)
    leave_harvest(dag, data=payload())
    return ["inputs"]


def failing(dag):
    leave_alca(dag)
    return ["finish", "ALCA_0000", "84"]


def not_whole(dag):
    leave(dag, "ALCA_0000", {ROOT: root_bytes()[:-1]})
    return ["finish", "ALCA_0000", "0"]


STEPS = (reco, alca, harvest, inputs, failing, not_whole)


@pytest.fixture
def prepared(tmp_path, request):
    """Make copies of a DAG in which a step is to be taken; each is the copy's context.

    Jobs left its files as HTCondor lets them: not for the group to write.
    """
    umask = os.umask(0o022)
    original = make_dag(tmp_path)
    arguments = request.param(original)

    def copy(number):
        runs = tmp_path / f"copy{number}" / original.run_dir.name
        shutil.copytree(original.run_dir, runs)
        folder = runs / original.directory.name
        return DagContext(folder, Manifest.read(folder / "manifest.json"))

    def step(dag):
        def take():
            os.chdir(dag.directory)
            return main.main(arguments)

        return take

    yield copy, step
    os.umask(umask)


def state(dag):
    """All that is in the run directory; no two steps end at the same time."""
    found = {}
    for path in sorted(dag.run_dir.rglob("*")):
        name = str(path.relative_to(dag.run_dir))
        if path.is_dir():
            found[name] = path.stat().st_mode
        else:
            content = path.read_bytes()
            if name.endswith("harvest.json"):
                content = {**json.loads(content), "time": 0}
            found[name] = (path.stat().st_mode, content)
    return found


@pytest.mark.parametrize("prepared", STEPS, indirect=True, ids=lambda step: step.__name__)
def test_a_step_that_dies_anywhere_is_taken_up_as_if_it_had_not(prepared):
    copy, step = prepared
    undisturbed = copy(0)
    expected = boundaries.run(step(undisturbed))
    died = 0
    for number in range(1, len(expected.effects) + 1):
        dag = copy(number)
        assert boundaries.run(step(dag), die_before=number).died
        again = boundaries.run(step(dag))
        where = expected.effects[number - 1].site
        assert again.exit_code == expected.exit_code, f"{where}: {again.output}"
        assert state(dag) == state(undisturbed), where
        died += 1
    assert died > 3


@pytest.mark.parametrize("prepared", STEPS, indirect=True, ids=lambda step: step.__name__)
def test_a_step_on_a_full_disk_is_deferred_in_a_line_and_then_goes_well(prepared):
    copy, step = prepared
    undisturbed = copy(0)
    expected = boundaries.run(step(undisturbed))
    for number in range(1, len(expected.effects) + 1):
        dag = copy(number)
        ended = boundaries.run(step(dag), fail_before=number)
        where = expected.effects[number - 1].site
        assert ended.exit_code == DEFERRED, where
        assert "Traceback" not in ended.output
        assert "No space left on device" in ended.output.splitlines()[-1], where
        again = boundaries.run(step(dag))
        assert again.exit_code == expected.exit_code, f"{where}: {again.output}"
        assert state(dag) == state(undisturbed), where
