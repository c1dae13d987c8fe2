"""A DAG's plan, read back from its manifest, and the same without some of its inputs.

Knows what a manifest holds of nodes and files. It is pure: no files, no templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from condorloop.dagman.plan import DagPlan, Node
from condorloop.model.campaign import CampaignKey, RawFile
from condorloop.model.enums import NodeKind
from condorloop.model.lumis import Lumis
from condorloop.rundir.layout import alcareco_job

Dropped = Mapping[str, frozenset[str]]
"""Inputs that nodes go on without, by node: RAW paths of a RECO node, RECO names of an ALCA."""


def plan_of(manifest: Mapping[str, Any]) -> DagPlan:
    """Read a plan back.

    Raises
    ------
    ValueError
        It is not the manifest of a DAG.
    """
    try:
        files = {
            f["path"]: RawFile(
                str(f["path"]), int(f["size"]), Lumis.parse(f["lumis"]), int(f["events"])
            )
            for f in manifest["files"]
        }
        nodes = tuple(_node(name, node, files) for name, node in manifest["nodes"].items())
        return DagPlan(
            key=CampaignKey(str(manifest["calibration"]), int(manifest["run"])),
            number=int(manifest["dag"]),
            batch=None if manifest["batch"] is None else int(manifest["batch"]),
            nodes=nodes,
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not the manifest of a DAG: {error!r}") from error


def _node(name: str, told: Mapping[str, Any], files: Mapping[str, RawFile]) -> Node:
    kind = NodeKind(told["kind"])
    output = str(told["output"])
    return Node(
        name=name,
        kind=kind,
        parents=tuple(map(str, told["parents"])),
        output=output,
        witness=str(told["witness"]),
        lumis=Lumis.parse(told["lumis"]),
        files=tuple(files[path] for path in told["files"]),
        inputs=tuple(map(str, told["inputs"])),
        job=alcareco_job(output) if kind is NodeKind.ALCA else None,
    )


def without(plan: DagPlan, dropped: Dropped) -> DagPlan:
    """Take inputs out of a plan: a node that has none left makes nothing for those after it."""
    nodes: list[Node] = []
    unmade: set[str] = set()
    for node in plan.nodes:
        gone = dropped.get(node.name, frozenset()) | unmade
        files = tuple(f for f in node.files if f.path not in gone)
        inputs = tuple(i for i in node.inputs if i not in gone)
        if files != node.files or inputs != node.inputs:
            node = replace(node, files=files, inputs=inputs)
            if files:
                node = replace(node, lumis=Lumis.union(f.lumis for f in files))
        if node.is_empty:
            unmade.add(node.output)
        nodes.append(node)
    return replace(plan, nodes=tuple(nodes))
