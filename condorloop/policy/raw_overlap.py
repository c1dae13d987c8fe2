"""Which ALCARECO are harvested together: no RAW file is in two of them.

Knows what ALCARECO were made from, as it is given; reads nothing. The choice is pure: the same
ALCARECO give the same choice, in whatever order they are found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from condorloop.model.lumis import EMPTY, Lumis
from condorloop.text import one_line


@dataclass(frozen=True, slots=True)
class Source:
    """An ALCARECO, and what it was made from.

    `dag` is the number of its DAG, `lumis` and `events` are what is in it, `raw_files` are the RAW
    files that it was made from, each with the lumisections that were read with it.
    """

    name: str
    dag: int
    lumis: Lumis
    events: int
    raw_files: Mapping[str, Lumis]


@dataclass(frozen=True, slots=True)
class Overlap:
    """RAW files of an ALCARECO that are in others, too.

    `raw_files` has the lumisections that are in both, by RAW file; `used` are the names of the
    others; `of` is how many RAW files it was made from.
    """

    raw_files: Mapping[str, Lumis]
    used: tuple[str, ...]
    of: int

    def __str__(self) -> str:
        first = min(self.raw_files)
        lumis = Lumis.union(self.raw_files.values())
        name = one_line(first.rpartition("/")[2])
        shared = f"RAW file {name} (LS {lumis}) is"
        if (count := len(self.raw_files)) > 1:
            shared = f"{count} of its {self.of} RAW files (LS {lumis}; the first is {name}) are"
        return f"{shared} in {' and '.join(self.used)}, used instead"


@dataclass(frozen=True, slots=True)
class Choice:
    """The names of the ALCARECO to harvest, sorted; and why others are not among them."""

    chosen: tuple[str, ...]
    left_out: Mapping[str, Overlap]


def choose(sources: Iterable[Source]) -> Choice:
    """Choose ALCARECO such that no RAW file is in two of them.

    Two RAW files may have the same lumisection; the same RAW file may be used once. One that
    shares no RAW file with a chosen one is always chosen. Of those that share RAW files, the more
    lumisections count, then the more RAW files; of equals, those of the youngest DAGs are chosen,
    for a ledger gives a RAW file to another DAG only when it has given up the one before.
    """
    chosen: list[Source] = []
    left_out: list[Source] = []
    for group in _sharing(sorted(sources, key=_by_age)):
        best = max((_greedy(group), _greedy(sorted(group, key=_by_amount))), key=_worth)
        names = {source.name for source in best}
        chosen += best
        left_out += (source for source in group if source.name not in names)
    used = {path: source for source in chosen for path in source.raw_files}
    return Choice(
        tuple(sorted(source.name for source in chosen)),
        {s.name: _overlap(s, used) for s in sorted(left_out, key=lambda s: s.name)},
    )


def youngest(sources: Iterable[Source]) -> Choice:
    """Choose in the same way, but those of the youngest DAGs whatever they hold."""
    chosen = _greedy(sorted(sources := list(sources), key=_by_age))
    used = {path: source for source in chosen for path in source.raw_files}
    names = {source.name for source in chosen}
    return Choice(
        tuple(sorted(names)), {s.name: _overlap(s, used) for s in sources if s.name not in names}
    )


def _by_age(source: Source) -> tuple[int, str]:
    return -source.dag, source.name


def _by_amount(source: Source) -> tuple[int, int, int, str]:
    return -len(source.lumis), -len(source.raw_files), *_by_age(source)


def _worth(sources: Sequence[Source]) -> tuple[int, int]:
    lumis = Lumis.union(source.lumis for source in sources)
    return len(lumis), sum(len(source.raw_files) for source in sources)


def _greedy(sources: Iterable[Source]) -> list[Source]:
    """Take one after the other that shares nothing with those before it."""
    taken: list[Source] = []
    used: set[str] = set()
    for source in sources:
        if used.isdisjoint(source.raw_files):
            taken.append(source)
            used.update(source.raw_files)
    return taken


def _sharing(sources: Sequence[Source]) -> Iterator[list[Source]]:
    """Sort into groups that share RAW files, directly or over others."""
    holders: dict[str, list[int]] = {}
    for i, source in enumerate(sources):
        for path in source.raw_files:
            holders.setdefault(path, []).append(i)
    seen: set[int] = set()
    for i in range(len(sources)):
        if i in seen:
            continue
        seen.add(i)
        group, due = [], [i]
        while due:
            group.append(due.pop())
            shared = (holders.pop(path, ()) for path in sources[group[-1]].raw_files)
            found = set(chain.from_iterable(shared)) - seen
            seen |= found
            due += found
        yield [sources[member] for member in sorted(group)]


def _overlap(source: Source, used: Mapping[str, Source]) -> Overlap:
    shared = {path: used[path] for path in source.raw_files if path in used}
    both = {
        path: source.raw_files[path] & other.raw_files.get(path, EMPTY)
        for path, other in shared.items()
    }
    return Overlap(both, tuple(sorted({s.name for s in shared.values()})), len(source.raw_files))
