"""Payloads by lumisection in pieces: which IOVs of a payload no later harvest of its run moves.

Knows sinces, payload hashes and lumisections alone. It is pure.

A harvester joins lumisections into IOVs from the first one on. The borders behind a lumisection
depend on whether it is there, and a border on the lumisections next to it. So an IOV is settled
when each lumisection up to its end, and a few behind it, is in the payload or is awaited no more.
Where a later harvest moves a border nevertheless, what it sends begins behind what was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from condorloop.model.lumis import EMPTY, LAST_LS, Lumis

BEHIND = 2
"""Lumisections that must follow the end of a settled IOV. CMSSW's ``AlcaBeamSpotManager`` compares
a lumisection with the next two before it ends an IOV there."""

OwnIovs = Sequence[tuple[int, str]]
"""Since and payload hash of a payload's IOVs, by rising since: of one run, by lumisection."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a payload that goes up by itself.

    Attributes
    ----------
    iovs
        Since and payload hash, by rising since.
    lumis
        The lumisections that it serves with constants made of them.
    through
        The last lumisection that it is for. What goes up later begins behind it.
    """

    iovs: tuple[tuple[int, str], ...]
    lumis: Lumis
    through: int


def settled(own: OwnIovs, made_of: Lumis, gone: int = 0, through: int = 0) -> Piece | None:
    """Give the IOVs behind what was sent that no later harvest moves; None if there are none.

    Of lumisections that no later harvest can serve in time, what there is goes up, settled or not.

    Parameters
    ----------
    own
        The payload's IOVs.
    made_of
        The lumisections that it was made of.
    gone
        The last lumisection that leaves the buffer before a later harvest has it; 0 if none does.
        Those up to it are awaited no more.
    through
        The last lumisection of what was sent before; 0 if nothing was.

    >>> own = [(7 << 32 | 1, "a"), (7 << 32 | 21, "b"), (7 << 32 | 41, "c")]
    >>> settled(own, Lumis.span(1, 45)).through
    40
    >>> settled(own, Lumis.parse("1-30,32-45")).through
    20
    >>> settled(own, Lumis.parse("1-30,32-45"), gone=31, through=20).lumis
    Lumis(ranges=((21, 30), (32, 40)))
    >>> settled(own, Lumis.span(1, 45), gone=43, through=40).lumis
    Lumis(ranges=((41, 45),))
    """
    if not is_of_one_run(own):
        return None
    known = made_of | Lumis.span(1, max(gone, through))
    sure = made_of & Lumis.span(1, known.ranges[0][1] if known.first == 1 else 0)
    ends = (_ls(since) - 1 for since, _ in own[1:])
    until = max((end for end in ends if len(sure - Lumis.span(1, end)) >= BEHIND), default=0)
    if made_of & Lumis.span(max(through, until) + 1, gone) != EMPTY:
        until = sure.last
    return _between(own, made_of, through, until)


def rest(own: OwnIovs, made_of: Lumis, through: int) -> Piece | None:
    """Give all of a payload that lies behind what was sent before; None if nothing does.

    >>> rest([(7 << 32 | 11, "a"), (7 << 32 | 31, "b")], Lumis.span(11, 40), 20).iovs
    ((30064771093, 'a'), (30064771103, 'b'))
    """
    return _between(own, made_of, through, LAST_LS)


def is_of_one_run(own: OwnIovs) -> bool:
    """Whether the sinces of a payload by lumisection are all of the same run."""
    return len({since >> 32 for since, _ in own}) == 1


def _between(own: OwnIovs, made_of: Lumis, through: int, until: int) -> Piece | None:
    """The part of a payload for the lumisections behind one, up to another one."""
    iovs = tuple(_cut(own, made_of, through, until))
    lumis = made_of & Lumis.span(through + 1, until)
    return Piece(iovs, lumis, lumis.last if until == LAST_LS else until) if iovs else None


def _cut(own: OwnIovs, made_of: Lumis, through: int, until: int) -> Iterator[tuple[int, str]]:
    """The IOVs of that part; one that begins before it begins right behind what was sent.

    Where nothing of such an IOV is in the part, what was sent before serves on.
    """
    ends = [*(_ls(after) - 1 for _, (after, _) in pairwise(own)), LAST_LS]
    for (since, digest), end in zip(own, ends, strict=True):
        first, last = max(_ls(since), through + 1), min(end, until)
        if first > last:
            continue
        if first == _ls(since) or made_of & Lumis.span(first, last) != EMPTY:
            yield since >> 32 << 32 | first, digest


def _ls(since: int) -> int:
    return since & LAST_LS
