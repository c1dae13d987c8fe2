"""The copy of a ledger that is kept when its tables change: with it the version before can go on.

Knows the names of the copies and how much room they take; what is in them it does not read.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

from condorloop.ledger.connection import LedgerError, is_newer, is_version, ledger_error
from condorloop.ledger.health.damage import FILE_ERRORS
from condorloop.ledger.schema import SCHEMA_VERSION
from condorloop.rundir.durable import sync_files, sync_folder
from condorloop.runtime.secret_files import create
from condorloop.text import size

_HEADER = 100
"""The bytes at the beginning of a database in which copies of the same contents may differ."""

_CHANGE = 2
"""How many times its size a file may need while it changes: new pages, and the log of them."""

_CHUNK = 1 << 20


def keep_copy(path: Path, beside: Iterable[Path] = ()) -> None:
    """Copy a ledger or archive of an older schema version; `condorloop.db.v5` is one of version 5.

    A copy is whole and on the disk, or not there under this name. One that is there is never
    written over: if it has other contents, the next free name is taken, `condorloop.db.v5-2`.

    Parameters
    ----------
    path
        The file. Nothing is done if it is of this version, or cannot be read as a ledger.
    beside
        Files whose turn comes later; there must be room for their copies, too.

    Raises
    ------
    LedgerError
        There is too little room, or the copy cannot be written.
    """
    if not (version := _older(path)):
        return
    _require_room(path, version, [each for each in beside if _older(each)])
    copy = path.with_name(f"{path.name}.v{version}")
    part = copy.with_name(f"{copy.name}.part")
    try:
        _write(path, part)
        free = (copy.with_name(f"{copy.name}{f'-{n}' if n > 1 else ''}") for n in count(1))
        for place in free:
            if not place.exists():
                part.replace(place)
                sync_folder(place.parent)
                return
            if _same(part, place):
                part.unlink()
                return
    except OSError as error:
        raise LedgerError(f"{path}: cannot be copied to {copy}: {error}") from error
    except FILE_ERRORS as error:
        raise ledger_error(path, error) from error


def _older(path: Path) -> str:
    """The version of a file that is a ledger of an older one; else empty."""
    if not path.exists() or not path.stat().st_size:
        return ""
    version = ""
    with suppress(*FILE_ERRORS), closing(_connect(path)) as db:
        row = db.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
        version = str(row[0]) if row else ""
    older = is_version(version) and not is_newer(version) and int(version) < SCHEMA_VERSION
    return version if older else ""


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)


def _require_room(path: Path, version: str, later: list[Path]) -> None:
    sizes = [_size(each) for each in (path, *later)]
    needed = sum(sizes) + _CHANGE * max(sizes)
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError:
        return  # which the copy will tell
    if free < needed:
        raise LedgerError(
            f"{path}: schema version {version} becomes {SCHEMA_VERSION}, and a copy is kept: that"
            f" needs {size(needed)} in {path.parent}, where {size(free)} are free"
        )


def _size(path: Path) -> int:
    parts = (path, path.with_name(f"{path.name}-wal"))
    return sum(part.stat().st_size for part in parts if part.exists())


def _write(path: Path, part: Path) -> None:
    for leftover in (part, part.with_name(f"{part.name}-journal")):
        leftover.unlink(missing_ok=True)
    create(part)
    with closing(_connect(path)) as source, closing(_connect(part)) as target:
        source.backup(target)
    sync_files([part])


def _same(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as a, other.open("rb") as b:
        a.seek(_HEADER)
        b.seek(_HEADER)
        while chunk := a.read(_CHUNK):
            if chunk != b.read(_CHUNK):
                return False
    return True
