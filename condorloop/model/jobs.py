"""What is known of jobs and nodes.

Times are seconds since the epoch (UTC).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import (
    HeldFor,
    NodeKind,
    NoPayloadCause,
    TagOutcome,
    UploadOutcome,
)
from condorloop.model.lumis import EMPTY, Lumis


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
class PlannedNode:
    """A node as it is written down before its DAG exists.

    `output` is what it will leave in the run directory, `witness` the file there that says that
    it is whole, `job` the number of an ALCARECO, `paths` the RAW files that it reads, `child` the
    ALCA node that a RECO node feeds. An `empty` one makes nothing: its inputs were taken from it.
    `calibration` is the one whose run directory has what HARVEST and UPLOAD leave; none of others.
    `part` are the lumisections of its only RAW file that it reads, if not all.
    """

    name: str
    kind: NodeKind
    output: str
    witness: str
    job: int | None = None
    paths: tuple[str, ...] = ()
    child: str = ""
    empty: bool = False
    calibration: str = ""
    part: Lumis = EMPTY


@dataclass(frozen=True, slots=True)
class FailedNode:
    """Why a node failed: its last exit code, as a shell sees it, and the line that matters.

    `blames` counts the failed attempts that each of its inputs was the cause of, and `culprits`
    those in which a calibration broke the process that several share.
    """

    name: str
    exit_code: int | None = None
    error: str = ""
    blames: Mapping[str, int] = field(default_factory=dict)
    culprits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DestinationRecord:
    """What became of a payload in one destination.

    Attributes
    ----------
    database, tag
        The destination.
    outcome, answer
        What it has come to, and the words of the service or the tool, or why it was not asked.
    since
        The first since that the tag took; None where it took none, or that is not known.
    answered_at
        When that was known, in seconds since the epoch.
    confirmed_at
        When the payload was found in the tag; None if it was not looked for, or not found.
    contradiction
        What the tag holds instead; empty if it does not contradict.
    """

    database: str
    tag: str
    outcome: TagOutcome
    answer: str = ""
    since: int | None = None
    answered_at: float | None = None
    confirmed_at: float | None = None
    contradiction: str = ""


@dataclass(frozen=True, slots=True)
class SentPayload:
    """A payload that is the last one of its campaign in a destination, and was not seen there.

    `payload_id` is its id in the ledger, `harvest` the number of the DAG that made it;
    `answered_at` is when the service took it, in seconds since the epoch.
    """

    payload_id: int
    key: CampaignKey
    harvest: int
    database: str
    tag: str
    answered_at: float


@dataclass(frozen=True, slots=True)
class HarvestRecord:
    """What became of a DAG's HARVEST and UPLOAD so far; None where nothing is known yet.

    `inputs` are the numbers of the ALCARECO (``apJob``) that HARVEST took, `left_out` those that it
    found complete but unusable, `overlaps` has why it left others out: a RAW file of theirs is in
    one that it took. `lacking` are the LS that its inputs had and its job did not read.
    `tag`, `hash` and `since` are those of its first IOV; `other_hashes` are those of the others.
    While the service is being asked, `uploading` says so: the outcome is not known. `overtaken_by`
    is the younger run that superseded the payload; `held_for` says what keeps one that is held,
    `restored` that a person has put it in the place of another one.
    `cause` is why there is no payload, None if there is one; `answer` has the words then.
    `destinations` has what became of it in each destination; `unnamed` are tags of the payload file
    that the configuration sends nowhere. `origin` is the run and the harvest that a person took it
    from, empty if it is the run's own. `pieces` are the LS of it that came to all destinations in
    pieces, each with when; `in_pieces` says that its last UPLOAD was to send one.
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
    overlaps: Mapping[int, str] = field(default_factory=dict)
    lacking: Lumis = EMPTY
    other_hashes: tuple[str, ...] = ()
    uploading: bool = False
    overtaken_by: int | None = None
    cause: NoPayloadCause | None = None
    held_for: HeldFor | None = None
    restored: bool = False
    destinations: tuple[DestinationRecord, ...] = ()
    unnamed: tuple[str, ...] = ()
    origin: str = ""
    pieces: tuple[tuple[Lumis, float], ...] = ()
    in_pieces: bool = False
