"""A DAG's plan, as its manifest has it, and the same without some of its inputs.

It is pure: no files, no templates.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from condorloop.dagman.plan import DagPlan, Node
from condorloop.model.campaign import RawFile, ReconstructionKey, Statistics
from condorloop.model.enums import NodeKind
from condorloop.model.lumis import Lumis
from condorloop.rundir.layout import alcareco_job
from condorloop.rundir.records.manifest import Manifest, ManifestFile, ManifestNode

Dropped = Mapping[str, frozenset[str]]
"""Inputs that nodes go on without, by node: RAW paths of a RECO node, RECO names of an ALCA."""


def plan_of(manifest: Manifest) -> DagPlan:
    """Give the plan that a DAG was written from."""
    return DagPlan(
        key=ReconstructionKey(manifest.stream, manifest.run),
        number=manifest.dag,
        batch=manifest.batch,
        nodes=tuple(_node(manifest, name, node) for name, node in manifest.nodes.items()),
        made_for=tuple(manifest.made_for),
        again_for=manifest.again_for,
    )


def _node(manifest: Manifest, name: str, told: ManifestNode) -> Node:
    read = manifest.read_by(name)
    return Node(
        name=name,
        kind=told.kind,
        parents=told.parents,
        output=told.output,
        witness=told.witness,
        lumis=told.lumis,
        files=tuple(_raw_file(read[path]) for path in told.files),
        inputs=told.inputs,
        job=alcareco_job(told.output) if told.kind is NodeKind.ALCA else None,
        calibration=told.calibration,
        taken_out=told.taken_out,
    )


def _raw_file(told: ManifestFile) -> RawFile:
    of = Statistics(*told.of) if told.of else None
    return RawFile(told.path, told.size, told.lumis, told.events, of)


def without_calibrations(plan: DagPlan, gone: Collection[str]) -> DagPlan:
    """Take calibrations out of a plan: nothing is harvested for them."""
    nodes = (replace(n, taken_out=True) if n.calibration in gone else n for n in plan.nodes)
    return replace(plan, nodes=tuple(nodes))


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
