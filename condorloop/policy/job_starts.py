"""Whether jobs start: which of those that wait have waited for too long.

Knows for how long each obstacle is borne; asks nobody, and is pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from condorloop.model.queue import Obstacle, QueuedDag, WaitingJob, Waits

_NEVER = math.inf


@dataclass(frozen=True, slots=True)
class _Patience:
    """How many times a site's time jobs may wait.

    While none of ours runs (`still`), while some run and none has started lately (`busy`), and
    while others start (`moving`).
    """

    still: float
    busy: float
    moving: float


_PATIENCE: Mapping[Obstacle, _Patience] = {
    Obstacle.NO_MACHINE: _Patience(1, 1, 3),
    Obstacle.NO_MATCH: _Patience(1, 1, 3),
    Obstacle.FULL: _Patience(3, 6, _NEVER),
    Obstacle.FREE: _Patience(1, 1, _NEVER),
    Obstacle.IN_VAIN: _Patience(1, 1, 1),
    Obstacle.LOCAL: _Patience(1, 1, 1),
    Obstacle.UNKNOWN: _Patience(1, 6, _NEVER),
}
"""A queue that moves is no problem, and neither is a pool that our own jobs fill for a while.

A collector that has just been restarted knows few machines: while jobs start, its word that none
fits is believed later.
"""


def stuck(
    waits: Waits, dags: Iterable[QueuedDag], within: float, now: float
) -> tuple[WaitingJob, ...]:
    """Give the jobs that are to be told: they have waited for too long.

    Parameters
    ----------
    within
        Seconds in which some job is to start while any waits.
    """
    runs = any(dag.counts.get("JobsRunning") for dag in dags)
    return tuple(
        job
        for job in waits.jobs
        if now - job.since >= within * _borne(job.obstacle, waits.started, runs)
    )


def _borne(obstacle: Obstacle, started: bool, runs: bool) -> float:
    patience = _PATIENCE[obstacle]
    return patience.moving if started else patience.busy if runs else patience.still


def waiting_since(stuck: Iterable[WaitingJob]) -> dict[str, float]:
    """Give since when the first job waits of those that are stuck, by calibration."""
    found: dict[str, float] = {}
    for job in stuck:
        name = job.key.calibration
        found[name] = min(job.since, found.get(name, job.since))
    return found
