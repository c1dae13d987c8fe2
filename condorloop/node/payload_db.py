"""Payload files: what a harvest produced.

Knows the conditions SQLite file (CondCore/CondDB/src/IOVSchema.h in cms-sw/cmssw); knows nothing
of runs, DAGs, or what becomes of the file.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from condorloop.errors import CondorloopError


@dataclass(frozen=True, slots=True)
class Iov:
    """One interval of validity of a payload file."""

    tag: str
    since: int
    hash: str


class PayloadError(CondorloopError):
    """The payload file is there, but is not a whole conditions database."""


def iovs(path: Path) -> list[Iov]:
    """Read the IOVs of a conditions SQLite file, the earliest first.

    None if it is not there, or nothing was ever written into it: CMSSW opens it at once, and makes
    its tables with the first payload.

    Raises
    ------
    PayloadError
        The file is damaged, or of another schema.
    """
    if not path.exists():
        return []
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            if not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                return []
            sound = db.execute("PRAGMA integrity_check(1)").fetchone()
            rows = db.execute("SELECT TAG_NAME, SINCE, PAYLOAD_HASH FROM IOV ORDER BY 2").fetchall()
        finally:
            db.close()
        found = [Iov(str(tag), int(since), str(digest)) for tag, since, digest in rows]
    except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:
        raise PayloadError(f"{path}: {error}") from error
    if sound != ("ok",):
        raise PayloadError(f"{path}: damaged: {' '.join(str(sound).split())}")
    return found
