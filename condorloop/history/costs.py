"""What calibrations have cost: the core seconds that jobs of a stream took, as the ledger has them.

Knows which jobs are summed up, and how; knows nothing of how that is shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from sqlite3 import Row
from statistics import median

from condorloop.config.calibration import Calibration
from condorloop.config.loader import Config
from condorloop.config.stream import STREAM_NODES, Stream
from condorloop.ledger.connection import LedgerError
from condorloop.ledger.store import LedgerReader
from condorloop.model.enums import NodeKind
from condorloop.rundir.layout import LEDGER

MOST_DAGS = 500
"""Of how many DAGs of a stream, the youngest, jobs count."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The median of what so many jobs took, in core seconds: for an event, or for all of the job.

    The cores are those that are configured, not those that a job had.
    """

    core_seconds: float
    jobs: int


@dataclass(frozen=True, slots=True)
class StreamCosts:
    """What jobs of a stream have cost; what never ran is not there.

    `per_event` has RECO and ALCA, `harvest` a HARVEST job of each calibration, by name.
    """

    per_event: Mapping[NodeKind, Cost] = field(default_factory=dict)
    harvest: Mapping[str, Cost] = field(default_factory=dict)


def costs_of(config: Config) -> dict[str, StreamCosts]:
    """Give what jobs of each configured stream have cost, by name; nothing without a ledger."""
    found: dict[str, StreamCosts] = {}
    with suppress(LedgerError), LedgerReader(config.site.work_dir / LEDGER) as ledger:
        for name, stream in config.streams.items():
            jobs = ledger.times.jobs_of_stream(name, MOST_DAGS)
            found[name] = _summed_up(jobs, stream, config.calibrations)
    return found


def _summed_up(
    jobs: Iterable[Row], stream: Stream, calibrations: Mapping[str, Calibration]
) -> StreamCosts:
    per_event: dict[NodeKind, list[float]] = defaultdict(list)
    harvest: dict[str, list[float]] = defaultdict(list)
    for job in jobs:
        kind, owner = NodeKind(job["kind"]), job["owner"]
        if kind in STREAM_NODES and job["events"] > 0:
            per_event[kind].append(job["took"] * stream.cores(kind) / job["events"])
        elif kind is NodeKind.HARVEST and owner in calibrations:
            harvest[owner].append(job["took"] * calibrations[owner].cores(kind))
    return StreamCosts(
        {kind: _cost(of_jobs) for kind, of_jobs in per_event.items()},
        {owner: _cost(of_jobs) for owner, of_jobs in harvest.items()},
    )


def _cost(of_jobs: list[float]) -> Cost:
    return Cost(median(of_jobs), len(of_jobs))
