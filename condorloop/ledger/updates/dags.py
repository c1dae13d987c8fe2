"""What the ledger is told of DAGs, their nodes and jobs.

Knows the tables `dag`, `node` and `job`, the lists of nodes, and which RAW files a DAG holds; it
decides nothing. Every method is one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import astuple

from condorloop.ledger.connection import Connection
from condorloop.ledger.queries.dags import DagQueries
from condorloop.ledger.queries.raw_files import raw_file
from condorloop.ledger.updates.payloads import Payloads
from condorloop.ledger.updates.reconstructions import Reconstructions
from condorloop.ledger.updates.retries import Retries
from condorloop.ledger.updates.state_changes import StateChanges
from condorloop.model.enums import DagState, NodeKind, NodeState
from condorloop.model.jobs import FailedNode, JobRecord, PlannedNode
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.rundir.layout import harvest_job


class Dags(DagQueries):
    """The DAGs of a ledger that is open for writing."""

    def __init__(self, db: Connection, retries: Retries, payloads: Payloads) -> None:
        super().__init__(db)
        self._retries = retries
        self._payloads = payloads
        self._reconstructions = Reconstructions(db)
        self._state_changes = StateChanges(db)

    def plan(
        self,
        reconstruction_id: int,
        batch: int | None,
        number: int,
        nodes: Iterable[PlannedNode],
        reason: str,
        now: float,
        *,
        made_for: Collection[str] | None = None,
        again_for: str = "",
    ) -> int:
        """Write down a DAG before anything of it exists; its files wait no longer.

        Parameters
        ----------
        made_for
            The calibrations whose ALCARECO a batch makes; None for all that have campaigns.
        again_for
            The calibration for which alone a batch reads its files once more.
        """
        planned = list(nodes)
        harvests = any(node.kind is NodeKind.HARVEST for node in planned)
        uploads = () if harvests else (n for n in planned if n.kind is NodeKind.UPLOAD)
        sends = next((harvest_job(node.output) for node in uploads), None)
        with self._db.transaction():
            campaigns = self._campaigns(reconstruction_id)
            if made_for is None:
                made_for = [] if batch is None else campaigns
            theirs = {node.name: _campaign_of(node, campaigns) for node in planned}
            campaign_id = campaigns[again_for] if again_for else None
            if batch is None:
                campaign_id = next(iter(theirs.values()), None)
            cursor = self._db.execute(
                "INSERT INTO dag (reconstruction_id, campaign_id, number, batch, state, reason,"
                " planned_at, harvests, sends) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    reconstruction_id,
                    campaign_id,
                    number,
                    batch,
                    DagState.PLANNED,
                    reason,
                    now,
                    int(harvests),
                    sends,
                ),
            )
            dag_id = cursor.lastrowid or 0
            for node in planned:
                self._db.execute(
                    "INSERT INTO node (dag_id, name, reconstruction_id, campaign_id, kind, job,"
                    " output, witness, child, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        dag_id,
                        node.name,
                        reconstruction_id,
                        theirs[node.name],
                        node.kind,
                        node.job,
                        node.output,
                        node.witness,
                        node.child,
                        NodeState.DROPPED if node.empty else NodeState.WAITING,
                    ),
                )
                self._reconstructions.hold(reconstruction_id, dag_id, node, again_for)
            self._note_holdings(dag_id)
            self._note_made_for(dag_id, made_for)
            return dag_id

    def _campaigns(self, reconstruction_id: int) -> dict[str, int]:
        """The ids of the campaigns of a reconstruction, by calibration."""
        rows = self._db.rows(
            "SELECT calibration, id FROM campaign WHERE reconstruction_id = ? ORDER BY calibration",
            reconstruction_id,
        )
        return {row["calibration"]: row["id"] for row in rows}

    def _note_made_for(self, dag_id: int, calibrations: Collection[str]) -> None:
        """Write down which calibrations the ALCARECO of a DAG are made for."""
        self._db.executemany(
            "INSERT INTO made_for (dag_id, calibration) VALUES (?, ?)",
            [(dag_id, name) for name in calibrations],
        )
        self._db.execute(
            "INSERT INTO alcareco (campaign_id, dag_id, node)"
            " SELECT campaign.id, node.dag_id, name FROM node JOIN made_for USING (dag_id)"
            " JOIN campaign ON campaign.reconstruction_id = node.reconstruction_id"
            " AND campaign.calibration = made_for.calibration"
            " WHERE node.dag_id = ? AND kind = 'ALCA'",
            (dag_id,),
        )

    def take_out(
        self, dag_id: int, calibration: str, *, made: Collection[str] | None = None
    ) -> None:
        """Write down that a DAG makes nothing any more for one of the calibrations that share it.

        What its ALCA nodes have made for it before stays.

        Parameters
        ----------
        made
            The ALCA nodes that have; None for those that are done.
        """
        with self._db.transaction():
            self._db.execute(
                "UPDATE made_for SET taken_out = 1 WHERE dag_id = ? AND calibration = ?",
                (dag_id, calibration),
            )
            campaign_id = self._db.number(
                "SELECT MAX(campaign.id) FROM dag JOIN campaign USING (reconstruction_id)"
                " WHERE dag.id = ? AND calibration = ?",
                dag_id,
                calibration,
            )
            self._db.execute(
                "DELETE FROM alcareco WHERE campaign_id = ?1 AND dag_id = ?2 AND node IN"
                " (SELECT name FROM node WHERE dag_id = ?2 AND kind = 'ALCA' AND CASE"
                " WHEN ?3 IS NULL THEN state <> 'done'"
                " ELSE name NOT IN (SELECT value FROM json_each(?3)) END)",
                (campaign_id, dag_id, None if made is None else json.dumps(list(made))),
            )
            theirs = self._db.rows(
                "SELECT name FROM node WHERE dag_id = ? AND campaign_id = ? AND state <> 'done'",
                dag_id,
                campaign_id,
            )
            names = [row["name"] for row in theirs]
            self._state_changes.nodes(dag_id, names, NodeState.DROPPED)
            self._db.executemany(
                "UPDATE node SET state = 'dropped' WHERE dag_id = ? AND name = ?",
                [(dag_id, name) for name in names],
            )

    def _note_holdings(self, dag_id: int) -> None:
        """Write down what the RAW files of a DAG hold."""
        files = self._db.rows(
            "SELECT path, size, lumis, events, part"
            " FROM reconstruction_file JOIN raw_file ON raw_file.id = file_id WHERE dag_id = ?",
            dag_id,
        )
        holds = [raw_file(row) for row in files]
        self._db.execute(
            "UPDATE dag SET lumis = ?, events = ? WHERE id = ?",
            (str(Lumis.union(f.lumis for f in holds)), sum(f.events for f in holds), dag_id),
        )

    def forget(self, dag_id: int) -> None:
        """Forget a planned DAG of which nothing was made; its files are waiting again."""
        with self._db.transaction():
            self._state_changes.dag(dag_id, None)
            self._db.execute(
                "UPDATE reconstruction_file SET dag_id = NULL, node = NULL WHERE dag_id = ?",
                (dag_id,),
            )
            for table in ("job", "payload", "node"):
                self._db.execute(f"DELETE FROM {table} WHERE dag_id = ?", (dag_id,))
            self._db.execute("DELETE FROM dag WHERE id = ?", (dag_id,))

    def submitted(self, dag_id: int, cluster: int, now: float) -> None:
        """Write down that a DAG is in the queue."""
        with self._db.transaction():
            self._state_changes.dag(dag_id, DagState.ACTIVE)
            self._db.execute(
                "UPDATE dag SET state = ?, cluster = ?, submitted_at = COALESCE(submitted_at, ?),"
                " ended_at = NULL, held = 0, refused = '' WHERE id = ?",
                (DagState.ACTIVE, cluster, now, dag_id),
            )

    def set_refused(self, dag_id: int, why: str) -> None:
        """Write down why the schedd does not take a planned DAG, though it takes others."""
        with self._db.transaction():
            self._db.execute(
                "UPDATE dag SET refused = ? WHERE id = ? AND state = ?",
                (why, dag_id, DagState.PLANNED),
            )

    def plan_rescue(
        self, dag_id: int, without: Mapping[str, Iterable[str]], taken_out: Iterable[str] = ()
    ) -> None:
        """Write down that a failed DAG is about to be submitted again, `without` these inputs.

        RAW files among them are probed again, or given up if that has been so too often. It makes
        nothing any more for the calibrations that are `taken_out`.
        """
        with self._db.transaction():
            for calibration in taken_out:
                self.take_out(dag_id, calibration)
            for node, inputs in without.items():
                self._retries.take_out(dag_id, node, inputs)
            self._plan_again(dag_id, "rescues + 1")

    def plan_resubmission(self, dag_id: int) -> None:
        """Write down that a person wants a DAG submitted again; its rescues count anew."""
        with self._db.transaction():
            self._plan_again(dag_id, "0")

    def _plan_again(self, dag_id: int, rescues: str) -> None:
        self._state_changes.dag(dag_id, DagState.PLANNED)
        self._db.execute(
            f"UPDATE dag SET state = ?, rescues = {rescues}, removed_by = '' WHERE id = ?",
            (DagState.PLANNED, dag_id),
        )
        self._db.execute(
            "UPDATE node SET state = ?, exit_code = NULL, error = ''"
            " WHERE dag_id = ? AND state = ?",
            (NodeState.WAITING, dag_id, NodeState.FAILED),
        )

    def ended(
        self, dag_id: int, failed: Iterable[FailedNode] | None, now: float, removed_by: str = ""
    ) -> None:
        """Write down the end of a DAG: with `failed` None it is done, else those nodes failed."""
        with self._db.transaction():
            state = DagState.DONE if failed is None else DagState.FAILED
            state = DagState.REMOVED if removed_by else state
            self._state_changes.dag(dag_id, state)
            self._db.execute(
                "UPDATE dag SET state = ?, ended_at = ?, held = 0, refused = '', removed_by = ?"
                " WHERE id = ?",
                (state, now, removed_by, dag_id),
            )
            self.nodes_failed(dag_id, failed or ())

    def lost(self, dag_id: int, kept: frozenset[str], now: float) -> None:
        """Write down that a DAG's directory is gone; files wait again that no `kept` node holds.

        Parameters
        ----------
        kept
            The ALCA nodes whose ALCARECO is still there.
        """
        with self._db.transaction():
            self._state_changes.dag(dag_id, DagState.LOST)
            self._db.execute(
                "UPDATE dag SET state = ?, ended_at = ?, held = 0 WHERE id = ?",
                (DagState.LOST, now, dag_id),
            )
            for node in self._db.rows("SELECT * FROM node WHERE dag_id = ?", dag_id):
                alca = node["child"] if node["kind"] == NodeKind.RECO else node["name"]
                if alca in kept or (not alca and kept):
                    continue
                self._state_changes.nodes(dag_id, [node["name"]], NodeState.DROPPED)
                self._db.execute(
                    "UPDATE node SET state = ? WHERE dag_id = ? AND name = ?",
                    (NodeState.DROPPED, dag_id, node["name"]),
                )
                self._db.execute(
                    "DELETE FROM node_dropped WHERE dag_id = ? AND node = ?",
                    (dag_id, node["name"]),
                )
                self._db.execute(
                    "UPDATE reconstruction_file SET dag_id = NULL, node = NULL"
                    " WHERE dag_id = ? AND node = ?",
                    (dag_id, node["name"]),
                )
            self._payloads.give_up(dag_id)

    def record_jobs(self, dag_id: int, jobs: Iterable[JobRecord]) -> None:
        """Write down the jobs of a DAG as its events tell; those of earlier runs of it stay."""
        with self._db.transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO job (dag_id, node, job_id, submitted_at, host, started_at,"
                " ended_at, exit_code, cpu_time, memory_used, memory_asked, starts, holds,"
                " hold_reason, removed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(dag_id, *astuple(job)) for job in jobs],
            )

    def withdraw(self, dag_ids: Iterable[int], who: str) -> None:
        """Write down that a person wants DAGs out of the queue, and those that failed left so."""
        with self._db.transaction():
            self._db.executemany(
                "UPDATE dag SET removed_by = ?, state = CASE state WHEN 'failed' THEN 'removed'"
                " ELSE state END WHERE id = ? AND removed_by = ''",
                [(who, dag_id) for dag_id in dag_ids],
            )

    def set_held(self, dag_id: int, held: bool) -> None:
        """Write down whether jobs of a DAG are held."""
        with self._db.transaction():
            self._db.execute("UPDATE dag SET held = ? WHERE id = ?", (int(held), dag_id))

    def nodes_failed(self, dag_id: int, nodes: Iterable[FailedNode]) -> None:
        """Write down nodes that failed in a DAG whose other nodes go on."""
        failed = list(nodes)
        with self._db.transaction():
            self._state_changes.nodes(dag_id, [n.name for n in failed], NodeState.FAILED)
            self._db.executemany(
                "UPDATE node SET state = ?, exit_code = ?, error = ? WHERE dag_id = ? AND name = ?",
                [(NodeState.FAILED, n.exit_code, n.error, dag_id, n.name) for n in failed],
            )
            for table in ("node_blame", "node_culprit"):
                self._db.executemany(
                    f"DELETE FROM {table} WHERE dag_id = ? AND node = ?",
                    [(dag_id, n.name) for n in failed],
                )
            self._db.executemany(
                "INSERT OR REPLACE INTO node_blame (dag_id, node, input, attempts)"
                " SELECT dag_id, name, ?, ? FROM node WHERE dag_id = ? AND name = ?",
                [(*blame, dag_id, n.name) for n in failed for blame in n.blames.items()],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO node_culprit (dag_id, node, calibration, attempts)"
                " SELECT dag_id, name, ?, ? FROM node WHERE dag_id = ? AND name = ?",
                [(*named, dag_id, n.name) for n in failed for named in n.culprits.items()],
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
        with self._db.transaction():
            self._state_changes.nodes(dag_id, [name], NodeState.DONE)
            self._db.execute(
                "UPDATE node SET state = ?, lumis = ?, events = ?, done_at = ?, lacking = ?,"
                " exit_code = NULL, error = '' WHERE dag_id = ? AND name = ?",
                (NodeState.DONE, str(lumis), events, now, str(lacking), dag_id, name),
            )


def _campaign_of(node: PlannedNode, campaigns: Mapping[str, int]) -> int | None:
    """The campaign that a HARVEST or UPLOAD works for; need not be named where there is one."""
    if node.kind not in (NodeKind.HARVEST, NodeKind.UPLOAD):
        return None
    if node.calibration:
        return campaigns[node.calibration]
    [only] = campaigns.values()
    return only
