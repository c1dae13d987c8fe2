"""Reading the ledger: RAW files.

Knows which files storage has listed, and what their probes came to; knows campaigns only as those
who read a stream of a run. A plus before a column keeps SQLite from an index that would lead it
through all that ever was.
"""

from __future__ import annotations

import sqlite3

from condorloop.ledger.connection import Connection
from condorloop.model.campaign import RawFile
from condorloop.model.enums import FileState
from condorloop.model.lumis import EMPTY, Lumis


class RawFileQueries:
    """What is asked of RAW files."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def path_and_run(self, path: str) -> tuple[str, int] | None:
        """Which raw_path and run a RAW file belongs to; None if it is not known."""
        rows = self._db.rows("SELECT raw_path, run FROM raw_file WHERE path = ?", path)
        return (rows[0]["raw_path"], rows[0]["run"]) if rows else None

    def watched(self, since: float, asked: float) -> dict[tuple[str, int], bool]:
        """Which (raw_path, run) folders may still give files, older runs first.

        Those of campaigns whose windows count from `since` or later, and those that a person asked
        for after `asked`; each with whether a campaign that reads it is open.
        """
        rows = self._db.rows(
            "SELECT raw_path, campaign.run, MAX(state IN ('active', 'closing')) AS open"
            " FROM campaign JOIN reconstruction ON reconstruction.id = reconstruction_id"
            " WHERE window_from >= ? OR asked_at >= ?"
            " GROUP BY +campaign.run, raw_path ORDER BY +campaign.run, raw_path",
            since,
            asked,
        )
        return {(r["raw_path"], r["run"]): bool(r["open"]) for r in rows}

    def of_run(self, raw_path: str, run: int) -> dict[str, int]:
        """The known RAW files of a run in a raw_path: path to size in bytes."""
        rows = self._db.rows(
            "SELECT path, size FROM raw_file WHERE raw_path = ? AND run = ?", raw_path, run
        )
        return {r["path"]: r["size"] for r in rows}

    def good(self, raw_path: str, run: int) -> frozenset[str]:
        """The RAW files of a run that were probed and are good."""
        rows = self._db.rows(
            "SELECT path FROM raw_file WHERE raw_path = ? AND run = ? AND state = ?",
            raw_path,
            run,
            FileState.GOOD,
        )
        return frozenset(row["path"] for row in rows)

    def gone(self, raw_path: str, run: int) -> set[str]:
        """The RAW files of a run that storage listed once, and does not list any more."""
        rows = self._db.rows(
            "SELECT path FROM raw_file WHERE raw_path = ? AND run = ? AND gone = 1", raw_path, run
        )
        return {r["path"] for r in rows}

    def to_probe(self, raw_path: str, run: int) -> dict[str, int]:
        """The RAW files of a run that are not known to be good or bad: path to probes so far."""
        rows = self._db.rows(
            "SELECT path, probes, seen_at FROM raw_file INDEXED BY raw_file_new"
            " WHERE state = 'new' AND raw_path = ? AND run = ? AND gone = 0"
            " UNION ALL SELECT path, probes, seen_at FROM raw_file INDEXED BY raw_file_unreadable"
            " WHERE state = 'unreadable' AND raw_path = ? AND run = ? AND gone = 0"
            " ORDER BY seen_at, path",
            raw_path,
            run,
            raw_path,
            run,
        )
        return {r["path"]: r["probes"] for r in rows}

    def tries(self, path: str) -> tuple[int, bool]:
        """How often a RAW file was probed in vain, and whether it is not waited for any more."""
        rows = self._db.rows(
            "SELECT probes, state FROM raw_file WHERE path = ? AND state IN (?, ?)",
            path,
            FileState.NEW,
            FileState.UNREADABLE,
        )
        return next(((r["probes"], r["state"] == FileState.UNREADABLE) for r in rows), (0, False))

    def probes(self) -> dict[str, int]:
        """How often each RAW file was probed, by path."""
        return {r["path"]: r["probes"] for r in self._db.rows("SELECT path, probes FROM raw_file")}

    def held(self, reconstruction_id: int) -> dict[str, Lumis]:
        """The lumisections of RAW files of a reconstruction that DAGs hold, by path.

        But for those that are read once more for one calibration.
        """
        rows = self._db.rows(
            "SELECT path, lumis, part FROM reconstruction_file"
            " JOIN raw_file ON raw_file.id = file_id"
            " WHERE reconstruction_id = ? AND dag_id IS NOT NULL AND again_for = ''",
            reconstruction_id,
        )
        held: dict[str, Lumis] = {}
        for row in rows:
            mine = Lumis.parse(row["part"] or row["lumis"])
            held[row["path"]] = held.get(row["path"], EMPTY) | mine
        return held


def raw_file(row: sqlite3.Row) -> RawFile:
    """Give a RAW file, or the part of it that a reconstruction has in a row of its own."""
    file = RawFile(row["path"], row["size"], Lumis.parse(row["lumis"]), row["events"])
    return file.part(Lumis.parse(row["part"])) if row["part"] else file
