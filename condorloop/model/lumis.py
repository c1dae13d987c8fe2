"""Sets of lumisections, as ranges: ``1-40,42``.

Knows numbers and ranges; knows nothing of runs, files or OMS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

_RANGE = re.compile(r"([0-9]{1,10})(?:-([0-9]{1,10}))?")
LAST_LS = 2**32 - 1
"""Lumisection numbers are unsigned and have 32 bits in CMSSW."""


@dataclass(frozen=True, slots=True)
class Lumis:
    """An immutable set of lumisection numbers, kept as sorted, disjoint, inclusive ranges.

    >>> seen = Lumis.parse("1-3,7")
    >>> str(seen | Lumis.of([4, 5]))
    '1-5,7'
    >>> str(Lumis.span(1, 8) - seen), len(seen), 7 in seen
    ('4-6,8', 4, True)
    """

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Self:
        """Make the set of these lumisection numbers."""
        return cls(_joined(sorted((n, n) for n in numbers)))

    @classmethod
    def span(cls, first: int, last: int) -> Self:
        """Make the set of all lumisections from `first` to `last`, both included."""
        return cls(((first, last),)) if first <= last else cls()

    @classmethod
    def union(cls, sets: Iterable[Lumis]) -> Self:
        """Make the union of many sets at once."""
        return cls(_joined(sorted({r for s in sets for r in s.ranges})))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``str`` wrote.

        Raises
        ------
        ValueError
            The text is not a comma-separated list of ``N`` and ``N-M``, from 1 on.
        """
        return cls(_parsed(text))

    @property
    def first(self) -> int:
        """The lowest lumisection; 0 for the empty set."""
        return self.ranges[0][0] if self.ranges else 0

    @property
    def last(self) -> int:
        """The highest lumisection; 0 for the empty set."""
        return self.ranges[-1][1] if self.ranges else 0

    def __str__(self) -> str:
        return ",".join([f"{a}" if a == b else f"{a}-{b}" for a, b in self.ranges])

    def __len__(self) -> int:
        return sum(b - a + 1 for a, b in self.ranges)

    def __iter__(self) -> Iterator[int]:
        for a, b in self.ranges:
            yield from range(a, b + 1)

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and any(a <= number <= b for a, b in self.ranges)

    def __or__(self, other: Lumis) -> Lumis:
        return Lumis.union((self, other))

    def __and__(self, other: Lumis) -> Lumis:
        return self - (self - other)

    def __sub__(self, other: Lumis) -> Lumis:
        left: list[tuple[int, int]] = []
        cuts = iter(other.ranges)
        cut = next(cuts, None)
        for start, end in self.ranges:
            at = start
            while cut is not None and cut[0] <= end:
                if cut[1] >= at:
                    if cut[0] > at:
                        left.append((at, cut[0] - 1))
                    at = cut[1] + 1
                if cut[1] > end:
                    break
                cut = next(cuts, None)
            if at <= end:
                left.append((at, end))
        return Lumis(tuple(left))


EMPTY = Lumis()


@lru_cache(maxsize=1024)
def _parsed(text: str) -> tuple[tuple[int, int], ...]:
    """The ranges that a text names; the same few are read again and again."""
    ranges = []
    for part in filter(None, (p.strip(" ") for p in text.split(","))):
        match = _RANGE.fullmatch(part)
        first = int(match[1]) if match else 0
        last = int(match[2] or first) if match else 0
        if not 0 < first <= LAST_LS or last > LAST_LS:
            raise ValueError(f"not a list of lumisections: {text[:80]!r}")
        if first > last:
            raise ValueError(f"a range that runs backwards: {part!r}")
        ranges.append((first, last))
    return _joined(sorted(ranges))


def _joined(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and start <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)
