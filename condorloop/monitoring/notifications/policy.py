"""Which problems are told to people who do not look, and when; pure.

Knows what was told and what is wrong now; sends nothing. A problem is told when it has lasted, and
again after the reminder interval; when it is over and stays so, that is told once. So something
that comes and goes is one problem.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from condorloop.model.notification import Memory, Notified
from condorloop.model.problem import Problem, ProblemKind, Topic
from condorloop.model.status import Status
from condorloop.text import one_line


@dataclass(frozen=True, slots=True)
class Rules:
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
    """What is told at once; each part by its topics.

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
    new: Mapping[Topic, Item]
    lasting: Mapping[Topic, Item]
    over: Mapping[Topic, Item]
    left: Mapping[Topic, Item]
    all_well: bool


def noted(memory: Memory, status: Status, rules: Rules) -> dict[Topic, Notified]:
    """Remember what is wrong now, and what has ceased to be.

    While a service gives no answer, nothing else is taken for over: nobody can see it. What was
    not told and is gone for `after` is forgotten.
    """
    now, there = status.time, current(status.problems, rules.kinds)
    blind = any(service.error for service in status.services)
    kept: dict[Topic, Notified] = {}
    for topic, told in memory.items():
        if topic in there:
            kept[topic] = replace(told, gone_at=None)
            continue
        if topic.kind not in rules.kinds:
            continue
        if told.gone_at is None and (topic.kind is ProblemKind.SERVICE or not blind):
            told = replace(told, gone_at=now)
        if told.told_at is not None or not _gone(told, now, rules):
            kept[topic] = told
    for topic, item in there.items():
        kept.setdefault(topic, Notified(item.text, now))
    return kept


def due(memory: Memory, status: Status, rules: Rules) -> Message | None:
    """Say what is to be told now of what was `noted`; None if nothing is."""
    now, there = status.time, current(status.problems, rules.kinds)
    new: dict[Topic, Item] = {}
    lasting: dict[Topic, Item] = {}
    ended: dict[Topic, Item] = {}
    for topic, told in memory.items():
        item = there.get(topic)
        if item is None:
            if told.told_at is not None and _gone(told, now, rules):
                ended[topic] = Item(told.text, since=told.since)
        elif told.told_at is None:
            if now - told.since >= rules.after:
                new[topic] = replace(item, since=item.since or told.since)
        elif now - told.told_at >= rules.reminder:
            lasting[topic] = replace(item, since=item.since or told.since)
    if not (new or lasting or ended):
        return None
    told_before = {topic for topic, told in memory.items() if told.told_at is not None}
    left = {topic: item for topic, item in ended.items() if not _shown(topic, status)}
    return Message(
        site=status.site,
        time=now,
        new=new,
        lasting=lasting,
        over={topic: item for topic, item in ended.items() if topic not in left},
        left=left,
        all_well=not there and not left and told_before <= ended.keys(),
    )


def settled(memory: Memory, message: Message) -> dict[Topic, Notified]:
    """Remember that a message was sent.

    What came back after its end was told is another problem from then on.
    """
    after = dict(memory)
    for topic, item in {**message.new, **message.lasting}.items():
        if told := after.get(topic):
            after[topic] = replace(told, text=item.text, told_at=message.time)
    for topic in (*message.over, *message.left):
        if (told := after.pop(topic, None)) and told.gone_at is None:
            after[topic] = Notified(told.text, message.time)
    return after


def current(problems: Iterable[Problem], kinds: Collection[ProblemKind]) -> dict[Topic, Item]:
    """Give what is wrong, by its topics."""
    found: dict[Topic, list[Problem]] = {}
    for problem in problems:
        if problem.kind in kinds:
            found.setdefault(problem.topic, []).append(problem)
    return {topic: _item(alike) for topic, alike in found.items()}


def _item(alike: list[Problem]) -> Item:
    first = alike[0]
    text = one_line(first.text)
    if others := len(alike) - 1:
        text += f" (and {others} more)"
    since = min((p.since for p in alike if p.since is not None), default=None)
    return Item(text, one_line(first.command), since)


def _gone(told: Notified, now: float, rules: Rules) -> bool:
    return told.gone_at is not None and now - told.gone_at >= rules.after


def _shown(topic: Topic, status: Status) -> bool:
    """Whether a status would show it, for what it is about is in it."""
    if topic.run is None:
        return True
    return any(
        c.run == topic.run and topic.calibration in (None, c.calibration, c.stream)
        for c in status.campaigns
    )
