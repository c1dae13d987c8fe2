"""What a simulation comes to, while it goes on: of calibrations, of jobs and DAGs, of the queue.

Knows how to count; knows nothing of why things happen.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from dataclasses import dataclass, field

from condorloop.model.enums import NodeKind
from condorloop.model.lumis import Lumis
from condorloop.policy.splitting import RECENT_JOBS
from condorloop.simulation.models.data_taking import SimulatedRun


@dataclass(slots=True)
class JobTally:
    """The jobs of a node kind: how many, how many failed, and their seconds."""

    jobs: int = 0
    failed: int = 0
    core_seconds: float = 0.0
    ran: float = 0.0
    waited: float = 0.0


@dataclass(slots=True)
class QueueLength:
    """How many DAGs are in the queue, and how many there were at most."""

    live: int = 0
    most: int = 0

    def submitted(self) -> None:
        """Count a DAG that goes into the queue, for the first time or again."""
        self.live += 1
        self.most = max(self.most, self.live)

    def dag_over(self) -> None:
        """Count a DAG that leaves the queue."""
        self.live -= 1


@dataclass(slots=True)
class WorkTally:
    """RAW files, DAGs and jobs of a stream, or of a calibration; of both, where it has its own.

    `latest_reco` has the seconds and the events of the RECO jobs that ended well last.
    """

    kinds: dict[NodeKind, JobTally] = field(default_factory=dict)
    files: int = 0
    dags: int = 0
    rescues: int = 0
    latest_reco: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=RECENT_JOBS))

    def job(self, kind: NodeKind, cores: int, waited: float, ran: float, ok: bool) -> None:
        """Count a job."""
        of_kind = self.kinds.get(kind)
        if of_kind is None:
            of_kind = self.kinds[kind] = JobTally()
        of_kind.jobs += 1
        of_kind.failed += not ok
        of_kind.core_seconds += cores * ran
        of_kind.ran += ran
        of_kind.waited += waited


@dataclass(slots=True)
class Tally:
    """Lumisections, harvests and payloads of a calibration.

    `by_lumi` says that each lumisection has a window of its own. `delays` has each lumisection's
    time from its end, which is in `ends`, to its first payload.
    """

    buffer: float
    by_lumi: bool
    delays: array[float] = field(default_factory=lambda: array("d"))
    ends: array[float] = field(default_factory=lambda: array("d"))
    in_window: int = 0
    harvests: int = 0
    harvested_files: int = 0
    uploads: int = 0

    def uploaded(self, run: SimulatedRun, new: Lumis, now: float) -> None:
        """Count an upload, and the lumisections that no payload had before."""
        self.uploads += 1
        for lumi in new:
            end = run.end_of(lumi)
            self.ends.append(end)
            self.delays.append(max(0.0, now - end))
        self.in_window += len(new & self.in_time(run, now))

    def in_time(self, run: SimulatedRun, now: float) -> Lumis:
        """The lumisections of a run for which an upload is in time now."""
        over = now - run.start - self.buffer
        if not self.by_lumi:
            return Lumis.span(1, run.lumis if over <= 0 else 0)
        return Lumis.span(max(1, math.ceil(over / run.every) + 1), run.lumis)
