"""A destination on the access point: who sends to it, and which run it holds.

Knows a lock and a record for each destination in the work_dir: several calibrations may send to
one tag. A job holds the lock of one destination at a time.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from condorloop.rundir.durable import remove_unfinished
from condorloop.rundir.layout import YOUNGEST_RECORD, destination_file
from condorloop.rundir.records.upload import YoungestRun, YoungestRuns
from condorloop.runtime.lock_file import open_lock
from condorloop.runtime.secret_files import make_folder

_TICK = 0.2


@dataclass(frozen=True, slots=True)
class Destination:
    """A database and a tag in it."""

    database: str
    tag: str

    def __str__(self) -> str:
        return f"{self.tag} in {self.database}"


@contextmanager
def locked(work_dir: Path, destination: Destination, patience: float) -> Iterator[int | None]:
    """Hold the lock of a destination, and give its descriptor; None if others do for too long.

    Raises
    ------
    Untrusted
        The lock is another account's.
    OSError
        It cannot be made.
    """
    path = destination_file(work_dir, destination.database, destination.tag, ".lock")
    make_folder(path.parent)
    with open_lock(path) as lock:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    yield None
                    return
                time.sleep(_TICK)
            else:
                yield lock.fileno()
                return


def youngest_in(runs: Path, destination: Destination) -> int:
    """Give the youngest run that is known to be in a destination; 0 if none is.

    Parameters
    ----------
    runs
        The run directory of a calibration: the version before noted it beside that.
    """
    noted = YoungestRun.find(_record(runs, destination))
    before = YoungestRuns.find(runs.parent / YOUNGEST_RECORD) or YoungestRuns({})
    run = noted.run if noted else 0
    return max(run, before.of(destination.database, destination.tag))


def note_uploaded(runs: Path, destination: Destination, run: int) -> None:
    """Note that a run is in a destination: its directory may be cleaned up.

    The lock of the destination must be held.

    Raises
    ------
    OSError
        It cannot be written.
    """
    file = _record(runs, destination)
    if youngest_in(runs, destination) >= run and file.exists():
        return
    make_folder(file.parent)
    remove_unfinished(file)
    youngest = max(run, youngest_in(runs, destination))
    YoungestRun(destination.database, destination.tag, youngest).write(file)


def _record(runs: Path, destination: Destination) -> Path:
    work_dir = runs.parent.parent
    return destination_file(work_dir, destination.database, destination.tag, ".json")
