"""Lines that CMS's tools log: ``[time] LEVEL: words``, in colours on a terminal."""

from __future__ import annotations

import re

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LEVEL = re.compile(r"^\[[^\]]*\] (?:DEBUG|INFO|WARNING|ERROR|CRITICAL): ")


def without_colours(text: str) -> str:
    """Give a text without the colours of a terminal."""
    return _COLOUR.sub("", text)


def words_of(line: str) -> str:
    r"""Give the words of a line: without colours, time and level.

    >>> words_of("[2026-11-30 10:11:12,123] ERROR: \x1b[91mtoo late\x1b[0m")
    'too late'
    """
    return _LEVEL.sub("", without_colours(line).strip()).strip()
