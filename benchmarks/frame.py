"""What a benchmark gives, and how it is asked.

Knows the shape of a result, nothing of what is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Scale(StrEnum):
    """How much is measured."""

    SMOKE = "smoke"
    """The smallest sizes, to see that the benchmark works: its numbers mean nothing."""
    FULL = "full"
    """All sizes that the goals speak of."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a benchmark is asked for: the scale, and a folder of its own to work in."""

    scale: Scale
    folder: Path

    @property
    def full(self) -> bool:
        """Whether all sizes are wanted."""
        return self.scale is Scale.FULL


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal in words, what was measured in words, and whether the one fits the other.

    `met` is None where the scale is too small to tell.
    """

    goal: str
    measured: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table of what was measured; numbers are told as they are to be read, with units."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Result:
    """What a benchmark found; `data` holds every number raw, for JSON."""

    name: str
    goals: Sequence[Goal]
    tables: Sequence[Table] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """As JSON's types."""
        return asdict(self)
