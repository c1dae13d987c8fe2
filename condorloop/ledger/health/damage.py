"""What SQLite's errors say of a ledger's file: it is damaged, or something passes.

Knows the codes and the words of SQLite's versions from 3.26.0 on, and what they leave unsaid; knows
no table but `meta`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

FILE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What reading a file may raise; the second if SQLite's own words quote damaged text."""

FileError = sqlite3.Error | UnicodeDecodeError

_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_UNSPECIFIC = frozenset({0, sqlite3.SQLITE_ERROR})
"""The codes of errors that only their words tell apart: Python's own, and SQLite's of any kind."""

_WORDS = (
    "unsupported file format",
    "malformed database schema",
    "attached databases must use the same text encoding",
    "Could not decode to UTF-8",
)
"""How the words of damage begin. The third stands for a main file of no encoding, too."""

_MAGIC = b"SQLite format 3\0"
_WRITE_VERSION = 18
"""Where the header tells which version of the format a writer must know."""

_NEWEST_FORMAT = 2
"""The newest version of the file format: with a write-ahead log."""


def primary_code(error: BaseException) -> int:
    """Give SQLite's primary code of an error; 0 where SQLite did not raise it."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def is_damage(error: FileError) -> bool:
    """Whether an error says that the file is no database, or that what it holds is damaged."""
    if isinstance(error, UnicodeDecodeError):
        return True
    code = primary_code(error)
    return code in _DAMAGE or (code in _UNSPECIFIC and str(error).startswith(_WORDS))


def lets_nobody_write(path: Path) -> bool:
    """Whether a file's header names a format that no SQLite writes.

    SQLite takes such a file for one that may only be read. To be asked before this process opens
    the file as a database: when a file is closed, POSIX locks of its process on it are gone.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_WRITE_VERSION + 1)
    except OSError:  # which SQLite tells when it opens the file
        return False
    whole = len(header) > _WRITE_VERSION and header.startswith(_MAGIC)
    return whole and header[_WRITE_VERSION] > _NEWEST_FORMAT


def version_beneath(path: Path) -> str:
    """Read the schema version of a ledger whose schema this SQLite cannot read; empty if none.

    A newer condorloop may have written what only a newer SQLite understands.
    """
    with (
        suppress(*FILE_ERRORS),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db,
    ):
        db.execute("PRAGMA writable_schema = ON")  # what cannot be read is passed over
        row = db.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
        return str(row[0]) if row else ""
    return ""
