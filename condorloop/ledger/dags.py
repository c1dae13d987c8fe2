"""What the ledger is told of DAGs, their nodes and payloads.

Knows the tables `dag`, `node`, `job` and `payload`, and which RAW files a DAG holds; it decides
nothing. Every method is one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple

from condorloop.ledger.archive import LedgerArchive
from condorloop.ledger.changes import LedgerChanges
from condorloop.ledger.destinations import LedgerDestinations
from condorloop.ledger.luminosity import LedgerLuminosity
from condorloop.ledger.notifications import LedgerTold
from condorloop.ledger.queries.retention import LedgerRetention
from condorloop.ledger.queries.status import LedgerSummary
from condorloop.ledger.queries.uploads import LedgerUploads
from condorloop.ledger.retries import LedgerRetries
from condorloop.model.enums import DagState, NodeKind, UploadOutcome
from condorloop.model.jobs import FailedNode, HarvestRecord, JobRecord, PlannedNode
from condorloop.model.lumis import EMPTY, Lumis


class DagLedger(
    LedgerSummary,
    LedgerUploads,
    LedgerRetention,
    LedgerRetries,
    LedgerTold,
    LedgerDestinations,
    LedgerLuminosity,
    LedgerChanges,
    LedgerArchive,
):
    """A ledger that DAGs can be written down in."""

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
        planned = list(nodes)
        harvests = any(node.kind is NodeKind.HARVEST for node in planned)
        with self._transaction():
            cursor = self._db.execute(
                "INSERT INTO dag (campaign_id, number, batch, state, reason, planned_at, harvests)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (campaign_id, number, batch, DagState.PLANNED, reason, now, int(harvests)),
            )
            dag_id = cursor.lastrowid or 0
            for node in planned:
                self._db.execute(
                    "INSERT INTO node (dag_id, name, campaign_id, kind, job, output, witness,"
                    " child, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(dag_id, node.name, campaign_id, node.kind, node.job),
                        *(node.output, node.witness, node.child),
                        "dropped" if node.empty else "waiting",
                    ),
                )
                self._db.executemany(
                    "UPDATE campaign_file SET dag_id = ?, node = ? WHERE campaign_id = ?"
                    " AND file_id = (SELECT id FROM raw_file WHERE path = ?)",
                    [(dag_id, node.name, campaign_id, path) for path in node.paths],
                )
            self._note_holdings(dag_id)
            return dag_id

    def _note_holdings(self, dag_id: int) -> None:
        """Write down what the RAW files of a DAG hold."""
        files = self._all(
            "SELECT lumis, events FROM campaign_file JOIN raw_file ON raw_file.id = file_id"
            " WHERE dag_id = ?",
            dag_id,
        )
        lumis = Lumis.union(Lumis.parse(f["lumis"]) for f in files)
        self._db.execute(
            "UPDATE dag SET lumis = ?, events = ? WHERE id = ?",
            (str(lumis), sum(f["events"] for f in files), dag_id),
        )

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
                " ended_at = NULL, held = 0, refused = '' WHERE id = ?",
                (DagState.ACTIVE, cluster, now, dag_id),
            )

    def set_refused(self, dag_id: int, why: str) -> None:
        """Write down why the schedd does not take a planned DAG, though it takes others."""
        with self._transaction():
            self._db.execute(
                "UPDATE dag SET refused = ? WHERE id = ? AND state = ?",
                (why, dag_id, DagState.PLANNED),
            )

    def plan_rescue(self, dag_id: int, without: Mapping[str, Iterable[str]]) -> None:
        """Write down that a failed DAG is about to be submitted again, `without` these inputs.

        RAW files among them are probed again, or given up if that has been so too often.
        """
        with self._transaction():
            for node, inputs in without.items():
                self._drop(dag_id, node, inputs)
            self._plan_again(dag_id, "rescues + 1")

    def plan_resubmission(self, dag_id: int) -> None:
        """Write down that a person wants a DAG submitted again; its rescues count anew."""
        with self._transaction():
            self._plan_again(dag_id, "0")

    def _plan_again(self, dag_id: int, rescues: str) -> None:
        self._db.execute(
            f"UPDATE dag SET state = ?, rescues = {rescues}, removed_by = '' WHERE id = ?",
            (DagState.PLANNED, dag_id),
        )
        self._db.execute(
            "UPDATE node SET state = 'waiting', exit_code = NULL, error = ''"
            " WHERE dag_id = ? AND state = 'failed'",
            (dag_id,),
        )

    def dag_ended(
        self, dag_id: int, failed: Iterable[FailedNode] | None, now: float, removed_by: str = ""
    ) -> None:
        """Write down the end of a DAG: with `failed` None it is done, else those nodes failed."""
        with self._transaction():
            state = DagState.DONE if failed is None else DagState.FAILED
            self._db.execute(
                "UPDATE dag SET state = ?, ended_at = ?, held = 0, refused = '', removed_by = ?"
                " WHERE id = ?",
                (DagState.REMOVED if removed_by else state, now, removed_by, dag_id),
            )
            self._nodes_failed(dag_id, failed or ())

    def lose_dag(self, dag_id: int, kept: frozenset[str], now: float) -> None:
        """Write down that a DAG's directory is gone; files wait again that no `kept` node holds.

        Parameters
        ----------
        kept
            The ALCA nodes whose ALCARECO is still there.
        """
        with self._transaction():
            self._db.execute(
                "UPDATE dag SET state = ?, ended_at = ?, held = 0 WHERE id = ?",
                (DagState.LOST, now, dag_id),
            )
            for node in self._all("SELECT * FROM node WHERE dag_id = ?", dag_id):
                alca = node["child"] if node["kind"] == NodeKind.RECO else node["name"]
                if alca in kept or (not alca and kept):
                    continue
                self._db.execute(
                    "UPDATE node SET state = 'dropped', dropped = '[]'"
                    " WHERE dag_id = ? AND name = ?",
                    (dag_id, node["name"]),
                )
                self._db.execute(
                    "UPDATE campaign_file SET dag_id = NULL, node = NULL"
                    " WHERE dag_id = ? AND node = ?",
                    (dag_id, node["name"]),
                )
            self._unharvest(dag_id)

    def harvest_again(self, campaign_id: int, alcareco: Iterable[int]) -> None:
        """Let ALCARECO of these numbers be harvested again, as if no harvest had read them."""
        with self._transaction():
            self._set_unharvested(campaign_id, alcareco)

    def _set_unharvested(self, campaign_id: int, alcareco: Iterable[int]) -> None:
        self._db.executemany(
            "UPDATE node SET harvested = 0 WHERE campaign_id = ? AND job = ?",
            [(campaign_id, job) for job in alcareco],
        )

    def _unharvest(self, dag_id: int) -> None:
        """Let the ALCARECO of a harvest that never came to an answer be harvested again."""
        for payload in self._all(
            "SELECT * FROM payload WHERE dag_id = ? AND (outcome IS NULL OR outcome IN (?, ?))",
            *(dag_id, UploadOutcome.NO_ANSWER, UploadOutcome.FAILED),
        ):
            self._set_unharvested(payload["campaign_id"], json.loads(payload["inputs"]))

    def record_jobs(self, dag_id: int, jobs: Iterable[JobRecord]) -> None:
        """Write down the jobs of a DAG as its events tell; those of earlier runs of it stay."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO job (dag_id, node, job_id, submitted_at, host, started_at,"
                " ended_at, exit_code, cpu_time, memory_used, memory_asked, starts, holds,"
                " hold_reason, removed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(dag_id, *astuple(job)) for job in jobs],
            )

    def withdraw_dags(self, dag_ids: Iterable[int], who: str) -> None:
        """Write down that a person wants DAGs out of the queue, and those that failed left so."""
        with self._transaction():
            self._db.executemany(
                "UPDATE dag SET removed_by = ?, state = CASE state WHEN 'failed' THEN 'removed'"
                " ELSE state END WHERE id = ? AND removed_by = ''",
                [(who, dag_id) for dag_id in dag_ids],
            )

    def set_held(self, dag_id: int, held: bool) -> None:
        """Write down whether jobs of a DAG are held."""
        with self._transaction():
            self._db.execute("UPDATE dag SET held = ? WHERE id = ?", (int(held), dag_id))

    def nodes_failed(self, dag_id: int, nodes: Iterable[FailedNode]) -> None:
        """Write down nodes that failed in a DAG whose other nodes go on."""
        with self._transaction():
            self._nodes_failed(dag_id, nodes)

    def _nodes_failed(self, dag_id: int, nodes: Iterable[FailedNode]) -> None:
        self._db.executemany(
            "UPDATE node SET state = 'failed', exit_code = ?, error = ?, blames = ?"
            " WHERE dag_id = ? AND name = ?",
            [(n.exit_code, n.error, json.dumps(dict(n.blames)), dag_id, n.name) for n in nodes],
        )

    def node_done(
        self,
        dag_id: int,
        name: str,
        lumis: Lumis,
        events: int,
        now: float,
        lacking: Lumis = EMPTY,
    ) -> None:
        """Write down that a node succeeded, what its output holds and what it did not read."""
        with self._transaction():
            self._db.execute(
                "UPDATE node SET state = 'done', lumis = ?, events = ?, done_at = ?, lacking = ?,"
                " exit_code = NULL, error = '' WHERE dag_id = ? AND name = ?",
                (str(lumis), events, now, str(lacking), dag_id, name),
            )

    def record_harvest(self, dag_id: int, campaign_id: int, record: HarvestRecord) -> None:
        """Write down how far HARVEST and UPLOAD of a DAG have come."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO payload (dag_id, campaign_id, inputs, lumis, events,"
                " harvested_at, outcome, answer, tag, hash, since, answered_at, left_out, hashes,"
                " overlaps) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(dag_id, campaign_id, json.dumps(sorted(record.inputs))),
                    *(str(record.lumis), record.events),
                    *(record.harvested_at, record.outcome, record.answer, record.tag),
                    *(record.hash, record.since, record.answered_at),
                    *(json.dumps(sorted(record.left_out)), _words(record.other_hashes)),
                    json.dumps(dict(record.overlaps)),
                ),
            )
            if record.harvested_at is None:
                return
            self._db.executemany(
                "UPDATE node SET harvested = 1 WHERE campaign_id = ? AND job = ?",
                [
                    (campaign_id, j)
                    for j in record.inputs | record.left_out | record.overlaps.keys()
                ],
            )
            self._note_harvest(campaign_id, record.lumis, record.events)
            if record.outcome is UploadOutcome.UPLOADED:
                self._note_payload(campaign_id, record.lumis, record.events)

    def _note_harvest(self, campaign_id: int, lumis: Lumis, events: int) -> None:
        [row] = self._all(
            "SELECT harvested, events_harvested FROM campaign WHERE id = ?", campaign_id
        )
        known = (len(Lumis.parse(row["harvested"])), row["events_harvested"])
        if (len(lumis), events) > known:
            self._db.execute(
                "UPDATE campaign SET harvested = ?, events_harvested = ? WHERE id = ?",
                (str(lumis), events, campaign_id),
            )

    def note_payload(self, campaign_id: int, lumis: Lumis, events: int) -> None:
        """Write down that a payload of these LS is in the database, unless a better one is."""
        with self._transaction():
            self._note_payload(campaign_id, lumis, events)

    def _note_payload(self, campaign_id: int, lumis: Lumis, events: int) -> None:
        known, known_events = self.uploaded(campaign_id)
        if (len(lumis), events) > (len(known), known_events):
            self._db.execute(
                "UPDATE campaign SET in_payload = ?, events_in_payload = ? WHERE id = ?",
                (str(lumis), events, campaign_id),
            )


def _words(hashes: Iterable[str]) -> str:
    """Hashes as text in which each follows a space, so that the beginning of one can be found."""
    return "".join(f" {each}" for each in hashes)
