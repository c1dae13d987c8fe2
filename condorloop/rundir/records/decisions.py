"""What people decided about uploads: `uploads_held.json`, `restored.json` and `decisions.json`.

The UPLOAD job reads them, for it does not know the ledger; a ledger is rebuilt from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from condorloop.model.enums import Verdict
from condorloop.rundir.records.record import Members, Record


@dataclass(frozen=True, slots=True)
class UploadsHeld(Record):
    """Who holds uploads, why, and since when, in seconds since the epoch."""

    who: str
    why: str
    time: float

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from its JSON object."""
        return cls(members.text("who"), members.text("why"), members.seconds("time"))

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        return {"who": self.who, "why": self.why, "time": self.time}

    def __str__(self) -> str:
        return f"{self.who} holds uploads" + (f": {self.why}" if self.why else "")


@dataclass(frozen=True, slots=True)
class Restored(Record):
    """Which payload a person has put back: no other one of the run is sent meanwhile.

    `origin` is the run and the harvest that it was taken from, as ``398599/harvestJob003``; empty
    if it is one of the run's own.
    """

    harvest: str
    who: str
    why: str
    time: float
    origin: str = ""

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from its JSON object."""
        return cls(
            members.text("harvest"),
            members.text("who"),
            members.text("why"),
            members.seconds("time"),
            members.text("origin") if "origin" in members else "",
        )

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        return {
            "harvest": self.harvest,
            "who": self.who,
            "why": self.why,
            "time": self.time,
            **({"origin": self.origin} if self.origin else {}),
        }

    @property
    def words(self) -> str:
        """Who put it back, and why."""
        of = f", taken from {self.origin}" if self.origin else ""
        return f"put back by {self.who}{of}" + (f": {self.why}" if self.why else "")

    def __str__(self) -> str:
        return f"{self.harvest} was {self.words}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person said of one payload: `payload` is its digest, `harvest` what made it."""

    payload: str
    harvest: str
    verdict: Verdict
    who: str
    why: str
    time: float

    def __str__(self) -> str:
        return f"{self.verdict} by {self.who}" + (f": {self.why}" if self.why else "")


@dataclass(frozen=True, slots=True)
class Decisions(Record):
    """What people said of the payloads of a run, in that order."""

    all: tuple[Decision, ...] = ()

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from its JSON object."""
        return cls(
            tuple(
                Decision(
                    payload=told.text("payload"),
                    harvest=told.text("harvest"),
                    verdict=told.word("verdict", Verdict),
                    who=told.text("who"),
                    why=told.text("why"),
                    time=told.seconds("time"),
                )
                for told in members.objects("decisions")
            )
        )

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        return {
            "decisions": [
                {
                    "payload": each.payload,
                    "harvest": each.harvest,
                    "verdict": each.verdict,
                    "who": each.who,
                    "why": each.why,
                    "time": each.time,
                }
                for each in self.all
            ]
        }

    def of(self, payload: str) -> Decision | None:
        """The last word that was said of a payload; None if none was."""
        return next((each for each in reversed(self.all) if each.payload == payload), None)

    def saying(self, decision: Decision) -> Self:
        """The same, with one more word; who says it again has said it."""
        others = (d for d in self.all if d != decision)
        return type(self)((*others, decision))
