"""DAGMans that wait for a job that is gone: when to ask the schedd, and what its answer means.

Knows how far a DAG's event log has come, and how many nodes DAGMan says it waits for; asks nobody.

DAGMan looks into the queue itself (``DAGMAN_CHECK_QUEUE_INTERVAL``), but once it has found all jobs
there it does not look again before a node changes its state (`Dag::VerifyJobsInQueue`): a job that
ran longer than the interval, and whose last event was torn, is waited for without end.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(slots=True)
class _Heard:
    """How far the log of a DAG was read, when to ask next, and whether a job was missed."""

    read_to: int
    ask_at: float
    missed: bool = False


class LostJobs:
    """For each DAG in the queue, when its jobs are to be looked for, and whether one is lost.

    A job is lost if it is missed twice, `again` seconds apart, while the log says nothing: what
    has only just ended is in the log by then.
    """

    def __init__(self) -> None:
        self._dags: dict[int, _Heard] = {}

    def keep(self, dags: Collection[int]) -> None:
        """Forget all DAGs but these."""
        self._dags = {dag: heard for dag, heard in self._dags.items() if dag in dags}

    def is_due(self, dag: int, read_to: int, now: float, quiet: float) -> bool:
        """Whether nothing has come into a DAG's log, read to a byte, for `quiet` seconds."""
        heard = self._dags.get(dag)
        if heard is None or heard.read_to != read_to:
            self._dags[dag] = _Heard(read_to, now + quiet)
            return False
        return now >= heard.ask_at

    def is_lost(self, dag: int, missing: bool, now: float, quiet: float, again: float) -> bool:
        """Take the answer to what was due, and say whether a job was missing before, too."""
        heard = self._dags[dag]
        lost = missing and heard.missed
        heard.missed = missing and not lost
        heard.ask_at = now + (again if heard.missed else quiet)
        return lost


def is_missing(waited_for: int, ended: int, in_queue: int) -> bool:
    """Whether DAGMan waits for more jobs than there are.

    Parameters
    ----------
    waited_for
        Nodes whose jobs are in the queue, as DAGMan counts them.
    ended
        Jobs whose end is in the log and not judged yet: DAGMan may not have read it.
    in_queue
        Jobs that the schedd has.
    """
    return waited_for > ended + in_queue
