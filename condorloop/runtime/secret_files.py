"""Files that are for their owner and group: others must not have them, nor lock them.

Knows the bits of a file's mode; reads nothing.
"""

from __future__ import annotations

import os
import shlex
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SHARED = 0o660
"""The mode of the ledger and of locks: for the account and its group."""

SHARED_FOLDER = 0o2775
"""The mode of a work_dir: what is made in it belongs to its group; others may look."""


def create(path: Path) -> None:
    """Make an empty file for the account and its group; one that is there stays as it is.

    It never has a wider mode, not for a moment.

    Raises
    ------
    OSError
        It cannot be made.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with suppress(FileExistsError):
        descriptor = os.open(path, flags, SHARED)
        try:
            if stat.S_IMODE(os.fstat(descriptor).st_mode) != SHARED:
                os.fchmod(descriptor, SHARED)  # the umask keeps the group out
        finally:
            os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a folder that its group shares; one that is there stays as it is.

    Raises
    ------
    OSError
        It cannot be made.
    """
    with suppress(FileExistsError):
        path.mkdir(parents=True)
        with suppress(OSError):  # a systemd unit may forbid the set-group-ID bit
            path.chmod(SHARED_FOLDER)


def is_open_to_all(told: os.stat_result) -> bool:
    """Whether others than owner and group may read or write a file."""
    return bool(told.st_mode & stat.S_IRWXO)


def tighten(path: Path, told: os.stat_result, uid: int) -> bool:
    """Close a file of the account `uid` to others; say whether that was done.

    Raises
    ------
    OSError
        The mode cannot be changed.
    """
    if not is_open_to_all(told) or told.st_uid != uid:
        return False
    path.chmod(stat.S_IMODE(told.st_mode) & ~stat.S_IRWXO)
    return True


@dataclass(frozen=True, slots=True)
class NotPrivate:
    """Why a file is no place for a secret, and what to type; as text it is both, in a line."""

    words: str
    command: str

    def __str__(self) -> str:
        return f"{self.words}: {self.command}"


def why_not_private(path: Path) -> NotPrivate | None:
    """Say why a file is no place for a secret; None if it is one.

    The group may have it: its members work on the same tree.

    Raises
    ------
    OSError
        The file is not there, or its folder cannot be read.
    """
    if is_open_to_all(path.stat()):
        words = f"{path}: not used as long as everybody may"
        return NotPrivate(words, f"chmod o= {shlex.quote(str(path))}")
    return None
