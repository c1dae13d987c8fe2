"""What `condorloop verify` shows of campaigns, as data: findings, by campaign and destination.

Knows which findings are wrong, and the JSON of all; finds nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from pydantic import TypeAdapter

from condorloop.model.enums import CampaignState
from condorloop.model.lumis import EMPTY
from condorloop.model.status import LumiText


class FindingKind(StrEnum):
    """What can be said of a campaign's payload in force; those of `WRONG` are wrong."""

    NO_PAYLOAD = "no payload"
    """There are good RAW files, and no payload is in force."""
    MISSING = "missing"
    """LS of a good RAW file are in no input."""
    TWICE = "twice"
    """LS of a RAW file are in more than one input."""
    COPIES = "copies"
    """RAW files with the same LS and events are both in the payload, hardly by chance."""
    WITNESS_GONE = "witness gone"
    """The witness of an input is gone or damaged, and retention did not remove it."""
    ORIGIN_UNKNOWN = "origin unknown"
    """The RAW files of an input are not told, or one is in it twice."""
    FOREIGN = "foreign"
    """An input, or the payload, has what no good RAW file of the run has."""
    RECORD = "record"
    """Two records of the same payload do not agree, or one is gone or damaged."""
    POSSIBLE_COPIES = "possible copies"
    """RAW files with the same LS and events that can be so by chance, or are not both used."""
    WAITING = "waiting"
    """LS of good RAW files that an open campaign has not in its payload yet."""
    GIVEN_UP = "given up"
    """LS that a person, or the harvester, left without a payload."""
    NOT_SHOWN = "not shown"
    """What can no longer be shown, because retention removed it."""


WRONG = frozenset(
    {
        FindingKind.NO_PAYLOAD,
        FindingKind.MISSING,
        FindingKind.TWICE,
        FindingKind.COPIES,
        FindingKind.WITNESS_GONE,
        FindingKind.ORIGIN_UNKNOWN,
        FindingKind.FOREIGN,
        FindingKind.RECORD,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that was found, and what it is about.

    `lumis` are its lumisections, `files` paths of RAW files, `alcareco` names of ALCARECO. `tags`
    are the destination tags that it is about; empty if it is so for each.
    """

    kind: FindingKind
    wrong: bool
    text: str
    lumis: LumiText = EMPTY
    files: tuple[str, ...] = ()
    alcareco: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationVerification:
    """What is shown of a campaign in one destination.

    `payload` is the harvest in force there, empty if none is; `shown` and `files_shown` are as in
    `Verification`. Database and tag are empty where the ledger does not tell of destinations.
    """

    database: str
    tag: str
    payload: str
    shown: LumiText
    files_shown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What is shown of a campaign.

    `payloads` are the harvests in force, `good` the LS of the good RAW files and `shown` those
    that are, file by file, in exactly one input of the payload of each destination; `files` counts
    the good RAW files and `files_shown` those of which that is so of each LS. `by_ledger` says that
    the ledger alone shows it.
    """

    calibration: str
    run: int
    state: CampaignState
    payloads: tuple[str, ...]
    good: LumiText
    shown: LumiText
    files: int
    files_shown: int
    by_ledger: bool = False
    findings: tuple[Finding, ...] = ()
    destinations: tuple[DestinationVerification, ...] = ()

    @property
    def is_wrong(self) -> bool:
        """Whether something is wrong."""
        return any(finding.wrong for finding in self.findings)

    @property
    def differ(self) -> bool:
        """Whether not all destinations have the same payload."""
        return len({each.payload for each in self.destinations}) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifications:
    """What ``condorloop verify RUN --json`` prints."""

    schema: Literal[1] = 1
    run: int
    campaigns: tuple[Verification, ...]


_ADAPTER: TypeAdapter[Verifications] = TypeAdapter(Verifications)


def to_json(told: Verifications) -> dict[str, Any]:
    """Give the object that ``condorloop verify --json`` prints."""
    data: dict[str, Any] = _ADAPTER.dump_python(told, mode="json")
    return data


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of ``condorloop verify --json``."""
    return _ADAPTER.json_schema(mode="serialization")
