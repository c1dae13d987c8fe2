"""The ledger as a file: opened, asked, written to in transactions, its errors in one line.

Knows how errors are told, and which versions of the schema it reads; knows no table but `meta`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from condorloop.errors import CondorloopError
from condorloop.ledger.damage import FILE_ERRORS, FileError, is_damage, version_beneath
from condorloop.ledger.schema import SCHEMA_VERSION
from condorloop.runtime.ownership import account_name, group_name
from condorloop.text import one_line

_DIGITS = 9
"""How many a schema version has at most; what has more, no condorloop has written."""


class LedgerError(CondorloopError):
    """The ledger cannot be used; the message names the file and what to do."""


class LedgerDamaged(LedgerError):
    """The file is there, but is no ledger any more, or was taken away while it was used."""


def ledger_error(path: Path, error: FileError) -> LedgerError:
    """Say what SQLite's error means for the ledger of a path."""
    kind = LedgerDamaged if is_damage(error) else LedgerError
    return kind(f"{path}: {one_line(str(error))}")


def is_newer(version: str) -> bool:
    """Whether a schema version is one of a newer condorloop.

    >>> is_newer("99"), is_newer("1"), is_newer("x"), is_newer("")
    (True, False, False, False)
    """
    return is_version(version) and int(version) > SCHEMA_VERSION


def is_version(text: str) -> bool:
    """Whether a text can be the schema version of a ledger.

    >>> is_version("1"), is_version("0"), is_version("-1"), is_version("")
    (True, False, False, False)
    """
    return text.isdecimal() and len(text) <= _DIGITS and int(text) > 0


def why_not_open(path: Path) -> str | None:
    """Say why a ledger cannot be opened by this account; None if that is not for its modes."""
    try:
        told = path.stat()
    except FileNotFoundError:
        there = path.parent.exists()
        return f"{path}: no submitter has run here yet: condorloop run" if there else None
    except PermissionError:
        return f"{path}: the work_dir is not for this account"
    except OSError:
        return None
    if os.access(path, os.R_OK):
        return None
    owner, group = account_name(told.st_uid), group_name(told.st_gid)
    return (
        f"{path}: the ledger is for account {owner} and group {group} alone. Open to all are "
        "`condorloop status`, `condorloop watch` and the page status.html beside it"
    )


class LedgerFile:
    """A ledger, open for reading.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    LedgerError
        The file is not there, is no ledger, or was written by another version.
    LedgerDamaged
        The file is damaged.
    """

    _mode = "ro"

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            uri = f"{path.absolute().as_uri()}?mode={self._mode}"
            self._db = sqlite3.connect(uri, uri=True, isolation_level=None)
        except sqlite3.Error as error:
            if why := why_not_open(path):
                raise LedgerError(why) from None
            raise ledger_error(path, error) from error
        self._db.row_factory = sqlite3.Row
        try:
            self._db.execute("PRAGMA busy_timeout = 10000")
            self._prepare()
            self.id = self._meta("ledger_id")
            version = self._meta("schema_version")
            self._inode = path.stat().st_ino
        except FILE_ERRORS as error:
            self._db.close()
            if is_damage(error) and is_newer(version := version_beneath(path)):
                raise self._of_another_version(version) from error
            raise ledger_error(path, error) from error
        except LedgerError:
            self._db.close()
            raise
        if version != str(SCHEMA_VERSION):
            self._db.close()
            raise self._of_another_version(version)

    def _of_another_version(self, version: str) -> LedgerError:
        return LedgerError(
            f"{self.path}: schema version {version}, but this condorloop reads {SCHEMA_VERSION}; "
            "the submitter brings an older ledger up to date when it starts"
        )

    def _prepare(self) -> None:
        """What comes before the first reading."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def check_in_place(self) -> None:
        """Make sure that the path still leads to the file that is open.

        Raises
        ------
        LedgerDamaged
            It was deleted or replaced: what is written would be lost.
        """
        try:
            in_place = self.path.stat().st_ino == self._inode
        except OSError:
            in_place = False
        if not in_place:
            raise LedgerDamaged(f"{self.path}: was deleted or replaced while it was in use")

    def _meta(self, key: str) -> str:
        rows = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchall()
        return str(rows[0][0]) if rows else ""

    def _all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        try:
            return self._db.execute(sql, values).fetchall()
        except FILE_ERRORS as error:
            raise ledger_error(self.path, error) from error

    def _number(self, sql: str, *values: object) -> int:
        return int(self._all(sql, *values)[0][0] or 0)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All that is written inside is kept, or nothing."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except FILE_ERRORS as error:
            raise ledger_error(self.path, error) from error
        finally:
            if self._db.in_transaction:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
