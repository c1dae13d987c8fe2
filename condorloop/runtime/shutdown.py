"""How the process is asked to end: soon, and never in the middle of writing something down.

Knows whether the process waits for somebody outside, when it may be torn away at any point.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from condorloop.runtime.wakeup import Wakeup


class Stopped(BaseException):
    """The process is to end, and waited for an answer from outside."""


class Shutdown:
    """A wish that the process ends.

    Parameters
    ----------
    wakeup
        Rung when the wish comes, so that nobody sleeps on.
    """

    def __init__(self, wakeup: Wakeup) -> None:
        self._wakeup = wakeup
        self._outside = False
        self.wished = False

    def wish(self) -> None:
        """End after what is under way; from any thread."""
        self.wished = True
        self._wakeup.ring()

    def interrupt(self, *_: object) -> None:
        """End at once if the process waits for an answer; to be called by a signal handler.

        Raises
        ------
        Stopped
            In the main thread, in place of the answer.
        """
        self.wish()
        if self._outside:
            raise Stopped

    @contextmanager
    def outside(self) -> Iterator[None]:
        """While this lasts nothing is written down: only the outside world is asked.

        Raises
        ------
        Stopped
            The process is to end.
        """
        try:
            self._outside = True
            if self.wished:
                raise Stopped
            yield
        finally:
            self._outside = False
