"""Which ALCARECO are harvested together: no lumisection of a RAW file is in two of them.

Knows what ALCARECO were made from, as it is given; reads nothing. The choice is pure: the same
ALCARECO give the same choice, in whatever order they are found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

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


def is_twice(one: Lumis, other: Lumis) -> bool:
    """Whether two readings of a RAW file read something of it twice.

    Parts of a file that have no lumisection in common do not; one of which no lumisection is told
    may be all of it.
    """
    return not one or not other or bool(one & other)


def choose(sources: Iterable[Source]) -> Choice:
    """Choose ALCARECO such that no lumisection of a RAW file is in two of them.

    Two RAW files may have the same lumisection; that of the same RAW file may be used once. One
    that shares nothing with a chosen one is always chosen. Of those that share RAW files, the more
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
    used = _holders(chosen)
    return Choice(
        tuple(sorted(source.name for source in chosen)),
        {s.name: _overlap(s, used) for s in sorted(left_out, key=lambda s: s.name)},
    )


def youngest(sources: Iterable[Source]) -> Choice:
    """Choose in the same way, but those of the youngest DAGs whatever they hold."""
    chosen = _greedy(sorted(sources := list(sources), key=_by_age))
    used = _holders(chosen)
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
    used: dict[str, Lumis] = {}
    for source in sources:
        read = source.raw_files
        if not any(path in used and is_twice(lumis, used[path]) for path, lumis in read.items()):
            taken.append(source)
            used |= {path: lumis | used.get(path, EMPTY) for path, lumis in read.items()}
    return taken


def _holders(sources: Iterable[Source]) -> dict[str, list[Source]]:
    """The sources that have each RAW file, or a part of it."""
    holders: dict[str, list[Source]] = {}
    for source in sources:
        for path in source.raw_files:
            holders.setdefault(path, []).append(source)
    return holders


def _sharing(sources: Sequence[Source]) -> Iterator[list[Source]]:
    """Sort into groups that share RAW files, directly or over others."""
    places = {source.name: i for i, source in enumerate(sources)}
    holders = _holders(sources)
    seen: set[int] = set()
    for i in range(len(sources)):
        if i in seen:
            continue
        seen.add(i)
        group, due = [], [i]
        while due:
            group.append(due.pop())
            found = {
                places[other.name]
                for path, lumis in sources[group[-1]].raw_files.items()
                for other in holders[path]
                if is_twice(lumis, other.raw_files[path])
            } - seen
            seen |= found
            due += found
        yield [sources[member] for member in sorted(group)]


def _overlap(source: Source, used: Mapping[str, Sequence[Source]]) -> Overlap:
    both: dict[str, Lumis] = {}
    others = set()
    for path, lumis in source.raw_files.items():
        for other in used.get(path, ()):
            if is_twice(lumis, other.raw_files[path]):
                both[path] = both.get(path, EMPTY) | (lumis & other.raw_files[path])
                others.add(other.name)
    return Overlap(both, tuple(sorted(others)), len(source.raw_files))
