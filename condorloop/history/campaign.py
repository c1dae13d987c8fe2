"""A campaign's story as data: RAW files, DAGs, nodes, payloads, and how they belong together.

Knows what `condorloop show` and `find` tell; reads nothing and decides nothing. Times are seconds
since the epoch (UTC).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

from pydantic import TypeAdapter

from condorloop.dagman.logs.dag_records import Software
from condorloop.history.asked import RequestStory
from condorloop.model.enums import (
    DagState,
    FileState,
    NodeKind,
    NodeState,
    NoPayloadCause,
    UploadOutcome,
)
from condorloop.model.jobs import DestinationRecord, JobRecord
from condorloop.model.lumi_fates import LumiState
from condorloop.model.lumis import EMPTY
from condorloop.model.status import CampaignStatus, LumiText
from condorloop.rundir.layout import harvest_name
from condorloop.rundir.records.attempts import Attempt
from condorloop.rundir.records.harvest import Iov


class NodeStatus(StrEnum):
    """What became of a node, as far as the ledger and its jobs' events tell."""

    WAITING = "waiting"
    """Its DAG runs, and nodes before it are not done, or another try is about to come."""
    IDLE = "idle"
    """Its job is in the queue and does not run."""
    RUNNING = "running"
    """Its job runs, or its output is being looked at."""
    HELD = "held"
    """Its job is on hold."""
    DONE = "done"
    """Its output is in the run directory."""
    FAILED = "failed"
    """It was given up."""
    NOT_RUN = "not run"
    """Its DAG ended before it could."""
    DROPPED = "dropped"
    """All of its inputs were quarantined, or wait for another DAG."""

    @property
    def written(self) -> NodeState:
        """What the ledger says of such a node."""
        ends = {str(state): state for state in NodeState}
        return ends.get(self, NodeState.WAITING)


def node_state(told: NodeState, dag: DagState, last: JobRecord | None) -> NodeStatus:
    """Say what became of a node.

    Parameters
    ----------
    told
        What the ledger says.
    dag
        The state of its DAG.
    last
        The last of its jobs.
    """
    if told is not NodeState.WAITING:
        return NodeStatus(told)
    if dag not in (DagState.PLANNED, DagState.ACTIVE):
        return NodeStatus.NOT_RUN
    if last is None or last.removed:
        return NodeStatus.WAITING
    if last.ended_at is not None:
        return NodeStatus.WAITING if last.exit_code else NodeStatus.RUNNING
    if last.hold_reason is not None:
        return NodeStatus.HELD
    return NodeStatus.IDLE if last.started_at is None else NodeStatus.RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStory:
    """A RAW file in a campaign.

    `size` is in bytes, negative if nobody knows; `gone` says that storage does not list it any
    more; `dag` and `node` name the RECO node that has it, empty if none does. `fate` is what became
    of it; its lumisections can be in better states by other files.
    """

    path: str
    size: int
    state: FileState
    fate: LumiState
    lumis: LumiText = EMPTY
    events: int = 0
    seen_at: float
    probed_at: float | None = None
    probes: int = 0
    error: str = ""
    gone: bool = False
    dag: str = ""
    node: str = ""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStory:
    """A node of a DAG.

    `output` is what it leaves in the run directory; `parents` are the nodes that it waits for;
    `files` are the RAW files of a RECO node; `dropped` are inputs that it went on without for good,
    `set_back` those that another DAG reads, or is to read when it can; `lacking` the LS that its
    inputs had and its job did not read. `jobs` are all its jobs, `attempts` its tries that failed,
    both in the order of time.
    """

    name: str
    kind: NodeKind
    state: NodeStatus
    output: str
    parents: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    lumis: LumiText = EMPTY
    events: int = 0
    done_at: float | None = None
    exit_code: int | None = None
    error: str = ""
    lacking: LumiText = EMPTY
    dropped: tuple[str, ...] = ()
    set_back: tuple[str, ...] = ()
    jobs: tuple[JobRecord, ...] = ()
    attempts: tuple[Attempt, ...] = ()

    @property
    def last_job(self) -> JobRecord | None:
        """The job that was submitted last."""
        return self.jobs[-1] if self.jobs else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DagStory:
    """A DAG of a campaign.

    `id` is its `CondorloopId`, `cluster` the job id of its last DAGMan, `clusters` those of all;
    `removed_by` who took it out of the queue; `held` says that jobs of it are on hold. `software`
    is None and `there` False if its directory is gone, as retention removes it; `earlier` has
    nodes that were made with other software, before the DAG was renewed. `stream` is the one that
    calibrations share whose DAG it is, empty if none do; `made_for` are those whose ALCARECO it
    makes. Its nodes are RECO and ALCA, and the HARVEST and UPLOAD of one calibration.
    """

    label: str
    number: int
    batch: int | None
    id: str
    state: DagState
    reason: str
    cluster: int | None
    clusters: tuple[int, ...] = ()
    planned_at: float
    submitted_at: float | None = None
    ended_at: float | None = None
    rescues: int = 0
    held: bool = False
    removed_by: str = ""
    directory: str = ""
    there: bool = True
    software: Software | None = None
    earlier: Mapping[str, Software] = field(default_factory=dict)
    nodes: tuple[NodeStory, ...] = ()
    stream: str = ""
    made_for: tuple[str, ...] = ()

    @property
    def in_flight(self) -> bool:
        """Whether it runs, or is about to."""
        return self.state in (DagState.PLANNED, DagState.ACTIVE)

    def software_of(self, node: str) -> Software | None:
        """What a node was made with, or would be."""
        return self.earlier.get(node, self.software)

    def node(self, name: str) -> NodeStory | None:
        """A node of it; None if it has none of that name."""
        return next((n for n in self.nodes if n.name == name), None)

    def last(self, kind: NodeKind) -> NodeStory | None:
        """Its HARVEST or UPLOAD, whatever it is called; None if it has none."""
        return next((n for n in self.nodes if n.kind is kind), None)

    def is_shared(self, node: NodeStory | None = None) -> bool:
        """Whether calibrations share it as a whole, or a node of it."""
        if node is None:
            return bool(self.stream) and self.batch is not None
        return bool(self.stream) and node.kind in (NodeKind.RECO, NodeKind.ALCA)

    def counts(self) -> Mapping[NodeKind, Counter[NodeStatus]]:
        """How many nodes of each kind are in each state."""
        return {
            kind: Counter(n.state for n in self.nodes if n.kind is kind)
            for kind in NodeKind
            if any(n.kind is kind for n in self.nodes)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadStory:
    """A payload, or the try to make one: a HARVEST with its UPLOAD.

    `harvest` is the directory that it is in, `dag` the label of the DAG that made it; `inputs` and
    `left_out` are ALCARECO by name, `overlaps` has why others were left out: a RAW file of theirs
    is in one of `inputs`. `tag`, `since` and `hash` are those of its first IOV, `hashes` of all;
    `cause` is why there is no payload, in the words of `answer`; None if there is one, or nobody
    told. `iovs` has them whole, where its directory is still there; `tags` are those that it goes
    to. `in_force` says that it is the campaign's last one in the database; `pieces` are the LS of
    it that went there in pieces, none if it went whole. `decision` is what a
    person said of it, with who and why; empty if nobody said anything. `destinations` has what
    became of it in each tag, where the ledger tells. `origin` is the run and the harvest that a
    person took it from, empty if it is the run's own.
    """

    harvest: str
    dag: str
    inputs: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    overlaps: Mapping[str, str] = field(default_factory=dict)
    lumis: LumiText = EMPTY
    events: int = 0
    harvested_at: float | None = None
    outcome: UploadOutcome | None = None
    answer: str = ""
    cause: NoPayloadCause | None = None
    tag: str = ""
    hash: str = ""
    hashes: tuple[str, ...] = ()
    since: int | None = None
    answered_at: float | None = None
    in_force: bool = False
    pieces: LumiText = EMPTY
    decision: str = ""
    iovs: tuple[Iov, ...] = ()
    tags: tuple[str, ...] = ()
    destinations: tuple[DestinationRecord, ...] = ()
    origin: str = ""

    def hash_that_begins(self, beginning: str) -> str:
        """The first of its hashes that begins so; empty if none does."""
        wanted = beginning.lower()
        known = (self.hash, *self.hashes, *(iov.hash for iov in self.iovs))
        return next((h for h in known if wanted and h.startswith(wanted)), "")


@dataclass(frozen=True, kw_only=True)
class Story:
    """All that is known of a campaign.

    `campaign` is what ``status.json`` tells of it too; `folder` its run directory; `cleaned` says
    which kinds of files retention has removed. `requests` are what people asked of its run.
    """

    schema: Literal[1] = 1
    campaign: CampaignStatus
    stream: str
    folder: str
    cleaned: tuple[str, ...] = ()
    files: tuple[FileStory, ...] = ()
    dags: tuple[DagStory, ...] = ()
    payloads: tuple[PayloadStory, ...] = ()
    requests: tuple[RequestStory, ...] = ()

    @cached_property
    def _dags(self) -> Mapping[str, DagStory]:
        return {dag.label: dag for dag in self.dags}

    @cached_property
    def _alcareco(self) -> Mapping[str, tuple[DagStory, NodeStory]]:
        return {n.output: (d, n) for d in self.dags for n in d.nodes if n.kind is NodeKind.ALCA}

    @cached_property
    def _files(self) -> Mapping[str, FileStory]:
        return {file.path: file for file in self.files}

    def file(self, path: str) -> FileStory | None:
        """A RAW file of its stream and run; None if it has none of that path."""
        return self._files.get(path)

    def dag(self, label: str) -> DagStory | None:
        """A DAG of it by its label; None if it has none."""
        return self._dags.get(label)

    def alcareco(self, name: str) -> tuple[DagStory, NodeStory] | None:
        """The DAG and the node that made an ALCARECO; None if that is not known."""
        return self._alcareco.get(name)

    def is_taken_over(self, dag: DagStory) -> bool:
        """Whether a DAG of its own does what its HARVEST or UPLOAD in a shared one was to do."""
        return dag.is_shared() and any(
            later.batch is None
            and later.number > dag.number
            and (
                later.last(NodeKind.HARVEST) is not None
                or any(node.output == harvest_name(dag.number) for node in later.nodes)
            )
            for later in self.dags
        )

    @property
    def in_force(self) -> PayloadStory | None:
        """The last payload that is in the database."""
        return next((p for p in self.payloads if p.in_force), None)

    def payload_of(self, alcareco: str) -> PayloadStory | None:
        """The payload that an ALCARECO came into: the one in force if it can be, else the last."""
        those = [p for p in self.payloads if alcareco in p.inputs]
        return max(those, key=certainty, default=None)


def certainty(payload: PayloadStory) -> tuple[bool, bool, bool, float]:
    """Sort payloads: what is in force last, before it what was uploaded, then by time."""
    uploaded = payload.outcome is UploadOutcome.UPLOADED
    made = payload.harvested_at is not None
    return payload.in_force, uploaded, made, payload.harvested_at or 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStory:
    """What ``condorloop show RUN --json`` prints: a story for each calibration."""

    schema: Literal[1] = 1
    run: int
    campaigns: tuple[Story, ...]


_ADAPTER: TypeAdapter[RunStory] = TypeAdapter(RunStory)


def to_json(told: RunStory) -> dict[str, Any]:
    """Give the object that ``condorloop show --json`` prints."""
    data: dict[str, Any] = _ADAPTER.dump_python(told, mode="json")
    return data


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of ``condorloop show --json``."""
    return _ADAPTER.json_schema(mode="serialization")
