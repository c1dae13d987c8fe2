"""RAW files that may be copies of each other: the same lumisections and events, two names.

Knows what probing told of files; opens none and decides nothing of their use. It is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from condorloop.model.campaign import RawFile
from condorloop.model.lumis import Lumis

SMALL = 1_000_000
"""Bytes below which two files of the same lumisections have one size by chance.

A copy has the events and the bytes of the first file. Two other files of a lumisection, of n
events each on average, have as many events with a probability of 1 / (2 sqrt(pi n)). If the size of
one event varies by a tenth, theirs are then the same with 1 / (2 sqrt(pi) sigma), where sigma is
0.1 size / sqrt(n): together 0.8 / size, so less than one pair in a million from here on. Of RAW
data of CMS an event or some have this size; what varies in a file of a testbed is a few bytes.
"""


@dataclass(frozen=True, slots=True)
class Copies:
    """RAW files with the same lumisections and the same number of events.

    Attributes
    ----------
    paths
        The files, sorted; two at least.
    lumis, events
        What each of them has.
    likely
        Whether they are hardly so by chance: their lumisections have more files than is usual in
        the run; or they have the same size, that of a file that is not small (`SMALL`), and most
        lumisections have no two files of one size.
    """

    paths: tuple[str, ...]
    lumis: Lumis
    events: int
    likely: bool

    def __str__(self) -> str:
        names = " and ".join(path.rpartition("/")[2] for path in self.paths)
        return f"{names} have the same LS {self.lumis} and {self.events} events each"


def copies(files: Iterable[RawFile], alone: int = 0) -> tuple[Copies, ...]:
    """Find the possible copies among the good RAW files of a stream and run.

    A stream can have several files a lumisection, and two of those can have as many events, and
    as many bytes.

    Parameters
    ----------
    files
        Those whose lumisections others have too, or all of them.
    alone
        How many more sets of lumisections there are that one file alone has.
    """
    sharing: dict[Lumis, list[RawFile]] = {}
    for file in files:
        sharing.setdefault(file.lumis, []).append(file)
    counts = sorted([1] * alone + [len(group) for group in sharing.values()])
    usual = counts[(len(counts) - 1) // 2] if counts else 0
    found = [(lumis, same) for lumis, group in sharing.items() for same in _alike(group)]
    of_one_size = {lumis for lumis, same in found if _same_size(same)}
    sizes_tell = 2 * len(of_one_size) <= len(counts)
    told = (
        Copies(
            paths=tuple(sorted(file.path for file in same)),
            lumis=lumis,
            events=same[0].events,
            likely=len(sharing[lumis]) > usual or (sizes_tell and _same_size(same)),
        )
        for lumis, same in found
    )
    return tuple(sorted(told, key=lambda c: (c.lumis.ranges, c.paths)))


def _alike(group: Iterable[RawFile]) -> Iterator[list[RawFile]]:
    """Those of the files of some lumisections that have as many events as others."""
    by_events: dict[int, list[RawFile]] = {}
    for file in group:
        by_events.setdefault(file.events, []).append(file)
    return (same for events, same in by_events.items() if events > 0 and len(same) > 1)


def _same_size(files: Iterable[RawFile]) -> bool:
    """Whether two files that are not small have one size; a negative size is not known."""
    known = [file.size for file in files if file.size >= SMALL]
    return len(set(known)) < len(known)
