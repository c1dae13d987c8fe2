"""What the ledger knows of uploads, for latencies that are shown while the loop runs.

Knows which campaigns have a payload in the database, and when their lumisections came there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from condorloop.ledger.connection import Connection
from condorloop.model.enums import UploadOutcome
from condorloop.model.latency import LatencyPoint, RunTimes, Upload, latency_point
from condorloop.model.lumis import Lumis


class UploadQueries:
    """What is asked of uploads."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def campaigns(self, since: float) -> list[sqlite3.Row]:
        """What tells whether a campaign's latencies have changed; of runs that started `since`."""
        return self._db.rows(
            "SELECT id, reconstruction_id, calibration, run, run_start, run_end, in_payload,"
            " events_in_payload,"
            " CASE WHEN run_end IS NOT NULL THEN last_ls END AS last_ls"
            " FROM campaign INDEXED BY campaign_start"
            " WHERE run_start >= ? AND in_payload <> '' ORDER BY run_start, run, calibration",
            since,
        )

    def of(self, campaign_id: int) -> list[Upload]:
        """The payloads of a campaign that were uploaded, and pieces, in the order of their DAGs."""
        rows = self._db.rows(
            "SELECT dag_id, lumis, answered_at FROM payload WHERE campaign_id = ?1"
            " AND outcome = ?2 AND answered_at IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM payload_piece AS sent"
            " WHERE sent.payload_id = payload.id)"
            " UNION ALL SELECT dag_id, sent.lumis, sent_at FROM payload"
            " JOIN payload_piece AS sent ON sent.payload_id = payload.id WHERE campaign_id = ?1"
            " ORDER BY dag_id, answered_at",
            campaign_id,
            UploadOutcome.UPLOADED,
        )
        return [Upload(r["dag_id"], Lumis.parse(r["lumis"]), r["answered_at"]) for r in rows]

    def first_seen(self, reconstruction_id: int) -> dict[int, float]:
        """When the first good RAW file of each lumisection of a reconstruction was seen."""
        seen: dict[int, float] = {}
        for row in self._db.rows(
            "SELECT lumis, seen_at FROM reconstruction_file JOIN raw_file ON raw_file.id = file_id"
            " WHERE reconstruction_id = ?",
            reconstruction_id,
        ):
            for lumi in Lumis.parse(row["lumis"]):
                seen[lumi] = min(row["seen_at"], seen.get(lumi, row["seen_at"]))
        return seen


class RecentLatencies:
    """The latencies of recent campaigns, each computed anew only when something has changed."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[tuple[object, ...], LatencyPoint | None]] = {}

    def of(self, uploads: UploadQueries, since: float) -> tuple[LatencyPoint, ...]:
        """Give the latencies of the campaigns whose runs started after `since`, by run."""
        found = {}
        seen: dict[int, Mapping[int, float]] = {}
        for row in uploads.campaigns(since):
            state = tuple(row)
            before, point = self._known.get(row["id"], ((), None))
            if state != before:
                point = _point(uploads, row, seen)
            found[row["id"]] = (state, point)
        self._known = found
        return tuple(point for _, point in found.values() if point)


def _point(
    uploads: UploadQueries, row: sqlite3.Row, known: dict[int, Mapping[int, float]]
) -> LatencyPoint | None:
    """Compute the latencies of a campaign; `known` is when files of reconstructions were seen."""
    seen: Mapping[int, float] = {}
    if not (row["run_end"] and row["last_ls"]):
        mine = row["reconstruction_id"]
        if mine not in known:
            known[mine] = uploads.first_seen(mine)
        seen = known[mine]
    times = RunTimes(row["run_start"], row["run_end"], row["last_ls"], seen)
    return latency_point(row["calibration"], row["run"], times, uploads.of(row["id"]))
