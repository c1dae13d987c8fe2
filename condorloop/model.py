"""The words of condorloop as plain data.

Knows what a run, a RAW file, a DAG and a campaign are; knows nothing of where they come from.
Times are seconds since the epoch (UTC).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from condorloop.lumis import EMPTY, Lumis
from condorloop.words import CampaignState as CampaignState
from condorloop.words import DagState as DagState
from condorloop.words import FileState as FileState
from condorloop.words import Kept as Kept
from condorloop.words import NodeKind as NodeKind
from condorloop.words import RequestKind as RequestKind
from condorloop.words import UploadOutcome as UploadOutcome


@dataclass(frozen=True, slots=True)
class Run:
    """A run, as OMS describes it."""

    number: int
    fill: int | None
    start: float
    end: float | None
    last_ls: int | None
    fill_type: str | None
    l1_hlt_mode: str | None
    stable_beam: bool


@dataclass(frozen=True, slots=True)
class RawFile:
    """A RAW file that was probed; `lumis` and `events` are those of its campaign's run."""

    path: str
    size: int
    lumis: Lumis
    events: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """How much data something holds: its lumisections, and the events in them."""

    lumis: Lumis = EMPTY
    events: int = 0

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(self.lumis | other.lumis, self.events + other.events)


@dataclass(frozen=True, slots=True)
class Alcareco:
    """An ALCARECO that is complete: since when, in seconds since the epoch, and what it holds."""

    done_at: float
    holds: Statistics = Statistics()
    dag_id: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """The RAW files that one DAG processes."""

    number: int
    files: tuple[RawFile, ...]

    @property
    def lumis(self) -> Lumis:
        """The lumisections that its files cover."""
        return Lumis.union(f.lumis for f in self.files)


@dataclass(frozen=True, slots=True, order=True)
class CampaignKey:
    """Which campaign: one calibration applied to one run."""

    calibration: str
    run: int

    def __str__(self) -> str:
        return f"{self.calibration} run{self.run}"


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A good RAW file that is in no batch of its campaign; `since` is when it was found good."""

    file: RawFile
    since: float


def dag_label(number: int, batch: int | None) -> str:
    """Name a DAG by its batch, or as a harvest DAG by its own number.

    >>> dag_label(4, 3), dag_label(5, None)
    ('b003', 'harvest005')
    """
    return f"harvest{number:03d}" if batch is None else f"b{batch:03d}"


@dataclass(frozen=True, slots=True)
class Dag:
    """A DAG of a campaign: a batch's, or HARVEST and UPLOAD alone when `batch` is None.

    `harvest_inputs` are the numbers of the ALCARECO (``apJob``) that its HARVEST took, None as
    long as that has not started. `held` says that jobs of it are held; `blames` counts, for each
    failed node, how many failed attempts an input was the cause of; `removed_by` tells who took it
    out of the queue, or wants it out. `harvests` says whether it has a HARVEST; `holds` is what its
    RAW files hold. `refused` is why the schedd does not take it, though it takes others.
    """

    id: int
    number: int
    batch: int | None
    state: DagState
    cluster: int | None
    ended_at: float | None
    rescues: int
    failed_nodes: tuple[str, ...]
    harvest_inputs: frozenset[int] | None
    upload: UploadOutcome | None
    held: bool = False
    blames: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    removed_by: str = ""
    harvests: bool = True
    holds: Statistics = Statistics()
    refused: str = ""

    @property
    def label(self) -> str:
        """How people and `condor_q` call it."""
        return dag_label(self.number, self.batch)

    @property
    def in_flight(self) -> bool:
        """Whether it runs, or is about to."""
        return self.state is DagState.ACTIVE or self.state is DagState.PLANNED

    @property
    def moves(self) -> bool:
        """Whether it will come to an end by itself: in flight, no job of it held, not refused."""
        return self.in_flight and not self.held and not self.refused


@dataclass(frozen=True, slots=True)
class DagOutline:
    """A DAG by name: its label, its state, and the names of its nodes."""

    label: str
    state: DagState
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Campaign:
    """What is known of an open campaign; the ledger keeps it, the planner reads it.

    `seen` are the lumisections of its good files, `harvested` those of its largest harvest,
    `in_payload` those of the last payload that was uploaded. `listed_at` is when storage last said
    which files there are, None if it has not yet. `dags` are those that are not done;
    `unharvested` has the complete ALCARECO that no successful harvest read, by number.
    `events_harvested` are the events of the largest harvest; `luminosity` has what OMS says was
    recorded in each lumisection, in 1/pb, where the calibration counts that. `quarantined` are
    inputs that their nodes went on without; `set_back` are RAW files that jobs kept failing on, and
    that are read again when they can be. `revised` says what OMS tells otherwise than when the
    campaign was closed. `held_by` is the person who holds it, empty if nobody does; `cleaned` names
    what retention has removed, or begun to. `reason` is why it is in its state; `asked_at` is when
    a person last asked for it again, None if nobody has; `archived` says that only an archive has
    more of it.
    """

    id: int
    key: CampaignKey
    state: CampaignState
    run_start: float
    run_end: float | None
    last_ls: int | None
    last_new_at: float
    listed_at: float | None
    seen: Lumis
    harvested: Lumis
    in_payload: Lumis
    waiting: tuple[WaitingFile, ...]
    probing: int
    dags: tuple[Dag, ...]
    dag_count: int
    unharvested: Mapping[int, Alcareco]
    events_harvested: int = 0
    luminosity: Mapping[int, float] = field(default_factory=dict)
    quarantined: tuple[str, ...] = ()
    set_back: tuple[str, ...] = ()
    revised: str = ""
    reason: str = ""
    held_by: str = ""
    cleaned: frozenset[Kept] = frozenset()
    asked_at: float | None = None
    archived: bool = False


@dataclass(frozen=True, slots=True)
class ProcessedOutputs:
    """Names of what a campaign has processed, as the run directory's log files list them."""

    raw_files: tuple[str, ...]
    expected: tuple[str, ...]
    reco: tuple[str, ...]
    alcareco: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job of a node, as its events tell; times are seconds since the epoch.

    What is not known, or has not happened yet, is None. `exit_code` is the job's as DAGMan tells
    it, negative for a signal; `cpu_time` is in seconds of one core, memory in MB; `hold_reason` is
    that of a job that is on hold.
    """

    node: str
    job_id: str
    submitted_at: float
    host: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    cpu_time: float | None = None
    memory_used: int | None = None
    memory_asked: int | None = None
    starts: int = 0
    holds: int = 0
    hold_reason: str | None = None
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    """What probing a RAW file told: the LS of its run, or why it cannot be used."""

    lumis: Lumis
    events: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """A node as it is written down before its DAG exists.

    `output` is what it will leave in the run directory, `witness` the file there that says that
    it is whole, `job` the number of an ALCARECO, `paths` the RAW files that it reads, `child` the
    ALCA node that a RECO node feeds. An `empty` one makes nothing: its inputs were taken from it.
    """

    name: str
    kind: NodeKind
    output: str
    witness: str
    job: int | None = None
    paths: tuple[str, ...] = ()
    child: str = ""
    empty: bool = False


@dataclass(frozen=True, slots=True)
class FailedNode:
    """Why a node failed: its last exit code, as a shell sees it, and the line that matters.

    `blames` counts the failed attempts that each of its inputs was the cause of.
    """

    name: str
    exit_code: int | None = None
    error: str = ""
    blames: Mapping[str, int] = field(default_factory=dict)


ALL_RUNS = 0
"""What a request has as its run that is about all runs."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for, as it waits in the ledger.

    `calibration` None means all of the run, `run` `ALL_RUNS` all runs; `node` narrows to a DAG or a
    node, as ``b003``, ``RECO_0001`` or ``b003/RECO_0001``. With `everything` a resubmission gives
    files that were given up another try, and a hold stops jobs that run. `reason` is a person's own
    words.
    `begun` says in words what has been begun to be done, empty if nothing has.
    """

    id: int
    kind: RequestKind
    run: int
    calibration: str | None
    node: str | None
    everything: bool
    made_by: str
    made_at: float
    reason: str = ""
    begun: str = ""


@dataclass(frozen=True, slots=True)
class HarvestRecord:
    """What became of a DAG's HARVEST and UPLOAD so far; None where nothing is known yet.

    `inputs` are the numbers of the ALCARECO (``apJob``) that HARVEST took, `left_out` those that it
    found complete but unusable, `lacking` the LS that its inputs had and its job did not read.
    `tag`, `hash` and `since` are those of its first IOV; `other_hashes` are those of the others.
    """

    inputs: frozenset[int]
    lumis: Lumis
    events: int
    harvested_at: float | None = None
    outcome: UploadOutcome | None = None
    answer: str = ""
    tag: str = ""
    hash: str = ""
    since: int | None = None
    answered_at: float | None = None
    left_out: frozenset[int] = frozenset()
    lacking: Lumis = EMPTY
    other_hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QueuedDag:
    """A DAG in the queue, as its DAGMan job's ClassAd describes it.

    `counts` are DAGMan's own (``NodesDone``, ``JobsIdle`` …); they are missing until its first
    update. `idle` says that DAGMan itself waits to be started: for a moment after it was
    submitted, for long where an owner has as many DAGs as the schedd lets run. A person's hold has
    the `hold_code` `HELD_BY_PERSON`. `since` is when DAGMan came into its state in the queue.
    """

    id: str
    key: CampaignKey
    number: int
    cluster: int
    hold_reason: str | None
    counts: Mapping[str, int]
    idle: bool = False
    hold_code: int | None = None
    batch: int | None = None
    since: float | None = None

    @property
    def label(self) -> str:
        """How people and `condor_q` call it."""
        return dag_label(self.number, self.batch)

    @property
    def held(self) -> bool:
        """Whether DAGMan itself is on hold; its jobs go on, and its counts stand still."""
        return self.hold_code is not None or self.hold_reason is not None

    @property
    def on_request(self) -> bool:
        """Whether `condorloop hold` put it on hold."""
        return (self.hold_reason or "").startswith(HELD_ON_REQUEST)


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job of a node that is on hold: HTCondor's codes and reason, and since when."""

    dag_id: str
    node: str
    job_id: str
    code: int
    subcode: int
    reason: str
    since: float

    @property
    def by_person(self) -> bool:
        """Whether a person put it on hold; nothing else may release it then."""
        return self.code == HELD_BY_PERSON

    @property
    def on_request(self) -> bool:
        """Whether `condorloop hold` put it on hold."""
        return self.reason.startswith(HELD_ON_REQUEST)


@dataclass(frozen=True, slots=True)
class Queued:
    """What is in the queue: DAGs by their `CondorloopId`, and the node jobs that are held."""

    dags: Mapping[str, QueuedDag] = field(default_factory=dict)
    held_jobs: tuple[HeldJob, ...] = ()


@dataclass(frozen=True, slots=True)
class Jobs:
    """Which jobs of a DAG in the queue are meant: its DAGMan, or those of its nodes.

    `node` None means all nodes; without `running` only those that wait to be run.
    """

    dag_id: str
    dagman: bool = False
    node: str | None = None
    running: bool = False


HELD_BY_PERSON = 1
"""The HoldReasonCode of ``condor_hold``."""

OURS = "condorloop: "
"""What the reason of every removal and hold by condorloop begins with."""

HELD_ON_REQUEST = f"{OURS}held by "
"""What the reason of a hold begins with that a person has asked condorloop for."""
