"""The work_dir as a place to work in: made, and refused where other accounts could change it.

Knows which of its files are run, believed or locked; `ownership` judges each. How the loop stands
is not its matter.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from condorloop.rundir.layout import CONFIGURATION, DESTINATIONS, LEDGER, dag_dir
from condorloop.runtime.lock import LOCK
from condorloop.runtime.ownership import Objection, Reader, Standing, account_name, refuse
from condorloop.runtime.secret_files import is_open_to_all, make_folder, tighten

LOOKED_INTO = 20
"""So many run directories of a calibration, the youngest, are looked into at a start.

An older DAG is looked at before it is submitted again.
"""

_RUN = re.compile(r"run[0-9]{1,9}")
_DAG = re.compile(r"dag[0-9]{3,9}")
_LOG = re.compile(r"condorloop_[A-Z]+\.log")
_FILE = re.compile(r"condorloop.*|status\.(json|html)|\..*\.lock")
_BELIEVED = re.compile(r".+\.(sh|dag|config|json|sub)|.+\.rescue[0-9]+")
"""What of a DAG's directory is run or believed; the rest is output."""


def prepare(work_dir: Path) -> None:
    """Make the work_dir unless it is there, and make sure that it can be worked in.

    Raises
    ------
    Untrusted
        Other accounts could change what is run there.
    OSError
        It cannot be made, or not be looked at.
    """
    refuse(Reader().objections_to_place(work_dir))
    make_folder(work_dir)
    refuse(objections(work_dir))


def objections(work_dir: Path) -> Iterator[Objection]:
    """Say what of a work_dir and of its way is neither used nor run, and why.

    Raises
    ------
    OSError
        Something may not be looked at.
    """
    reader = Reader()
    found = list(reader.objections_to_place(work_dir))
    yield from found
    if found or not work_dir.exists():
        return
    group = reader.group_of(work_dir)
    for path in _inside(work_dir):
        yield from reader.objections_to_use(path, group)


def check_dag(work_dir: Path, runs: Path, number: int | None = None) -> None:
    """Make sure that a run directory can be worked in, and that one of its DAGs can be run.

    What is not there is no reason against it.

    Raises
    ------
    Untrusted
        Other accounts could change what would be run.
    OSError
        Something may not be looked at.
    """
    if number is not None:
        check_dag_folder(work_dir, dag_dir(runs, number))
        return
    reader = Reader()
    group = reader.group_of(work_dir)
    for path in (runs.parent, runs, runs / CONFIGURATION):
        refuse(reader.objections_to_use(path, group))


def check_dag_folder(work_dir: Path, folder: Path) -> None:
    """Make sure that a DAG can be run or believed, by its directory; as `check_dag`."""
    reader = Reader()
    group = reader.group_of(work_dir)
    runs = folder.parent
    for path in (runs.parent, runs, runs / CONFIGURATION, folder, *_believed(folder)):
        refuse(reader.objections_to_use(path, group))


def close_to_others(work_dir: Path) -> Iterator[str]:
    """Close ledger and locks to all but account and group; say what was done, and what was not.

    Raises
    ------
    OSError
        The work_dir cannot be read, or the mode of a file not be changed.
    """
    reader = Reader()
    for told in too_open(work_dir):
        if told.uid != reader.account.uid:
            yield f"{told}: other accounts can stop the loop by it: {how_to_close(told)}"
            continue
        with suppress(FileNotFoundError):  # SQLite removes its log with the last reader
            tighten(told.path, told.path.stat(), reader.account.uid)
            yield f"{told}: other accounts could stop the loop by it; closed to them"


def too_open(work_dir: Path) -> Iterator[Standing]:
    """Give the files of ledger and locks that others than account and group may open.

    Raises
    ------
    OSError
        The work_dir cannot be read.
    """
    reader = Reader()
    patterns = (LOCK, ".*.lock", f"{DESTINATIONS}/*.lock", f"{Path(LEDGER).stem}*.db*")
    for path in sorted(path for pattern in patterns for path in work_dir.glob(pattern)):
        with suppress(FileNotFoundError):
            told = path.stat()
            if is_open_to_all(told):
                yield reader.of(path, told)


def how_to_close(told: Standing) -> str:
    """Say what the owner of a file types, so that others may not open it."""
    return f"chmod o= {shlex.quote(str(told.path))}  # as {account_name(told.uid)}"


def _inside(work_dir: Path) -> Iterator[Path]:
    """Name what is run, believed or written in a work_dir."""
    for entry in sorted(work_dir.iterdir()):
        names = _names_in(entry)
        if _FILE.fullmatch(entry.name) or entry.is_symlink() or entry.is_dir():
            yield entry
        yield from (entry / name for name in names if _LOG.fullmatch(name))
        runs = [entry / name for name in names if _RUN.fullmatch(name)]
        yield from runs
        for run in sorted(runs, key=lambda path: int(path.name[3:]))[-LOOKED_INTO:]:
            names = _names_in(run)
            yield from (run / name for name in names if name == CONFIGURATION)
            for folder in (run / name for name in names if _DAG.fullmatch(name)):
                yield folder
                yield from _believed(folder)


def _believed(folder: Path) -> Iterator[Path]:
    yield from (folder / name for name in _names_in(folder) if _BELIEVED.fullmatch(name))


def _names_in(folder: Path) -> list[str]:
    """What is in a folder; nothing if it is none, or not for this account: it was judged itself."""
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        return sorted(path.name for path in folder.iterdir())
    return []
