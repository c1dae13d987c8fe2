"""Runs that a year of data taking might have, or that a file names.

Knows fills, runs and their lengths; knows nothing of files. Times are seconds of the simulation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Any

from pydantic import BaseModel, Field, PositiveInt, ValidationError

from condorloop.config.loader import ConfigError, Mistake, located
from condorloop.config.yaml_text import read_yaml
from condorloop.model.latency import LUMISECTION
from condorloop.simulation.models.pool import Beams

YEAR = 365 * 86400.0
FIRST_RUN = 400_000
STABLE_AFTER = 60.0
"""Seconds into a fill's first run at which OMS calls the beams stable."""


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """A run; each of its lumisections lasts `every`, and beams are stable from `stable_at` on."""

    number: int
    fill: int
    start: float
    lumis: int
    end: float
    every: float = LUMISECTION
    stable_at: float = 0.0

    def end_of(self, lumi: int) -> float:
        """When a lumisection ends."""
        return self.start + lumi * self.every

    def lumis_by(self, time: float) -> int:
        """How many lumisections have ended by a time."""
        return min(self.lumis, max(0, int((time - self.start) / self.every)))


def generate(beams: Beams, days: float, random: Random) -> list[SimulatedRun]:
    """Make the runs of so many days, which begin with stable beams.

    Only runs with stable beams are made: the planner latches no other ones.
    """
    return list(_runs(beams, days * 86400.0, random))


def _runs(beams: Beams, until: float, random: Random) -> Iterator[SimulatedRun]:
    fill_time, turnaround = beams.fill.duration(), beams.turnaround.duration()
    number, fill, begin = FIRST_RUN, 10_000, 0.0
    while begin < until:
        season_ends = begin - begin % YEAR + beams.season
        over = min(begin + fill_time.draw(random), season_ends, until)
        at, stable_at = begin, begin + STABLE_AFTER
        while at < over:
            run = _run(beams, number, fill, at, over, random)
            if run.lumis:
                yield SimulatedRun(
                    run.number, fill, run.start, run.lumis, run.end, stable_at=stable_at
                )
                number += 1
            at = run.end + beams.gap.duration().draw(random)
        begin = over + turnaround.draw(random)
        if random.random() < beams.long_fills:
            begin += beams.stop.duration().draw(random)
        if begin % YEAR > beams.season:
            begin += YEAR - begin % YEAR
        fill += 1


def _run(
    beams: Beams, number: int, fill: int, at: float, over: float, random: Random
) -> SimulatedRun:
    short = random.random() < beams.short_runs
    wished = 1 + int(random.expovariate(1 / (beams.short_run if short else beams.long_run)))
    lumis = min(wished, int((over - at) / LUMISECTION))
    return SimulatedRun(number, fill, at, lumis, at + max(1, lumis) * LUMISECTION)


class _Series(BaseModel):
    count: PositiveInt
    every: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Lumisection(BaseModel):
    ls: PositiveInt
    after: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


class _Run(BaseModel):
    run: PositiveInt
    start_offset: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    lumisections: _Series | list[_Lumisection]
    end_after: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


class _Runs(BaseModel):
    runs: Annotated[list[_Run], Field(min_length=1)]


def read(file: Path) -> list[SimulatedRun]:
    """Read the runs of a scenario; its faults, and what else it has, are left aside.

    Raises
    ------
    ConfigError
        It is no scenario, or one whose runs have no end.
    """
    try:
        data, _ = read_yaml(file.read_text(encoding="utf-8"))
        scenario = _Runs.model_validate(data)
    except ValidationError as error:
        mistakes = [_mistake(file, dict(e)) for e in error.errors()]
        raise ConfigError(located(mistakes)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(located([Mistake(file, "", None, f"cannot be read: {reason}")])) from None
    return sorted(map(_simulated, scenario.runs), key=lambda run: run.start)


def _mistake(file: Path, error: dict[str, Any]) -> Mistake:
    return Mistake(file, ".".join(map(str, error["loc"])), error["input"], error["msg"])


def _simulated(run: _Run) -> SimulatedRun:
    if isinstance(run.lumisections, _Series):
        lumis, every = run.lumisections.count, run.lumisections.every
    else:
        lumis = max((entry.ls for entry in run.lumisections), default=1)
        every = sum(entry.after for entry in run.lumisections) / lumis or LUMISECTION
    start = run.start_offset
    return SimulatedRun(
        run.run, 0, start, lumis, start + lumis * every + run.end_after, every, start
    )
