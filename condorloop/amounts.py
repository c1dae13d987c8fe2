"""How much, in words: numbers of things, bytes and seconds.

Knows units; knows nothing of what is counted.
"""

from __future__ import annotations


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


def duration(seconds: float) -> str:
    """Say how long a time is, in the unit that gives two digits or so.

    >>> duration(119.0), duration(600.0), duration(3 * 86400.0)
    ('119 s', '10 min', '3 d')
    """
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
