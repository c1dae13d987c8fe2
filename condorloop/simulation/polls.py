"""The polls of a loop: what each of them is going to see, and at which of them a service answers.

Knows the interval and outages; knows nothing of what is seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from condorloop.simulation.models.events import Engine
from condorloop.simulation.models.outages import Outages, OutageTarget

_Sight = tuple[Callable[..., None], tuple[Any, ...]]


class Polls:
    """Polls at multiples of an interval; those at which nothing is to be seen are left out.

    Parameters
    ----------
    cycle
        Called at each poll, when all of it has been seen.
    """

    def __init__(
        self, engine: Engine, interval: float, outages: Outages, cycle: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._interval = interval
        self._outages = outages
        self._cycle = cycle
        self._sights: dict[int, list[_Sight]] = {}
        self._last = -1

    def see(self, time: float, see: Callable[..., None], *given: Any) -> None:
        """Let something be seen at the first poll from a time on that has not been."""
        number = max(math.ceil(time / self._interval), self._last + 1)
        sights = self._sights.get(number)
        if sights is None:
            sights = self._sights[number] = []
            self._engine.at(number * self._interval, self._poll, number)
        sights.append((see, given))

    def _poll(self, number: int) -> None:
        self._last = number
        for see, given in self._sights.pop(number):
            see(*given)
        self._cycle()

    def answered(self, target: OutageTarget, time: float) -> float:
        """When the first poll is, from a time on, that a service answers."""
        number = math.ceil(time / self._interval)
        while (at := number * self._interval) < (back := self._outages.back(target, at)):
            number = max(number + 1, math.ceil(back / self._interval))
        return at

    def last_answered(self, target: OutageTarget, time: float) -> float:
        """When the last poll was, up to a time, that a service answered."""
        number = math.floor(time / self._interval)
        while (at := number * self._interval) < self._outages.back(target, at):
            number = math.ceil(self._outages.before(target, at) / self._interval) - 1
        return at
