"""Opening a ledger for writing: made if it is not there, looked through, brought up to date.

Knows the order of all that: a copy of an older one is kept first, and the rest is one transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from condorloop.ledger.connection import (
    Connection,
    LedgerDamaged,
    is_newer,
    is_version,
    of_another_version,
)
from condorloop.ledger.health.damage import lets_nobody_write
from condorloop.ledger.health.integrity import (
    FIRST_TABLES,
    tables_of,
    what_lacks,
    why_not_a_ledger,
)
from condorloop.ledger.migrations import to_5, to_6, to_7, to_8
from condorloop.ledger.migrations.copies import keep_copy
from condorloop.ledger.schema import SCHEMA, SCHEMA_VERSION
from condorloop.runtime.secret_files import create
from condorloop.text import one_line, shown


def open_for_writing(
    path: Path,
    ledger_id: str | None = None,
    *,
    checked: bool = True,
    beside: Iterable[Path] = (),
) -> Connection:
    """Open a ledger; the file is made when it is not there, and brought up to date.

    Parameters
    ----------
    path
        The file.
    ledger_id
        The id of a ledger that is made; a random one if None.
    checked
        Read all of it through, to find damage before anything is decided from it.
    beside
        The archives, whose turn to be brought up to date comes later.

    Raises
    ------
    LedgerError
        It cannot be used.
    LedgerDamaged
        It is damaged.
    """
    if lets_nobody_write(path):
        raise LedgerDamaged(f"{path}: its header names a file format that no SQLite writes")
    if not path.exists():
        with suppress(OSError):  # which SQLite will tell
            create(path)  # SQLite gives the files beside it the same mode
    keep_copy(path, beside)
    return Connection(path, "rwc", lambda db: _prepare(db, ledger_id, checked))


def _prepare(db: Connection, ledger_id: str | None, checked: bool) -> None:
    db.execute("PRAGMA foreign_keys = OFF")  # tables are made again; they are checked in the end
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA synchronous = {'FULL' if db.durable else 'OFF'}")
    if checked:
        _check_pages(db)
    with db.transaction():
        if not tables_of(db.sqlite):
            _create(db, ledger_id or uuid.uuid4().hex[:12])
            return
        _migrate(db)
        if checked and (odd := what_lacks(db.sqlite) or why_not_a_ledger(db.sqlite)):
            raise LedgerDamaged(f"{db.path}: {odd}")


def _check_pages(db: Connection) -> None:
    [found] = db.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise LedgerDamaged(f"{db.path}: {one_line(found)}")


def _create(db: Connection, ledger_id: str) -> None:
    _run_script(db, SCHEMA)
    values = {"schema_version": str(SCHEMA_VERSION), "ledger_id": ledger_id}
    db.executemany("INSERT INTO meta VALUES (?, ?)", values.items())


def _migrate(db: Connection) -> None:
    tables = tables_of(db.sqlite)
    version = db.meta("schema_version") if "meta" in tables else ""
    if is_newer(version):
        raise of_another_version(db.path, version)
    if lacking := sorted(FIRST_TABLES - tables):
        raise LedgerDamaged(f"{db.path}: no such table: {lacking[0]}")
    if not is_version(version):
        raise LedgerDamaged(f"{db.path}: meta has the schema version {shown(version)}")
    for number in range(int(version), SCHEMA_VERSION):
        if number in to_5.SCRIPTS:
            _run_script(db, to_5.SCRIPTS[number])
        elif number == 5:
            to_6.bring_up(db)
        elif number == 6:
            to_7.bring_up(db)
        else:
            to_8.bring_up(db)
        db.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", (str(number + 1),))


def _run_script(db: Connection, script: str) -> None:
    for statement in filter(str.strip, script.split(";")):
        db.execute(statement)
