"""What became of payloads: `upload.json`, and what is in force in a destination."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from condorloop.model.enums import HeldFor, TagOutcome, UploadOutcome
from condorloop.model.lumis import Lumis
from condorloop.rundir.records.record import Members, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPiece:
    """A part of a payload that went to a destination by itself, or may have.

    Attributes
    ----------
    harvest
        The directory of the harvest that made it.
    iovs
        Since and payload hash of each IOV that was sent.
    lumis
        The LS that it serves with constants made of them.
    through
        The last LS that it is for.
    user_text
        The text that was sent.
    time
        When it was asked for, or answered, in seconds since the epoch.
    unanswered
        Whether it may have been sent without an answer.
    """

    harvest: str
    iovs: tuple[tuple[int, str], ...]
    lumis: Lumis
    through: int
    user_text: str
    time: float
    unanswered: bool = False

    @property
    def since(self) -> int:
        """Its first since."""
        return self.iovs[0][0]

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from its JSON object."""
        iovs = [(iov.number("since"), iov.text("hash")) for iov in members.objects("iovs")]
        if not iovs:
            raise members.wrong("iovs", "IOVs")
        return cls(
            harvest=members.text("harvest"),
            iovs=tuple(iovs),
            lumis=members.lumis("lumis"),
            through=members.number("through"),
            user_text=members.text("user_text"),
            time=members.seconds("time"),
            unanswered=members.flag("unanswered"),
        )

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        return {
            "harvest": self.harvest,
            "iovs": [{"since": since, "hash": digest} for since, digest in self.iovs],
            "lumis": str(self.lumis),
            "through": self.through,
            "user_text": self.user_text,
            "time": self.time,
            "unanswered": self.unanswered,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationResult:
    """What became of a payload in one destination.

    Attributes
    ----------
    database, tag
        The destination.
    outcome, answer
        What it has come to, and the service's or the tool's words, or why it was not asked.
    time
        When that was known, in seconds since the epoch.
    unanswered
        Whether the payload may have been sent without an answer.
    input_tag, hash
        Its tag in the payload file, and the payload of its first IOV.
    options
        Those of the destination tag, as they were sent.
    user_text
        The text that was sent; None if it was not sent.
    since
        The first since that the destination took; None where it took none, or that is not told:
        the service may have moved it up.
    sinces
        Those that were sent; None where nothing was sent, or that is not told.
    overtaken_by
        The younger run that superseded it; None if none did.
    pieces
        The parts of it that went there by themselves, in that order; none if it went up whole.
    """

    database: str
    tag: str
    outcome: TagOutcome
    answer: str
    time: float
    unanswered: bool = False
    input_tag: str = ""
    hash: str = ""
    options: Mapping[str, Any] | None = None
    user_text: str | None = None
    since: int | None = None
    sinces: tuple[int, ...] | None = None
    overtaken_by: int | None = None
    pieces: tuple[SentPiece, ...] = ()

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from its JSON object; an outcome that is not known says nothing of the tag."""
        return cls(
            database=members.text("database"),
            tag=members.text("tag"),
            outcome=_outcome(members.text("outcome")),
            answer=members.text("answer"),
            time=members.seconds("time"),
            unanswered=members.flag("unanswered"),
            input_tag=members.text("input_tag"),
            hash=members.text("hash"),
            options=members.as_json("options") if "options" in members else None,
            user_text=members.text("user_text") if "user_text" in members else None,
            since=members.number("since") if "since" in members else None,
            sinces=members.numbers("sinces") if "sinces" in members else None,
            overtaken_by=members.number("overtaken_by") if "overtaken_by" in members else None,
            pieces=tuple(map(SentPiece.from_members, members.objects("pieces")))
            if "pieces" in members
            else (),
        )

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        more = {
            "options": None if self.options is None else dict(self.options),
            "user_text": self.user_text,
            "since": self.since,
            "sinces": self.sinces,
            "overtaken_by": self.overtaken_by,
            "pieces": [piece.to_json() for piece in self.pieces] or None,
        }
        return {
            "database": self.database,
            "tag": self.tag,
            "outcome": self.outcome,
            "answer": self.answer,
            "time": self.time,
            "unanswered": self.unanswered,
            "input_tag": self.input_tag,
            "hash": self.hash,
            **{key: value for key, value in more.items() if value is not None},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadResult(Record):
    """What an UPLOAD has come to.

    Attributes
    ----------
    outcome
        Of all tags together.
    answer
        The service's or the tool's words, or why it was not asked.
    unanswered
        Whether the payload may have been sent without an answer.
    time
        When it was answered, in seconds since the epoch.
    destinations
        What became of it in each destination that it was ever to go to; None in records of
        versions that did not tell it, and of payloads that could not be read.
    database, tags
        The destinations that are configured, as the version before `destinations` reads them.
    sinces
        Those that were sent anywhere; None where that is not told.
    asking
        Whether the service is being asked, or was when the upload was cut off: by itself that is no
        trouble.
    overtaken_by
        The younger run that superseded it; None if none did.
    restored
        Whether a person has put it in the place of another one of the run.
    held_for
        What keeps it if it is held; None if it is not.
    in_pieces
        Whether a piece of it was to be sent at the last try.
    """

    outcome: UploadOutcome
    answer: str
    unanswered: bool = False
    time: float
    database: str | None = None
    tags: Mapping[str, TagOutcome] | None = None
    sinces: tuple[int, ...] | None = None
    asking: bool = False
    overtaken_by: int | None = None
    held_for: HeldFor | None = None
    restored: bool = False
    in_pieces: bool = False
    destinations: tuple[DestinationResult, ...] | None = None

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from its JSON object."""
        answer = members.text("answer")
        outcome = members.word("outcome", UploadOutcome)
        return cls(
            outcome=outcome,
            answer=answer,
            unanswered=members.flag("unanswered") if "unanswered" in members else False,
            time=members.seconds("time"),
            database=members.text("database") if "database" in members else None,
            tags=_tags(members.texts_by_name("tags")) if "tags" in members else None,
            sinces=members.numbers("sinces") if "sinces" in members else None,
            asking=members.flag("asking") if "asking" in members else answer == _ASKING,
            overtaken_by=_overtaken_by(members, outcome, answer),
            held_for=members.word("held_for", HeldFor) if "held_for" in members else None,
            restored=members.flag("restored") if "restored" in members else False,
            in_pieces=members.flag("in_pieces") if "in_pieces" in members else False,
            destinations=_destinations(members) if "destinations" in members else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        more = {
            "database": self.database,
            "tags": self.tags,
            "sinces": self.sinces,
            "asking": self.asking or None,
            "overtaken_by": self.overtaken_by,
            "held_for": self.held_for,
            "restored": self.restored or None,
            "in_pieces": self.in_pieces or None,
        }
        of_each = None if self.destinations is None else [d.to_json() for d in self.destinations]
        return {
            "outcome": self.outcome,
            "answer": self.answer,
            "unanswered": self.unanswered,
            "time": self.time,
            **{key: value for key, value in more.items() if value is not None},
            **({} if of_each is None else {"destinations": of_each}),
        }

    def each(self) -> tuple[DestinationResult, ...] | None:
        """What became of it in each destination, in records of the version before, too."""
        if self.destinations is not None or self.tags is None or self.database is None:
            return self.destinations
        return tuple(
            DestinationResult(
                database=self.database,
                tag=tag,
                outcome=outcome,
                answer=self.answer,
                time=self.time,
                unanswered=self.unanswered and outcome is TagOutcome.NOT_NAMED,
                sinces=self.sinces,
            )
            for tag, outcome in self.tags.items()
        )


_ASKING = "the service has not answered"
"""The answer by which versions before `asking` told it."""

_OVERTAKEN = re.compile("superseded by run ([0-9]+)")
"""What the answer has in which versions before `overtaken_by` told it."""


def _overtaken_by(members: Members, outcome: UploadOutcome, answer: str) -> int | None:
    if "overtaken_by" in members:
        return members.number("overtaken_by")
    found = _OVERTAKEN.search(answer) if outcome is UploadOutcome.SUPERSEDED else None
    return int(found[1]) if found else None


def _tags(told: Mapping[str, str]) -> dict[str, TagOutcome]:
    return {tag: _outcome(outcome) for tag, outcome in told.items()}


def _outcome(word: str) -> TagOutcome:
    """An outcome that is not known says no more of its tag than none."""
    return TagOutcome(word) if word in frozenset(TagOutcome) else TagOutcome.NOT_NAMED


def _destinations(members: Members) -> tuple[DestinationResult, ...]:
    return tuple(map(DestinationResult.from_members, members.objects("destinations")))


@dataclass(frozen=True, slots=True)
class YoungestRuns(Record):
    """The youngest run that was uploaded, by database and tag; `YoungestRun` has it apart."""

    runs: Mapping[str, Mapping[str, int]]

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from its JSON object."""
        of_databases = {database: members.object(database) for database in members}
        return cls({d: {tag: tags.number(tag) for tag in tags} for d, tags in of_databases.items()})

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        return {database: dict(tags) for database, tags in self.runs.items()}

    def of(self, database: str, tag: str) -> int:
        """The youngest run in a tag; 0 if none is noted."""
        return self.runs.get(database, {}).get(tag, 0)

    def noting(self, database: str, tag: str, run: int) -> Self:
        """The same, with this run in a tag."""
        tags = {**self.runs.get(database, {}), tag: run}
        return type(self)({**self.runs, database: tags})


@dataclass(frozen=True, slots=True)
class YoungestRun(Record):
    """The youngest run whose payload a destination has taken, in the destination's own file."""

    database: str
    tag: str
    run: int

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from its JSON object."""
        return cls(members.text("database"), members.text("tag"), members.number("run"))

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        return {"database": self.database, "tag": self.tag, "run": self.run}
