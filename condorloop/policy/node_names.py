"""The names of DAGs and nodes, as people type them: ``b003``, ``RECO_0001``, ``b003/RECO_0001``.

Knows what a name means among the DAGs of a campaign, and how to say what there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from condorloop.model.campaign import DagOutline
from condorloop.model.enums import DagState, NodeKind


def meant(node: str, outline: Mapping[str, DagOutline]) -> dict[str, str | None]:
    """Which DAGs of an outline a name means, and of each which node, None for all of it."""
    if node in outline:
        return {node: None}
    label, _, name = node.rpartition("/")
    return {each: name for each, o in outline.items() if name in o.nodes and label in ("", each)}


def unknown(node: str, outline: Mapping[str, DagOutline]) -> str:
    """Say of a name that means nothing what there is."""
    label = node.rpartition("/")[0]
    if label in outline:
        return f"no node {node}; {label} has {_spans(outline[label].nodes)}"
    if not outline:
        return f"no {node}; it has no DAG yet"
    nodes = sorted({name for o in outline.values() for name in o.nodes})
    there = states({o.label: o.state for o in outline.values()})
    return f"no {node}; there are {there}, with {_spans(nodes)}"


def states(dags: Mapping[str, DagState]) -> str:
    """Name DAGs by state, such as ``b000 … b004 done, b005 active``."""
    by_state: dict[DagState, list[str]] = {}
    for label, state in dags.items():
        by_state.setdefault(state, []).append(label)
    return ", ".join(f"{_shortened(labels)} {state}" for state, labels in by_state.items())


def _spans(names: Iterable[str]) -> str:
    """Nodes by kind, such as ``RECO_0000 … RECO_0007, ALCA_0000, HARVEST``."""
    by_kind: dict[str, list[str]] = {}
    for name in names:
        by_kind.setdefault(name.partition("_")[0], []).append(name)
    return ", ".join(_shortened(by_kind[kind]) for kind in NodeKind if kind in by_kind)


def _shortened(names: Sequence[str]) -> str:
    return f"{names[0]} … {names[-1]}" if len(names) > 2 else ", ".join(names)
