"""The ledger as a file: opened, asked, written to in transactions, its errors in one line.

Knows how errors are told, and which versions of the schema it reads; knows no table but `meta`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import ClassVar, Literal, Self

from condorloop.errors import CondorloopError
from condorloop.ledger.health.damage import FILE_ERRORS, FileError, is_damage, version_beneath
from condorloop.ledger.schema import SCHEMA_VERSION
from condorloop.runtime.ownership import account_name, group_name
from condorloop.text import one_line

Mode = Literal["ro", "rw", "rwc"]
Parameters = Sequence[object] | Mapping[str, object]

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


def of_another_version(path: Path, version: str) -> LedgerError:
    """Say that a ledger has the tables of another condorloop."""
    return LedgerError(
        f"{path}: schema version {version}, but this condorloop reads {SCHEMA_VERSION}; "
        "the submitter brings an older ledger up to date when it starts"
    )


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


class Connection:
    """The one connection of a ledger that is open.

    Parameters
    ----------
    path
        The file.
    mode
        SQLite's word for what may be done with it: ``ro``, ``rw``, or ``rwc`` to make it, too.
    prepare
        What comes before the first reading.

    Raises
    ------
    LedgerError
        The file is not there, is no ledger, or was written by another version.
    LedgerDamaged
        The file is damaged.
    """

    strict: ClassVar[bool] = False
    """Whether a change of state that no life has raises; tests set it."""
    durable: ClassVar[bool] = True
    """Whether a commit is on the disk when it returns; tests of other things clear it."""

    def __init__(
        self,
        path: Path,
        mode: Mode = "ro",
        prepare: Callable[[Connection], None] = lambda _: None,
    ) -> None:
        self.path = path
        try:
            uri = f"{path.absolute().as_uri()}?mode={mode}"
            self.sqlite = sqlite3.connect(uri, uri=True, isolation_level=None)
        except sqlite3.Error as error:
            if why := why_not_open(path):
                raise LedgerError(why) from None
            raise ledger_error(path, error) from error
        self.sqlite.row_factory = sqlite3.Row
        try:
            self.execute("PRAGMA busy_timeout = 10000")
            prepare(self)
            self.execute("PRAGMA foreign_keys = ON")
            self.id = self.meta("ledger_id")
            version = self.meta("schema_version")
            self._inode = path.stat().st_ino
        except FILE_ERRORS as error:
            self.close()
            if is_damage(error) and is_newer(version := version_beneath(path)):
                raise of_another_version(path, version) from error
            raise ledger_error(path, error) from error
        except LedgerError:
            self.close()
            raise
        if version != str(SCHEMA_VERSION):
            self.close()
            raise of_another_version(path, version)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.sqlite.close()

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

    def meta(self, key: str) -> str:
        """What the table `meta` has of a key; empty if nothing."""
        rows = self.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchall()
        return str(rows[0][0]) if rows else ""

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """What a query gives.

        Raises
        ------
        LedgerError
            The ledger cannot be read.
        """
        try:
            return self.sqlite.execute(sql, values).fetchall()
        except FILE_ERRORS as error:
            raise ledger_error(self.path, error) from error

    def number(self, sql: str, *values: object) -> int:
        """The one number that a query gives; 0 if it gives NULL."""
        return int(self.rows(sql, *values)[0][0] or 0)

    def execute(self, sql: str, values: Parameters = ()) -> sqlite3.Cursor:
        """Execute a statement; its errors are SQLite's, and `transaction` tells them."""
        return self.sqlite.execute(sql, values)

    def executemany(self, sql: str, values: Iterable[Sequence[object]]) -> None:
        """Execute a statement with each of these values; errors as those of `execute`."""
        self.sqlite.executemany(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is kept, or nothing; one inside another is part of that.

        Raises
        ------
        LedgerError
            It cannot be written, and nothing is.
        """
        with nullcontext() if self.sqlite.in_transaction else self._begun():
            yield

    @contextmanager
    def _begun(self) -> Iterator[None]:
        try:
            self.execute("BEGIN IMMEDIATE")
            yield
            self.execute("COMMIT")
        except FILE_ERRORS as error:
            raise ledger_error(self.path, error) from error
        finally:
            if self.sqlite.in_transaction:
                with suppress(sqlite3.Error):
                    self.execute("ROLLBACK")
