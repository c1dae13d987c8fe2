"""A batch's DAG as one of the calibrations that share it sees it.

Knows that RECO and ALCA are everybody's, and a HARVEST with its UPLOAD one calibration's. It is
pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from condorloop.model.campaign import Dag
from condorloop.model.enums import DagState, NodeKind, NodeState

_OVER = (NodeState.DONE, NodeState.DROPPED)


def seen_by_one(dag: Dag, nodes: Mapping[str, NodeState], taken_over: bool) -> Dag | None:
    """Give a batch's DAG as it is to one calibration; None if that has nothing more of it.

    Until RECO and ALCA are done it is what it is. From then on it has failed for the calibration
    when a node of its own has, or cannot run any more, whatever the others do; and that calibration
    alone answers it, by a DAG of its own.

    Parameters
    ----------
    nodes
        The states of its HARVEST and UPLOAD, by name; none if it does not harvest for it.
    taken_over
        Whether another HARVEST or UPLOAD has taken over what they were to do.
    """
    failed = tuple(n for n in dag.failed_nodes if n in nodes or _is_shared(n))
    dag = replace(
        dag,
        failed_nodes=failed,
        blames={name: dag.blames[name] for name in failed if name in dag.blames},
        harvests=bool(nodes),
    )
    if not dag.made:
        return dag
    if taken_over or all(state in _OVER for state in nodes.values()):
        return None
    if dag.in_flight and NodeState.FAILED in nodes.values():
        return replace(dag, state=DagState.FAILED)
    return dag


def state_to_one(state: DagState, nodes: Iterable[NodeState]) -> DagState:
    """Give the state of a batch's DAG as it is to whom these nodes of it work for.

    One that failed for others alone is done for them.
    """
    over = state is DagState.FAILED and all(node in _OVER for node in nodes)
    return DagState.DONE if over else state


def _is_shared(node: str) -> bool:
    return node.startswith((NodeKind.RECO, NodeKind.ALCA))
