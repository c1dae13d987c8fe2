"""What a simulated day is made of: its clock with all that is still to happen, and its story.

Knows nothing of runs, files or pools. The story is the same for the same seed, to the last word.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

LAST_EVENTS = 40


class Violation(BaseException):
    """A promise was broken, or what the simulation takes for one; nobody else catches it."""


class Story:
    """All that happened, as a digest, and the last of it in words."""

    def __init__(self, start: float) -> None:
        self.start = start
        self.last: deque[str] = deque(maxlen=LAST_EVENTS)
        self.told = 0
        self.listener: Callable[[str], None] | None = None
        self._digest = hashlib.sha256()

    def tell(self, at: float, text: str) -> None:
        """Add an event."""
        line = f"{hours(at - self.start)} {text}"
        self.told += 1
        self.last.append(line)
        self._digest.update(line.encode() + b"\n")
        if self.listener:
            self.listener(line)

    @property
    def digest(self) -> str:
        """What two days that went the same way have in common."""
        return self._digest.hexdigest()[:16]


def hours(seconds: float) -> str:
    """Write a time of the day.

    >>> hours(3723.5)
    '01:02:03.5'
    """
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes) // 60:02d}:{int(minutes) % 60:02d}:{rest:04.1f}"


@dataclass(order=True)
class _Due:
    at: float
    number: int
    action: Callable[[], None] = field(compare=False)


class Agenda:
    """A clock that is moved by hand, and what happens at which time."""

    def __init__(self, start: float) -> None:
        self.now = start
        self.story = Story(start)
        self._due: list[_Due] = []
        self._numbers = count()

    def __call__(self) -> float:
        """The time: an agenda is a clock."""
        return self.now

    def tell(self, text: str) -> None:
        """Add to the story what happens at this time."""
        self.story.tell(self.now, text)

    def at(self, time: float, action: Callable[[], None]) -> None:
        """Let something happen at a time; at once, if that is over."""
        heapq.heappush(self._due, _Due(max(time, self.now), next(self._numbers), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Let something happen later."""
        self.at(self.now + seconds, action)

    def go_on_until(self, time: float) -> None:
        """Let all happen that happens until then."""
        while self._due and self._due[0].at <= time:
            due = heapq.heappop(self._due)
            self.now = due.at
            due.action()
        self.now = max(self.now, time)
