"""What has changed between two payloads: channels, sets, and numbers by lumisection.

Pure: it compares constants that others have read. A gate's limits and the diff of a person are
about the same numbers.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from condorloop.model.constants import Constants, IovConstants
from condorloop.model.lumis import LAST_LS

WORST = 10

CHANGE = "change of"
"""How the name of a quantity begins that is the change of another one."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A channel, or an interval, before and after."""

    what: str
    before: float
    after: float

    @property
    def by(self) -> float:
        """By how much it has moved."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class QuantityChange:
    """How a quantity has changed, over the channels or the intervals that have it in both.

    Attributes
    ----------
    name, unit
        The quantity.
    shifts
        Of each channel, or interval, in both.
    come, gone
        Channels that only the later one has, or only the earlier one.
    by_interval
        Whether it is an IOV's own, and the shifts are those of intervals.
    """

    name: str
    unit: str
    shifts: tuple[Shift, ...]
    come: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    by_interval: bool = False

    @property
    def changed(self) -> int:
        """How many have another value."""
        return sum(shift.before != shift.after for shift in self.shifts)

    @property
    def mean(self) -> float:
        """The mean change; 0 of none."""
        return math.fsum(s.by for s in self.shifts) / len(self.shifts) if self.shifts else 0.0

    @property
    def spread(self) -> float:
        """The standard deviation of the change; 0 of none."""
        mean = self.mean
        squares = math.fsum((s.by - mean) ** 2 for s in self.shifts)
        return math.sqrt(squares / len(self.shifts)) if self.shifts else 0.0

    @property
    def largest(self) -> float:
        """The largest change without its sign; 0 of none."""
        return max((abs(shift.by) for shift in self.shifts), default=0.0)

    def beyond(self, limit: float) -> int:
        """How many have changed by more than a limit."""
        return sum(abs(shift.by) > limit for shift in self.shifts)

    def worst(self, most: int = WORST) -> tuple[Shift, ...]:
        """Those that have changed most, the largest change first."""
        moved = (s for s in self.shifts if s.before != s.after)
        return tuple(sorted(moved, key=lambda s: (-abs(s.by), s.what))[:most])


@dataclass(frozen=True, slots=True)
class SetChange:
    """How a set, such as bad modules, has changed."""

    name: str
    before: int
    after: int
    come: tuple[str, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConstantsChange:
    """All that has changed between two payloads.

    `quantities` have values by channel, and numbers by interval, whose intervals are called as
    lumisections are.
    """

    quantities: tuple[QuantityChange, ...] = ()
    sets: tuple[SetChange, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether both say the same."""
        return not any(q.changed or q.come or q.gone for q in self.quantities) and not any(
            s.come or s.gone for s in self.sets
        )

    def quantity(self, name: str) -> QuantityChange | None:
        """The change of a quantity; None if neither has it."""
        return next((q for q in self.quantities if q.name == name), None)


@dataclass(frozen=True, slots=True)
class _Pair:
    """An interval in which one IOV of each serves."""

    label: str
    before: IovConstants
    after: IovConstants


def compare(before: Constants, after: Constants) -> ConstantsChange:
    """Say what has changed from one payload to another.

    Two that have one IOV each are compared as they are. Others are compared in each interval in
    which one IOV of each serves; of different runs, lumisections of the same number are compared.
    Where only one of the two serves, nothing is compared.
    """
    pairs = _pairs(before, after)
    units = {**before.units, **after.units}
    return ConstantsChange(
        quantities=(*_by_channel(pairs, units), *_by_interval(pairs, units)),
        sets=tuple(_sets(pairs)),
    )


def as_constants(change: ConstantsChange, after: Constants) -> Constants:
    """Give the changes of channels as constants, so that they can be drawn as such."""
    channels = {
        f"{CHANGE} {q.name}": {shift.what: shift.by for shift in q.shifts}
        for q in change.quantities
        if not q.by_interval
    }
    sets = {
        f"{each.name}, {word}": frozenset(members)
        for each in change.sets
        for word, members in (("come", each.come), ("gone", each.gone))
    }
    since = after.iovs[0].since if after.iovs else 0
    units = {f"{CHANGE} {name}": unit for name, unit in after.units.items()}
    iov = IovConstants(since, "", channels, sets)
    return Constants(after.tag, (iov,), after.object_type, units, after.places)


def _pairs(before: Constants, after: Constants) -> list[_Pair]:
    if not (before.iovs and after.iovs):
        return []
    by_lumi = any(iov.since > LAST_LS for iov in (*before.iovs, *after.iovs))
    name = _lumis if by_lumi else _runs
    if len(before.iovs) == len(after.iovs) == 1:
        return [_Pair(name(after.iovs[0].since, None), before.iovs[0], after.iovs[0])]
    old, new = before.iovs, after.iovs
    if by_lumi and {iov.since >> 32 for iov in old} != {iov.since >> 32 for iov in new}:
        old, new = (tuple(replace(i, since=i.since & LAST_LS) for i in each) for each in (old, new))
    borders = sorted({iov.since for iov in (*old, *new)})
    return [
        _Pair(name(start, end), one, other)
        for start, end in zip(borders, [*borders[1:], None], strict=True)
        if (one := _serving(old, start)) and (other := _serving(new, start))
    ]


def _serving(iovs: Sequence[IovConstants], since: int) -> IovConstants | None:
    place = bisect_right(iovs, since, key=lambda iov: iov.since)
    return iovs[place - 1] if place else None


def _lumis(since: int, end: int | None) -> str:
    """How an interval of a Lumi tag is called: ``LS 3-7``, or ``LS 81-`` if its end is not known.

    >>> _lumis(3, 8), _lumis(398600 << 32 | 3, 398600 << 32 | 4), _lumis(81, None)
    ('LS 3-7', 'LS 3', 'LS 81-')
    """
    first = since & LAST_LS
    if end is None or end >> 32 != since >> 32:
        return f"LS {first}-"
    last = (end & LAST_LS) - 1
    return f"LS {first}" if last == first else f"LS {first}-{last}"


def _runs(since: int, end: int | None) -> str:
    return f"run {since}" if end in (None, since + 1) else f"run {since}-{(end or 0) - 1}"


def _by_channel(pairs: Sequence[_Pair], units: Mapping[str, str]) -> Iterable[QuantityChange]:
    names = dict.fromkeys(n for p in pairs for iov in (p.before, p.after) for n in iov.channels)
    for name in names:
        changes = _Changes()
        for pair in pairs:
            at = f"{pair.label} " if len(pairs) > 1 else ""
            changes.add(at, pair.before.channels.get(name, {}), pair.after.channels.get(name, {}))
        yield changes.of(name, units.get(name, ""))


def _by_interval(pairs: Sequence[_Pair], units: Mapping[str, str]) -> Iterable[QuantityChange]:
    names = dict.fromkeys(n for p in pairs for iov in (p.before, p.after) for n in iov.numbers)
    for name in names:
        changes = _Changes()
        for pair in pairs:
            old, new = (
                {pair.label: iov.numbers[name]} if name in iov.numbers else {}
                for iov in (pair.before, pair.after)
            )
            changes.add("", old, new)
        yield replace(changes.of(name, units.get(name, "")), by_interval=True)


@dataclass(slots=True)
class _Changes:
    shifts: list[Shift] = field(default_factory=list)
    come: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def add(self, at: str, old: Mapping[str, float], new: Mapping[str, float]) -> None:
        both = old.keys() & new.keys()
        self.shifts += [Shift(f"{at}{c}", old[c], new[c]) for c in sorted(both, key=natural)]
        self.come += [f"{at}{c}" for c in sorted(new.keys() - both, key=natural)]
        self.gone += [f"{at}{c}" for c in sorted(old.keys() - both, key=natural)]

    def of(self, name: str, unit: str) -> QuantityChange:
        return QuantityChange(name, unit, tuple(self.shifts), tuple(self.come), tuple(self.gone))


def _sets(pairs: Sequence[_Pair]) -> Iterable[SetChange]:
    names = dict.fromkeys(n for p in pairs for iov in (p.before, p.after) for n in iov.sets)
    for name in names:
        at = [f"{pair.label} " if len(pairs) > 1 else "" for pair in pairs]
        old = {
            f"{a}{c}" for a, p in zip(at, pairs, strict=True) for c in p.before.sets.get(name, ())
        }
        new = {
            f"{a}{c}" for a, p in zip(at, pairs, strict=True) for c in p.after.sets.get(name, ())
        }
        come, gone = (tuple(sorted(s, key=natural)) for s in (new - old, old - new))
        yield SetChange(name, len(old), len(new), come, gone)


def natural(name: str) -> tuple[int, str]:
    """Sort numbers by their size, before names.

    >>> sorted(["10", "9", "TIB"], key=natural)
    ['9', '10', 'TIB']
    """
    return (int(name), "") if name.isdecimal() and len(name) < 20 else (1 << 64, name)
