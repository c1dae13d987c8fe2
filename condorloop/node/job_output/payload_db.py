"""Payload files: what a harvest produced.

Knows the conditions SQLite file (CondCore/CondDB/src/IOVSchema.h in cms-sw/cmssw); knows nothing
of runs, DAGs, or what becomes of the file.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from condorloop.errors import CondorloopError
from condorloop.model.lumis import LAST_LS
from condorloop.rundir.durable import remove_unfinished, sync_files, sync_folder
from condorloop.rundir.records.harvest import Iov

MOST_IOVS = 100_000
"""IOVs that a payload file may have: many times the lumisections of the longest run."""

MOST_TAGS = 1000
"""Tags that a payload file may have; CMSSW's largest harvest writes a few."""

_LONGEST_WORD = 20

LONGEST = 60.0
"""Seconds that reading a payload file may take; it takes milliseconds."""

_STEPS = 1_000_000
"""Instructions of SQLite between two looks at the clock."""


class PayloadError(CondorloopError):
    """The payload file is there, but is not a whole conditions database."""


def iovs(path: Path) -> list[Iov]:
    """Read the IOVs of a conditions SQLite file, the earliest first.

    None if it is not there, or nothing was ever written into it: CMSSW opens it at once, and makes
    its tables with the first payload.

    Raises
    ------
    PayloadError
        The file is damaged, of another schema, or takes more time or memory to read than any
        payload does.
    OSError
        The machine does not give it.
    """
    if not path.exists():
        return []
    with path.open("rb"):  # of a file that may not be read, SQLite does not say why
        pass
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        late = time.monotonic() + LONGEST
        db.set_progress_handler(lambda: time.monotonic() > late, _STEPS)
        try:
            if not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                return []
            if db.execute("SELECT 1 FROM sqlite_master WHERE type = 'view' LIMIT 1").fetchone():
                raise PayloadError(f"{path}: it has a view, and a payload file has tables alone")
            sound = db.execute("PRAGMA integrity_check(1)").fetchone()
            time_types = _time_types(db)
            rows = db.execute(
                "SELECT TAG_NAME, SINCE, PAYLOAD_HASH FROM IOV ORDER BY SINCE, INSERTION_TIME"
                " LIMIT ?",
                (MOST_IOVS + 1,),
            ).fetchall()
        finally:
            db.close()
        if len(rows) > MOST_IOVS:
            raise PayloadError(f"{path}: more than {MOST_IOVS} IOVs")
        found = [
            Iov(str(tag), int(since), str(digest), time_types.get(str(tag), ""))
            for tag, since, digest in rows
        ]
    except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:
        if _is_of_disk(error):
            raise OSError(errno.EIO, str(error), str(path)) from error
        raise PayloadError(f"{path}: {error}") from error
    if sound != ("ok",):
        raise PayloadError(f"{path}: damaged: {' '.join(str(sound).split())}")
    return found


def _time_types(db: sqlite3.Connection) -> dict[str, str]:
    """What the sinces of each tag count; nothing of a file that has no tags of its own."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'TAG' LIMIT 1").fetchone():
        return {}
    rows = db.execute("SELECT NAME, TIME_TYPE FROM TAG LIMIT ?", (MOST_TAGS + 1,)).fetchall()
    if len(rows) > MOST_TAGS:
        raise ValueError(f"more than {MOST_TAGS} tags")
    return {str(name): str(time_type)[:_LONGEST_WORD] for name, time_type in rows}


def add_iovs(source: Path, target: Path, tag: str, rows: Iterable[tuple[int, str]]) -> None:
    """Copy a payload file, with more IOVs of payloads that it has; the copy appears whole.

    The same rows give the same bytes, by which the conditions service knows a file again: an added
    IOV has the insertion time of the one that it repeats.

    Parameters
    ----------
    rows
        Since and payload hash of each IOV that is added to the `tag`.

    Raises
    ------
    PayloadError
        The file is gone or damaged, or has no such payload in the tag.
    OSError
        The copy cannot be written.
    """

    def add(db: sqlite3.Connection) -> None:
        for since, digest in rows:
            added = db.execute(
                "INSERT INTO IOV (TAG_NAME, SINCE, PAYLOAD_HASH, INSERTION_TIME)"
                " SELECT TAG_NAME, ?, PAYLOAD_HASH, MAX(INSERTION_TIME) FROM IOV"
                " WHERE TAG_NAME = ? AND PAYLOAD_HASH = ? GROUP BY TAG_NAME",
                (since, tag, digest),
            )
            if added.rowcount != 1:
                raise PayloadError(f"{source}: no payload {digest} in tag {tag}")

    _copy(source, target, add)


def cut_iovs(source: Path, target: Path, tag: str, rows: Sequence[tuple[int, str]]) -> None:
    """Copy a payload file with some IOVs alone, each at a since of its own; it appears whole.

    The same rows give the same bytes, by which the conditions service knows a file again.

    Parameters
    ----------
    tag
        Whose IOVs they are. The copy has none of another tag.
    rows
        Since and payload hash of each.

    Raises
    ------
    PayloadError
        The file is gone or damaged, or has no such payload in the tag.
    OSError
        The copy cannot be written.
    """

    def cut(db: sqlite3.Connection) -> None:
        told = "SELECT PAYLOAD_HASH, MAX(INSERTION_TIME) FROM IOV WHERE TAG_NAME = ? GROUP BY 1"
        inserted = dict(db.execute(told, (tag,)).fetchall())
        if lacking := [digest for _, digest in rows if digest not in inserted]:
            raise PayloadError(f"{source}: no payload {lacking[0]} in tag {tag}")
        db.execute("DELETE FROM IOV")
        db.executemany(
            "INSERT INTO IOV (TAG_NAME, SINCE, PAYLOAD_HASH, INSERTION_TIME) VALUES (?, ?, ?, ?)",
            [(tag, since, digest, inserted[digest]) for since, digest in rows],
        )
        db.execute("DELETE FROM PAYLOAD WHERE HASH NOT IN (SELECT PAYLOAD_HASH FROM IOV)")

    _copy(source, target, cut)


def copy_for_run(source: Path, target: Path, run: int) -> None:
    """Copy a payload file as `one_iov_a_tag` asks for, for another run; the copy appears whole.

    Raises
    ------
    PayloadError
        The file is gone or damaged.
    OSError
        The copy cannot be written.
    """
    _copy(source, target, lambda db: db.execute("UPDATE IOV SET SINCE = ?", (run,)))


def one_iov_a_tag(source: Path) -> None:
    """Look whether a payload file can be sent for another run than its own.

    Raises
    ------
    PayloadError
        It is gone or damaged, or a tag has several IOVs, or does not count runs.
    OSError
        The machine does not give it.
    """
    found = iovs(source)
    by_lumi = [iov for iov in found if iov.time_type not in ("", "Run") or iov.since > LAST_LS]
    if by_lumi:
        kind = by_lumi[0].time_type or "Lumi"
        raise PayloadError(
            f"tag {by_lumi[0].tag} has time type {kind}: its IOVs are of lumisections of their "
            "run, and cannot be sent for another one"
        )
    tags = [iov.tag for iov in found]
    if len(tags) != len(set(tags)) or not tags:
        raise PayloadError(f"{source}: one IOV in each tag is expected, and {len(tags)} are there")


def _copy(source: Path, target: Path, change: Callable[[sqlite3.Connection], object]) -> None:
    """Copy a payload file, changed; the copy appears whole."""
    remove_unfinished(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(source, temporary)
    except FileNotFoundError as error:
        raise PayloadError(f"{source}: gone") from error
    try:
        db = sqlite3.connect(temporary)
        try:
            change(db)
            db.commit()
        finally:
            db.close()
        sync_files([temporary])
        temporary.replace(target)
    except sqlite3.Error as error:
        raise PayloadError(f"{source}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)


def _is_of_disk(error: Exception) -> bool:
    """Whether SQLite met a disk that fails, and not a file that ends too early."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_IOERR and code != sqlite3.SQLITE_IOERR_SHORT_READ
