"""What the ledger is told of reconstructions: a stream applied to a run, which calibrations share.

Knows the tables `reconstruction` and `reconstruction_file`; it decides nothing. Every method is one
transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from condorloop.ledger.connection import Connection
from condorloop.model.campaign import Run
from condorloop.model.lumis import Lumis


class Reconstructions:
    """The reconstructions of a ledger that is open for writing."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def begin(self, stream: str, raw_path: str, run: Run, now: float) -> int:
        """Write down a reconstruction, and give its id; one that is there is gone on with.

        The good files that are known of its run wait in it.
        """
        with self._db.transaction():
            known = self._db.rows(
                "SELECT id FROM reconstruction WHERE run = ? AND stream = ?", run.number, stream
            )
            if known:
                return int(known[0]["id"])
            cursor = self._db.execute(
                "INSERT INTO reconstruction (stream, run, raw_path, begun_at, last_new_at,"
                " fill_type, l1_hlt_mode) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (stream, run.number, raw_path, now, now, run.fill_type, run.l1_hlt_mode),
            )
            made = cursor.lastrowid or 0
            files = self._db.rows(
                "SELECT id, lumis FROM raw_file WHERE raw_path = ? AND run = ? AND state = 'good'",
                raw_path,
                run.number,
            )
            self.attach(made, files)
            return made

    def attach(self, reconstruction_id: int, files: Sequence[sqlite3.Row]) -> None:
        """Let good RAW files wait in a reconstruction: rows with `id` and `lumis`."""
        with self._db.transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO reconstruction_file (reconstruction_id, file_id)"
                " VALUES (?, ?)",
                [(reconstruction_id, f["id"]) for f in files],
            )
            [row] = self._db.rows("SELECT seen FROM reconstruction WHERE id = ?", reconstruction_id)
            seen = Lumis.union(
                [Lumis.parse(row["seen"]), *(Lumis.parse(f["lumis"]) for f in files)]
            )
            self._db.execute(
                "UPDATE reconstruction SET seen = ? WHERE id = ?", (str(seen), reconstruction_id)
            )
