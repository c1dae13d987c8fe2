"""The end of a node: is what its job left whole, and if not, why did it fail.

Knows the order in which a node is judged; runs as POST script on the access point. Each step can be
cut short between any two effects, and repeated. What a RECO node does not need is imported where it
is used: there are many of them, and the start costs most.
"""

from __future__ import annotations

import time
from pathlib import Path

from condorloop.model.enums import NodeKind
from condorloop.node import finished_nodes
from condorloop.node.dag_context import DagContext, NodeError, NodeMisconfigured
from condorloop.rundir.durable import let_group_write
from condorloop.rundir.layout import INPUT_FILES, PERMANENT
from condorloop.rundir.records import attempts
from condorloop.rundir.records.attempts import Attempt
from condorloop.rundir.records.witness import Witness
from condorloop.runtime.machine_errors import is_of_machine

TRANSIENT = frozenset({1, 50, 81, 84, 85, 92, 137, 147, 151, 195, 243, 40, 126, 127, 132, 135})
"""Exit codes worth another try: those of dmwm/CRABServer's RetryJob.py, and those of a machine that
is not fit (a tool that is not there, a wrong CPU, a disk that fails) or wants the job to end."""


def finish(dag: DagContext, name: str, exit_code: int) -> int:
    """Judge a node: move its output into the run directory if it is whole.

    A node that was whole once stays so. Of a failed attempt it is told why (`attempts`), then what
    it left is set aside, so that the next one begins with nothing.

    Parameters
    ----------
    exit_code
        How the job ended, as DAGMan tells it.

    Returns
    -------
    int
        0, the job's own exit code where another try may help, or `PERMANENT`.

    Raises
    ------
    NodeError
        The job exited 0, but its output is not what it should be, and another try may help.
    OSError
        The machine does not do what it should (`is_of_machine`): nothing is said of the node, and
        its output stays where it is. Or the output cannot be moved.
    """
    dag = dag.at(name)
    kind = dag.node(name).kind
    ended = _ended(dag, name)
    try:
        _share(dag, name)
        if kind is not NodeKind.UPLOAD and _is_done(dag, name):
            _forget_inputs(dag, kind)
            return 0
        if not exit_code:
            _take(dag, name)
            _forget_inputs(dag, kind)
            return 0
    except NodeError as error:
        attempt = Attempt(0, str(error), (), ended, error.calibrations)
        attempts.add(dag.directory, name, attempt)
        dag.set_aside(dag.directory / name)
        if isinstance(error, NodeMisconfigured):
            print(f"{name} failed: {error}")
            return PERMANENT
        raise
    except OSError as error:
        if not is_of_machine(error):
            attempts.add(dag.directory, name, Attempt(0, str(error), (), ended))
        raise
    from condorloop.node import failed_attempt

    attempt = failed_attempt.tell(dag, name, exit_code, ended)
    dag.set_aside(dag.directory / name)
    return _told_to_dagman(kind, exit_code, attempt)


def _take(dag: DagContext, name: str) -> None:
    """Move the output of a job into the run directory."""
    node = dag.node(name)
    match node.kind:
        case NodeKind.RECO:
            finished_nodes.reco(dag, name, node)
        case NodeKind.ALCA:
            finished_nodes.alca(dag, name, node)
        case NodeKind.UPLOAD:
            finished_nodes.upload(dag, node)
        case NodeKind.HARVEST:
            from condorloop.node import finished_harvest

            finished_harvest.harvest(dag, name, node)


def _told_to_dagman(kind: NodeKind, exit_code: int, attempt: Attempt) -> int:
    if kind is NodeKind.UPLOAD:  # it says itself whether another try may help
        return PERMANENT if exit_code == PERMANENT else 1
    if exit_code < 0:
        return 1
    if attempt.exit_code in TRANSIENT:
        return attempt.exit_code
    # HARVEST can go on without what it blames
    return 1 if kind is NodeKind.HARVEST and attempt.blames else PERMANENT


def _ended(dag: DagContext, name: str) -> float:
    """When a job's output came back: each attempt's begins anew, and a repeated step finds it."""
    try:
        return (dag.directory / f"{name}.out").stat().st_mtime
    except OSError:
        return time.time()


def _is_done(dag: DagContext, name: str) -> bool:
    """Whether this very DAG has finished the node before.

    Raises
    ------
    NodeError
        Another DAG's output stands in its place.
    OSError
        The machine does not give it.
    """
    node = dag.node(name)
    witness = dag.made_dir / node.witness
    made_by = _maker(node.kind, witness)
    if made_by not in (None, dag.id):
        raise NodeError(f"{witness.name} is of another DAG, {made_by}")
    return made_by is not None


def _maker(kind: NodeKind, path: Path) -> str | None:
    """The DAG that made what a witness vouches for; the record of a HARVEST is its witness."""
    if kind is not NodeKind.HARVEST:
        witness = Witness.load(path)
        return witness.dag_id if witness else None
    from condorloop.rundir.records.harvest import HarvestResult

    result = HarvestResult.load(path)
    return result.dag_id if result else None


def _share(dag: DagContext, name: str) -> None:
    """Let the group write what HTCondor's file transfer has made."""
    made = dag.directory / name
    streams = (dag.directory / f"{name}.{stream}" for stream in ("out", "err"))
    let_group_write((made, *made.rglob("*"), *streams))


def _forget_inputs(dag: DagContext, kind: NodeKind) -> None:
    if kind is NodeKind.HARVEST and (files := dag.inputs_dir / INPUT_FILES).exists():
        import shutil

        shutil.rmtree(files)
