"""Whether what a file holds can be what a ledger holds: tables, types, states and LS.

Knows which words, numbers and texts each column may have. SQLite's own check finds damaged pages;
this one finds tables and rows that no condorloop has written, before anything is decided from them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from enum import StrEnum
from functools import cache

from condorloop.ledger.schema import SCHEMA, TABLES
from condorloop.model.enums import (
    Artifact,
    CampaignState,
    DagState,
    FileState,
    NodeKind,
    NodeState,
    RequestKind,
    UploadOutcome,
)
from condorloop.model.lumis import Lumis

LAST_TIME = 253_402_300_799.0
"""The last second that a calendar has: the end of the year 9999."""

FIRST_TABLES = frozenset({"meta", "campaign", "raw_file", "dag", "node", "payload"})
"""The tables that a ledger of every version has."""

_UNCHECKED = ("meta", "told", "held_calibration", "luminosity")
_TABLES = tuple(name for name in TABLES if name not in _UNCHECKED)
_TYPES = {"INTEGER": ("integer",), "REAL": ("real", "integer"), "TEXT": ("text",)}
_ANYTHING = {("payload", "since")}
"""What a harvest tells of itself is written down as it is told."""

_WORDS: dict[tuple[str, str], type[StrEnum]] = {
    ("campaign", "state"): CampaignState,
    ("raw_file", "state"): FileState,
    ("dag", "state"): DagState,
    ("node", "kind"): NodeKind,
    ("node", "state"): NodeState,
    ("payload", "outcome"): UploadOutcome,
    ("request", "kind"): RequestKind,
    ("campaign_cleaned", "artifact"): Artifact,
}
_LUMIS = (
    ("reconstruction", "seen"),
    *(("campaign", c) for c in ("harvested", "in_payload")),
    *((table, "lumis") for table in ("raw_file", "dag", "node", "payload")),
    ("node", "lacking"),
)


def tables_of(db: sqlite3.Connection) -> frozenset[str]:
    """Give the names of the tables of a database."""
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return frozenset(name for (name,) in rows)


def what_lacks(db: sqlite3.Connection) -> str:
    """Name a table or column that a ledger of this version has and this one lacks; else empty."""
    lacking = sorted(_whole() - _columns(db))
    if not lacking:
        return ""
    table, column = lacking[0]
    if table not in tables_of(db):
        return f"no such table: {table}"
    return f"no such column: {table}.{column}"


@cache
def _whole() -> frozenset[tuple[str, str]]:
    """The columns that a ledger of this version has."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(SCHEMA)
        return _columns(db)


def _columns(db: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    """Give the columns of all tables, each with its table."""
    rows = db.execute(
        "SELECT t.name, c.name FROM sqlite_master AS t, pragma_table_info(t.name) AS c"
        " WHERE t.type = 'table'"
    )
    return frozenset((table, column) for table, column in rows)


def why_not_a_ledger(db: sqlite3.Connection) -> str:
    """Say what a ledger holds that it cannot; empty if there is nothing.

    Each table is read once, whatever there is to be found.
    """
    for table in _TABLES:
        rules = list(_rules(db, table))
        # A table that is not there has no columns, and is named by SQLite.
        any_of_them = " OR ".join(f"({odd})" for _, odd in rules) or "0"
        if db.execute(f"SELECT 1 FROM {table} WHERE {any_of_them} LIMIT 1").fetchone():
            return next(told for column, odd in rules for told in _first(db, table, column, odd))
    return next(_odd_texts(db), "")


def _rules(db: sqlite3.Connection, table: str) -> Iterator[tuple[str, str]]:
    """For each column, as SQL, what it cannot hold."""
    for _, column, declared, *_ in db.execute(f"PRAGMA table_info({table})").fetchall():
        if (table, column) in _ANYTHING:
            continue
        yield column, f"typeof({column}) NOT IN ('null', {_listed(_TYPES[declared])})"
        if declared == "REAL":
            yield column, f"{column} NOT BETWEEN 0 AND {LAST_TIME}"
        if words := _WORDS.get((table, column)):
            yield column, f"{column} NOT IN ({_listed(words)})"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _first(db: sqlite3.Connection, table: str, column: str, odd: str) -> Iterator[str]:
    row = db.execute(f"SELECT {column} FROM {table} WHERE {odd} LIMIT 1").fetchone()
    if row is not None:
        yield f"{table}.{column} has {str(row[0])[:40]!r}"


def _odd_texts(db: sqlite3.Connection) -> Iterator[str]:
    for table, column in _LUMIS:
        for (text,) in db.execute(f"SELECT DISTINCT {column} FROM {table}"):
            try:
                Lumis.parse(text)
            except ValueError as error:
                yield f"{table}.{column} has {error}"
