"""The terminal: how text of others, ages and counts are shown on it.

Knows rich; knows nothing of what is shown. Text of others is printed as it is: neither rich's
markup nor a terminal's escapes take effect.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from condorloop.plain import plain


def console() -> Console:
    """The terminal; a line of a file or a pipe is as long as it needs to be."""
    return Console() if sys.stdout.isatty() else Console(width=160, soft_wrap=False)


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


def duration(seconds: float) -> str:
    """Say how long a time is, in the unit that gives two digits or so.

    >>> duration(119.0), duration(600.0), duration(3 * 86400.0)
    ('119 s', '10 min', '3 d')
    """
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
