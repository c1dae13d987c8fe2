"""The gate before an upload as data: what may change at most, and what a gate says.

Knows no configuration and no payload: the manifest of a DAG carries it from one to the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class GateAnswer(StrEnum):
    """What a gate says of a payload."""

    PASS = "pass"
    """It may be sent."""
    HOLD = "hold"
    """A person is to look at it."""
    FAIL = "fail"
    """It is not to be sent."""


@dataclass(frozen=True, slots=True)
class QuantityLimit:
    """What may change of a quantity from the payload in force; None is no limit.

    Attributes
    ----------
    largest_shift
        By how much a channel, or an interval, may change at most, in the quantity's unit.
    part_changed
        Of which part the value may have changed by more than `change`.
    part_gone
        Which part of the channels may have no value any more.
    """

    largest_shift: float | None = None
    part_changed: float | None = None
    change: float = 0.0
    part_gone: float | None = None


@dataclass(frozen=True, slots=True)
class SetLimit:
    """How many channels may come into a set, such as bad modules, and go; None is no limit."""

    come: int | None = None
    gone: int | None = None


@dataclass(frozen=True, slots=True)
class GateLimits:
    """The limits of a calibration, by the names that its payload reader gives."""

    quantities: Mapping[str, QuantityLimit] = field(default_factory=dict)
    sets: Mapping[str, SetLimit] = field(default_factory=dict)
