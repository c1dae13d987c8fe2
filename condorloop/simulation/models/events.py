"""The clock of a simulation: what is to happen, in order of time.

Knows times and order; knows nothing of what happens.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any


class Engine:
    """Lets things happen one after the other; at equal times in the order of their entry.

    `now` is the time of the present event in seconds, `events` counts those that have happened.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.events = 0
        self._agenda: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._entered = 0

    def at(self, time: float, act: Callable[..., None], *given: Any) -> None:
        """Let something happen at a time; what was due in the past happens next."""
        heappush(self._agenda, (time, self._entered, act, given))
        self._entered += 1

    def run(self) -> None:
        """Go on until nothing is left to happen."""
        agenda = self._agenda
        while agenda:
            time, _, act, given = heappop(agenda)
            if time > self.now:
                self.now = time
            self.events += 1
            act(*given)
