"""The ledger: the manager's SQLite file, and the one place that writes to it.

Knows what was seen, decided and done; it decides nothing. Only the submitter writes, and every
method that writes is one transaction.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from condorloop.ledger_schema import SCHEMA, SCHEMA_VERSION
from condorloop.ledger_view import LedgerError, LedgerView
from condorloop.lumis import Lumis
from condorloop.model import (
    CampaignKey,
    CampaignState,
    DagState,
    FileState,
    HarvestRecord,
    PlannedNode,
    Probe,
    Run,
    UploadOutcome,
)

__all__ = ["Ledger", "LedgerError"]


class Ledger(LedgerView):
    """The ledger, open for writing; the file is made when it is not there."""

    _mode = "rwc"

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._create()

    def _create(self) -> None:
        with self._transaction():
            if self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
                return
            for statement in filter(str.strip, SCHEMA.split(";")):
                self._db.execute(statement)
            values = {"schema_version": str(SCHEMA_VERSION), "ledger_id": uuid.uuid4().hex[:12]}
            self._db.executemany("INSERT INTO meta VALUES (?, ?)", values.items())

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All that is written inside is kept, or nothing."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise LedgerError(f"{self._path}: {error}") from error
        finally:
            if self._db.in_transaction:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")

    def latch(self, key: CampaignKey, stream: str, run: Run, reason: str, now: float) -> None:
        """Open a campaign; the good files that are known of its run are waiting in it."""
        with self._transaction():
            cursor = self._db.execute(
                "INSERT OR IGNORE INTO campaign (calibration, run, stream, state, reason, fill,"
                " run_start, run_end, last_ls, latched_at, state_since, last_new_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(key.calibration, key.run, stream, CampaignState.ACTIVE, reason, run.fill),
                    *(run.start, run.end, run.last_ls, now, now, now),
                ),
            )
            if not cursor.rowcount:
                return
            campaign_id = cursor.lastrowid
            files = self._all(
                "SELECT id, lumis FROM raw_file WHERE stream = ? AND run = ? AND state = 'good'",
                *(stream, key.run),
            )
            self._attach(campaign_id or 0, files)

    def _attach(self, campaign_id: int, files: Sequence[sqlite3.Row]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO campaign_file (campaign_id, file_id) VALUES (?, ?)",
            [(campaign_id, f["id"]) for f in files],
        )
        row = self._db.execute("SELECT seen FROM campaign WHERE id = ?", (campaign_id,)).fetchone()
        seen = Lumis.union([Lumis.parse(row["seen"]), *(Lumis.parse(f["lumis"]) for f in files)])
        self._db.execute("UPDATE campaign SET seen = ? WHERE id = ?", (str(seen), campaign_id))

    def update_runs(self, runs: Iterable[Run]) -> None:
        """Take over what OMS says of runs that have campaigns.

        A last LS or a fill that it does not tell is not known now, and what was known stands. No
        end time is an answer: the run is being taken.
        """
        with self._transaction():
            self._db.executemany(
                "UPDATE campaign SET run_end = ?1, last_ls = COALESCE(?2, last_ls),"
                " fill = COALESCE(?3, fill) WHERE run = ?4 AND (run_end IS NOT ?1"
                " OR last_ls IS NOT COALESCE(?2, last_ls) OR fill IS NOT COALESCE(?3, fill))",
                [(r.end, r.last_ls, r.fill, r.number) for r in runs],
            )

    def set_state(self, campaign_id: int, state: CampaignState, reason: str, now: float) -> None:
        """Move a campaign to another state."""
        with self._transaction():
            self._db.execute(
                "UPDATE campaign SET state = ?, reason = ?, state_since = ? WHERE id = ?",
                (state, reason, now, campaign_id),
            )

    def add_files(self, stream: str, run: int, files: Mapping[str, int], now: float) -> None:
        """Write down new RAW files, or ones whose size has changed while they were no good."""
        with self._transaction():
            self._db.executemany(
                "INSERT INTO raw_file (path, stream, run, size, seen_at, state)"
                " VALUES (?, ?, ?, ?, ?, 'new') ON CONFLICT (path) DO UPDATE"
                " SET size = excluded.size, state = 'new', probes = 0 WHERE state <> 'good'",
                [(path, stream, run, size, now) for path, size in files.items()],
            )
            self._db.execute(
                "UPDATE campaign SET last_new_at = ? WHERE stream = ? AND run = ?",
                (now, stream, run),
            )

    def record_probe(self, path: str, state: FileState, probe: Probe, now: float) -> None:
        """Write down what probing a file told; a good one waits in every campaign that reads it."""
        with self._transaction():
            self._db.execute(
                "UPDATE raw_file SET state = ?, probes = probes + 1, probed_at = ?, lumis = ?,"
                " events = ?, error = ? WHERE path = ?",
                (state, now, str(probe.lumis), probe.events, probe.error, path),
            )
            if state is not FileState.GOOD:
                return
            files = self._all("SELECT id, lumis, stream, run FROM raw_file WHERE path = ?", path)
            for campaign in self._all(
                "SELECT id FROM campaign WHERE stream = ? AND run = ?",
                *(files[0]["stream"], files[0]["run"]),
            ):
                self._attach(campaign["id"], files)

    def plan_dag(
        self,
        campaign_id: int,
        batch: int | None,
        number: int,
        nodes: Iterable[PlannedNode],
        reason: str,
        now: float,
    ) -> int:
        """Write down a DAG before anything of it exists; its files wait no longer."""
        with self._transaction():
            cursor = self._db.execute(
                "INSERT INTO dag (campaign_id, number, batch, state, reason, planned_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (campaign_id, number, batch, DagState.PLANNED, reason, now),
            )
            dag_id = cursor.lastrowid or 0
            for node in nodes:
                self._db.execute(
                    "INSERT INTO node (dag_id, name, campaign_id, kind, job, output, witness,"
                    " state) VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting')",
                    (
                        *(dag_id, node.name, campaign_id, node.kind, node.job),
                        *(node.output, node.witness),
                    ),
                )
                self._db.executemany(
                    "UPDATE campaign_file SET dag_id = ?, node = ? WHERE campaign_id = ?"
                    " AND file_id = (SELECT id FROM raw_file WHERE path = ?)",
                    [(dag_id, node.name, campaign_id, path) for path in node.paths],
                )
            return dag_id

    def drop_dag(self, dag_id: int) -> None:
        """Forget a planned DAG of which nothing was made; its files are waiting again."""
        with self._transaction():
            self._db.execute(
                "UPDATE campaign_file SET dag_id = NULL, node = NULL WHERE dag_id = ?", (dag_id,)
            )
            self._db.execute("DELETE FROM node WHERE dag_id = ?", (dag_id,))
            self._db.execute("DELETE FROM dag WHERE id = ?", (dag_id,))

    def dag_submitted(self, dag_id: int, cluster: int, now: float) -> None:
        """Write down that a DAG is in the queue."""
        with self._transaction():
            self._db.execute(
                "UPDATE dag SET state = ?, cluster = ?, submitted_at = COALESCE(submitted_at, ?),"
                " ended_at = NULL WHERE id = ?",
                (DagState.ACTIVE, cluster, now, dag_id),
            )

    def plan_rescue(self, dag_id: int) -> None:
        """Write down that a failed DAG is about to be submitted again."""
        with self._transaction():
            self._db.execute(
                "UPDATE dag SET state = ?, rescues = rescues + 1 WHERE id = ?",
                (DagState.PLANNED, dag_id),
            )
            self._db.execute(
                "UPDATE node SET state = 'waiting' WHERE dag_id = ? AND state = 'failed'",
                (dag_id,),
            )

    def dag_ended(self, dag_id: int, failed: Iterable[str] | None, now: float) -> None:
        """Write down the end of a DAG: with `failed` None it is done, else those nodes failed."""
        with self._transaction():
            state = DagState.DONE if failed is None else DagState.FAILED
            self._db.execute(
                "UPDATE dag SET state = ?, ended_at = ? WHERE id = ?", (state, now, dag_id)
            )
        self.nodes_failed(dag_id, failed or ())

    def nodes_failed(self, dag_id: int, names: Iterable[str]) -> None:
        """Write down nodes that failed in a DAG whose other nodes go on."""
        with self._transaction():
            self._db.executemany(
                "UPDATE node SET state = 'failed' WHERE dag_id = ? AND name = ?",
                [(dag_id, name) for name in names],
            )

    def node_done(self, dag_id: int, name: str, lumis: Lumis, events: int, now: float) -> None:
        """Write down that a node succeeded, and what its output holds."""
        with self._transaction():
            self._db.execute(
                "UPDATE node SET state = 'done', lumis = ?, events = ?, done_at = ?"
                " WHERE dag_id = ? AND name = ?",
                (str(lumis), events, now, dag_id, name),
            )

    def record_harvest(self, dag_id: int, campaign_id: int, record: HarvestRecord) -> None:
        """Write down how far HARVEST and UPLOAD of a DAG have come."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO payload (dag_id, campaign_id, inputs, lumis, events,"
                " harvested_at, outcome, answer, tag, hash, since, answered_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(dag_id, campaign_id, json.dumps(sorted(record.inputs))),
                    *(str(record.lumis), record.events),
                    *(record.harvested_at, record.outcome, record.answer, record.tag),
                    *(record.hash, record.since, record.answered_at),
                ),
            )
            if record.harvested_at is None:
                return
            self._db.executemany(
                "UPDATE node SET harvested = 1 WHERE campaign_id = ? AND job = ?",
                [(campaign_id, job) for job in record.inputs | record.left_out],
            )
            self._widen(campaign_id, "harvested", record.lumis)
            if record.outcome is UploadOutcome.UPLOADED:
                self._widen(campaign_id, "in_payload", record.lumis)

    def _widen(self, campaign_id: int, column: str, lumis: Lumis) -> None:
        row = self._all(f"SELECT {column} FROM campaign WHERE id = ?", campaign_id)[0]
        if len(lumis) > len(Lumis.parse(row[column])):
            self._db.execute(
                f"UPDATE campaign SET {column} = ? WHERE id = ?", (str(lumis), campaign_id)
            )
