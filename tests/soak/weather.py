"""The faults of a day: which there are, and which of them last at this moment.

Knows their names and how often and how long they come; what each does is its victim's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from random import Random

from tests.soak.story import Agenda


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: how often it begins in an hour, and how long it lasts, in seconds."""

    an_hour: float
    shortest: float
    longest: float


DISK_SERVERS = tuple(f"disk server {n} is down" for n in range(3))
"""Each has a part of the files: they are listed, and cannot be opened."""

LASTING: Mapping[str, Kind] = {
    "OMS is down": Kind(0.25, 20, 3000),
    "OMS answers nothing": Kind(0.15, 10, 300),
    "OMS takes an end back": Kind(0.15, 10, 400),
    "OMS tells too few LS": Kind(0.1, 10, 600),
    "OMS tells nulls": Kind(0.1, 10, 600),
    "storage is down": Kind(0.3, 20, 5400),
    "storage lists a part": Kind(0.15, 10, 600),
    **{name: Kind(0.2, 600, 7200) for name in DISK_SERVERS},
    "probes are not answered": Kind(0.1, 20, 600),
    "probes time out": Kind(0.1, 20, 300),
    "the schedd is down": Kind(0.3, 20, 2400),
    "the schedd loses answers": Kind(0.3, 20, 600),
    "history is empty": Kind(0.3, 60, 3600),
    "the pool is slow": Kind(0.15, 300, 3600),
    "the pool is idle": Kind(0.15, 60, 2400),
    "jobs are killed": Kind(0.2, 30, 600),
    "jobs fail for good": Kind(0.1, 30, 600),
    "jobs come back in part": Kind(0.15, 30, 300),
    "jobs are put on hold": Kind(0.1, 30, 300),
    "conditions are down": Kind(0.2, 30, 3600),
    "conditions refuse": Kind(0.08, 30, 900),
    "conditions lose answers": Kind(0.6, 30, 900),
    "conditions hang": Kind(0.1, 30, 600),
    "uploads are killed": Kind(0.4, 30, 600),
    "CVMFS is down": Kind(0.1, 30, 1200),
    "scripts are killed": Kind(0.2, 30, 600),
    "the disk is full": Kind(0.15, 20, 600),
}
"""Faults that last for a while; they overlap as they come."""

MOMENTS: Mapping[str, float] = {
    "crash": 1.5,
    "stop": 0.2,
    "pause": 0.08,
    "hold a DAG": 0.3,
    "hold a job": 0.2,
    "remove a DAG": 0.25,
    "DAGMan is killed": 0.3,
    "DAGMan vanishes": 0.2,
    "delete a run directory": 0.06,
    "delete a DAG's directory": 0.06,
    "delete the ledger": 0.05,
    "damage the ledger": 0.08,
    "move a run directory away": 0.3,
    "start with another folder": 0.2,
    "reload another folder": 0.2,
    "put an older ledger back": 0.15,
}
"""Faults of a moment, and how often they come in an hour."""

BAD_FILES = frozenset({"bad files"})
"""RAW files that are bad, late to be readable, replaced, or gone again."""

ALL = frozenset(LASTING) | frozenset(MOMENTS)

STORMS = (0.5, 1.0, 2.0, 4.0)
"""How many times as often as told the faults of a day come."""


class Weather:
    """Which faults last at this moment."""

    def __init__(self, agenda: Agenda, rng: Random, kinds: frozenset[str]) -> None:
        self._agenda = agenda
        self._rng = rng
        self._kinds = kinds
        self._storm = rng.choice(STORMS)
        self._lasting: dict[str, int] = {}
        self._began: dict[str, float] = {}
        self._over: dict[str, list[tuple[float, float]]] = {}
        self.begun = 0

    def __getitem__(self, kind: str) -> bool:
        return self._lasting.get(kind, 0) > 0

    def lasts(self, kind: str) -> float:
        """For how long a fault has lasted by now."""
        return self._agenda.now - self._began[kind] if self[kind] else 0.0

    def lasted(self, kind: str, after: float) -> float:
        """For how long the longest of those faults lasted that were not over before a time."""
        over = (end - began for began, end in self._over.get(kind, ()) if end >= after)
        return max(self.lasts(kind), *over, 0.0)

    @property
    def lasting(self) -> list[str]:
        """All that is wrong at this moment."""
        return sorted(kind for kind, times in self._lasting.items() if times)

    def forecast(self, start: float, end: float) -> None:
        """Put all the faults of a day on the agenda."""
        for name, kind in LASTING.items():
            for at in self._times(name, kind.an_hour, start, end):
                stretch = (kind.longest / kind.shortest) ** self._rng.random()
                self._agenda.at(at, partial(self.begin, name))
                over = min(at + kind.shortest * stretch, end)
                self._agenda.at(over, partial(self.end, name))

    def moments(self, start: float, end: float) -> list[tuple[float, str]]:
        """The faults of a moment, and when they come."""
        return sorted(
            (at, name)
            for name, an_hour in MOMENTS.items()
            for at in self._times(name, an_hour, start, end)
        )

    def _times(self, name: str, an_hour: float, start: float, end: float) -> list[float]:
        expected = an_hour * self._storm * (end - start) / 3600
        number = int(expected) + (self._rng.random() < expected % 1)
        times = [self._rng.uniform(start, end) for _ in range(number)]
        return times if name in self._kinds else []

    def begin(self, kind: str) -> None:
        """Let a fault begin."""
        self._lasting[kind] = self._lasting.get(kind, 0) + 1
        if self._lasting[kind] == 1:
            self._began[kind] = self._agenda.now
        self.begun += 1
        self._agenda.tell(f"-- {kind}")

    def end(self, kind: str) -> None:
        """Let a fault end."""
        self._lasting[kind] -= 1
        if not self._lasting[kind]:
            self._over.setdefault(kind, []).append((self._began[kind], self._agenda.now))
        self._agenda.tell(f"-- no longer: {kind}")
