"""How long lumisections take from their end to the conditions database; pure.

Knows when things happened, as plain numbers; reads nothing. The end of a lumisection is not written
down anywhere: of a run that has ended, LS `n` ends at ``start + n * (end - start) / last LS``; of a
run that is being taken, each LS lasts 23.31 s, but none ends after its first RAW file was seen.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from condorloop.model.lumis import EMPTY, Lumis

LUMISECTION = 23.31
"""Seconds that a lumisection lasts: 2^18 orbits of the LHC."""

BUCKETS = (
    10.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1200.0,
    1800.0,
    2700.0,
    3600.0,
    5400.0,
    7200.0,
    10800.0,
    14400.0,
    21600.0,
    28800.0,
)
"""Seconds from LS end to upload that `LatencyPoint.counts` counts up to, each on its own."""


@dataclass(frozen=True, slots=True)
class RunTimes:
    """When a run began and ended, as OMS tells; times are seconds since the epoch.

    `seen` has, of a run that is being taken, when the first file of a lumisection was seen.
    """

    start: float
    end: float | None = None
    last_ls: int | None = None
    seen: Mapping[int, float] = field(default_factory=dict)

    def end_of(self, lumi: int) -> float:
        """When a lumisection ended.

        >>> RunTimes(1000.0, 1400.0, 10).end_of(5), RunTimes(1000.0).end_of(100)
        (1200.0, 3331.0)
        """
        if self.end is not None and self.last_ls:
            return self.start + lumi * (self.end - self.start) / self.last_ls
        nominal = self.start + lumi * LUMISECTION
        return min(nominal, self.seen.get(lumi, nominal))


@dataclass(frozen=True, slots=True)
class Upload:
    """A payload that was uploaded: of which DAG, from which lumisections, when."""

    dag_id: int
    lumis: Lumis
    time: float


@dataclass(frozen=True, slots=True)
class LatencyPoint:
    """What a campaign's uploads came to so far; durations are seconds.

    Attributes
    ----------
    uploaded_at
        When its last payload was uploaded, seconds since the epoch.
    lumis
        How many lumisections are in a payload.
    median, worst, total
        From the end of a lumisection to the upload of the first payload that contains it.
    counts
        How many lumisections took up to each of `BUCKETS` and longer than the one before; the last
        number counts those that took longer than all.
    after_start, after_end
        From the run's start, and from its end, to the last upload; `after_end` is None while the
        run is being taken, and negative if nothing was uploaded after its end.
    """

    calibration: str
    run: int
    run_start: float
    uploaded_at: float
    lumis: int
    median: float
    worst: float
    total: float
    counts: tuple[int, ...]
    after_start: float
    after_end: float | None


def firsts(uploads: Iterable[Upload]) -> Iterator[tuple[Upload, Lumis]]:
    """Give the uploads in their order, each with the lumisections that none before it had."""
    covered = EMPTY
    for upload in sorted(uploads, key=lambda u: u.time):
        if new := upload.lumis - covered:
            covered = covered | new
        yield upload, new


def latency_point(
    calibration: str, run: int, times: RunTimes, uploads: Sequence[Upload]
) -> LatencyPoint | None:
    """Sum up a campaign's uploads; None if none has brought a lumisection."""
    delays = [
        max(0.0, upload.time - times.end_of(lumi))
        for upload, new in firsts(uploads)
        for lumi in new
    ]
    if not delays:
        return None
    last = max(u.time for u in uploads)
    return LatencyPoint(
        calibration=calibration,
        run=run,
        run_start=times.start,
        uploaded_at=last,
        lumis=len(delays),
        median=statistics.median(delays),
        worst=max(delays),
        total=sum(delays),
        counts=counted(delays),
        after_start=last - times.start,
        after_end=None if times.end is None else last - times.end,
    )


def counted(delays: Iterable[float]) -> tuple[int, ...]:
    """Count durations by the first of `BUCKETS` that they do not exceed."""
    counts = [0] * (len(BUCKETS) + 1)
    for delay in delays:
        counts[bisect_left(BUCKETS, delay)] += 1
    return tuple(counts)
