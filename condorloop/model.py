"""The words of condorloop as plain data.

Knows what a run, a RAW file, a DAG and a campaign are; knows nothing of where they come from.
Times are seconds since the epoch (UTC).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from condorloop.lumis import Lumis


class NodeKind(StrEnum):
    """The kinds of DAGMan nodes."""

    RECO = "RECO"
    ALCA = "ALCA"
    HARVEST = "HARVEST"
    UPLOAD = "UPLOAD"


class CampaignState(StrEnum):
    """The life of a campaign."""

    ACTIVE = "active"
    """Its run is taken, or files may still come."""
    CLOSING = "closing"
    """No more files are expected; the last batch and the last harvest are under way."""
    COMPLETE = "complete"
    """Closed: the last harvest covers the run within the tolerance."""
    INCOMPLETE = "incomplete"
    """Closed with too many missing lumisections, failed nodes or a refused upload."""
    EXPIRED = "expired"
    """The window ended before anything was done."""
    ABANDONED = "abandoned"
    """Given up by an operator."""

    @property
    def open(self) -> bool:
        """Whether the submitter still works on it."""
        return self in (CampaignState.ACTIVE, CampaignState.CLOSING)


class FileState(StrEnum):
    """What is known of a RAW file."""

    NEW = "new"
    """Listed; not probed, or to be tried again soon."""
    GOOD = "good"
    """Probed; its lumisections are known."""
    BAD = "bad"
    """It cannot be used as it is."""
    UNREADABLE = "unreadable"
    """It could not be opened several times; it is tried again until the window ends."""


class DagState(StrEnum):
    """The life of a DAG."""

    PLANNED = "planned"
    """Written in the ledger; not known to be in the queue."""
    ACTIVE = "active"
    """In the schedd's queue."""
    DONE = "done"
    """Every node succeeded."""
    FAILED = "failed"
    """Ended with failed nodes; it can be rescued."""
    REMOVED = "removed"
    """Taken out of the queue by a person; it is run again only when a person asks for it."""
    LOST = "lost"
    """Its directory was deleted; files of it that no ALCARECO holds wait for another DAG."""


class UploadOutcome(StrEnum):
    """What became of a payload."""

    NO_PAYLOAD = "no payload"
    """The harvest found too few events to make one."""
    SUPERSEDED = "superseded"
    """One at least as good was in the database already."""
    UPLOADED = "uploaded"
    """The service took it."""
    REFUSED = "refused"
    """The service refused it for good."""
    NO_ANSWER = "no answer"
    """The service could not be asked, or gave no usable answer: an outage, or a login that fails."""
    FAILED = "failed"
    """The tool failed for another reason; the service may not have been asked."""


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
    long as that has not started.
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

    @property
    def label(self) -> str:
        """How people and `condor_q` call it."""
        return dag_label(self.number, self.batch)

    @property
    def in_flight(self) -> bool:
        """Whether it runs, or is about to."""
        return self.state in (DagState.PLANNED, DagState.ACTIVE)


@dataclass(frozen=True, slots=True)
class Campaign:
    """What is known of an open campaign; the ledger keeps it, the planner reads it.

    `seen` are the lumisections of its good files, `harvested` those of its largest harvest,
    `in_payload` those of the last payload that was uploaded. `listed_at` is when storage last said
    which files there are, None if it has not yet. `dags` are those that are not done;
    `unharvested` has the complete ALCARECO that no successful harvest read, by number, and when
    each was complete.
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
    unharvested: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class CampaignSummary:
    """What people want to know of a campaign.

    `files` counts RAW files by state (``new``, ``good``, ``bad``, ``unreadable``), `dags` DAGs by
    state; `bad_files` are those that are bad or unreadable, with the reason.
    `in_payload` are the LS of the last payload that was uploaded.
    """

    key: CampaignKey
    state: CampaignState
    reason: str
    fill: int | None
    run_start: float
    run_end: float | None
    last_ls: int | None
    seen: Lumis
    harvested: Lumis
    in_payload: Lumis
    files: Mapping[str, int]
    bad_files: Mapping[str, str]
    dags: Mapping[str, int]
    failed_nodes: tuple[str, ...]
    uploads: int
    last_upload_at: float | None
    last_outcome: UploadOutcome | None
    last_answer: str


@dataclass(frozen=True, slots=True)
class ProcessedOutputs:
    """Names of what a campaign has processed, as the run directory's log files list them."""

    raw_files: tuple[str, ...]
    expected: tuple[str, ...]
    reco: tuple[str, ...]
    alcareco: tuple[str, ...]


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
    it is whole, `job` the number of an ALCARECO, `paths` the RAW files that it reads.
    """

    name: str
    kind: NodeKind
    output: str
    witness: str
    job: int | None = None
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HarvestRecord:
    """What became of a DAG's HARVEST and UPLOAD so far; None where nothing is known yet.

    `inputs` are the numbers of the ALCARECO (``apJob``) that HARVEST took, `left_out` those that it
    found complete but unusable.
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


@dataclass(frozen=True, slots=True)
class QueuedDag:
    """A DAG in the queue, as its DAGMan job's ClassAd describes it.

    `counts` are DAGMan's own (``NodesDone``, ``JobsIdle`` …); they are missing until its first
    update.
    """

    id: str
    key: CampaignKey
    number: int
    cluster: int
    hold_reason: str | None
    counts: Mapping[str, int]
