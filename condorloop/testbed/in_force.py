"""Which payload serves each lumisection, in each tag, and whether it is the one that must.

Knows the conditions database alone: IOVs with their insertions, payloads with what they were made
of, and by which rule a tag takes IOVs. Knows nothing of the submitter, its ledger and its run
directories, nor of the truth.

An upload's IOVs enter a tag at one instant, so insertions of one time are one upload.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from condorloop.model.enums import Synchronisation, TimeType
from condorloop.model.lumis import Lumis
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.conditions.sqlite_file import (
    ConditionsFileError,
    Tag,
    split_lumi_since,
)
from condorloop.testbed.conditions.synchronisation import RULES, Rule, first_since, in_words

Payload = Mapping[str, Any]


@dataclass(frozen=True)
class Insertion:
    """An IOV that was put into a tag, with the payload's data, and the run and LS it is made of."""

    since: int
    time: str
    run: int
    lumis: Lumis
    payload: Payload


@dataclass(frozen=True)
class Upload:
    """What one upload of a run put into a tag."""

    insertions: tuple[Insertion, ...]

    @cached_property
    def lumis(self) -> Lumis:
        """The LS of which its payloads are made."""
        return Lumis.union(each.lumis for each in self.insertions)

    @cached_property
    def since(self) -> int:
        """The earliest."""
        return min(each.since for each in self.insertions)

    @cached_property
    def borders(self) -> list[int]:
        """The first LS of each of its payloads."""
        return sorted({each.lumis.first for each in self.insertions})

    def border(self, ls: int) -> int:
        """Give the first LS of that payload which holds at an LS; of the first one before all."""
        return self.borders[max(0, bisect_right(self.borders, ls) - 1)]


@dataclass(frozen=True)
class TagHistory:
    """A tag and every IOV that it was ever given.

    Attributes
    ----------
    tag
        The tag's row.
    insertions
        The earliest first.
    first_safe_runs
        Those against which the service held what came late; empty where that is not known.
    """

    tag: Tag
    insertions: Sequence[Insertion]
    first_safe_runs: frozenset[int] = frozenset()

    @classmethod
    def read(cls, database: Path, name: str) -> TagHistory:
        """Read a tag's history from a database.

        Raises
        ------
        ConditionsFileError
            The database has no such tag, or cannot be read.
        """
        tags = sqlite_file.tags(database)
        if name not in tags:
            raise ConditionsFileError(f"{database}: no tag {name}")
        rows = sqlite_file.iovs(database, name, hidden=True)
        data = {key: _decoded(database, key) for key in {row.payload_hash for row in rows}}
        insertions = [
            Insertion(
                since=row.since,
                time=row.insertion_time,
                run=data[row.payload_hash]["run"],
                lumis=Lumis.of(map(int, data[row.payload_hash]["lumisections"])),
                payload=data[row.payload_hash],
            )
            for row in sorted(rows, key=lambda row: (row.insertion_time, row.since))
        ]
        return cls(tags[name], insertions, sqlite_file.first_safe_runs(database, name))

    @property
    def by_lumi(self) -> bool:
        """Whether sinces are lumisections."""
        return self.tag.time_type is TimeType.LUMI

    @property
    def rule(self) -> Rule:
        """By which the tag takes IOVs."""
        return RULES[Synchronisation(self.tag.synchronization)]

    @cached_property
    def visible(self) -> list[Insertion]:
        """The IOVs that hold, by rising since: the latest insertion at each."""
        latest = {each.since: each for each in self.insertions}
        return [latest[since] for since in sorted(latest)]

    @cached_property
    def _sinces(self) -> list[int]:
        return [each.since for each in self.visible]

    def at(self, run: int, ls: int) -> int:
        """Give a lumisection in the tag's time type."""
        return sqlite_file.lumi_since(run, ls) if self.by_lumi else run

    def serving(self, run: int, ls: int) -> Insertion | None:
        """Give the IOV that serves a lumisection; None before the tag's first."""
        position = bisect_right(self._sinces, self.at(run, ls))
        return self.visible[position - 1] if position else None

    def in_words(self, since: int) -> str:
        """Write a since as people read it."""
        return in_words(self.tag.time_type, since)

    @cached_property
    def uploads(self) -> dict[tuple[int, str], Upload]:
        """What each upload put in, by run and time, the earliest first."""
        found: dict[tuple[int, str], list[Insertion]] = {}
        for each in self.insertions:
            found.setdefault((each.run, each.time), []).append(each)
        return {key: Upload(tuple(together)) for key, together in found.items()}


def served(history: TagHistory, run: int, lumis: Lumis) -> tuple[Lumis, list[Payload]]:
    """Give those lumisections of a run that are served by constants made of them.

    Also the run's own payloads that serve any of the lumisections.
    """
    own: dict[int, Payload] = {}
    covered = set()
    for ls in lumis:
        found = history.serving(run, ls)
        if found and found.run == run:
            own[id(found.payload)] = found.payload
            if ls in found.lumis:
                covered.add(ls)
    return Lumis.of(covered), list(own.values())


def faults(history: TagHistory, runs: Mapping[int, Lumis]) -> Iterator[str]:
    """Say where a tag is not as it must be.

    Parameters
    ----------
    history
        The tag's.
    runs
        The lumisections to ask for, by run.
    """
    name = history.tag.name
    for words in (*_sinces_elsewhere(history, runs), *_against_the_rule(history, runs)):
        yield f"tag {name}: {words}"
    for run, lumis in runs.items():
        found: dict[str, list[int]] = {}
        for ls in lumis if history.by_lumi else Lumis.of([1]):
            if wrong := _wrongly_served(history, run, ls):
                found.setdefault(wrong, []).append(ls)
        for wrong, where in found.items():
            at = f" LS {Lumis.of(where)}" if history.by_lumi else ""
            yield f"tag {name}: run {run}{at}: {wrong}"


def must_be_served(history: TagHistory, run: int) -> bool:
    """Tell whether what is made of a run must serve that run.

    It need not where it came too late, which the tag's synchronisation decides: before the first
    safe run, or, where it could be moved over a younger run, after that one.
    """
    late = bool(history.first_safe_runs) and run < max(history.first_safe_runs)
    match history.rule:
        case Rule.FREE:
            return True
        case Rule.REJECT:
            return not late
        case Rule.MOVE_UP:
            return not late and not any(each.run > run for each in history.insertions)
        case Rule.APPEND:
            runs = {each.run for each in history.insertions}
            return run in runs or run > max(runs, default=0)
        case Rule.ONCE:
            return not any(each.run != run for each in history.insertions)


def _wrongly_served(history: TagHistory, run: int, ls: int) -> str | None:
    """Say what serves a lumisection that must not, None if all is well."""
    now = history.serving(run, ls)
    if now is None:
        return None
    if now.run < run:
        at = history.at(run, ls)
        younger = [e.run for e in history.insertions if e.since <= at and now.run < e.run <= run]
        if younger:
            return f"served by run {now.run}, though run {max(younger)} has constants in force"
    if now.run > run:
        return f"served by run {now.run}, which is younger"
    after = _last_around(history, run, ls) if now.run == run else None
    if after and now.time < after:
        since = history.in_words(now.since)
        return f"served by an obsolete IOV: since {since} of {now.time}, replaced at {after}"
    return None


def _last_around(history: TagHistory, run: int, ls: int) -> str | None:
    """Give the time of the last upload between whose first and last lumisection one lies.

    One whose sinces were all moved up behind it does not count.
    """
    at = history.at(run, ls)
    around = [
        time
        for (of_run, time), upload in history.uploads.items()
        if of_run == run and upload.since <= at and upload.lumis.first <= ls <= upload.lumis.last
    ]
    return max(around, default=None)


def _sinces_elsewhere(history: TagHistory, runs: Container[int]) -> Iterator[str]:
    """Name the IOVs that hold from where they were not made for, and no rule moved them."""
    for each in history.visible:
        run, ls = split_lumi_since(each.since) if history.by_lumi else (each.since, None)
        if _moved_up(history, each) or not (run in runs or each.run in runs):
            continue
        since = history.in_words(each.since)
        if run != each.run:
            yield f"since {since} has constants of run {each.run}"
        elif ls is not None and each.lumis.first != history.uploads[run, each.time].border(ls):
            yield f"since {since} has constants of LS {each.lumis}"


def _moved_up(history: TagHistory, insertion: Insertion) -> bool:
    """Tell whether the tag's rule put an IOV to the first safe run, later than its own run."""
    if history.rule is not Rule.MOVE_UP:
        return False
    to = insertion.since >> 32 if history.by_lumi else insertion.since
    is_first = insertion.since == first_since(history.tag.time_type, to)
    known = history.first_safe_runs
    return to > insertion.run and is_first and (not known or to in known)


def _against_the_rule(history: TagHistory, runs: Container[int]) -> Iterator[str]:
    """Name the uploads of runs that a tag of such a synchronisation never takes."""
    last: int | None = None
    for (run, time), upload in history.uploads.items():
        sinces = [each.since for each in upload.insertions]
        words = _against(history, min(sinces), last)
        if words and run in runs:
            yield f"{words}, at {time}"
        last = max([*sinces, *([] if last is None else [last])])


def _against(history: TagHistory, first: int, last: int | None) -> str | None:
    """Say why an upload with this first since is not taken, after the tag's last; None if it is."""
    since = history.in_words(first)
    if history.rule is Rule.REJECT and _too_late(history, first):
        return f"took since {since}, before the first safe run"
    if history.rule is Rule.APPEND and last is not None and first <= last:
        return f"took since {since}, not after its last since {history.in_words(last)}"
    if history.rule is Rule.ONCE and last is not None:
        return f"took since {since}, though it was filled before"
    return None


def _too_late(history: TagHistory, since: int) -> bool:
    known = history.first_safe_runs
    return bool(known) and since < first_since(history.tag.time_type, min(known))


def _decoded(database: Path, key: str) -> dict[str, Any]:
    """Read a payload of the testbed.

    Raises
    ------
    ConditionsFileError
        It is none.
    """
    try:
        data = json.loads(sqlite_file.payload(database, key))
        return {**data, "run": int(data["run"]), "lumisections": dict(data["lumisections"])}
    except (ValueError, TypeError, KeyError) as error:
        raise ConditionsFileError(f"{database}: payload {key} cannot be read: {error}") from error


def all_lumis(parts: Iterable[tuple[int, Lumis]]) -> dict[int, Lumis]:
    """Gather lumisections by run, from the first to the last, holes too."""
    last: dict[int, int] = {}
    for run, lumis in parts:
        last[run] = max(last.get(run, 0), lumis.last)
    return {run: Lumis.span(1, last[run]) for run in sorted(last)}
