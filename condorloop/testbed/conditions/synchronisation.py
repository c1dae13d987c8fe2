"""What of an upload enters a tag, and from which since: the tag's synchronisation decides.

The rules are those that the developers of the upload service test it with (the upload test of
CMSSW's CondCore/Utilities) and those of its client (``CondDBFW/uploads.py`` there).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TypeVar

from condorloop.model.enums import Synchronisation, TimeType
from condorloop.testbed.conditions.sqlite_file import lumi_since, split_lumi_since

Payload = TypeVar("Payload")


class Rule(Enum):
    """What happens to an upload that a tag's consumers may have passed already."""

    FREE = "any since is taken"
    ONCE = "the tag is filled by its first upload and never again"
    MOVE_UP = "a since before the first safe run is moved up to it"
    REJECT = "a since before the first safe run is rejected"
    APPEND = "a since must lie after the tag's last one"


RULES = {
    Synchronisation.ANY: Rule.FREE,
    Synchronisation.VALIDATION: Rule.FREE,
    Synchronisation.MC: Rule.ONCE,
    Synchronisation.HLT: Rule.MOVE_UP,
    Synchronisation.EXPRESS: Rule.MOVE_UP,
    Synchronisation.PROMPT: Rule.MOVE_UP,
    Synchronisation.PCL: Rule.REJECT,
    Synchronisation.OFFLINE: Rule.APPEND,
    Synchronisation.RUNMC: Rule.APPEND,
}


class RefusedError(Exception):
    """The tag does not take the upload; the message is the reason that the service gives."""


def starting_at(
    iovs: Sequence[tuple[int, Payload]], start: int | None
) -> list[tuple[int, Payload]]:
    """Cut off what lies before `start`: the IOV that holds there begins there, later ones stay.

    Parameters
    ----------
    iovs
        Pairs of since and payload by rising since; not empty.
    start
        A since, or None to leave every IOV at its own.

    Raises
    ------
    RefusedError
        No IOV holds at `start`.

    >>> starting_at([(10, "a"), (20, "b"), (30, "c")], 25)
    [(25, 'b'), (30, 'c')]
    """
    if start is None:
        return list(iovs)
    before = [payload for since, payload in iovs if since <= start]
    if not before:
        raise RefusedError(f"no IOV of the file holds at since {start}: its first is {iovs[0][0]}")
    return [(start, before[-1]), *((since, payload) for since, payload in iovs if since > start)]


def synchronise(
    synchronization: Synchronisation,
    time_type: TimeType,
    iovs: Sequence[tuple[int, Payload]],
    *,
    last: int | None,
    first_safe_run: int,
) -> list[tuple[int, Payload]]:
    """Give the IOVs that enter a tag.

    Only sinces that name a run are held against the first safe run: those of time type Run, and
    those of time type Lumi, which are moved to the run's first lumisection. The service cannot
    do it for other tags either.

    Parameters
    ----------
    synchronization, time_type
        Of the destination tag.
    iovs
        Pairs of since and payload by rising since; not empty.
    last
        The tag's last since; None when it has no IOV.
    first_safe_run
        The first run that no consumer of the tag has begun to process.

    Raises
    ------
    RefusedError
        The tag's rule does not let them in.
    """
    first = iovs[0][0]
    late = _is_before(time_type, first, first_safe_run)
    match RULES[synchronization]:
        case Rule.ONCE if last is not None:
            raise RefusedError(f"a tag of synchronization {synchronization} is never changed")
        case Rule.REJECT if late:
            raise RefusedError(
                f"since {in_words(time_type, first)} is before the first safe run"
                f" {first_safe_run}, too late for synchronization {synchronization}"
            )
        case Rule.APPEND if last is not None and first <= last:
            raise RefusedError(
                f"since {in_words(time_type, first)} is not after the tag's last since"
                f" {in_words(time_type, last)}, as synchronization {synchronization} needs"
            )
        case Rule.MOVE_UP if late:
            return starting_at(iovs, first_since(time_type, first_safe_run))
    return list(iovs)


def first_since(time_type: TimeType, run: int) -> int:
    """Give the since at which a run begins, in a tag of time type Run or Lumi."""
    return lumi_since(run, 1) if time_type is TimeType.LUMI else run


def in_words(time_type: TimeType, since: int) -> str:
    """Write a since as people read it.

    >>> in_words(TimeType.LUMI, lumi_since(398600, 7))
    '398600:7'
    """
    return ":".join(map(str, split_lumi_since(since))) if time_type is TimeType.LUMI else str(since)


def _is_before(time_type: TimeType, since: int, run: int) -> bool:
    match time_type:
        case TimeType.RUN:
            return since < run
        case TimeType.LUMI:
            return split_lumi_since(since)[0] < run
    return False
