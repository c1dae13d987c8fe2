"""Which nodes a DAG has, and what each reads and makes.

Knows how a batch is spread over RECO and ALCA nodes. It is pure: no files, no templates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from condorloop.config.stream import Stream
from condorloop.config.tuning import Batching
from condorloop.model.campaign import Batch, RawFile, ReconstructionKey, dag_label
from condorloop.model.enums import NodeKind
from condorloop.model.jobs import PlannedNode
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.policy.splitting import Limits, even, split
from condorloop.rundir.layout import (
    HARVEST_RECORD,
    UPLOAD_RECORD,
    alcareco_name,
    harvest_job,
    harvest_name,
    reco_name,
    sent_record,
)


@dataclass(frozen=True, slots=True)
class Node:
    """One node.

    `files` are the RAW files of a RECO node, `inputs` the RECO names of an ALCA node, `output`
    what it leaves in the run directory, `job` the number of an ALCARECO; `calibration` is the one
    that a HARVEST or UPLOAD works for, in whose run directory its output is. A node that is
    `taken_out` makes nothing, whatever it could read.
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
    calibration: str = ""
    taken_out: bool = False

    @property
    def reads_part(self) -> bool:
        """Whether it reads a part of a RAW file: its job is told which lumisections."""
        return any(file.is_part for file in self.files)

    @property
    def is_empty(self) -> bool:
        """Whether it makes nothing: it is taken out, or all of its inputs were taken from it."""
        return (
            self.taken_out
            or (self.kind is NodeKind.RECO and not self.files)
            or (self.kind is NodeKind.ALCA and not self.inputs)
        )


@dataclass(frozen=True, slots=True)
class DagPlan:
    """A DAG before it is written; `batch` is None for HARVEST and UPLOAD, or UPLOAD alone.

    `made_for` are the calibrations whose ALCARECO a batch makes; `again_for` is the one for which
    alone it reads its files once more.
    """

    key: ReconstructionKey
    number: int
    batch: int | None
    nodes: tuple[Node, ...]
    made_for: tuple[str, ...] = ()
    again_for: str = ""

    @property
    def label(self) -> str:
        """How people and `condor_q` call it."""
        return dag_label(self.number, self.batch, self.sends)

    def of_kind(self, kind: NodeKind) -> tuple[Node, ...]:
        """The nodes of one kind."""
        return tuple(n for n in self.nodes if n.kind is kind)

    @property
    def calibrations(self) -> tuple[str, ...]:
        """The calibrations that it harvests or sends for."""
        return tuple(dict.fromkeys(n.calibration for n in self.nodes if n.calibration))

    @property
    def is_shared(self) -> bool:
        """Whether calibrations share its stream."""
        return self.key.stream not in (*self.made_for, *self.calibrations)

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
    key: ReconstructionKey,
    stream: Stream,
    batch: Batch,
    number: int,
    first_job: int,
    *,
    made_for: Iterable[str],
    harvested_for: Iterable[str],
    event_time: float | None = None,
    again_for: str = "",
) -> DagPlan:
    """Spread a batch over nodes: files in LS order, as evenly as the limits allow.

    Parameters
    ----------
    number
        The DAG's number in its reconstruction.
    first_job
        The number of its first ALCARECO in the reconstruction.
    made_for
        The calibrations whose ALCARECO it makes.
    harvested_for
        Those for which HARVEST and UPLOAD follow.
    event_time
        Seconds that RECO of the stream takes per event; None if nobody knows.
    again_for
        The calibration for which alone the files are read once more.
    """
    batching: Batching = stream.batching
    limits = Limits.of_work(
        batching.max_files_per_job, batching.events_per_job, batching.time_per_job, event_time
    )
    recos = []
    for i, group in enumerate(split(batch.files, limits)):
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
    for i, parents in enumerate(even(recos, batching.reco_per_alca)):
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
    made = tuple(a.name for a in alcas)
    last = [n for c in harvested_for for n in _harvest_and_upload(key, c, number, made)]
    nodes = (*recos, *alcas, *last)
    return DagPlan(key, number, batch.number, nodes, tuple(made_for), again_for)


def plan_harvest(key: ReconstructionKey, calibration: str, number: int) -> DagPlan:
    """Plan a DAG of HARVEST and UPLOAD alone."""
    return DagPlan(key, number, None, _harvest_and_upload(key, calibration, number, ()))


def plan_upload(key: ReconstructionKey, calibration: str, number: int, harvest: int) -> DagPlan:
    """Plan a DAG of one UPLOAD, which sends the payload that the DAG `harvest` made.

    The payload's own record tells what became of all tries; the witness is that of this one.
    """
    upload = Node(
        name=node_name(key, NodeKind.UPLOAD, calibration),
        kind=NodeKind.UPLOAD,
        output=harvest_name(harvest),
        witness=f"{harvest_name(harvest)}/{sent_record(number)}",
        calibration=calibration,
    )
    return DagPlan(key, number, None, (upload,))


def node_name(key: ReconstructionKey, kind: NodeKind, calibration: str) -> str:
    """The name of HARVEST or UPLOAD: with the calibration's, but for one that is a stream's own.

    >>> node_name(ReconstructionKey("Express", 1), NodeKind.HARVEST, "BeamSpotHP")
    'HARVEST_BeamSpotHP'
    """
    return str(kind) if calibration == key.stream else f"{kind}_{calibration}"


def _harvest_and_upload(
    key: ReconstructionKey, calibration: str, number: int, parents: tuple[str, ...]
) -> tuple[Node, Node]:
    output = harvest_name(number)
    harvest = Node(
        name=node_name(key, NodeKind.HARVEST, calibration),
        kind=NodeKind.HARVEST,
        parents=parents,
        output=output,
        witness=f"{output}/{HARVEST_RECORD}",
        calibration=calibration,
    )
    upload = Node(
        name=node_name(key, NodeKind.UPLOAD, calibration),
        kind=NodeKind.UPLOAD,
        parents=(harvest.name,),
        output=output,
        witness=f"{output}/{UPLOAD_RECORD}",
        calibration=calibration,
    )
    return harvest, upload


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
            calibration=n.calibration,
            part=n.lumis if n.reads_part else EMPTY,
        )
        for n in plan.nodes
    ]
