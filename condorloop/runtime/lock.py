"""One submitter a work_dir: the lock that it holds, and who holds it.

Knows the lock file. The system lets go of the lock when its holder ends, however that happens.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from condorloop.errors import CondorloopError
from condorloop.runtime.lock_file import open_lock

LOCK = "condorloop.lock"

PATIENCE = 60.0
"""Seconds for which a submitter waits for a command that holds the lock for one pass only."""

_MOMENT = 1.0
"""Seconds in which somebody may just be looking who holds the lock."""

_ONE_PASS = ", a single pass"


class AlreadyRunning(CondorloopError):
    """Another submitter works on this work_dir; the message names it."""


@contextmanager
def sole_submitter(work_dir: Path, *, one_pass: bool = False) -> Iterator[None]:
    """Hold the lock of a work_dir.

    Parameters
    ----------
    one_pass
        It is held for a moment. Who wants it for longer waits for that; who does not, does not.

    Raises
    ------
    AlreadyRunning
        Another process holds it.
    Untrusted
        The lock file is no file of the account or its group.
    """
    path = work_dir / LOCK
    began = time.monotonic()
    with open_lock(path) as lock:
        while not _taken(lock):
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            if time.monotonic() >= began + _patience_with(holder, one_pass):
                raise AlreadyRunning(f"{path}: a submitter is running: {holder}")
            time.sleep(0.1)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        briefly = _ONE_PASS if one_pass else ""
        lock.truncate(0)
        lock.write(f"host {socket.gethostname()}, pid {os.getpid()}, since {since}{briefly}\n")
        lock.flush()
        yield


def _patience_with(holder: str, one_pass: bool) -> float:
    """How many seconds to wait for a holder of the lock."""
    if not holder.endswith(_ONE_PASS):
        return _MOMENT
    return 0.0 if one_pass else PATIENCE


def _taken(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def running_submitter(work_dir: Path) -> str | None:
    """Say which submitter holds the lock of a work_dir; None if none does.

    Empty if that is not known: the lock is not for this account.
    """
    try:
        descriptor = os.open(work_dir / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read().strip()
    except PermissionError:
        return ""
    except OSError:
        pass
    return None
