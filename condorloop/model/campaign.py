"""Runs, RAW files, batches, DAGs and campaigns as plain data.

Knows what a run, a RAW file, a DAG and a campaign are; knows nothing of where they come from.
Times are seconds since the epoch (UTC).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from condorloop.model.enums import (
    Artifact,
    CampaignState,
    DagState,
    HeldFor,
    UploadOutcome,
    Verdict,
)
from condorloop.model.latency import LUMISECTION
from condorloop.model.lumi_fates import last_lumi
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.model.no_payload import NoPayload


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


LONGEST_RUN = 48 * 3600.0
"""Seconds that a run lasts at most, whatever OMS or a file tells; the longest took about 26 h."""


def window_from(run_start: float, run_end: float | None, last_lumi: int, *, by_lumi: bool) -> float:
    """From when the buffer counts for a campaign, in seconds since the epoch.

    A payload by run is of use to the run's first lumisection, or to none: its start counts. By
    lumisection each counts for itself: the campaign's window is that of the last one. While a run
    is taken, that is the last one that is known.

    >>> window_from(1000.0, None, 100, by_lumi=False)
    1000.0
    >>> window_from(1000.0, None, 100, by_lumi=True), window_from(1000.0, 4000.0, 100, by_lumi=True)
    (3331.0, 4000.0)
    """
    if not by_lumi:
        return run_start
    taken = last_lumi * LUMISECTION if run_end is None else run_end - run_start
    return run_start + min(max(taken, 0.0), LONGEST_RUN)


@dataclass(frozen=True, slots=True)
class MissedRun:
    """A run that should have been latched for a calibration, and was not.

    `reason` is why, in words; `key` is what of the calibration's YAML decides it.
    """

    run: int
    calibration: str
    reason: str
    key: str


@dataclass(frozen=True, slots=True)
class Statistics:
    """How much data something holds: its lumisections, and the events in them."""

    lumis: Lumis = EMPTY
    events: int = 0

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(self.lumis | other.lumis, self.events + other.events)

    @classmethod
    def total(cls, parts: Iterable[Statistics]) -> Self:
        """What many parts hold together.

        >>> str(Statistics.total([Statistics(Lumis.span(1, 2), 7), Statistics(Lumis.span(3, 3))]))
        'Statistics(lumis=Lumis(ranges=((1, 3),)), events=7)'
        """
        parts = tuple(parts)
        return cls(Lumis.union(part.lumis for part in parts), sum(part.events for part in parts))


@dataclass(frozen=True, slots=True)
class RawFile:
    """A RAW file that was probed; `lumis` and `events` are those of its campaign's run.

    Of a part they are those of the part, and its job reads no other lumisections of the file; `of`
    is what all of the file holds.
    """

    path: str
    size: int
    lumis: Lumis
    events: int
    of: Statistics | None = None

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a file."""
        return self.of is not None

    @property
    def whole(self) -> RawFile:
        """All of the file."""
        if self.of is None:
            return self
        return RawFile(self.path, self.size, self.of.lumis, self.of.events)

    def part(self, lumis: Lumis) -> RawFile:
        """Some of its lumisections, with events in proportion: how many each has is not known.

        >>> RawFile("f.root", 1, Lumis.span(1, 3), 100).part(Lumis.span(1, 1)).events
        33
        """
        whole = self.whole
        if lumis == whole.lumis:
            return whole
        events = whole.events * len(lumis) // len(whole.lumis)
        of = Statistics(whole.lumis, whole.events)
        return RawFile(self.path, self.size, lumis, events, of)


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

    @property
    def name(self) -> str:
        """What its folder in the work_dir is called."""
        return self.calibration


@dataclass(frozen=True, slots=True, order=True)
class ReconstructionKey:
    """Which reconstruction: one stream applied to one run."""

    stream: str
    run: int

    def __str__(self) -> str:
        return f"{self.stream} run{self.run}"

    @property
    def name(self) -> str:
        """What its folder in the work_dir is called."""
        return self.stream


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A good RAW file that is in no batch of its campaign; `since` is when it was found good."""

    file: RawFile
    since: float


@dataclass(frozen=True, slots=True)
class MissedFile:
    """A RAW file that was reconstructed without what a campaign needs.

    `gone` says that it cannot be read: storage does not list it, or jobs kept failing on it.
    `waits` that it waits to be read again for the campaign. `reco` is the DAG and the RECO node
    that has read it, by name.
    """

    file: RawFile
    reco: str = ""
    gone: bool = False
    waits: bool = False


def dag_label(number: int, batch: int | None, sends: int | None) -> str:
    """Name a DAG by its batch, or as a harvest or upload DAG by its own number.

    >>> dag_label(4, 3, None), dag_label(5, None, None), dag_label(6, None, 4)
    ('b003', 'harvest005', 'upload006')
    """
    if batch is not None:
        return f"b{batch:03d}"
    return f"harvest{number:03d}" if sends is None else f"upload{number:03d}"


@dataclass(frozen=True, slots=True)
class Dag:
    """A DAG of a campaign: a batch's, or HARVEST and UPLOAD alone when `batch` is None.

    Attributes
    ----------
    harvests
        Whether it has a HARVEST.
    sends
        The number of the DAG whose harvest's payload it sends, if it has an UPLOAD alone.
    harvest_inputs
        Numbers of the ALCARECO (``apJob``) that its HARVEST took; None until that has started.
    holds
        What its RAW files hold.
    held
        Whether jobs of it are held.
    blames
        How many failed attempts of a failed node each input was the cause of.
    removed_by
        Who took it out of the queue, or wants it out.
    refused
        Why the schedd does not take it, though it takes others.
    calibration
        The one that alone it works for; empty of a batch's that works for all.
    made
        Whether its RECO and ALCA are done, and what goes on is the business of one calibration
        that shares them: it takes no other's place, and is not rescued.
    culprits
        In how many failed attempts of its RECO and ALCA each calibration broke what all share.
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
    sends: int | None = None
    calibration: str = ""
    made: bool = False
    culprits: Mapping[str, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """How people and `condor_q` call it."""
        return dag_label(self.number, self.batch, self.sends)

    @property
    def is_of_all(self) -> bool:
        """Whether it is a batch's, and works for all that share its stream."""
        return self.batch is not None and not self.calibration

    @property
    def harvest(self) -> int:
        """The number of the DAG whose payload its UPLOAD sends: its own, or that of another."""
        return self.number if self.sends is None else self.sends

    @property
    def in_flight(self) -> bool:
        """Whether it runs, or is about to."""
        return self.state is DagState.ACTIVE or self.state is DagState.PLANNED

    @property
    def moves(self) -> bool:
        """Whether it will come to an end by itself: in flight, no job of it held, not refused."""
        return self.in_flight and not self.held and not self.refused


@dataclass(frozen=True, slots=True)
class Unsent:
    """A payload that its UPLOAD did not send, and that may be sent later.

    `harvest` is the number of the DAG that made it; `answered_at` is when its UPLOAD ended, in
    seconds since the epoch. `held_for` says what keeps it if its outcome is held; `decided` is what
    a person said of this very payload, None if nobody said anything. `in_pieces` says that an
    UPLOAD was to send a piece of it.
    """

    harvest: int
    outcome: UploadOutcome
    holds: Statistics
    answer: str = ""
    answered_at: float = 0.0
    held_for: HeldFor | None = None
    decided: Verdict | None = None
    in_pieces: bool = False

    @property
    def rank(self) -> tuple[int, int, int]:
        """How good it is: by LS, then events; of equal ones the later harvest is better."""
        return len(self.holds.lumis), self.holds.events, self.harvest


@dataclass(frozen=True, slots=True)
class DagOutline:
    """A DAG by name: its label, its state, and the names of its nodes."""

    label: str
    state: DagState
    nodes: tuple[str, ...]


class OfStream:
    """What is of a campaign, with its `key`, and the `stream` whose ALCARECO it harvests."""

    __slots__ = ()

    key: CampaignKey
    stream: str

    @property
    def reconstruction(self) -> ReconstructionKey:
        """What it is made from."""
        return ReconstructionKey(self.stream or self.key.calibration, self.key.run)

    @property
    def shares(self) -> bool:
        """Whether its stream may have other calibrations, too."""
        return self.stream not in ("", self.key.calibration)


@dataclass(frozen=True, slots=True)
class Campaign(OfStream):
    """What is known of an open campaign; the ledger keeps it, the planner reads it.

    Attributes
    ----------
    state, reason
        The state that it is in, and why.
    last_new_at, listed_at
        When a file last came, and when storage last said which there are; None if it has not yet.
    seen, harvested, in_payload
        LS of its good files, of its largest harvest, and of the last payload uploaded, or of the
        pieces that were.
    events_harvested
        The events of the largest harvest.
    luminosity
        What was recorded in each LS, in 1/pb, as OMS says, where the calibration counts that.
    waiting, probing
        Good files that are in no batch yet, and how many files are being probed.
    dags, dag_count
        DAGs that are not done, and how many there are in all.
    unharvested
        Complete ALCARECO that no successful harvest read, by number.
    quarantined
        Inputs that their nodes went on without.
    set_back
        RAW files that jobs kept failing on, and that are read again when they can be.
    no_payload
        Why its last harvest made none; None if it made one.
    unsent
        Payloads that wait for their turn or for a person.
    older_open
        Older runs whose campaigns are open, where a payload waits for its turn.
    overtaken_by
        The younger run that superseded its last payload; None if none did.
    restored
        Which payload a person has put back, and who; empty if nobody has.
    held_by, uploads_held_by
        Who holds all of it, and who its uploads; empty if nobody does.
    asked_at
        When a person last asked for it again; None if nobody has.
    revised
        What OMS tells otherwise than when the campaign was closed.
    cleaned
        What retention has removed, or begun to.
    archived
        Whether only an archive has more of it.
    by_lumi
        Whether its payload has IOVs by lumisection.
    stream
        The stream whose ALCARECO it harvests; its own, of its own name, if empty.
    not_made
        LS that were reconstructed without what it needs: before it was switched on, or because it
        broke what all share.
    again
        Good files of such LS that are to be reconstructed once more, for it alone.
    """

    id: int
    key: CampaignKey
    reconstruction_id: int
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
    overtaken_by: int | None = None
    no_payload: NoPayload | None = None
    revised: str = ""
    reason: str = ""
    held_by: str = ""
    cleaned: frozenset[Artifact] = frozenset()
    asked_at: float | None = None
    archived: bool = False
    unsent: tuple[Unsent, ...] = ()
    older_open: tuple[int, ...] = ()
    uploads_held_by: str = ""
    restored: str = ""
    by_lumi: bool = False
    stream: str = ""
    not_made: Lumis = EMPTY
    again: tuple[WaitingFile, ...] = ()

    @property
    def window_from(self) -> float:
        """From when the buffer counts for it."""
        last = last_lumi(self.last_ls, self.seen)
        return window_from(self.run_start, self.run_end, last, by_lumi=self.by_lumi)


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """What is known of a stream applied to a run: the DAGs that its campaigns share.

    Attributes
    ----------
    campaigns
        Those of it, open or not.
    dags
        Its DAGs that are neither done nor lost, whomever they work for.
    fill_type, l1_hlt_mode
        What OMS said of its run when it began; None if nobody wrote it down.
    """

    id: int
    key: ReconstructionKey
    campaigns: tuple[Campaign, ...]
    dags: tuple[Dag, ...]
    fill_type: str | None = None
    l1_hlt_mode: str | None = None

    @property
    def shared(self) -> bool:
        """Whether its stream may have several calibrations."""
        return any(campaign.shares for campaign in self.campaigns)

    def campaigns_of(self, dag: Dag) -> tuple[Campaign, ...]:
        """The campaigns that a DAG works for."""
        mine = (c for c in self.campaigns if dag.calibration in ("", c.key.calibration))
        return tuple(mine)

    def about(self, dag: Dag) -> CampaignKey | ReconstructionKey:
        """Whose a DAG is, as logs say it: of one calibration, or of all that share the stream."""
        if not self.shared:
            return self.campaigns[0].key
        name = dag.calibration
        return CampaignKey(name, self.key.run) if name else self.key


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
class ClosedCampaign(OfStream):
    """What is known of a campaign whose files may go; times are seconds since the epoch.

    `closed_at` is when it came into its state, `window_from` from when its window counts. `busy`
    says that a DAG of its reconstruction is in flight.
    `cleaned` is what was removed already, `begun` what is being removed. `stream` is the one that
    it is made from; its own, of its own name, if empty.
    """

    id: int
    key: CampaignKey
    reconstruction_id: int
    state: CampaignState
    closed_at: float
    window_from: float
    in_payload: Lumis
    busy: bool
    cleaned: frozenset[Artifact] = frozenset()
    begun: frozenset[Artifact] = frozenset()
    stream: str = ""
