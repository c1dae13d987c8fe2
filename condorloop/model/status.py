"""The state of the loop as data: what every view shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from condorloop.model.campaign import CampaignKey, MissedRun, ReconstructionKey, window_from
from condorloop.model.enums import CampaignState, HeldFor, NodeKind, UploadOutcome
from condorloop.model.latency import LatencyPoint
from condorloop.model.lumi_fates import LOST, LumiState, last_lumi
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.model.no_payload import NoPayload
from condorloop.model.problem import Problem
from condorloop.model.queue import QueuedDag
from condorloop.model.service import Service


def _lumis(given: object) -> Lumis:
    return given if isinstance(given, Lumis) else Lumis.parse(str(given))


LumiText = Annotated[
    Lumis,
    PlainValidator(_lumis),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(-\d+)?(,\d+(-\d+)?)*)?$"}),
]
"""Lumisections as text, such as ``1-40,42``."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A line of the log: what was decided or seen, and of which campaign, if of one."""

    time: float
    level: str
    text: str
    calibration: str | None = None
    run: int | None = None


@dataclass(frozen=True, slots=True)
class LumiSets:
    """The lumisections of a campaign: in good files, in its largest harvest, in its last payload.

    `missing` are those up to the last one that are not in its payload, whatever became of them.
    """

    seen: LumiText = EMPTY
    harvested: LumiText = EMPTY
    in_payload: LumiText = EMPTY
    missing: LumiText = EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsentPayload:
    """A payload that is harvested and not sent; `harvest` is the directory that it is in.

    `outcome` is pending or held, `held_for` what keeps it if it is held, `answer` says why.
    `decision` is what a person said of it, with who and why; empty if nobody said anything.
    """

    harvest: str
    outcome: UploadOutcome
    lumis: LumiText = EMPTY
    answer: str = ""
    since: float = 0.0
    held_for: HeldFor | None = None
    decision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconstructionStatus:
    """What calibrations that share a stream have in common in a run: RECO and ALCA.

    Attributes
    ----------
    calibrations
        Those that have campaigns of it.
    seen, made
        LS of its good RAW files, and those in its complete ALCARECO.
    files
        How many RAW files there are by state; see `CampaignStatus`.
    dags
        How many DAGs of batches there are by state; one that failed for some calibrations alone is
        done.
    nodes
        How many nodes of them there are by kind and state: those of RECO and ALCA.
    jobs
        How many node jobs of these DAGs are in the queue; see `CampaignStatus`.
    """

    stream: str
    run: int
    calibrations: tuple[str, ...] = ()
    last_ls: int | None = None
    run_end: float | None = None
    seen: LumiText = EMPTY
    made: LumiText = EMPTY
    files: Mapping[str, int] = field(default_factory=dict)
    dags: Mapping[str, int] = field(default_factory=dict)
    nodes: Mapping[NodeKind, Mapping[str, int]] = field(default_factory=dict)
    jobs: Mapping[str, int] = field(default_factory=dict)

    @property
    def key(self) -> ReconstructionKey:
        """Which reconstruction it is."""
        return ReconstructionKey(self.stream, self.run)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStatus:
    """What people want to know of a campaign; times are seconds since the epoch.

    Where calibrations share its stream, its RECO and ALCA are those of all of them; DAGs and jobs
    are counted that work for it alone.

    Attributes
    ----------
    stream
        The stream that it is made from; its own, of its own name, if empty.
    taken_out
        DAGs of its stream that make nothing for it because it broke them, by label.
    reason, state_since
        Why it is in its state, and since when.
    held_by, held_at
        Who holds it, and since when; empty and None if nobody does.
    asked_at
        When a person last asked for it again; None if nobody has.
    window_ends
        When its data leave the buffer.
    serve_by
        When the next LS that is in no payload leaves the buffer; None if none will.
    by_lumi
        Whether its payload has IOVs by lumisection.
    fates
        Each LS, in the one state that it is in.
    files
        How many RAW files there are by state: ``new``, ``good``, ``bad``, ``unreadable``.
    bad_files
        RAW files that are bad or unreadable, with the reason.
    copies
        What good RAW files have in common that are hardly alike by chance, by the first of them.
    dags
        How many DAGs there are by state.
    jobs
        How many node jobs are in the queue: ``idle``, ``running``, ``held``.
    failed_nodes, errors
        Nodes that failed, by label and name; why each of them did.
    failed_dags
        DAGs that failed though no node of them did, by label.
    removed
        Who removed a DAG, by label and node.
    refused
        Why the schedd does not take a DAG, by label.
    quarantined
        Inputs that their nodes went on without.
    lacking
        LS that a node's inputs had and its job did not read, by label and node.
    left_out
        ALCARECO that the last harvest found unusable.
    overlaps
        Why it left others out: a RAW file of theirs is in one that was used.
    kept_recipe
        What an open campaign keeps of an earlier configuration, by key, and what is configured.
    odd_changes
        Changes of state that no rule allows.
    no_payload
        Why the last harvest made none, in the harvester's words; None if it made one.
    uploads, last_upload_at
        How many payloads were uploaded, and when the last one was.
    last_outcome, last_answer
        What the last UPLOAD came to, and what the service said.
    uploading
        Whether the service is being asked for the last payload: its outcome is not known.
    refused_uploads
        Those of `failed_nodes` whose payload the service refused.
    unsent
        Payloads that wait for their turn or for a person, the best one last.
    uploads_held_by
        Who holds its uploads; empty if nobody does.
    restored
        Which payload a person has put back, and who; empty if nobody has.
    contradictions
        Why what was read back of a destination cannot be right, by harvest and tag.
    unconfirmed
        Since when a payload is uploaded that is not seen in its destination, by harvest and tag.
    confirmed
        How many tags show the last payload that was uploaded to them.
    unnamed_tags
        Tags of the last payload file that the configuration sends nowhere.
    """

    calibration: str
    run: int
    fill: int | None
    state: CampaignState
    reason: str
    state_since: float
    held_by: str = ""
    held_at: float | None = None
    latched_at: float
    run_start: float
    run_end: float | None
    window_ends: float = 0.0
    last_ls: int | None
    lumis: LumiSets
    fates: Mapping[LumiState, LumiText]
    files: Mapping[str, int]
    bad_files: Mapping[str, str]
    dags: Mapping[str, int]
    jobs: Mapping[str, int] = field(default_factory=dict)
    failed_nodes: tuple[str, ...] = ()
    failed_dags: tuple[str, ...] = ()
    refused_uploads: tuple[str, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    quarantined: tuple[str, ...] = ()
    lacking: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    overlaps: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    kept_recipe: Mapping[str, str] = field(default_factory=dict)
    odd_changes: tuple[str, ...] = ()
    contradictions: Mapping[str, str] = field(default_factory=dict)
    unconfirmed: Mapping[str, float] = field(default_factory=dict)
    confirmed: int = 0
    stream: str = ""
    taken_out: tuple[str, ...] = ()
    uploads: int = 0
    last_upload_at: float | None = None
    last_outcome: UploadOutcome | None = None
    last_answer: str = ""
    no_payload: NoPayload | None = None
    uploading: bool = False
    unsent: tuple[UnsentPayload, ...] = ()
    uploads_held_by: str = ""
    restored: str = ""
    asked_at: float | None = None
    by_lumi: bool = False
    serve_by: float | None = None
    unnamed_tags: tuple[str, ...] = ()

    @property
    def window_from(self) -> float:
        """From when the buffer counts for it."""
        last = last_lumi(self.last_ls, self.lumis.seen)
        return window_from(self.run_start, self.run_end, last, by_lumi=self.by_lumi)

    @property
    def lost(self) -> Lumis:
        """The LS that are not in a payload and will not be by themselves.

        While it is open: those with a bad file or a failed node. After that: all that are missing.
        """
        if not self.state.open:
            return self.lumis.missing
        return Lumis.union(self.fates.get(fate, EMPTY) for fate in LOST)

    @property
    def not_made(self) -> Lumis:
        """The LS that were reconstructed without what it needs."""
        return self.fates.get(LumiState.NOT_MADE, EMPTY)

    @property
    def reconstruction(self) -> ReconstructionKey:
        """What it is made from."""
        return ReconstructionKey(self.stream or self.calibration, self.run)

    @property
    def shares(self) -> bool:
        """Whether its stream may have other calibrations, too."""
        return self.stream not in ("", self.calibration)

    @property
    def key(self) -> CampaignKey:
        """Which campaign it is."""
        return CampaignKey(self.calibration, self.run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """All that is shown of the loop at one time, as of the submitter's last cycle.

    Attributes
    ----------
    poll_interval, cycle_time
        Seconds between two cycles, and what the last one took.
    latencies
        The campaigns of the last days that have uploaded a payload, older runs first.
    waiting
        Since when jobs wait that do not start, by calibration.
    disk_free
        What is free on the work_dir's disk, in bytes; None if it is not known.
    ticket_ends
        When the first Kerberos ticket ends that the loop works with; None if it is not known.
    destinations
        Where the payloads of each configured calibration go.
    missed_runs
        Runs that should have been latched, and were not.
    reconstructions
        What calibrations that share a stream have in common, older runs first.
    confirm_within
        After how many seconds an upload that its tag does not show is a problem; None where no tag
        is read back.
    """

    schema: Literal[2] = 2
    site: str
    time: float
    pid: int
    poll_interval: float
    cycle_time: float = 0.0
    services: tuple[Service, ...] = ()
    problems: tuple[Problem, ...] = ()
    campaigns: tuple[CampaignStatus, ...] = ()
    decisions: tuple[Decision, ...] = ()
    latencies: tuple[LatencyPoint, ...] = ()
    waiting: Mapping[str, float] = field(default_factory=dict)
    disk_free: int | None = None
    ticket_ends: float | None = None
    destinations: tuple[CalibrationDestination, ...] = ()
    missed_runs: tuple[MissedRun, ...] = ()
    reconstructions: tuple[ReconstructionStatus, ...] = ()
    confirm_within: float | None = None


def jobs_in_queue(
    key: CampaignKey | ReconstructionKey, dags: Iterable[QueuedDag]
) -> dict[str, int]:
    """Count the node jobs in the queue: ``idle``, ``running``, ``held``.

    Those of DAGs that work for one campaign, or for all that share a reconstruction.
    """
    counts = [d.counts for d in dags if (d.key.name, d.key.run) == (key.name, key.run)]
    states = ("Idle", "Running", "Held")
    return {s.lower(): sum(c.get(f"Jobs{s}", 0) for c in counts) for s in states}


@dataclass(frozen=True, slots=True)
class CalibrationDestination:
    """Where the payloads of a calibration go: the tags, the database, and the service.

    `service` has the options with which uploadConditions.py is told where to send; it is empty
    where the tool chooses by the database.
    """

    calibration: str
    database: str
    tags: tuple[str, ...]
    service: str = ""

    def __str__(self) -> str:
        by = f" by {self.service}" if self.service else ""
        return f"{', '.join(self.tags)} in {self.database}{by}"
