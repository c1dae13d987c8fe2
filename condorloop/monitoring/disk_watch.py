"""How fast the work_dir's disk fills, and when a person is told: long before it is full.

Knows what is to stay free, and what was free in the last hours; asks the disk once a minute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path

from condorloop.config.site import DiskSite
from condorloop.runtime.disk_space import DiskSpace, disk
from condorloop.text import duration

EVERY = 60.0
"""Seconds between two looks at the disk."""

MEMORY = 6 * 3600.0
"""Seconds for which it is remembered what was free."""

LEAST = 1800.0
"""Seconds over which a disk must have been seen before it is said how fast it fills."""


def full_in(seen: Sequence[tuple[float, int]]) -> float | None:
    """Say in how many seconds a disk is full that goes on filling; None if it does not, so far.

    Parameters
    ----------
    seen
        When, in seconds, how many bytes were free; the oldest first.
    """
    if not seen:
        return None
    (began, before), (now, free) = seen[0], seen[-1]
    if now - began < LEAST or free >= before:
        return None
    return free * (now - began) / (before - free)


def why_warn(space: DiskSpace, left: float | None, wanted: DiskSite) -> str:
    """Say what is wrong with a disk that is full in `left` seconds; nothing if all is well."""
    words = f"{space.path}: {space}"
    few = wanted.warn_below_gb is not None and space.free_bytes < wanted.warn_below_gb * 1e9
    if few or 100 * space.free_part < wanted.warn_below_percent:
        soon = "" if left is None else f"; as it fills now, it is full in {duration(left)}"
        return f"the disk is nearly full: {words}{soon}"
    if left is not None and left < wanted.warn_before:
        return f"the disk fills, and is full in {duration(left)}: {words}"
    return ""


class DiskWatch:
    """Looks at the disk of a work_dir; `warning` is what a person has to know, or empty.

    `free_bytes` is what was free when it was last asked; None if it could not be.
    """

    def __init__(self, work_dir: Path, wanted: DiskSite) -> None:
        self.warning = ""
        self.free_bytes: int | None = None
        self._work_dir = work_dir
        self._wanted = wanted
        self._seen: deque[tuple[float, int]] = deque()

    def look(self, now: float) -> None:
        """Look, if it is time to."""
        if self._seen and now - self._seen[-1][0] < EVERY:
            return
        try:
            space = disk(self._work_dir)
        except OSError as error:
            self.warning = f"{self._work_dir}: {error.strerror or error}"
            self.free_bytes = None
            return
        self.free_bytes = space.free_bytes
        self._seen.append((now, space.free_bytes))
        while now - self._seen[0][0] > MEMORY:
            self._seen.popleft()
        self.warning = why_warn(space, full_in(self._seen), self._wanted)
