"""Reading the ledger: what HARVEST and UPLOAD of a DAG made.

Knows a DAG by its id alone.
"""

from __future__ import annotations

import json
import re
import sqlite3

from condorloop.ledger.connection import Connection
from condorloop.model.enums import OVERTAKEN_BY, UploadOutcome
from condorloop.model.jobs import HarvestRecord
from condorloop.model.lumis import Lumis

_OVERTAKEN = re.compile(re.escape(OVERTAKEN_BY) + "([0-9]+)")


class PayloadQueries:
    """What is asked of payloads."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def of_dag(self, dag_id: int) -> HarvestRecord | None:
        """How far HARVEST and UPLOAD of a DAG have come, as it was last written down."""
        rows = self._db.rows("SELECT * FROM payload WHERE dag_id = ?", dag_id)
        return _harvest_record(rows[0]) if rows else None

    def overtaken_by(self, campaign_id: int) -> int | None:
        """By which younger run a campaign's last payload was superseded; None if by none."""
        rows = self._db.rows(
            "SELECT outcome, answer FROM payload WHERE campaign_id = ? AND answered_at IS NOT NULL"
            " ORDER BY answered_at DESC LIMIT 1",
            campaign_id,
        )
        superseded = [r["answer"] for r in rows if r["outcome"] == UploadOutcome.SUPERSEDED]
        found = (_OVERTAKEN.search(answer) for answer in superseded)
        return next((int(match[1]) for match in found if match), None)


def _harvest_record(row: sqlite3.Row) -> HarvestRecord:
    return HarvestRecord(
        inputs=frozenset(json.loads(row["inputs"])),
        lumis=Lumis.parse(row["lumis"]),
        events=row["events"],
        harvested_at=row["harvested_at"],
        outcome=UploadOutcome(row["outcome"]) if row["outcome"] else None,
        answer=row["answer"],
        tag=row["tag"],
        hash=row["hash"],
        since=row["since"],
        answered_at=row["answered_at"],
        left_out=frozenset(json.loads(row["left_out"])),
        overlaps={int(job): why for job, why in json.loads(row["overlaps"]).items()},
        other_hashes=tuple(row["hashes"].split()),
    )
