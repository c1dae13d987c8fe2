"""Text of others, such as file names and answers of services, made fit to be shown.

Knows characters and lengths; knows nothing of what the text is about.
"""

from __future__ import annotations

import reprlib

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
