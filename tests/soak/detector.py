"""The detector and OMS: runs one after the other, and what OMS tells of them.

Knows the truth of runs, and how OMS's answers differ from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from condorloop.model.campaign import Run
from condorloop.services.oms import OmsUnavailable
from tests.soak.story import Agenda
from tests.soak.weather import Weather

LS = 23.31
LUMINOSITY = 0.45
HALVED_AFTER = 1200
"""LS after which a run's luminosity is half of that at its start."""
TELLS_LAST_LS_AFTER = 60.0


@dataclass(frozen=True, slots=True)
class TrueRun:
    """A run as it was; `told_end` is when OMS begins to tell its end."""

    number: int
    fill: int
    start: float
    last_ls: int
    fill_type: str
    mode: str
    stable_at: float | None
    told_end: float

    @property
    def end(self) -> float:
        """When it ended."""
        return self.start + self.last_ls * LS


def runs_of_a_day(rng: Random, start: float, seconds: float) -> Iterator[TrueRun]:
    """Take runs, one after the other, until the day is over."""
    at, number, fill = start + rng.uniform(60, 300), 398600, 10900
    while at < start + seconds:
        minutes = min(rng.lognormvariate(3.2, 0.9), 240.0)
        last_ls = max(1, int(minutes * 60 / LS))
        fill += rng.random() < 0.2
        collisions = rng.random() < 0.9
        stable = rng.random() < 0.95
        run = TrueRun(
            number=number,
            fill=fill,
            start=at,
            last_ls=last_ls,
            fill_type="PROTONS" if collisions else "COSMICS",
            mode="collisions2026" if collisions else "cosmics2026",
            stable_at=at + rng.choice((0, 0, 0, rng.uniform(0, 1200))) if stable else None,
            told_end=at + last_ls * LS + rng.uniform(0, 90),
        )
        yield run
        at = run.end + rng.uniform(60, 900)
        number += rng.randint(1, 3)


class SimulatedOms:
    """OMS."""

    def __init__(self, agenda: Agenda, rng: Random, weather: Weather, runs: list[TrueRun]) -> None:
        self._agenda = agenda
        self._rng = rng
        self._weather = weather
        self._runs = runs
        self.failed_at = -1.0
        self.answer: list[Run] = []
        """What was told last."""

    def runs(self, since: float) -> list[Run]:
        """All runs that started since."""
        now = self._agenda.now
        if self._weather["OMS is down"]:
            self.failed_at = now
            raise OmsUnavailable("OMS: refused connection")
        self.answer = []
        if not self._weather["OMS answers nothing"]:
            taken = (r for r in self._runs if r.start <= now)
            self.answer = [self._told(r) for r in taken if r.start >= since]
        return list(self.answer)

    def luminosity(self, run: int, after: int = 0) -> dict[int, float]:
        """What was recorded in lumisections of a run after one."""
        now, wrong = self._agenda.now, self._weather
        if wrong["OMS is down"]:
            self.failed_at = now
            raise OmsUnavailable("OMS: refused connection")
        [taken] = (r for r in self._runs if r.number == run)
        last = (
            0 if wrong["OMS answers nothing"] else min(taken.last_ls, int((now - taken.start) / LS))
        )
        return {
            ls: LUMINOSITY * 0.5 ** (ls / HALVED_AFTER)
            for ls in range(after + 1, last + 1)
            if not wrong["OMS tells nulls"] or self._rng.random() < 0.5
        }

    def _told(self, run: TrueRun) -> Run:
        now, wrong = self._agenda.now, self._weather
        ended = now >= run.told_end and not wrong["OMS takes an end back"]
        last_ls: int | None = min(run.last_ls, int((now - run.start) / LS))
        if now < run.start + TELLS_LAST_LS_AFTER:
            last_ls = None
        elif wrong["OMS tells too few LS"]:
            last_ls = max(1, (last_ls or 0) - 5)
        nulls = wrong["OMS tells nulls"] and self._rng.random() < 0.5
        return Run(
            number=run.number,
            fill=None if nulls else run.fill,
            start=run.start,
            end=run.end if ended else None,
            last_ls=None if nulls else last_ls,
            fill_type=None if nulls else run.fill_type,
            l1_hlt_mode=run.mode,
            stable_beam=run.stable_at is not None and now >= run.stable_at,
        )
