"""What the tag's log in the conditions database says of a payload: words, DAG, LS and events.

Knows one form, ``WORDS [condorloop ID: LS 1-60,62 (61), 123456 events]``, and its length: the
column is ``TAG_LOG.USER_TEXT`` of 4000 characters (cms-sw/cmssw,
CondCore/Utilities/python/conddblib.py). The text of a payload never changes between two tries: the
conditions service knows files by their hash, and the text is part of the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from condorloop.model.lumis import Lumis

LONGEST_WORDS = 3500
"""So many bytes of words fit before the longest mark and what is said when it is asked again."""

_LONGEST_LUMIS = 120
_LEFT_OUT = "..."
_NONE = "none"
_MARK = re.compile(
    r"(?P<words>.*)\[condorloop (?P<id>[^\s\[\]]+): LS (?P<lumis>none|[0-9,.-]+) "
    r"\((?P<count>[0-9]{1,10})\), (?P<events>[0-9]{1,20}) events\]",
    re.DOTALL | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class UserText:
    """What is said of a payload in the log of its tags.

    >>> str(UserText.of("Pedestals", "3f/EcalPedestals/398600/2", Lumis.parse("1-60,62"), 6100))
    'Pedestals [condorloop 3f/EcalPedestals/398600/2: LS 1-60,62 (61), 6100 events]'

    Attributes
    ----------
    words
        The configured ``userText``.
    dag_id
        The `CondorloopId` of the DAG that made the payload; it has calibration and run.
    lumis
        The LS of the payload; of a long list the first ranges and the last one.
    count
        How many LS the payload has.
    events
        How many events it was made from.
    """

    words: str
    dag_id: str
    lumis: Lumis
    count: int
    events: int

    @classmethod
    def of(cls, words: str, dag_id: str, lumis: Lumis, events: int) -> Self:
        """Make it for a payload, with words and LS cut to what the database takes."""
        return cls(_cut(words), dag_id, _abbreviated(lumis), len(lumis), events)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what ``str`` wrote, with anything behind it; None if no text of this form is in it.

        >>> UserText.parse("Pedestals by hand") is None
        True
        """
        match = _MARK.match(text)
        if match is None:
            return None
        ranges = match["lumis"].replace(f",{_LEFT_OUT},", ",")
        try:
            lumis = Lumis.parse("" if ranges == _NONE else ranges)
        except ValueError:
            return None
        words = match["words"].removesuffix(" ")
        return cls(words, match["id"], lumis, int(match["count"]), int(match["events"]))

    @property
    def is_whole(self) -> bool:
        """Whether `lumis` has all LS of the payload."""
        return len(self.lumis) == self.count

    def __str__(self) -> str:
        ranges = str(self.lumis).split(",") if self.lumis.ranges else [_NONE]
        if not self.is_whole:
            ranges.insert(-1, _LEFT_OUT)
        told = f"LS {','.join(ranges)} ({self.count}), {self.events} events"
        mark = f"[condorloop {self.dag_id}: {told}]"
        return f"{self.words} {mark}" if self.words else mark


def _cut(words: str) -> str:
    told = words.encode(errors="surrogatepass")
    return words if len(told) <= LONGEST_WORDS else told[:LONGEST_WORDS].decode(errors="ignore")


def _abbreviated(lumis: Lumis) -> Lumis:
    """As many of the first ranges as fit, and the last one."""
    if len(str(lumis)) <= _LONGEST_LUMIS:
        return lumis
    *ranges, last = lumis.ranges
    room = _LONGEST_LUMIS - len(f",{_LEFT_OUT},{Lumis((last,))}")
    kept = 0
    while len(str(Lumis(tuple(ranges[: kept + 1])))) <= room:
        kept += 1
    return Lumis((*ranges[:kept], last))
