"""What a HARVEST made of which ALCARECO, and which it left out: `harvest.json`, `left_out.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from condorloop.model.enums import NoPayloadCause
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.model.no_payload import NoPayload
from condorloop.rundir.layout import is_alcareco
from condorloop.rundir.records.record import Members, Record


@dataclass(frozen=True, slots=True)
class Iov:
    """One interval of validity of a payload file.

    `time_type` is what its tag's sinces count: ``Run``, ``Lumi``, ``Time``, ``Hash`` or ``User``;
    empty where that is not told.
    """

    tag: str
    since: int
    hash: str
    time_type: str = ""

    @property
    def by_lumi(self) -> bool:
        """Whether its since counts lumisections."""
        return self.time_type == "Lumi"


_NOT_TOLD = NoPayload(NoPayloadCause.NOT_SAID)
"""What is known of a harvest without a payload that does not tell why: it is not written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestResult(Record):
    """What a HARVEST has made.

    Attributes
    ----------
    dag_id
        The `CondorloopId` of its DAG.
    inputs
        The ALCARECO that it read, by the names of their directories.
    left_out
        Those that it did not read, each with the reason; empty in records of versions that did
        not tell it.
    overlaps
        Those of `left_out` that have RAW files which others have too. None in records of versions
        that did not look for overlap.
    lumis, events
        What is in the payload.
    lacking
        LS of the inputs that the job report does not tell.
    iovs
        The payload's, the earliest first; none if it made no payload.
    no_payload
        Why it made no payload; None if it made one. Records of versions that did not tell it have
        no cause.
    time
        When its output was found to be whole, in seconds since the epoch.
    unnamed
        Tags of the payload file that no record of the configuration names: they go nowhere.
    origin
        The run and the harvest that made it, as ``398599/harvestJob003``, where a person has put it
        in the place of the run's own: it is of no LS of the run. Else empty.
    """

    dag_id: str
    inputs: tuple[str, ...]
    left_out: Mapping[str, str]
    overlaps: tuple[str, ...] | None
    lumis: Lumis
    events: int
    lacking: Lumis = EMPTY
    iovs: tuple[Iov, ...]
    no_payload: NoPayload | None = None
    time: float
    unnamed: tuple[str, ...] = ()
    origin: str = ""

    def iovs_of(self, tag: str) -> tuple[Iov, ...]:
        """The IOVs that the payload file has in a tag, the earliest first."""
        return tuple(iov for iov in self.iovs if iov.tag == tag)

    @property
    def why_no_payload(self) -> str:
        """Why it made no payload, in words; empty if it made one."""
        if self.no_payload is None:
            return ""
        return self.no_payload.words or "the log of HARVEST does not say why"

    @property
    def digest(self) -> str:
        """What tells its payload from any other: of one IOV the hash, else one of all IOVs."""
        if len(self.iovs) == 1:
            return self.iovs[0].hash
        from hashlib import sha1  # most scripts of a DAG need none

        told = "".join(f"{iov.tag} {iov.since} {iov.hash}\n" for iov in self.iovs)
        return sha1(told.encode(), usedforsecurity=False).hexdigest()

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from its JSON object."""
        left_out = _left_out(members)
        iovs = tuple(map(_iov, members.objects("iovs")))
        overlaps = members.texts("overlaps") if "overlaps" in members else None
        if not left_out.keys() >= set(overlaps or ()):
            raise members.wrong("overlaps", "names that are in left_out")
        return cls(
            dag_id=members.text("dag_id"),
            inputs=_alcareco(members, "inputs", members.texts("inputs")),
            left_out=left_out,
            overlaps=overlaps,
            lumis=members.lumis("lumis"),
            events=members.number("events"),
            lacking=members.lumis("lacking") if "lacking" in members else EMPTY,
            iovs=iovs,
            no_payload=None if iovs else _no_payload(members),
            time=members.seconds("time"),
            unnamed=members.texts("unnamed") if "unnamed" in members else (),
            origin=members.text("origin") if "origin" in members else "",
        )

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        told: dict[str, Any] = {} if self.overlaps is None else {"overlaps": self.overlaps}
        if self.no_payload not in (None, _NOT_TOLD):
            cause, words = self.no_payload.cause, self.no_payload.words
            told["no_payload"] = {"cause": cause, "words": words}
        return {
            "dag_id": self.dag_id,
            "inputs": self.inputs,
            "left_out": dict(self.left_out),
            **told,
            "lumis": str(self.lumis),
            "events": self.events,
            "lacking": str(self.lacking),
            "iovs": [_told(iov) for iov in self.iovs],
            "time": self.time,
            **({"unnamed": self.unnamed} if self.unnamed else {}),
            **({"origin": self.origin} if self.origin else {}),
        }


def _iov(members: Members) -> Iov:
    time_type = members.text("time_type") if "time_type" in members else ""
    return Iov(members.text("tag"), members.number("since"), members.text("hash"), time_type)


def _told(iov: Iov) -> dict[str, Any]:
    time_type = {"time_type": iov.time_type} if iov.time_type else {}
    return {"tag": iov.tag, "since": iov.since, "hash": iov.hash, **time_type}


def _left_out(members: Members) -> dict[str, str]:
    """Version 0.1.0 wrote a list of names, those before it at first nothing."""
    if "left_out" not in members:
        return {}
    if members.is_list("left_out"):
        told = dict.fromkeys(members.texts("left_out"), "")
    else:
        told = members.texts_by_name("left_out")
    _alcareco(members, "left_out", tuple(told))
    return told


def _no_payload(members: Members) -> NoPayload:
    """A cause that is not known says no more than none."""
    if "no_payload" not in members:
        return _NOT_TOLD
    told = members.object("no_payload")
    cause, words = told.text("cause"), told.text("words")
    known = cause in frozenset(NoPayloadCause)
    return NoPayload(NoPayloadCause(cause) if known else NoPayloadCause.NOT_SAID, words)


def _alcareco(members: Members, key: str, names: tuple[str, ...]) -> tuple[str, ...]:
    if all(map(is_alcareco, names)):
        return names
    raise members.wrong(key, "names of ALCARECO")


@dataclass(frozen=True, slots=True)
class LeftOut(Record):
    """The ALCARECO that are not among the inputs of a HARVEST, each with the reason.

    `unusable` cannot be read or trusted; `overlaps` have RAW files that others have, too.
    """

    unusable: Mapping[str, str]
    overlaps: Mapping[str, str]

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from its JSON object."""
        return cls(members.texts_by_name("left_out"), members.texts_by_name("overlaps"))

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        return {"left_out": dict(self.unusable), "overlaps": dict(self.overlaps)}
