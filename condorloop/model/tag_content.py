"""What a tag of the conditions database holds, and which of its IOVs serves a lumisection.

Knows sinces, hashes and times of insertion; knows nothing of who read them, or whose they are.
It is plain data.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from condorloop.errors import CondorloopError
from condorloop.model.enums import Synchronisation, TimeType
from condorloop.model.lumis import LAST_LS


class NotByRun(CondorloopError):
    """The sinces of a tag count neither runs nor lumisections."""


@dataclass(frozen=True, slots=True, order=True)
class TagIov:
    """An IOV of a tag.

    Attributes
    ----------
    since
        In the time type of the tag.
    inserted
        When it entered the tag: seconds since 1970.
    hash
        The payload's.
    """

    since: int
    inserted: float
    hash: str


@dataclass(frozen=True, slots=True)
class TagContent:
    """A tag with all its IOVs, those that a later one at the same since hides too.

    `iovs` are in the order of since and insertion; `synchronisation` is None where the tag has one
    that is not known here.
    """

    tag: str
    time_type: TimeType
    synchronisation: Synchronisation | None
    iovs: tuple[TagIov, ...]

    @classmethod
    def of(
        cls,
        tag: str,
        time_type: TimeType,
        synchronisation: Synchronisation | None,
        iovs: Iterable[TagIov],
    ) -> TagContent:
        """Make it of IOVs in any order; of two that say the same, the later in `iovs` counts."""
        ordered = sorted(iovs, key=lambda iov: (iov.since, iov.inserted))
        return cls(tag, time_type, synchronisation, tuple(ordered))


def since_of(time_type: TimeType, run: int, ls: int) -> int:
    """Give the since that names a lumisection in a tag of a time type.

    >>> since_of(TimeType.RUN, 398600, 7), since_of(TimeType.LUMI, 398600, 7)
    (398600, 1711973964185607)

    Raises
    ------
    NotByRun
        The time type counts something else.
    """
    if time_type is TimeType.RUN:
        return run
    if time_type is TimeType.LUMI:
        return run << 32 | ls
    raise NotByRun(f"time type {time_type} counts neither runs nor lumisections")


def run_and_ls(time_type: TimeType, since: int) -> tuple[int, int]:
    """Give the run and the lumisection that a since names; lumisection 0 is the whole run.

    >>> run_and_ls(TimeType.RUN, 398600), run_and_ls(TimeType.LUMI, 1711973964185607)
    ((398600, 0), (398600, 7))

    Raises
    ------
    NotByRun
        The time type counts something else.
    """
    if time_type is TimeType.RUN:
        return since, 0
    if time_type is TimeType.LUMI:
        return since >> 32, since & LAST_LS
    raise NotByRun(f"time type {time_type} counts neither runs nor lumisections")


def serving(content: TagContent, run: int, ls: int) -> TagIov | None:
    """Give the IOV that serves a lumisection of a run; None before the first of the tag.

    At equal since the latest insertion serves.

    >>> tag = TagContent.of("T", TimeType.RUN, None, [TagIov(5, 1.0, "a"), TagIov(5, 2.0, "b")])
    >>> serving(tag, 7, 1).hash, serving(tag, 4, 1)
    ('b', None)

    Raises
    ------
    NotByRun
        The tag is of another time type.
    """
    place = bisect_right(
        content.iovs, since_of(content.time_type, run, ls), key=lambda iov: iov.since
    )
    return content.iovs[place - 1] if place else None
