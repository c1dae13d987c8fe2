"""Outages: which service does not answer when.

Knows times of services; knows nothing of what they are asked. Times are seconds of the simulation.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from pydantic import TypeAdapter, ValidationError

from condorloop.config.fields import Age


class OutageTarget(StrEnum):
    """Who may not answer."""

    OMS = "oms"
    EOS = "eos"
    SCHEDD = "schedd"
    CONDITIONS = "conditions"


_FORM = re.compile(r"([a-z]+):([^@]+)@(.+)")
_TIME: TypeAdapter[float] = TypeAdapter(Age)


@dataclass(frozen=True, slots=True)
class Outage:
    """A service that does not answer from `start` on for so many seconds."""

    target: OutageTarget
    start: float
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``TARGET:DURATION@START``, such as ``eos:2h@3d``.

        Raises
        ------
        ValueError
            The text has another form.
        """
        match = _FORM.fullmatch(text.replace(" ", ""))
        try:
            if match:
                start, seconds = map(_TIME.validate_python, (match[3], match[2]))
                return cls(OutageTarget(match[1]), start, seconds)
        except (ValueError, ValidationError):
            pass
        form = f"SERVICE:DURATION@START, such as eos:2h@3d, of {', '.join(OutageTarget)}"
        raise ValueError(f"{text!r} is not of the form {form}")

    def __str__(self) -> str:
        return f"{self.target} away for {_words(self.seconds)} after {_words(self.start)}"


def _words(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


class Outages:
    """Tells when services answer."""

    def __init__(self, outages: Iterable[Outage] = ()) -> None:
        self._spans: dict[OutageTarget, list[tuple[float, float]]] = {}
        for outage in sorted(outages, key=lambda o: o.start):
            spans = self._spans.setdefault(outage.target, [])
            end = outage.start + outage.seconds
            if spans and outage.start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            else:
                spans.append((outage.start, end))

    def back(self, target: OutageTarget, time: float) -> float:
        """When a service answers next, from a time on."""
        spans = self._spans.get(target)
        if not spans:
            return time
        at = bisect_right(spans, (time, float("inf"))) - 1
        return max(time, spans[at][1]) if at >= 0 else time

    def before(self, target: OutageTarget, time: float) -> float:
        """The last time, up to this one, until which a service answered."""
        spans = self._spans.get(target)
        if not spans:
            return time
        at = bisect_right(spans, (time, float("inf"))) - 1
        return spans[at][0] if at >= 0 and time < spans[at][1] else time

    def within(self, target: OutageTarget, start: float, end: float) -> float | None:
        """When, between two times, a service first does not answer; None if it always does."""
        for begin, over in self._spans.get(target, ()):
            if begin < end and start < over:
                return max(start, begin)
        return None
