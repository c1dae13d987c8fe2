"""From the tables of schema version 6 to those of 7: payloads get destinations of their own.

Version 7 only adds: words, tables, columns and indices, which are taken from its schema itself.
"""

from __future__ import annotations

import sqlite3

from condorloop.ledger.connection import Connection, LedgerDamaged
from condorloop.ledger.migrations.tables_7 import INDICES, TABLES
from condorloop.ledger.schema import WORDS, column_definitions, table


def bring_up(db: Connection) -> None:
    """Turn the tables of version 6 into those of 7, in the transaction that is under way.

    Raises
    ------
    LedgerDamaged
        It holds what no condorloop has written.
    """
    try:
        _add_words(db)
        _add_tables(db)
        _add_columns(db)
        db.execute("UPDATE campaign SET window_from = run_start WHERE window_from = 0")
        _add_indices(db)
    except sqlite3.IntegrityError as error:
        raise LedgerDamaged(f"{db.path}: {error}") from error


def _add_words(db: Connection) -> None:
    for name, words in WORDS.items():
        db.execute(f"CREATE TABLE IF NOT EXISTS {name} (word TEXT PRIMARY KEY) WITHOUT ROWID")
        db.executemany(f"INSERT OR IGNORE INTO {name} VALUES (?)", [(str(w),) for w in words])


def _add_tables(db: Connection) -> None:
    there = _names(db, "table")
    for name in TABLES:
        if name not in there:
            db.execute(table(name, tables=TABLES))


def _add_columns(db: Connection) -> None:
    for name in TABLES:
        there = {row[1] for row in db.execute(f"PRAGMA table_info({name})")}
        for column, definition in column_definitions(name, TABLES).items():
            if column not in there:
                db.execute(f"ALTER TABLE {name} ADD COLUMN {definition}")


def _add_indices(db: Connection) -> None:
    """Make the indices that are not there, and those again that were otherwise."""
    there = _names(db, "index")
    for statement in INDICES:
        name = statement.split()[2]
        if _words(there.get(name, "")) == _words(statement):
            continue
        db.execute(f"DROP INDEX IF EXISTS {name}")
        db.execute(statement)


def _names(db: Connection, kind: str) -> dict[str, str]:
    """The statements by which the tables or the indices were made, by their names."""
    rows = db.execute("SELECT name, sql FROM sqlite_master WHERE type = ?", (kind,))
    return {name: sql or "" for name, sql in rows}


def _words(statement: str) -> str:
    return " ".join(statement.split())
