"""One submitter a work_dir: the lock that it holds, and who holds it.

Knows the lock file. The system lets go of the lock when its holder ends, however that happens.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

LOCK = "condorloop.lock"


class AlreadyRunning(Exception):
    """Another submitter works on this work_dir; the message names it."""


@contextmanager
def sole_submitter(work_dir: Path) -> Iterator[None]:
    """Hold the lock of a work_dir.

    Raises
    ------
    AlreadyRunning
        Another process holds it.
    """
    path = work_dir / LOCK
    with path.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise AlreadyRunning(f"{path}: a submitter is running: {holder}") from None
        since = datetime.now(UTC).isoformat(timespec="seconds")
        lock.truncate(0)
        lock.write(f"host {socket.gethostname()}, pid {os.getpid()}, since {since}\n")
        lock.flush()
        yield


def running_submitter(work_dir: Path) -> str | None:
    """Say which submitter holds the lock of a work_dir; None if none does."""
    try:
        with (work_dir / LOCK).open(encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read().strip()
    except OSError:
        pass
    return None
