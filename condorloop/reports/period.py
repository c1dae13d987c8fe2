"""From when to when: how a period of runs is written on the command line.

Knows dates, durations and numbers of runs; knows nothing of what is asked for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from condorloop.text import shown

EXPECTED = "a date such as 2026-11-24 or 2026-11-24T06:00 (UTC), an age such as 24h or 7d, or a run"

_AGE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?(s|min|h|d)")
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_RUN = re.compile(r"[0-9]{1,9}")
_LAST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Period:
    """Which runs: those that started from `since` on and before `until`, of numbers in a range.

    Times are seconds since the epoch; `first` and `last` are numbers of runs, both included. None
    where there is no bound.
    """

    since: float | None = None
    until: float | None = None
    first: int | None = None
    last: int | None = None

    @classmethod
    def from_options(cls, since: str | None, until: str | None, now: float) -> Self:
        """Read what was typed; a day or a run that is named as the end is included.

        Raises
        ------
        ValueError
            It is nothing of what is `EXPECTED`, or its end is before its beginning.
        """
        start, first = _bound(since, now) if since else (None, None)
        end, last = _bound(until, now) if until else (None, None)
        if until and end is not None and _DAY.fullmatch(until.strip()):
            end += timedelta(days=1).total_seconds()
        backwards = (start is not None and end is not None and end <= start) or (
            first is not None and last is not None and last < first
        )
        if backwards:
            raise ValueError(f"{shown(until)} is before {shown(since)}")
        return cls(start, end, first, last)


def _bound(text: str, now: float) -> tuple[float | None, int | None]:
    """Read a time, or the number of a run."""
    said = text.strip()
    if _RUN.fullmatch(said):
        return None, int(said)
    if age := _AGE.fullmatch(said):
        return max(0.0, now - float(age[1]) * _SECONDS[age[2]]), None
    try:
        time = datetime.fromisoformat(said)
        seconds = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        seconds = -1.0
    if not 0 <= seconds < _LAST:
        raise ValueError(f"{shown(text)} is not {EXPECTED}")
    return seconds, None
