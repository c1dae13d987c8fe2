"""Room on a disk: bytes and inodes, and when they are too few.

Knows what the file system says; knows nothing of what is on it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from condorloop.text import size

TIGHT = 0.10
"""The part of a disk that is free below which a person is told: there is time to clean up."""

FULL = 0.02
"""The part that is free below which a disk counts as full: what is written next may fail."""


class Room(StrEnum):
    """How much is free, judged by the scarcer of bytes and inodes."""

    ENOUGH = "enough"
    """Nothing to do."""
    LITTLE = "little"
    """It will be full before long."""
    NONE = "none"
    """Full, or nearly."""


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """What is free on the disk that holds `path`.

    What only root may use is not free. File systems that make inodes as they need them tell no
    number of them: then both are None.
    """

    path: Path
    free_bytes: int
    total_bytes: int
    free_inodes: int | None
    total_inodes: int | None

    @property
    def free_part(self) -> float:
        """The part that is free, from 0 to 1, of bytes or of inodes, whichever is less."""
        return min(
            _part(self.free_bytes, self.total_bytes), _part(self.free_inodes, self.total_inodes)
        )

    @property
    def room(self) -> Room:
        """Whether there is room enough."""
        if self.free_part < FULL:
            return Room.NONE
        return Room.LITTLE if self.free_part < TIGHT else Room.ENOUGH

    def __str__(self) -> str:
        words = f"{size(self.free_bytes)} of {size(self.total_bytes)} free"
        if self.free_inodes is not None and self.total_inodes is not None:
            part = _part(self.free_inodes, self.total_inodes)
            words += f", {100 * part:.0f} % of the inodes"
        return words


def disk(work_dir: Path) -> DiskSpace:
    """Ask for the space on a folder's disk; of its nearest parent if it is not there yet.

    On a network disk that does not answer it does not return: see `deadline.within`.

    Raises
    ------
    OSError
        It cannot be asked.
    """
    folder = work_dir.absolute()
    while True:
        try:
            told = os.statvfs(folder)
        except FileNotFoundError:
            if folder == folder.parent:
                raise
            folder = folder.parent
            continue
        inodes = told.f_files or None
        return DiskSpace(
            path=folder,
            free_bytes=told.f_bavail * told.f_frsize,
            total_bytes=told.f_blocks * told.f_frsize,
            free_inodes=None if inodes is None else told.f_favail,
            total_inodes=inodes,
        )


def _part(free: int | None, total: int | None) -> float:
    return 1.0 if free is None or not total else free / total
