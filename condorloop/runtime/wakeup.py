"""What wakes the one that waits for the next cycle, from other threads and signal handlers."""

from __future__ import annotations

from queue import Empty, SimpleQueue


class Wakeup:
    """Rung once or many times, it wakes its waiter once.

    A `threading.Event` will not do: its lock is not reentrant, so that setting it in a signal
    handler can wait for ever for the very thread that it interrupted.
    """

    def __init__(self) -> None:
        self._rings: SimpleQueue[None] = SimpleQueue()

    def ring(self) -> None:
        """Wake the waiter, or let its next wait end at once."""
        self._rings.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait for a ring, for so many seconds at the most, and say whether there was one."""
        try:
            self._rings.get(timeout=max(seconds, 0.0))
        except Empty:
            return False
        try:
            while True:
                self._rings.get_nowait()
        except Empty:
            return True
