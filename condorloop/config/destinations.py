"""Where payloads go: database, tags and service, as configured, as written, as remembered.

Knows how two destinations are compared and told. It is pure: it reads no file, no ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from condorloop.config.loader import Config
from condorloop.errors import CondorloopError
from condorloop.text import plain

ACCEPT = "--accept-destination"
"""The option with which a person lets payloads go to another destination."""

_ADDRESS = {"-b": "backend", "-H": "hostname", "-u": "urlTemplate"}
"""The options of uploadConditions.py that say where it sends, short and long."""


@dataclass(frozen=True, slots=True)
class Address:
    """The service that uploadConditions.py is told to send to; empty is the tool's own choice."""

    backend: str = ""
    host: str = ""
    url: str = ""

    @classmethod
    def from_options(cls, options: Sequence[str]) -> Address:
        """Read the options of the tool.

        >>> Address.from_options(["-d", "-u", "https://here/%s/"])
        Address(backend='', host='', url='https://here/%s/')
        """
        given = dict(filter(None, (_named(words) for words in _grouped(options))))
        return cls(*(given.get(option, "") for option in _ADDRESS))

    def __str__(self) -> str:
        parts = zip(_ADDRESS, (self.backend, self.host, self.url), strict=True)
        return " ".join(f"{option} {plain(value)}" for option, value in parts if value)


def without_address(options: Sequence[str]) -> list[str]:
    """Give the options of the tool that do not say where it sends.

    >>> without_address(["-d", "-u", "https://here/%s/"])
    ['-d']
    """
    return [word for words in _grouped(options) if not _named(words) for word in words]


def address_of(options: Sequence[str]) -> list[str]:
    """Give the options of the tool that say where it sends, as they are written."""
    return [word for words in _grouped(options) if _named(words) for word in words]


def _grouped(options: Sequence[str]) -> list[list[str]]:
    """Put an option of an address that stands before its value together with that."""
    groups: list[list[str]] = []
    open_ended = False
    for word in options:
        if open_ended:
            groups[-1].append(word)
            open_ended = False
            continue
        groups.append([word])
        open_ended = word in _ADDRESS or ("=" not in word and _long(word) is not None)
    return groups


def _named(words: Sequence[str]) -> tuple[str, str] | None:
    """Which option of an address words are, and its value; None for any other."""
    first, *value = words
    if (option := _long(first)) is not None:
        return option, value[0] if value else first.partition("=")[2]
    if first[:2] in _ADDRESS:
        return first[:2], value[0] if value else first[2:]
    return None


def _long(word: str) -> str | None:
    """The option of an address that a long one, or the beginning of one, means."""
    name = word.partition("=")[0].removeprefix("--")
    if not word.startswith("--") or not name:
        return None
    return next((short for short, long in _ADDRESS.items() if long.startswith(name)), None)


@dataclass(frozen=True, slots=True)
class Destination:
    """A database, the tags in it, and the service that is asked to put payloads there."""

    database: str
    tags: frozenset[str]
    address: Address = Address()

    def __str__(self) -> str:
        by = f" by {self.address}" if self.address != Address() else ""
        return f"{', '.join(map(plain, sorted(self.tags)))} in {plain(self.database)}{by}"


@dataclass(frozen=True, slots=True)
class Configured:
    """The destination that a calibration's file names; `folder` is that of all of them."""

    destination: Destination
    file: str
    folder: str


def configured(config: Config) -> dict[str, Configured]:
    """The destination of each calibration that is configured."""
    address = Address.from_options(config.site.conditions.options)
    return {
        name: Configured(
            Destination(
                calibration.harvest.records[0].database,
                frozenset(tag for record in calibration.harvest.records for tag in record.tags),
                address,
            ),
            str(config.files.get(name, config.folder)),
            str(config.folder),
        )
        for name, calibration in config.calibrations.items()
    }


@dataclass(frozen=True, slots=True)
class Remembered:
    """The destination that a work_dir remembers of a calibration.

    `source` is the folder of calibrations that named it, or the manifest that does.
    """

    destination: Destination
    source: str


@dataclass(frozen=True, slots=True)
class DestinationsUnreadable:
    """A work_dir has manifests of a calibration, and none says where its payloads went."""

    source: str


Memory = Remembered | DestinationsUnreadable


@dataclass(frozen=True, slots=True)
class Change:
    """A calibration whose configured destination is not the one that its work_dir remembers."""

    calibration: str
    before: Memory
    configured: Configured

    def __str__(self) -> str:
        now = f"{self.configured.file} says {self.configured.destination}"
        if isinstance(self.before, DestinationsUnreadable):
            return (
                f"{self.calibration}: no manifest under {self.before.source} says where its "
                f"payloads went; {now}"
            )
        before = self.before
        return (
            f"{self.calibration}: its payloads go to {before.destination}, as {before.source} "
            f"says; now {now}"
        )


def changes(
    configured: Mapping[str, Configured], remembered: Mapping[str, Memory]
) -> tuple[Change, ...]:
    """Compare what is configured with what is remembered; what nobody remembers is no change."""
    return tuple(
        Change(name, before, now)
        for name, now in configured.items()
        if (before := remembered.get(name)) and _differs(before, now)
    )


def _differs(before: Memory, now: Configured) -> bool:
    return isinstance(before, DestinationsUnreadable) or before.destination != now.destination


class DestinationChanged(CondorloopError):
    """Payloads would go elsewhere than before, and nobody has said that this is meant."""

    def __init__(self, found: Iterable[Change], remedy: str = "") -> None:
        self.changes = tuple(found)
        self.remedy = remedy or (
            f"name the folder that is meant with --calibrations; or, if the configured one is "
            f"meant: {ACCEPT}"
        )
        super().__init__("\n".join([*map(str, self.changes), self.remedy]))


def kept(label: str, before: Destination, configured: Destination) -> str:
    """Say that a DAG keeps the destination that it was written with."""
    return f"{label} keeps its destination {before} (configured: {configured})"


def taken(label: str, before: Destination, configured: Destination) -> str:
    """Say that a DAG takes the configured destination."""
    return f"{label} takes the destination {configured} (it had {before})"
