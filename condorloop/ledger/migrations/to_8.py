"""From the tables of schema version 7 to those of 8: reconstructions get a table of their own.

Each campaign gets a reconstruction of the same id, whose stream has the calibration's name; its
RAW files, batches and nodes are the reconstruction's. A payload is one of a DAG and a campaign.
Foreign keys are off meanwhile, and all are checked in the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from condorloop.ledger.connection import Connection, LedgerDamaged
from condorloop.ledger.schema import INDICES, WORDS, table

_RECONSTRUCTIONS = """
INSERT INTO reconstruction (id, stream, run, raw_path, begun_at, last_new_at, seen)
    SELECT id, calibration, run, stream, latched_at, last_new_at, seen FROM campaign
"""

_ALCARECO = """
INSERT INTO alcareco (campaign_id, dag_id, node, harvested)
    SELECT campaign_id, dag_id, name, harvested FROM node WHERE kind = 'ALCA'
"""

_MADE_FOR = """
INSERT INTO made_for (dag_id, calibration)
    SELECT dag.id, calibration FROM dag JOIN campaign ON campaign.id = campaign_id
    WHERE batch IS NOT NULL
"""

_MADE_AGAIN: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "campaign": ("campaign", {"reconstruction_id": "id"}),
    "raw_file": ("raw_file", {"raw_path": "stream"}),
    "reconstruction_file": ("campaign_file", {"reconstruction_id": "campaign_id"}),
    "dag": (
        "dag",
        {
            "reconstruction_id": "campaign_id",
            "campaign_id": "CASE WHEN batch IS NULL THEN campaign_id END",
        },
    ),
    "node": (
        "node",
        {
            "reconstruction_id": "campaign_id",
            "campaign_id": "CASE WHEN kind IN ('HARVEST', 'UPLOAD') THEN campaign_id END",
        },
    ),
    "node_dropped": ("node_dropped", {"reconstruction_id": "campaign_id"}),
    "payload": ("payload", {"id": "dag_id"}),
    "request": ("request", {}),
    **{
        f"payload_{name}": (f"payload_{name}", {"payload_id": "dag_id"})
        for name in ("input", "left_out", "overlap", "piece", "other_hash", "destination")
    },
}
"""The tables that are made again: from which one, and what is otherwise than there."""


def bring_up(db: Connection) -> None:
    """Turn the tables of version 7 into those of 8, in the transaction that is under way.

    Raises
    ------
    LedgerDamaged
        It holds what no condorloop has written.
    """
    try:
        for name, words in WORDS.items():
            db.executemany(f"INSERT OR IGNORE INTO {name} VALUES (?)", [(str(w),) for w in words])
        db.execute(table("reconstruction"))
        db.execute(_RECONSTRUCTIONS)
        db.execute(table("alcareco"))
        db.execute(_ALCARECO)
        db.execute(table("made_for"))
        db.execute(table("node_culprit"))
        db.execute(_MADE_FOR)
        for name, (source, otherwise) in _MADE_AGAIN.items():
            _make_again(db, name, source, otherwise)
        there = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        for index in INDICES:
            if index.split()[2] not in there:
                db.execute(index)
    except sqlite3.IntegrityError as error:
        raise LedgerDamaged(f"{db.path}: {error}") from error
    for child, _, parent, _ in db.execute("PRAGMA foreign_key_check"):
        raise LedgerDamaged(f"{db.path}: {child} names what {parent} does not have")


def _make_again(db: Connection, name: str, source: str, otherwise: Mapping[str, str]) -> None:
    made = f"made_{name}"
    db.execute(table(name, made))
    there, wanted = (
        [row[1] for row in db.execute(f"PRAGMA table_info({which})")] for which in (source, made)
    )
    columns = [column for column in wanted if column in there or column in otherwise]
    values = ", ".join(otherwise.get(column, column) for column in columns)
    db.execute(f"INSERT INTO {made} ({', '.join(columns)}) SELECT {values} FROM {source}")
    db.execute(f"DROP TABLE {source}")
    db.execute(f"ALTER TABLE {made} RENAME TO {name}")
