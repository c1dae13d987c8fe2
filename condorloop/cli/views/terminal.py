"""The terminal: how text of others, ages and counts are shown on it.

Knows rich; knows nothing of what is shown. Text of others is printed as it is: neither rich's
markup nor a terminal's escapes take effect.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from rich.console import Console, RenderableType
from rich.text import Text

from condorloop.text import duration as duration
from condorloop.text import plain

_NO_TERMINAL = 2000
"""Characters of a line that is not folded anywhere."""


def console() -> Console:
    """The terminal; a line of a file or a pipe is as long as it needs to be."""
    folded = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if folded else _NO_TERMINAL, highlight=False)


def as_text(shown: RenderableType) -> str:
    """Give what would be shown, as the text of a file."""
    file = io.StringIO()
    Console(file=file, width=_NO_TERMINAL, highlight=False).print(shown)
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def text(said: str, style: str = "") -> Text:
    """Give a text of others, in a style of ours."""
    return Text(plain(said), style=style)


def shortened(said: str, most: int = 18) -> str:
    """Give a text, or its beginning with an ellipsis if it is too long."""
    return said if len(said) <= most else f"{said[: most - 1]}…"


def counts(numbers: Mapping[str, int], names: tuple[str, ...]) -> str:
    """Give what is not zero, in the order of `names`.

    >>> counts({"bad": 1, "good": 8, "new": 0}, ("good", "new", "bad"))
    '8 good, 1 bad'
    """
    return ", ".join(f"{numbers[n]} {n}" for n in names if numbers.get(n))


def age(then: float | None, now: float) -> str:
    """Say how long ago a time was; both are seconds since the epoch.

    >>> age(0.0, 59.0), age(0.0, 7200.0), age(None, 0.0)
    ('59 s', '2 h', 'never')
    """
    return "never" if then is None else duration(max(0.0, now - then))


def clock(then: float | None, now: float) -> str:
    """Say when something was, in UTC; with the date if that was not today.

    >>> clock(36610.0, 80000.0), clock(36610.0, 2e5), clock(None, 0.0)
    ('10:10:10', '1970-01-01 10:10', '?')
    """
    if then is None:
        return "?"
    try:
        told, today = datetime.fromtimestamp(then, UTC), datetime.fromtimestamp(now, UTC)
    except (ValueError, OverflowError, OSError):
        return "?"
    same = told.date() == today.date()
    return f"{told:%H:%M:%S}" if same else f"{told:%Y-%m-%d %H:%M}"
