"""What the lumisections and jobs of campaigns come to, while they are being counted; pure.

Knows how timelines and jobs are added up, and keeps of them no more than a report needs.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from condorloop.model.enums import NodeKind
from condorloop.model.jobs import JobRecord
from condorloop.reports.report import KindReport, Spread
from condorloop.reports.time_breakdown import CampaignFacts, LumiTimeline, Part, timelines


@dataclass(slots=True)
class Use:
    """What the jobs of a kind of nodes used, while it is being counted."""

    nodes: int = 0
    jobs: int = 0
    failed: int = 0
    removed: int = 0
    holds: int = 0
    cpu_time: float = 0.0
    wall_time: float = 0.0
    memory_used: array[float] = field(default_factory=lambda: array("d"))
    memory_asked: array[float] = field(default_factory=lambda: array("d"))

    def count(self, job: JobRecord) -> None:
        """Count a job."""
        self.jobs += 1
        self.failed += job.exit_code not in (None, 0)
        self.removed += job.removed
        self.holds += job.holds
        if job.started_at is not None and job.ended_at is not None and job.cpu_time is not None:
            self.cpu_time += job.cpu_time
            self.wall_time += max(0.0, job.ended_at - job.started_at)
        if job.memory_used is not None and job.memory_asked is not None:
            self.memory_used.append(job.memory_used)
            self.memory_asked.append(job.memory_asked)

    def join(self, other: Use) -> None:
        """Add what others used."""
        self.nodes += other.nodes
        self.jobs += other.jobs
        self.failed += other.failed
        self.removed += other.removed
        self.holds += other.holds
        self.cpu_time += other.cpu_time
        self.wall_time += other.wall_time
        self.memory_used.extend(other.memory_used)
        self.memory_asked.extend(other.memory_asked)

    def report(self, kind: NodeKind) -> KindReport:
        """Give what a kind of nodes used."""
        return KindReport(
            kind=kind,
            nodes=self.nodes,
            jobs=self.jobs,
            retries=self.jobs - self.nodes,
            failed=self.failed,
            removed=self.removed,
            holds=self.holds,
            cpu_hours=self.cpu_time / 3600,
            wall_hours=self.wall_time / 3600,
            efficiency=self.cpu_time / self.wall_time if self.wall_time else None,
            memory_used=Spread.of(self.memory_used),
            memory_asked=Spread.of(self.memory_asked),
        )


class Totals:
    """What campaigns come to, while they are being counted."""

    def __init__(self) -> None:
        self.delays = array("d")
        self.in_window = 0
        self._parts = [0.0] * len(Part)
        self._use: dict[NodeKind, Use] = defaultdict(Use)

    def add(self, facts: CampaignFacts, in_time: Callable[[LumiTimeline], bool]) -> None:
        """Count a campaign, and what was used by its own nodes.

        `in_time` says whether a lumisection was in the database in time.
        """
        for way in timelines(facts):
            self.delays.append(way.delay)
            self.in_window += in_time(way)
            for number, seconds in enumerate(way.parts):
                self._parts[number] += seconds
        self._count(facts, shared=False)

    def add_shared(self, facts: CampaignFacts) -> None:
        """Count what the nodes used that a campaign shares with others of its stream."""
        self._count(facts, shared=True)

    def _count(self, facts: CampaignFacts, *, shared: bool) -> None:
        kinds = {(n.dag_id, n.name): n.kind for n in facts.nodes if n.shared is shared}
        seen = set()
        for dag_id, jobs in facts.jobs.items():
            for job in jobs:
                if kind := kinds.get((dag_id, job.node)):
                    self._use[kind].count(job)
                    seen.add((dag_id, job.node))
        for key in seen:
            self._use[kinds[key]].nodes += 1

    def join(self, other: Totals) -> None:
        """Add what others came to."""
        self.delays.extend(other.delays)
        self.in_window += other.in_window
        self._parts = [a + b for a, b in zip(self._parts, other._parts, strict=True)]
        for kind, use in other._use.items():
            self._use[kind].join(use)

    def mean_parts(self) -> dict[Part, float]:
        """The mean of each part of a lumisection's way; empty if there is none."""
        count = len(self.delays)
        return {p: s / count for p, s in zip(Part, self._parts, strict=True)} if count else {}

    def kinds(self) -> tuple[KindReport, ...]:
        """What each kind of nodes used."""
        return tuple(self._use[kind].report(kind) for kind in NodeKind if kind in self._use)
