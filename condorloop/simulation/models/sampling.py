"""How long things take: numbers drawn from distributions.

Knows distributions; knows nothing of what is drawn. Durations are seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from random import Random
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Work:
    """What a node has to do: RAW files, their lumisections and events, ALCARECO, and its cores."""

    files: int = 0
    lumis: int = 0
    events: int = 0
    inputs: int = 0
    cores: int = 1


NOTHING = Work()


class Duration(Protocol):
    """A time that is not always the same."""

    def draw(self, random: Random, work: Work = NOTHING) -> float:
        """Give one value, in seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Linear:
    """A median that grows with the work, and the spread of its logarithm.

    Events are shared by the cores, all else is not.
    """

    fixed: float
    spread: float = 0.0
    per_file: float = 0.0
    per_lumi: float = 0.0
    per_event: float = 0.0
    per_input: float = 0.0

    def median(self, work: Work) -> float:
        """Give the median, in seconds."""
        return (
            self.fixed
            + self.per_file * work.files
            + self.per_lumi * work.lumis
            + self.per_event * work.events / work.cores
            + self.per_input * work.inputs
        )

    def draw(self, random: Random, work: Work = NOTHING) -> float:
        """Give one value, in seconds."""
        median = self.median(work)
        return median * exp(random.gauss(0.0, self.spread)) if self.spread else median


@dataclass(frozen=True, slots=True)
class Sample:
    """Values that were measured, whatever the work was; one as likely as the other."""

    values: Sequence[float]

    def draw(self, random: Random, work: Work = NOTHING) -> float:
        """Give one value, in seconds."""
        return random.choice(self.values)
