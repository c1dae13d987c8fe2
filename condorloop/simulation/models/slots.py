"""A pool of cores, and the jobs that wait for them.

Knows cores and the order of jobs; knows nothing of what jobs do. As HTCondor's negotiator does for
jobs of one priority, it goes through those that ask for the same in the order of their submission,
and a job that does not fit keeps no other one from running.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from condorloop.simulation.models.events import Engine

Start = Callable[[], None]


class Slots:
    """A pool of so many cores; `busy` of them are taken, `most` at the busiest moment.

    `core_seconds` sums up what was taken, `most_waiting` is the longest that the queue was.
    """

    def __init__(self, engine: Engine, cores: int) -> None:
        self.cores = cores
        self.busy = 0
        self.most = 0
        self.most_waiting = 0
        self._engine = engine
        self._waiting: dict[int, deque[tuple[float, int, Start]]] = {}
        self._asked = 0
        self._queued = 0

    def ask(self, cores: int, start: Start) -> None:
        """Wait for so many cores; `start` is called when they are there.

        A job that asks for more than the pool has gets all of it.
        """
        cores = min(cores, self.cores)
        if not self._queued and self.busy + cores <= self.cores:
            self._take(cores, start)
            return
        self._asked += 1
        queue = self._waiting.setdefault(cores, deque())
        queue.append((self._engine.now, self._asked, start))
        self._queued += 1
        self._serve()
        self.most_waiting = max(self.most_waiting, self._queued)

    def free(self, cores: int) -> None:
        """Give cores back."""
        self.busy -= min(cores, self.cores)
        if self._queued:
            self._serve()

    def _serve(self) -> None:
        while True:
            room = self.cores - self.busy
            fitting = [(queue[0], n) for n, queue in self._waiting.items() if queue and n <= room]
            if not fitting:
                return
            (_, _, start), cores = min(fitting, key=lambda job: job[0][:2])
            self._waiting[cores].popleft()
            self._queued -= 1
            self._take(cores, start)

    def _take(self, cores: int, start: Start) -> None:
        self.busy += cores
        self.most = max(self.most, self.busy)
        start()
