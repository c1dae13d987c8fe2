"""How a message reads: as a post for Mattermost or Slack, and as mail; pure.

Knows the two platforms' markup. All text of others stands in code spans, and what would end one,
or call somebody's attention, is replaced by characters that look alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from condorloop.model.problem import Topic
from condorloop.monitoring.notifications.policy import Item, Message
from condorloop.text import one_line, utc

MOST = 10
"""Problems that each part of a message names; of others it says how many."""

_HARMLESS = str.maketrans({"`": "'", "<": "‹", ">": "›", "@": "＠"})  # noqa: RUF001


def title(message: Message) -> str:
    """Say in a few words what a message tells: the subject of a mail."""
    if message.all_well:
        return f"condorloop at {message.site}: all well again"
    counts = ((message.new, "new"), (message.lasting, "still there"), (message.over, "over"))
    told = [f"{len(items)} {words}" for items, words in counts if items]
    told += [f"{len(message.left)} not shown any more"] if message.left else []
    return f"condorloop at {message.site}: problems: {', '.join(told)}"


def post(message: Message) -> str:
    """Write a message in Markdown that Slack understands, too.

    Slack takes ``<!channel>`` for a mention wherever it stands, and Mattermost turns it into one.
    """
    lines = [f"*{title(message)}*"]
    for heading, items in _parts(message):
        lines += ["", f"{heading}:"]
        for item in _first(items):
            since = f" since {utc(item.since)}" if item.since is not None else ""
            lines.append(f"- {code(item.text)}{since}")
            lines += [f"    {code(item.command)}"] if item.command else []
        lines += _others(items)
    return "\n".join(lines)


def mail(message: Message) -> str:
    """Write a message as plain text."""
    lines = [title(message)]
    for heading, items in _parts(message):
        lines += ["", f"{heading}:", ""]
        for item in _first(items):
            since = f" (since {utc(item.since)})" if item.since is not None else ""
            lines.append(f"- {one_line(item.text, 400)}{since}")
            lines += [f"      {one_line(item.command, 400)}"] if item.command else []
        lines += _others(items)
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """Put text of others into a code span that it cannot leave.

    >>> code("a `b` <!channel> @all")
    "`a 'b' ‹!channel› ＠all`"
    """  # noqa: RUF002
    return f"`{one_line(text, 400).translate(_HARMLESS).strip() or '?'}`"


def _parts(message: Message) -> Iterator[tuple[str, Mapping[Topic, Item]]]:
    headings = {
        "New": message.new,
        "Still there": message.lasting,
        "Over": message.over,
        "Not shown any more, for the run is too old": message.left,
    }
    return ((heading, items) for heading, items in headings.items() if items)


def _first(items: Mapping[Topic, Item]) -> list[Item]:
    return list(items.values())[:MOST]


def _others(items: Mapping[Topic, Item]) -> list[str]:
    more = len(items) - MOST
    return [f"- and {more} more: condorloop status"] if more > 0 else []
