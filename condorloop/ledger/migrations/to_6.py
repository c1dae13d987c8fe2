"""From the tables of schema version 5 to those of 6: words and lists get tables of their own.

SQLite cannot add a foreign key to a table, so that tables with states are made again and filled
from what they were. Foreign keys are off meanwhile, and all are checked in the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from condorloop.ledger.connection import Connection, LedgerDamaged
from condorloop.ledger.migrations.tables_7 import INDICES, TABLES
from condorloop.ledger.schema import WORDS, table, table_of_words
from condorloop.model.enums import Artifact, RequestKind

_REBUILT = ("campaign", "raw_file", "dag", "node", "payload", "request")
"""The tables that get foreign keys, or lose a column."""

_LISTS = (
    "odd_change",
    "campaign_cleaned",
    "node_dropped",
    "node_blame",
    "payload_input",
    "payload_left_out",
    "payload_overlap",
    "payload_other_hash",
)

_IN_THE_WAY = ("campaign_state", "node_dropped", "payload_hashes")
"""The indices whose names tables have, or whose column goes."""

_JSON = {
    ("node", "dropped"): ("array", "text"),
    ("node", "blames"): ("object", "integer"),
    ("payload", "inputs"): ("array", "integer"),
    ("payload", "left_out"): ("array", "integer"),
    ("payload", "overlaps"): ("object", "text"),
}
"""The columns that had lists as JSON: of what, and of which parts."""

_TEXTS = (("campaign", "cleaned"), ("payload", "hashes"))
"""The columns that had lists as words."""

_BEGUN = "?"
"""What followed a word in `campaign.cleaned` if it was still being removed."""

_FILL = """
INSERT INTO node_dropped (dag_id, node, input, campaign_id)
    SELECT DISTINCT dag_id, name, part.value, campaign_id FROM node, json_each(dropped) AS part
    WHERE dropped <> '[]';
INSERT OR IGNORE INTO node_blame (dag_id, node, input, attempts)
    SELECT dag_id, name, part.key, part.value FROM node, json_each(blames) AS part
    WHERE blames <> '{}';
INSERT INTO payload_input (dag_id, job)
    SELECT DISTINCT dag_id, part.value FROM payload, json_each(inputs) AS part;
INSERT INTO payload_left_out (dag_id, job)
    SELECT DISTINCT dag_id, part.value FROM payload, json_each(left_out) AS part
    WHERE left_out <> '[]';
INSERT OR IGNORE INTO payload_overlap (dag_id, job, reason)
    SELECT dag_id, CAST(part.key AS INTEGER), part.value
    FROM payload, json_each(overlaps) AS part WHERE overlaps <> '{}'
"""

_UPLOADS = """
ALTER TABLE payload ADD COLUMN uploading INTEGER NOT NULL DEFAULT 0;
ALTER TABLE payload ADD COLUMN overtaken_by INTEGER;
UPDATE payload SET uploading = 1 WHERE answer = 'the service has not answered';
UPDATE payload SET overtaken_by =
        CAST(substr(answer, instr(answer, 'superseded by run ') + 18) AS INTEGER)
    WHERE outcome = 'superseded' AND instr(answer, 'superseded by run ')
"""
"""What the words of an answer were known by."""

_ORPHANS = """
DELETE FROM job WHERE dag_id NOT IN (SELECT id FROM dag);
DELETE FROM payload WHERE dag_id NOT IN (SELECT id FROM dag)
"""
"""What was left of DAGs that were forgotten."""


def bring_up(db: Connection) -> None:
    """Turn the tables of version 5 into those of 6, in the transaction that is under way.

    Raises
    ------
    LedgerDamaged
        It holds what no condorloop has written.
    """
    if odd := next(_odd_lists(db), ""):
        raise LedgerDamaged(f"{db.path}: {odd}")
    try:
        _rebuild(db)
    except sqlite3.IntegrityError as error:
        raise LedgerDamaged(f"{db.path}: {error}") from error
    for child, _, parent, _ in db.execute("PRAGMA foreign_key_check"):
        raise LedgerDamaged(f"{db.path}: {child} names what {parent} does not have")


def _rebuild(db: Connection) -> None:
    for index in _IN_THE_WAY:
        db.execute(f"DROP INDEX {index}")
    _run(db, (statement for name in WORDS for statement in table_of_words(name).split(";")))
    _run(db, _ORPHANS.split(";"))
    _run(db, (table(name, tables=TABLES) for name in _LISTS))
    _run(db, _FILL.split(";"))
    _run(db, _UPLOADS.split(";"))
    _split_texts(db)
    for name in _REBUILT:
        _make_again(db, name)
    there = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    # those of tables that a later version adds are made with them
    words = {index: index.split() for index in INDICES}
    _run(db, (index for index, w in words.items() if w[2] not in there and w[4] in there))


def _run(db: Connection, statements: Iterable[str]) -> None:
    for statement in filter(str.strip, statements):
        db.execute(statement)


def _split_texts(db: Connection) -> None:
    for campaign_id, text in db.execute("SELECT id, cleaned FROM campaign WHERE cleaned <> ''"):
        names = dict.fromkeys(name for name in text.split(",") if name)
        db.executemany(
            "INSERT OR IGNORE INTO campaign_cleaned (campaign_id, artifact, begun)"
            " VALUES (?, ?, ?)",
            [(campaign_id, n.rstrip(_BEGUN), int(n.endswith(_BEGUN))) for n in names],
        )
    for dag_id, text in db.execute("SELECT dag_id, hashes FROM payload WHERE hashes <> ''"):
        db.executemany(
            "INSERT INTO payload_other_hash (dag_id, number, hash) VALUES (?, ?, ?)",
            [(dag_id, number, each) for number, each in enumerate(text.split())],
        )


def _make_again(db: Connection, name: str) -> None:
    made = f"made_{name}"
    db.execute(table(name, made, TABLES))
    there, wanted = (
        [row[1] for row in db.execute(f"PRAGMA table_info({which})")] for which in (name, made)
    )
    columns = ", ".join(column for column in wanted if column in there)
    # Requests of kinds that this condorloop does not know were never answered.
    known = ", ".join(f"'{kind}'" for kind in RequestKind)
    which = f" WHERE kind IN ({known})" if name == "request" else ""
    db.execute(f"INSERT INTO {made} ({columns}) SELECT {columns} FROM {name}{which}")
    db.execute(f"DROP TABLE {name}")
    db.execute(f"ALTER TABLE {made} RENAME TO {name}")


def _odd_lists(db: Connection) -> Iterator[str]:
    """Say which lists cannot be read."""
    odd = {at: _odd_json(at[1], *of) for at, of in _JSON.items()}
    odd |= dict.fromkeys(_TEXTS, "0")
    for (name, column), how in odd.items():
        row = db.execute(
            f"SELECT {column} FROM {name} WHERE typeof({column}) <> 'text' OR {how} LIMIT 1"
        ).fetchone()
        if row is not None:
            yield f"{name}.{column} has {str(row[0])[:40]!r}"
    for (text,) in db.execute("SELECT DISTINCT cleaned FROM campaign"):
        if not {name.rstrip(_BEGUN) for name in text.split(",") if name} <= set(Artifact):
            yield f"campaign.cleaned has {text[:40]!r}"


def _odd_json(column: str, whole: str, part: str) -> str:
    key = " OR e.key GLOB '*[^0-9]*' OR e.key = ''" if column == "overlaps" else ""
    others = f"EXISTS (SELECT 1 FROM json_each({column}) AS e WHERE e.type <> '{part}'{key})"
    return (
        f"CASE WHEN {column} IN ('[]', '{{}}') AND json_type({column}) = '{whole}' THEN 0"
        f" WHEN NOT json_valid({column}) OR json_type({column}) <> '{whole}' THEN 1"
        f" ELSE {others} END"
    )
