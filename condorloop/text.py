"""Text of others, such as file names and answers of services, made fit to be shown.

Knows characters and lengths; knows nothing of what the text is about.
"""

from __future__ import annotations

import reprlib
from datetime import UTC, datetime

_SHORT = reprlib.Repr()
_SHORT.maxlevel = 3
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 100


def plain(text: str) -> str:
    r"""Escape what is not printable: line ends, ANSI escapes, marks that turn text around.

    >>> plain("a\nb\x1b[31m")
    'a\\nb\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def one_line(text: str, most: int = 300) -> str:
    """Make one line of a text, of at most so many characters.

    >>> one_line("too  many  words", 10)
    'too many …'
    """
    line = plain(" ".join(text[: 10 * most].split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"


def shown(value: object, most: int = 80) -> str:
    """Show a value of any kind in one line.

    >>> shown({"a": "b"}), shown(None)
    ("{'a': 'b'}", 'None')
    """
    try:
        return one_line(_SHORT.repr(value), most)
    except ValueError:  # a number of more digits than Python converts
        return f"a huge {type(value).__name__}"


def plural(count: int | str, what: str) -> str:
    """Say how many of something there are.

    >>> plural(1, "file"), plural(12, "file"), plural("no", "file")
    ('1 file', '12 files', 'no files')
    """
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def size(count: int) -> str:
    """Say how much so many bytes are, in the unit that gives two or three digits.

    >>> size(0), size(7_300_000_000), size(999_960)
    ('0 B', '7.3 GB', '1.0 MB')
    """
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.0f} TB" if value >= 10 else f"{value:.1f} TB"


def utc(seconds: float) -> str:
    """Say when something was, to the minute.

    >>> utc(1_790_000_000.0), utc(1e300)
    ('2026-09-21 14:13 UTC', '?')
    """
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return "?"


def duration(seconds: float) -> str:
    """Say how long a time is, in the unit that gives two digits or so.

    >>> duration(119.0), duration(600.0), duration(3 * 86400.0)
    ('119 s', '10 min', '3 d')
    """
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
