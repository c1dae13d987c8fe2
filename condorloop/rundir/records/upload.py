"""What became of payloads: `upload.json`, and a calibration's `youngest.json`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from condorloop.model.enums import HeldFor, TagOutcome, UploadOutcome
from condorloop.rundir.records.record import Members, Record


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
    database
        Where the `tags` are; None where that is not known.
    tags
        What became of it in each tag. None in records of versions that did not tell it, and of
        payloads that could not be read.
    sinces
        Those that were sent; None where that is not told.
    asking
        Whether the service is being asked, or was when the upload was cut off: by itself that is no
        trouble.
    overtaken_by
        The younger run that superseded it; None if none did.
    restored
        Whether a person has put it in the place of another one of the run.
    held_for
        What keeps it if it is held; None if it is not.
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
        }
        return {
            "outcome": self.outcome,
            "answer": self.answer,
            "unanswered": self.unanswered,
            "time": self.time,
            **{key: value for key, value in more.items() if value is not None},
        }


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
    """An outcome that is not known says no more of its tag than none."""
    known = frozenset(TagOutcome)
    return {
        tag: TagOutcome(outcome) if outcome in known else TagOutcome.NOT_NAMED
        for tag, outcome in told.items()
    }


@dataclass(frozen=True, slots=True)
class YoungestRuns(Record):
    """The youngest run that was uploaded, by database and tag."""

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
