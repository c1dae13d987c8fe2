"""Which nodes a DAG has, and what each reads and makes.

Knows how a batch is spread over RECO and ALCA nodes. It is pure: no files, no templates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from condorloop.config.stream import Stream
from condorloop.config.tuning import Batching
from condorloop.model.campaign import Batch, CampaignKey, RawFile, dag_label
from condorloop.model.enums import NodeKind
from condorloop.model.jobs import PlannedNode
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.rundir.layout import (
    HARVEST_RECORD,
    UPLOAD_RECORD,
    alcareco_name,
    dag_dir,
    harvest_job,
    harvest_name,
    reco_name,
)


@dataclass(frozen=True, slots=True)
class Node:
    """One node.

    `files` are the RAW files of a RECO node, `inputs` the RECO names of an ALCA node, `output`
    what it leaves in the run directory, `job` the number of an ALCARECO.
    """

    name: str
    kind: NodeKind
    parents: tuple[str, ...] = ()
    output: str = ""
    witness: str = ""
    lumis: Lumis = EMPTY
    files: tuple[RawFile, ...] = ()
    inputs: tuple[str, ...] = ()
    job: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether all of its inputs were taken from it."""
        return (self.kind is NodeKind.RECO and not self.files) or (
            self.kind is NodeKind.ALCA and not self.inputs
        )


@dataclass(frozen=True, slots=True)
class DagPlan:
    """A DAG before it is written; `batch` is None for HARVEST and UPLOAD, or UPLOAD alone."""

    key: CampaignKey
    number: int
    batch: int | None
    nodes: tuple[Node, ...]

    @property
    def label(self) -> str:
        """How people and `condor_q` call it."""
        return dag_label(self.number, self.batch, self.sends)

    def of_kind(self, kind: NodeKind) -> tuple[Node, ...]:
        """The nodes of one kind."""
        return tuple(n for n in self.nodes if n.kind is kind)

    @property
    def harvests(self) -> bool:
        """Whether it has a HARVEST."""
        return bool(self.of_kind(NodeKind.HARVEST))

    @property
    def sends(self) -> int | None:
        """The number of the DAG whose payload it sends; None if it sends its own, or nothing."""
        uploads = () if self.harvests else self.of_kind(NodeKind.UPLOAD)
        return next((harvest_job(node.output) for node in uploads), None)

    @property
    def children(self) -> dict[str, str]:
        """The ALCA node that each RECO node feeds, by name."""
        return {parent: a.name for a in self.of_kind(NodeKind.ALCA) for parent in a.parents}

    @property
    def lumis(self) -> Lumis:
        """The lumisections of its RAW files."""
        return Lumis.union(n.lumis for n in self.nodes)


def plan_batch(
    key: CampaignKey,
    stream: Stream,
    batch: Batch,
    number: int,
    first_job: int,
    *,
    harvest: bool = True,
) -> DagPlan:
    """Spread a batch over nodes: files in LS order, as evenly as the limits allow.

    Parameters
    ----------
    number
        The DAG's number in its campaign.
    first_job
        The number of its first ALCARECO in the campaign.
    harvest
        Whether HARVEST and UPLOAD follow.
    """
    batching: Batching = stream.batching
    files = sorted(batch.files, key=lambda f: (f.lumis.first, f.lumis.last, f.path))
    recos = []
    for i, group in enumerate(_even(files, batching.max_files_per_job)):
        lumis = Lumis.union(f.lumis for f in group)
        output = reco_name(key.run, lumis, batch.number, i, stream.reco.affix)
        reco = Node(
            name=f"RECO_{i:04d}",
            kind=NodeKind.RECO,
            output=output,
            witness=output + stream.reco_witness_ending,
            lumis=lumis,
            files=tuple(group),
        )
        recos.append(reco)
    alcas = []
    for i, parents in enumerate(_even(recos, batching.reco_per_alca)):
        job = first_job + i
        alca = Node(
            name=f"ALCA_{i:04d}",
            kind=NodeKind.ALCA,
            parents=tuple(p.name for p in parents),
            output=alcareco_name(job),
            witness=f"{alcareco_name(job)}/{stream.alca.cms_driver.witness}",
            lumis=Lumis.union(p.lumis for p in parents),
            inputs=tuple(p.output for p in parents),
            job=job,
        )
        alcas.append(alca)
    last = _harvest_and_upload(number, tuple(a.name for a in alcas)) if harvest else ()
    return DagPlan(key, number, batch.number, (*recos, *alcas, *last))


def plan_harvest(key: CampaignKey, number: int) -> DagPlan:
    """Plan a DAG of HARVEST and UPLOAD alone."""
    return DagPlan(key, number, None, _harvest_and_upload(number, ()))


def plan_upload(key: CampaignKey, number: int, harvest: int) -> DagPlan:
    """Plan a DAG of one UPLOAD, which sends the payload that the DAG `harvest` made.

    The record of the payload tells what became of all tries. That of this one is in its directory.
    """
    witness = str(dag_dir(Path(), number) / UPLOAD_RECORD)
    upload = Node("UPLOAD", NodeKind.UPLOAD, (), harvest_name(harvest), witness)
    return DagPlan(key, number, None, (upload,))


def _harvest_and_upload(number: int, parents: tuple[str, ...]) -> tuple[Node, Node]:
    output = harvest_name(number)
    return (
        Node("HARVEST", NodeKind.HARVEST, parents, output, f"{output}/{HARVEST_RECORD}"),
        Node("UPLOAD", NodeKind.UPLOAD, ("HARVEST",), output, f"{output}/{UPLOAD_RECORD}"),
    )


_Item = TypeVar("_Item")


def _even(items: Sequence[_Item], most: int) -> list[Sequence[_Item]]:
    """Cut into the fewest groups of at most `most`, whose sizes differ by one at most."""
    groups = -(-len(items) // most)
    cuts = [len(items) * i // groups for i in range(groups + 1)] if groups else []
    return [items[a:b] for a, b in pairwise(cuts)]


def planned_nodes(plan: DagPlan) -> list[PlannedNode]:
    """The nodes of a plan as they are written down before the DAG exists."""
    children = plan.children
    return [
        PlannedNode(
            name=n.name,
            kind=n.kind,
            output=n.output,
            witness=n.witness,
            job=n.job,
            paths=tuple(f.path for f in n.files),
            child=children.get(n.name, ""),
            empty=n.is_empty,
        )
        for n in plan.nodes
    ]
