"""What the ledger is told of reconstructions: a stream applied to a run, which calibrations share.

Knows the tables `reconstruction` and `reconstruction_file`; it decides nothing. Every method is one
transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from condorloop.ledger.connection import Connection
from condorloop.ledger.queries.missed import MissedQueries
from condorloop.model.campaign import Run
from condorloop.model.jobs import PlannedNode
from condorloop.model.lumis import Lumis


class Reconstructions:
    """The reconstructions of a ledger that is open for writing."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._missed = MissedQueries(db)

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
                "INSERT INTO reconstruction_file (reconstruction_id, file_id)"
                " SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM reconstruction_file"
                " WHERE reconstruction_id = ?1 AND file_id = ?2)",
                [(reconstruction_id, f["id"]) for f in files],
            )
            [row] = self._db.rows("SELECT seen FROM reconstruction WHERE id = ?", reconstruction_id)
            seen = Lumis.union(
                [Lumis.parse(row["seen"]), *(Lumis.parse(f["lumis"]) for f in files)]
            )
            self._db.execute(
                "UPDATE reconstruction SET seen = ? WHERE id = ?", (str(seen), reconstruction_id)
            )

    def read_again(self, reconstruction_id: int, calibration: str) -> int:
        """Let what a calibration missed wait for it alone; return how many RAW files.

        Files that cannot be read, and those that wait for it already, stay as they are.
        """
        with self._db.transaction():
            files = self._missed.of(reconstruction_id, calibration)
            waiting = [each.file for each in files if not each.gone and not each.waits]
            self._db.executemany(
                "INSERT OR IGNORE INTO reconstruction_file"
                " (reconstruction_id, file_id, part, again_for)"
                " SELECT ?, id, ?, ? FROM raw_file WHERE path = ?",
                [
                    (reconstruction_id, str(f.lumis) if f.is_part else "", calibration, f.path)
                    for f in waiting
                ],
            )
            return len({f.path for f in waiting})

    def hold(
        self, reconstruction_id: int, dag_id: int, node: PlannedNode, again_for: str = ""
    ) -> None:
        """Write down that a node reads its RAW files, or a part of one; they wait no longer.

        Each lumisection of a file is read by one node, or waits: what another one was to read of
        these is no more its own. That is so for each calibration by itself that files are read
        `again_for`.
        """
        with self._db.transaction():
            for path in node.paths:
                self._hold(reconstruction_id, dag_id, node, path, again_for)

    def _hold(
        self, reconstruction_id: int, dag_id: int, node: PlannedNode, path: str, again_for: str
    ) -> None:
        rows = self._db.rows(
            "SELECT reconstruction_file.*, lumis FROM reconstruction_file"
            " JOIN raw_file ON raw_file.id = file_id"
            " WHERE reconstruction_id = ? AND path = ? AND again_for = ?",
            reconstruction_id,
            path,
            again_for,
        )
        for row in rows:
            mine = (reconstruction_id, row["file_id"], row["part"], again_for)
            if node.part:
                has = Lumis.parse(row["part"] or row["lumis"])
                if has and not has & node.part:
                    continue
                self._db.execute(_LEFT, (str(has - node.part), *mine))
            self._db.execute(
                "DELETE FROM reconstruction_file"
                " WHERE reconstruction_id = ? AND file_id = ? AND part = ? AND again_for = ?",
                mine,
            )
        if rows:
            blamed = max(row["blamed"] for row in rows)
            self._db.execute(
                "INSERT INTO reconstruction_file"
                " (reconstruction_id, file_id, dag_id, node, blamed, part, again_for)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    reconstruction_id,
                    rows[0]["file_id"],
                    dag_id,
                    node.name,
                    blamed,
                    str(node.part),
                    again_for,
                ),
            )


_LEFT = """
INSERT INTO reconstruction_file (reconstruction_id, file_id, dag_id, node, blamed, part, again_for)
    SELECT reconstruction_id, file_id, dag_id, node, blamed, ?1, again_for FROM reconstruction_file
    WHERE ?1 <> '' AND reconstruction_id = ?2 AND file_id = ?3 AND part = ?4 AND again_for = ?5
"""
"""What is left of a file, or of a part of one, stays where it was."""
