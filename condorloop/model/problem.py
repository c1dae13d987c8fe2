"""What is wrong, as data: its kind, what it is about, what to type, and how people read it.

Everything that is decided about a problem is decided by its fields; its texts are for people.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import Self, TypedDict, Unpack

from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import UploadOutcome
from condorloop.model.queue import Obstacle


class ProblemKind(StrEnum):
    """What a problem is about; the most urgent kind is the first, what is over comes last."""

    SERVICE = "service"
    """A service gives no answer."""
    DISK = "disk"
    """The work_dir is nearly full."""
    TICKET = "ticket"
    """The Kerberos ticket ends soon."""
    CONFIGURATION = "configuration"
    """A changed configuration cannot be used; the one before is still in use."""
    NOT_LATCHED = "not latched"
    """A run that should have been latched was not: its data leave the buffer unused."""
    CAMPAIGN = "campaign"
    """A campaign cannot go on."""
    WAITING = "waiting"
    """Jobs wait for a machine, and none of them starts."""
    UPLOAD = "upload"
    """The last payload is not in the database."""
    GATE = "gate"
    """The gate holds a payload, and a person is to say whether it is sent."""
    IN_FORCE = "in force"
    """A destination, as it was read back, contradicts what condorloop believes to be in force."""
    UNCONFIRMED = "unconfirmed"
    """A payload was uploaded, and its destination does not show it."""
    REFUSED = "refused"
    """The schedd does not take a DAG, though it takes others."""
    DEFERRED = "deferred"
    """The machine keeps a script of a node from its work."""
    LATE = "late"
    """The window of a campaign is over, and not all of it has come to its end."""
    HELD = "held"
    """A campaign, a DAG or a job is on hold."""
    FAILED = "failed"
    """A node or a DAG failed."""
    FULL = "full"
    """The schedd starts no more DAGs, or the site's own limit of them is reached."""
    INCOMPLETE = "incomplete"
    """A campaign was closed without all that it should have."""
    NO_PAYLOAD = "no payload"
    """A campaign was closed, its last harvest made no payload, and that is not normal."""
    REMOVED = "removed"
    """A person removed a DAG."""
    LACKING = "lacking"
    """A job did not read all of its input."""
    LEFT_OUT = "left out"
    """A harvest went on without an ALCARECO."""
    OVERLAP = "overlap"
    """A RAW file is in two ALCARECO or DAGs; it is used once."""
    COPY = "copy"
    """RAW files of different names have the same lumisections and events."""
    QUARANTINED = "quarantined"
    """A node goes on without an input."""
    STATE = "state"
    """A campaign, a DAG or a node changed its state in a way that no rule allows."""
    STORAGE = "storage"
    """Storage lists what nobody understands."""
    BAD_FILE = "bad file"
    """A RAW file cannot be used."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What people are told of as one problem, however its texts and parts change.

    `calibration`, `run` and `service` are None where all of them have it; `calibration` is that of
    a stream where it concerns several calibrations that share one: no name is both.
    """

    kind: ProblemKind
    calibration: str | None = None
    run: int | None = None
    service: str | None = None

    def __str__(self) -> str:
        """Give the key by which it is remembered.

        >>> str(Topic(ProblemKind.FAILED, "BeamSpot", 398600))
        'failed|BeamSpot|398600|'
        """
        run = "" if self.run is None else self.run
        return f"{self.kind}|{self.calibration or ''}|{run}|{self.service or ''}"

    @classmethod
    def parse(cls, key: str) -> Self | None:
        """Read a key; None if it is none, or its kind is unknown.

        >>> Topic.parse("service|||OMS").service
        'OMS'
        """
        try:
            kind, calibration, run, service = key.split("|")
            number = int(run) if run else None
            return cls(ProblemKind(kind), calibration or None, number, service or None)
        except ValueError:
            return None


class About(TypedDict, total=False):
    """What a problem can be about, apart from campaign and calibrations; see `Problem`."""

    since: float | None
    path: str | None
    service: str | None
    dag: str | None
    node: str | None
    job: str | None
    directory: str | None
    obstacle: Obstacle | None
    outcome: UploadOutcome | None
    person: str | None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong, and what to type; what it is not about is None.

    Attributes
    ----------
    text
        The whole sentence; its words are for people.
    command
        What to type; empty if nothing can be typed.
    calibration, run
        None for what concerns all campaigns, or several.
    stream
        The one that the calibrations share which it concerns; None if they share none.
    since
        Seconds since the epoch; None if nobody knows.
    path
        The file that it is about, which several calibrations may read.
    bare_text
        The text without the campaign, run or calibrations that it begins with.
    calibrations
        All that it concerns; empty if those are all that there are.
    service
        The one that gives no answer.
    dag
        The label of a DAG.
    node
        The name of a node in its DAG.
    job
        The id of a job.
    directory
        Its name in the campaign's run directory.
    obstacle
        What keeps jobs from running.
    outcome
        What became of a payload.
    person
        Who did it.
    """

    kind: ProblemKind
    text: str
    command: str = ""
    calibration: str | None = None
    run: int | None = None
    since: float | None = None
    path: str | None = None
    _: KW_ONLY
    bare_text: str = ""
    calibrations: tuple[str, ...] = ()
    service: str | None = None
    dag: str | None = None
    node: str | None = None
    job: str | None = None
    directory: str | None = None
    obstacle: Obstacle | None = None
    outcome: UploadOutcome | None = None
    person: str | None = None
    stream: str | None = None

    def __post_init__(self) -> None:
        """Fill what follows from the rest."""
        if not self.bare_text:
            object.__setattr__(self, "bare_text", self.text)
        if self.calibration and not self.calibrations:
            object.__setattr__(self, "calibrations", (self.calibration,))

    @property
    def topic(self) -> Topic:
        """What it is told as: one kind in one campaign is one problem, and so is each service.

        What calibrations of a stream have in common is one of the stream.
        """
        return Topic(self.kind, self.calibration or self.stream, self.run, self.service)

    @classmethod
    def of_campaign(
        cls,
        kind: ProblemKind,
        key: CampaignKey,
        bare_text: str,
        command: str = "",
        **about: Unpack[About],
    ) -> Self:
        """Make one of a campaign."""
        text = f"{key}: {bare_text}"
        return cls(kind, text, command, key.calibration, key.run, bare_text=bare_text, **about)

    @classmethod
    def of_stream(
        cls,
        kind: ProblemKind,
        stream: str,
        run: int,
        names: Collection[str],
        bare_text: str,
        command: str = "",
        **about: Unpack[About],
    ) -> Self:
        """Make one that these calibrations have in common, which share a stream, in a run."""
        all_of_them = tuple(sorted(names))
        text = f"{stream} run{run} ({', '.join(all_of_them)}): {bare_text}"
        return cls(
            kind,
            text,
            command,
            run=run,
            bare_text=bare_text,
            calibrations=all_of_them,
            stream=stream,
            **about,
        )

    @classmethod
    def of_calibrations(
        cls,
        kind: ProblemKind,
        names: Collection[str],
        bare_text: str,
        command: str = "",
        **about: Unpack[About],
    ) -> Self:
        """Make one that one calibration has, or that several have in common."""
        all_of_them = tuple(sorted(names))
        text = f"{', '.join(all_of_them)}: {bare_text}"
        only = all_of_them[0] if len(all_of_them) == 1 else None
        return cls(
            kind, text, command, only, bare_text=bare_text, calibrations=all_of_them, **about
        )


def by_urgency(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Put problems in the order of their kinds, in which all views show them."""
    rank = {kind: n for n, kind in enumerate(ProblemKind)}
    return tuple(sorted(problems, key=lambda p: rank[p.kind]))
