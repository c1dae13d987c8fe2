"""Which lumisections of which RAW files one job reads: by files, events and time.

Knows how many files and events a job takes, and what the files hold. It reads nothing, and must
not know where the limits come from, what a node is called, or what was planned before: the same
files and limits give the same jobs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeVar

from condorloop.model.campaign import RawFile
from condorloop.model.lumis import Lumis


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a job reads at most: RAW files, and events where they count."""

    files: int
    events: int | None = None

    @classmethod
    def of_work(
        cls,
        files: int,
        events: int | None = None,
        time: float | None = None,
        event_time: float | None = None,
    ) -> Limits:
        """Make of the time of a job what it means in events.

        Parameters
        ----------
        time
            Seconds that a job should take.
        event_time
            Seconds that a job takes per event; None if nobody knows yet: then time does not count.

        >>> Limits.of_work(5, 1000, time=600.0, event_time=2.0)
        Limits(files=5, events=300)
        """
        limits = [] if events is None else [events]
        if time is not None and event_time:
            limits.append(max(1, int(time / event_time)))
        return cls(files, min(limits, default=None))


FEWEST_JOBS = 3
"""How many jobs must have ended well before their time counts: one can have had a bad machine."""

RECENT_JOBS = 50
"""How many jobs are looked at: what the detector and the machines do changes with time."""


def event_time(jobs: Iterable[tuple[float, int]]) -> float | None:
    """Say how long RECO takes per event, start of the job included; None if too few jobs tell.

    Half of all events were in jobs that took no longer per event: neither a few slow machines nor
    many small jobs, which hardly do more than start, change much.

    Parameters
    ----------
    jobs
        The seconds that each took, and how many events it read.

    >>> event_time([(100.0, 100), (110.0, 100), (90.0, 100), (60.0, 1), (9000.0, 100)])
    1.1
    """
    rates = sorted((seconds / events, events) for seconds, events in jobs if events > 0)
    if len(rates) < FEWEST_JOBS:
        return None
    half = sum(events for _, events in rates) / 2
    return next(
        rate
        for (rate, _), so_far in zip(rates, accumulate(e for _, e in rates), strict=True)
        if so_far >= half
    )


def split(files: Iterable[RawFile], limits: Limits) -> list[Sequence[RawFile]]:
    """Spread RAW files over jobs, in the order of the first lumisections of these.

    A file with more events than a job takes is cut: each of its lumisections is in one part. As a
    job is told which lumisections it reads, whatever the file, one that reads a part of a file
    reads nothing else. Of the others there are as few as the limits allow, and the largest is as
    small as that allows. A job is over the limit of events only with a single lumisection.

    Parameters
    ----------
    files
        Each with the lumisections and the events that it holds, or that are left to be read.
    """
    parts = sorted((part for file in files for part in _parts(file, limits.events)), key=_order)
    whole = [file for file in parts if not file.is_part]
    if limits.events is None:
        jobs = even(whole, limits.files)
    else:
        jobs = _grouped(whole, limits.files, limits.events)
    jobs += [(part,) for part in parts if part.is_part]
    return sorted(jobs, key=lambda job: _order(job[0]))


_Item = TypeVar("_Item")


def even(items: Sequence[_Item], most: int) -> list[Sequence[_Item]]:
    """Cut into the fewest groups of at most `most`, whose sizes differ by one at most.

    >>> even("abcdef", 5)
    ['abc', 'def']
    """
    groups = -(-len(items) // most)
    cuts = [len(items) * i // groups for i in range(groups + 1)] if groups else []
    return [items[a:b] for a, b in pairwise(cuts)]


def _order(file: RawFile) -> tuple[int, int, str]:
    return file.lumis.first, file.lumis.last, file.path


def _parts(file: RawFile, most: int | None) -> list[RawFile]:
    """Cut a file into the fewest parts of at most `most` events, or of one lumisection.

    Each lumisection counts as having as many events as any other.
    """
    if most is None or file.events <= most or len(file.lumis) < 2:
        return [file]
    count = len(file.lumis)
    together = max(1, most * count // file.events)
    groups = -(-count // together)
    cuts = [count * i // groups for i in range(groups + 1)]
    return [file.part(_between(file.lumis, a, b)) for a, b in pairwise(cuts)]


def _between(lumis: Lumis, start: int, end: int) -> Lumis:
    """The lumisections from one place in the order to another, without the latter.

    >>> str(_between(Lumis.parse("1-3,7-9"), 2, 5))
    '3,7-8'
    """
    ranges, before = [], 0
    for first, last in lumis.ranges:
        low, high = first + max(0, start - before), first + min(last - first + 1, end - before) - 1
        if low <= high:
            ranges.append((low, high))
        before += last - first + 1
    return Lumis(tuple(ranges))


def _grouped(whole: Sequence[RawFile], files: int, events: int) -> list[Sequence[RawFile]]:
    """Cut into the fewest groups within the limits, the largest of which is as small as can be."""
    before = [0, *accumulate(file.events for file in whole)]
    total, count = before[-1], len(whole)
    groups = len(_ends(before, files, events))
    most = bisect_left(range(events), True, key=lambda e: len(_ends(before, files, e)) <= groups)
    from_behind = _ends([total - b for b in reversed(before)], files, most)
    cuts = [0]
    for i in range(1, groups + 1):
        # What is behind a cut must fit into the groups that are left.
        earliest = count - from_behind[groups - i - 1] if i < groups else count
        even_share = bisect_right(before, total * i // groups) - 1
        cut = max(earliest, even_share, cuts[-1] + 1)
        cuts.append(min(cut, _end(before, cuts[-1], files, most)))
    return [whole[a:b] for a, b in pairwise(cuts)]


def _ends(before: Sequence[int], files: int, events: int) -> list[int]:
    """Where groups end that take as much as they can, one after the other."""
    ends, at = [], 0
    while at < len(before) - 1:
        at = _end(before, at, files, events)
        ends.append(at)
    return ends


def _end(before: Sequence[int], start: int, files: int, events: int) -> int:
    """Where a group ends at the latest that begins at `start`; it has one file at least.

    `before` has how many events there are before each file, and in all.
    """
    fit = bisect_right(before, before[start] + events) - 1
    return max(start + 1, min(start + files, fit))
