"""The libraries that write DAGs for DAGMan, each with the fewest calls that make condorloop's.

Knows `htcondor2.dags`, `ezdag` and `pycondor`: from the same plan they make the same nodes with
the same VARS, retries and edges. What a user of theirs has to do by hand, quoting, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import ezdag
import htcondor2
import pycondor
from htcondor2 import dags

from condorloop.dagman.plan import DagPlan, Node
from condorloop.model.enums import NodeKind
from condorloop.rundir.layout import PERMANENT

STORAGE = "root://127.0.0.1:2"
RETRIES = 3
FORMAT = dags.SimpleFormatter(separator="_", index_format="{:04d}")

Writer = Callable[[DagPlan, Path], None]


def with_htcondor2(plan: DagPlan, folder: Path) -> None:
    """A layer for each node kind."""
    dag = dags.DAG()
    layer: dags.NodeLayer | None = None
    for kind in NodeKind:
        nodes = plan.of_kind(kind)
        told = {
            "name": str(kind),
            "submit_description": htcondor2.Submit(_submit(kind)),
            "vars": [_variables(node) for node in nodes],
            "retries": RETRIES,
            "retry_unless_exit": PERMANENT,
        }
        layer = layer.child_layer(edge=_Parents(nodes), **told) if layer else dag.layer(**told)
    dags.write_dag(dag, folder, node_name_formatter=FORMAT)


class _Parents(dags.BaseEdge):  # type: ignore[misc]
    """The edges of a plan: a group of parents for each node."""

    def __init__(self, nodes: tuple[Node, ...]) -> None:
        self.nodes = nodes

    def get_edges(
        self, parent: Any, child: Any, join_factory: Any
    ) -> Iterator[tuple[tuple[int, ...], tuple[int]]]:
        for i, node in enumerate(self.nodes):
            yield tuple(_index(name) for name in node.parents), (i,)


def _index(name: str) -> int:
    return int(name.partition("_")[2] or 0)


def with_ezdag(plan: DagPlan, folder: Path) -> None:
    """A layer for each node kind; edges follow from what nodes take and make."""
    dag = ezdag.DAG("it", formatter=FORMAT)
    made: dict[str, str] = {}
    for kind in NodeKind:
        layer = ezdag.Layer("/bin/true", str(kind), retries=RETRIES, transfer_files=False)
        for node in plan.of_kind(kind):
            made[node.name] = f"{kind}/{node.output}"
            layer += ezdag.Node(
                arguments=[ezdag.Argument(*told) for told in _variables(node).items()],
                inputs=[ezdag.Argument("parents", [made[name] for name in node.parents])]
                if node.parents
                else [],
                outputs=[ezdag.Argument("made", made[node.name])],
            )
        dag.attach(layer)
    dag.write(folder)


def with_pycondor(plan: DagPlan, folder: Path) -> None:
    """A job for each node kind, with an argument for each node.

    Its own edges are between jobs, which would take a submit file for each node: these are written
    as lines of the DAG, which is the fastest way.
    """
    edges = [
        f"PARENT {' '.join(map(_pycondor_name, node.parents))} CHILD {_pycondor_name(node.name)}"
        for node in plan.nodes
        if node.parents
    ]
    dag = pycondor.Dagman("it", submit=str(folder), extra_lines=edges)
    for kind in NodeKind:
        job = pycondor.Job(str(kind), "/bin/true", submit=str(folder), dag=dag, retry=RETRIES)
        for node in plan.of_kind(kind):
            job.add_arg(" ".join(_variables(node).values()))
    dag.build(fancyname=False)


def _pycondor_name(name: str) -> str:
    return f"{name.partition('_')[0]}_arg_{_index(name)}"


WRITERS: Mapping[str, Writer] = {
    "htcondor2.dags": with_htcondor2,
    "ezdag": with_ezdag,
    "pycondor": with_pycondor,
}


def _submit(kind: NodeKind) -> dict[str, str]:
    return {"universe": "vanilla", "executable": f"{kind.lower()}.sh", "log": "it.log"}


def _variables(node: Node) -> dict[str, str]:
    """The VARS of a node as condorloop's template has them."""
    match node.kind:
        case NodeKind.RECO:
            filein = ",".join([f"{STORAGE}/{file.path}" for file in node.files])
            return {"reco": node.output, "filein": filein, "lumis": str(node.lumis)}
        case NodeKind.ALCA:
            return {
                "filein": ",".join([f"file:../{name}.root" for name in node.inputs]),
                "reco_files": ", ".join([f"/data/{name}.root" for name in node.inputs]),
                "lumis": str(node.lumis),
            }
    return {}
