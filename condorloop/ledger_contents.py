"""Whether what a file holds can be what a ledger holds: types, states, lumisections and lists.

Knows which words, numbers and texts each column may have. SQLite's own check finds damaged pages;
this one finds rows that no condorloop has written, before anything is decided from them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from enum import StrEnum

from condorloop.lumis import Lumis
from condorloop.model import CampaignState, DagState, FileState, Kept, NodeKind, UploadOutcome

LAST_TIME = 253_402_300_799.0
"""The last second that a calendar has: the end of the year 9999."""

_TABLES = ("campaign", "raw_file", "campaign_file", "dag", "node", "payload", "request", "job")
_TYPES = {"INTEGER": ("integer",), "REAL": ("real", "integer"), "TEXT": ("text",)}
_ANYTHING = {("payload", "since")}
"""What a harvest tells of itself is written down as it is told."""

_WORDS: dict[tuple[str, str], type[StrEnum]] = {
    ("campaign", "state"): CampaignState,
    ("raw_file", "state"): FileState,
    ("dag", "state"): DagState,
    ("node", "kind"): NodeKind,
    ("payload", "outcome"): UploadOutcome,
}
_NODE_STATES = ("waiting", "done", "failed", "dropped")
_LUMIS = (
    *(("campaign", c) for c in ("seen", "harvested", "in_payload")),
    *((table, "lumis") for table in ("raw_file", "dag", "node", "payload")),
    ("node", "lacking"),
)
_NAMES = (("node", "dropped"),)
_NUMBERS = (("payload", "inputs"), ("payload", "left_out"))
_COUNTS = (("node", "blames"),)


def why_not_a_ledger(db: sqlite3.Connection) -> str:
    """Say what a ledger holds that it cannot; empty if there is nothing."""
    return next(_oddities(db), "")


def _oddities(db: sqlite3.Connection) -> Iterator[str]:
    for table in _TABLES:
        for _, column, declared, *_ in db.execute(f"PRAGMA table_info({table})").fetchall():
            if (table, column) not in _ANYTHING:
                yield from _of_type(db, table, column, declared)
    for (table, column), words in _WORDS.items():
        yield from _other_than(db, table, column, words)
    yield from _other_than(db, "node", "state", _NODE_STATES)
    yield from _odd_texts(db)
    for table, column in _NAMES:
        yield from _odd_json(db, table, column, "array", ("text",))
    for table, column in _NUMBERS:
        yield from _odd_json(db, table, column, "array", ("integer",))
    for table, column in _COUNTS:
        yield from _odd_json(db, table, column, "object", ("integer",))


def _first(db: sqlite3.Connection, table: str, column: str, odd: str) -> Iterator[str]:
    row = db.execute(f"SELECT {column} FROM {table} WHERE {odd} LIMIT 1").fetchone()
    if row is not None:
        yield f"{table}.{column} has {str(row[0])[:40]!r}"


def _of_type(db: sqlite3.Connection, table: str, column: str, declared: str) -> Iterator[str]:
    fitting = ", ".join(f"'{each}'" for each in _TYPES[declared])
    yield from _first(db, table, column, f"typeof({column}) NOT IN ('null', {fitting})")
    if declared == "REAL":
        yield from _first(db, table, column, f"{column} NOT BETWEEN 0 AND {LAST_TIME}")


def _other_than(
    db: sqlite3.Connection, table: str, column: str, words: Iterable[str]
) -> Iterator[str]:
    known = ", ".join(f"'{word}'" for word in words)
    yield from _first(db, table, column, f"{column} NOT IN ({known})")


def _odd_texts(db: sqlite3.Connection) -> Iterator[str]:
    for table, column in _LUMIS:
        for (text,) in db.execute(f"SELECT DISTINCT {column} FROM {table}"):
            try:
                Lumis.parse(text)
            except ValueError as error:
                yield f"{table}.{column} has {error}"
    for (text,) in db.execute("SELECT DISTINCT cleaned FROM campaign"):
        names = {name.rstrip("?") for name in text.split(",") if name}
        if not names <= set(Kept):
            yield f"campaign.cleaned has {text[:40]!r}"


def _odd_json(
    db: sqlite3.Connection, table: str, column: str, whole: str, parts: tuple[str, ...]
) -> Iterator[str]:
    odd = list(_first(db, table, column, f"NOT json_valid({column})"))
    odd = odd or list(_first(db, table, column, f"json_type({column}) <> '{whole}'"))
    fitting = ", ".join(f"'{part}'" for part in parts)
    each = f"EXISTS (SELECT 1 FROM json_each({column}) AS e WHERE e.type NOT IN ({fitting}))"
    yield from odd or _first(db, table, column, each)
