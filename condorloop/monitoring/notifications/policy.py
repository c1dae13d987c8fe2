"""Which problems are told to people who do not look, and when; pure.

Knows what was told and what is wrong now; sends nothing. A problem is told when it has lasted, and
again after the reminder interval; when it is over and stays so, that is told once. So something
that comes and goes is one problem.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from condorloop.model.notification import Memory, Told
from condorloop.model.status import Problem, ProblemKind, Status
from condorloop.text import one_line


@dataclass(frozen=True, slots=True)
class Wanted:
    """When problems are told, and of which kinds; see `site.MessagesSite`."""

    after: float
    reminder: float
    kinds: Collection[ProblemKind]


@dataclass(frozen=True, slots=True)
class Item:
    """A problem in a message: what is wrong, what to type, since when."""

    text: str
    command: str = ""
    since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is told at once; each part by what it is about.

    Attributes
    ----------
    new, lasting
        What is wrong: told for the first time, and again.
    over
        What was told and is no more.
    left
        What was told of campaigns that have become too old to be shown.
    all_well
        Whether nothing is wrong any more.
    """

    site: str
    time: float
    new: Mapping[str, Item]
    lasting: Mapping[str, Item]
    over: Mapping[str, Item]
    left: Mapping[str, Item]
    all_well: bool


def noted(memory: Memory, status: Status, wanted: Wanted) -> dict[str, Told]:
    """Remember what is wrong now, and what has ceased to be.

    While a service gives no answer, nothing else is taken for over: nobody can see it. What was
    not told and is gone for `after` is forgotten.
    """
    now, there = status.time, current(status.problems, wanted.kinds)
    blind = any(service.error for service in status.services)
    kept: dict[str, Told] = {}
    for about, told in memory.items():
        if about in there:
            kept[about] = replace(told, gone_at=None)
            continue
        kind = about.partition("|")[0]
        if kind not in wanted.kinds:
            continue
        if told.gone_at is None and (kind == ProblemKind.SERVICE or not blind):
            told = replace(told, gone_at=now)
        if told.told_at is not None or not _gone(told, now, wanted):
            kept[about] = told
    for about, item in there.items():
        kept.setdefault(about, Told(item.text, now))
    return kept


def due(memory: Memory, status: Status, wanted: Wanted) -> Message | None:
    """Say what is to be told now of what was `noted`; None if nothing is."""
    now, there = status.time, current(status.problems, wanted.kinds)
    new: dict[str, Item] = {}
    lasting: dict[str, Item] = {}
    ended: dict[str, Item] = {}
    for about, told in memory.items():
        item = there.get(about)
        if item is None:
            if told.told_at is not None and _gone(told, now, wanted):
                ended[about] = Item(told.text, since=told.since)
        elif told.told_at is None:
            if now - told.since >= wanted.after:
                new[about] = replace(item, since=item.since or told.since)
        elif now - told.told_at >= wanted.reminder:
            lasting[about] = replace(item, since=item.since or told.since)
    if not (new or lasting or ended):
        return None
    shown = {(c.calibration, str(c.run)) for c in status.campaigns}
    shown |= {("", str(c.run)) for c in status.campaigns} | {("", "")}
    told_before = {about for about, told in memory.items() if told.told_at is not None}
    left = {about: item for about, item in ended.items() if _campaign(about) not in shown}
    return Message(
        site=status.site,
        time=now,
        new=new,
        lasting=lasting,
        over={about: item for about, item in ended.items() if about not in left},
        left=left,
        all_well=not there and not left and told_before <= ended.keys(),
    )


def settled(memory: Memory, message: Message) -> dict[str, Told]:
    """Remember that a message was sent.

    What came back after its end was told is another problem from then on.
    """
    after = dict(memory)
    for about, item in {**message.new, **message.lasting}.items():
        if told := after.get(about):
            after[about] = replace(told, text=item.text, told_at=message.time)
    for about in (*message.over, *message.left):
        if (told := after.pop(about, None)) and told.gone_at is None:
            after[about] = Told(told.text, message.time)
    return after


def current(problems: Iterable[Problem], kinds: Collection[ProblemKind]) -> dict[str, Item]:
    """Give what is wrong, by what it is about: what is the same for all of a campaign's, once."""
    found: dict[str, list[Problem]] = {}
    for problem in problems:
        if problem.kind in kinds:
            found.setdefault(about(problem), []).append(problem)
    return {name: _item(alike) for name, alike in found.items()}


def about(problem: Problem) -> str:
    """Name what a problem is about, which its text does not: that changes while it lasts.

    >>> about(Problem(ProblemKind.SERVICE, "OMS does not answer: refused"))
    'service|||OMS does not answer'
    >>> about(Problem(ProblemKind.DISK, "the disk is nearly full: 3 GB free"))
    'disk|||'
    """
    detail = ""
    if problem.kind is ProblemKind.SERVICE:
        detail = problem.text.partition(":")[0]
    elif problem.kind is ProblemKind.UPLOAD:
        detail = problem.command
    run = "" if problem.run is None else problem.run
    return one_line(f"{problem.kind}|{problem.calibration or ''}|{run}|{detail}", 500)


def _item(alike: list[Problem]) -> Item:
    first = alike[0]
    text = one_line(first.text)
    if others := len({p.text for p in alike}) - 1:
        text += f" (and {others} more)"
    since = min((p.since for p in alike if p.since is not None), default=None)
    return Item(text, one_line(first.command), since)


def _gone(told: Told, now: float, wanted: Wanted) -> bool:
    return told.gone_at is not None and now - told.gone_at >= wanted.after


def _campaign(about: str) -> tuple[str, str]:
    _, calibration, run, _ = about.split("|", 3)
    return calibration, run
