"""The watch on jobs that do not start: when the schedd is asked for them.

Knows the counts of the DAGs that each poll brings, and asks for jobs only where those say that
something has waited long; what is too long, `job_starts` decides. No answer changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from condorloop.cycle.ports import JobQueue
from condorloop.dagman.schedd.client import ScheddUnavailable
from condorloop.model.queue import QueuedDag, WaitingJob
from condorloop.policy import job_starts
from condorloop.runtime.shutdown import Shutdown

ASKED_AGAIN = 0.1
"""The part of the time in which jobs are to start, after which they are asked for again."""


class StartWatch:
    """Watches the queue of one loop.

    Attributes
    ----------
    stuck
        The jobs that do not start, one for all that wait as it does.
    """

    def __init__(self, pool: JobQueue, shutdown: Shutdown) -> None:
        self.stuck: tuple[WaitingJob, ...] = ()
        self._pool = pool
        self._shutdown = shutdown
        self._idle_since: dict[str, float] | None = None
        self._asked_at: float | None = None

    def look(self, queue: Mapping[str, QueuedDag], within: float, now: float) -> None:
        """Look at the queue as it was just told.

        Parameters
        ----------
        within
            Seconds in which some job is to start while any waits.
        """
        idle = {i: dag for i, dag in queue.items() if dag.counts.get("JobsIdle")}
        before = self._idle_since
        self._idle_since = {
            # What a DAG did before this process began is not known: it may have waited since then.
            i: (dag.since or 0.0) if before is None else before.get(i, now)
            for i, dag in idle.items()
        }
        self.stuck = tuple(job for job in self.stuck if job.dag_id in idle)
        if not any(now - since >= within for since in self._idle_since.values()):
            self.stuck = ()
        elif self._asked_at is None or now - self._asked_at >= ASKED_AGAIN * within:
            self._asked_at = now
            self._ask(queue, within, now)

    def _ask(self, queue: Mapping[str, QueuedDag], within: float, now: float) -> None:
        try:
            with self._shutdown.outside():
                waits = self._pool.waits(within)
        except ScheddUnavailable:
            return
        found = job_starts.stuck(waits, queue.values(), within, now)
        self.stuck = tuple(job for job in found if job.dag_id in queue)
