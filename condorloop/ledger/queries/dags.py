"""Reading the ledger: DAGs, their nodes and jobs.

Knows a reconstruction, and a campaign of it, by their ids alone.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields, replace

from condorloop.ledger.connection import Connection
from condorloop.ledger.queries.payloads import PayloadQueries
from condorloop.model.campaign import (
    Alcareco,
    CampaignKey,
    Dag,
    DagOutline,
    Statistics,
    dag_label,
)
from condorloop.model.enums import DagState, NodeKind, NodeState, UploadOutcome
from condorloop.model.jobs import JobRecord, PlannedNode
from condorloop.model.lumis import Lumis
from condorloop.model.shared_dag import seen_by_one

ByCalibration = Mapping[str, tuple[str, ...]]
"""Texts by the calibration that alone they are about; an empty name has those about all."""

_MADE_BY = (
    "(SELECT made.id FROM dag AS made JOIN dag AS sender USING (reconstruction_id)"
    " WHERE sender.id = ?2 AND made.number = ?3)"
)
"""The DAG whose payload another one sends."""

_CALIBRATION = (
    "(SELECT calibration FROM campaign WHERE campaign.id = node.campaign_id) AS calibration"
)
"""Whom a HARVEST or UPLOAD works for."""

_UNHARVESTED = (
    "FROM alcareco INDEXED BY alcareco_unharvested CROSS JOIN node"
    " ON node.dag_id = alcareco.dag_id AND name = node"
    " WHERE alcareco.campaign_id = ? AND harvested = 0 AND state = 'done'"
)
"""The complete ALCARECO that a campaign is made from, and that no harvest of it has read."""


class DagQueries:
    """What is asked of DAGs and their nodes."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._harvests = PayloadQueries(db)

    def next_numbers(self, reconstruction_id: int) -> tuple[int, int, int]:
        """The next DAG, batch and ALCARECO numbers of a reconstruction."""
        dag = self._db.rows(
            "SELECT MAX(number) + 1 AS number, MAX(batch) + 1 AS batch FROM dag"
            " WHERE reconstruction_id = ?",
            reconstruction_id,
        )[0]
        job = self._db.number(
            "SELECT MAX(job) + 1 FROM node WHERE reconstruction_id = ?", reconstruction_id
        )
        return dag["number"] or 0, dag["batch"] or 0, job

    def unfinished_nodes(
        self, dag_id: int, among: Collection[str] | None = None, *, with_last: bool = False
    ) -> list[PlannedNode]:
        """The nodes of a DAG that are not known to be done, and are to be; `among` these names.

        With `with_last` each HARVEST and UPLOAD is among them, too.
        """
        unfinished = "dag_id = ? AND state NOT IN ('done', 'dropped')"
        if among is None:
            return self._nodes(unfinished, dag_id)
        names = json.dumps(list(among))
        return self._nodes(
            f"{unfinished} AND (name IN (SELECT value FROM json_each(?)) OR name IN"
            " (SELECT name FROM node INDEXED BY node_campaign"
            " WHERE ? AND dag_id = ? AND campaign_id IS NOT NULL))",
            dag_id,
            names,
            with_last,
            dag_id,
        )

    def alca_nodes(self, dag_id: int) -> list[PlannedNode]:
        """The ALCA nodes of a DAG, whatever became of them."""
        return self._nodes("dag_id = ? AND kind = 'ALCA'", dag_id)

    def alca_of(self, campaign_id: int) -> list[PlannedNode]:
        """The ALCA nodes that are done, and whose ALCARECO were made for a campaign."""
        return self._planned(
            "FROM alcareco JOIN node ON node.dag_id = alcareco.dag_id AND name = node"
            " WHERE alcareco.campaign_id = ? AND state = 'done'",
            campaign_id,
        )

    def unharvested_nodes(self, campaign_id: int) -> list[PlannedNode]:
        """The ALCA nodes that are done, and that no successful harvest of a campaign read."""
        return self._planned(_UNHARVESTED, campaign_id)

    def _nodes(self, which: str, *values: object) -> list[PlannedNode]:
        return self._planned(f"FROM node WHERE {which}", *values)

    def _planned(self, which: str, *values: object) -> list[PlannedNode]:
        rows = self._db.rows(
            f"SELECT name, kind, job, output, witness, child, {_CALIBRATION} {which}", *values
        )
        return [
            PlannedNode(
                name=r["name"],
                kind=NodeKind(r["kind"]),
                output=r["output"],
                witness=r["witness"],
                job=r["job"],
                child=r["child"],
                calibration=r["calibration"] or "",
            )
            for r in rows
        ]

    def unharvested(self, campaign_id: int) -> dict[int, Alcareco]:
        """The complete ALCARECO that no successful harvest of a campaign read, by number."""
        rows = self._db.rows(
            f"SELECT job, done_at, lumis, events, node.dag_id {_UNHARVESTED}", campaign_id
        )
        return {r["job"]: Alcareco(r["done_at"], _statistics(r), r["dag_id"]) for r in rows}

    def dropped(self, dag_id: int) -> dict[str, frozenset[str]]:
        """The inputs that the nodes of a DAG go on without: RAW files or RECO, by node."""
        dropped: dict[str, set[str]] = {}
        for row in self._db.rows("SELECT node, input FROM node_dropped WHERE dag_id = ?", dag_id):
            dropped.setdefault(row["node"], set()).add(row["input"])
        return {node: frozenset(inputs) for node, inputs in dropped.items()}

    def dropped_by(self, node: sqlite3.Row) -> set[str]:
        """The inputs that a node goes on without: RAW files or RECO."""
        rows = self._db.rows(
            "SELECT input FROM node_dropped WHERE dag_id = ? AND node = ?",
            node["dag_id"],
            node["name"],
        )
        return {r["input"] for r in rows}

    def jobs(self, dag_id: int) -> list[JobRecord]:
        """The jobs of a DAG's runs that have ended, in the order of their submission."""
        rows = self._db.rows("SELECT * FROM job WHERE dag_id = ? ORDER BY submitted_at", dag_id)
        return [job_record(row) for row in rows]

    def of_reconstruction(self, reconstruction_id: int, *, shared: bool) -> tuple[Dag, ...]:
        """The DAGs of a reconstruction that are neither done nor lost.

        What became of harvests and payloads is told by `of_campaign`.
        """
        return tuple(
            self._dag(row, shared=shared)
            for row in self._db.rows(
                "SELECT dag.*, calibration FROM dag INDEXED BY dag_undone"
                " LEFT JOIN campaign ON campaign.id = campaign_id"
                " WHERE dag.reconstruction_id = ? AND dag.state NOT IN ('done', 'lost')"
                " ORDER BY number",
                reconstruction_id,
            )
        )

    def _dag(self, row: sqlite3.Row, *, shared: bool) -> Dag:
        failed = self._db.rows(
            "SELECT * FROM node WHERE dag_id = ? AND state = 'failed'", row["id"]
        )
        return Dag(
            id=row["id"],
            number=row["number"],
            batch=row["batch"],
            state=DagState(row["state"]),
            cluster=row["cluster"],
            ended_at=row["ended_at"],
            rescues=row["rescues"],
            failed_nodes=tuple(f["name"] for f in failed),
            harvest_inputs=None,
            upload=None,
            held=bool(row["held"]),
            blames={f["name"]: self._blames(f) for f in failed},
            removed_by=row["removed_by"],
            harvests=bool(row["harvests"]),
            holds=_statistics(row),
            refused=row["refused"],
            sends=row["sends"],
            calibration=row["calibration"] or "",
            culprits=self._culprits(row["id"]) if shared and failed else {},
            made=shared and row["batch"] is not None and not self._unmade(row["id"]),
        )

    def _unmade(self, dag_id: int) -> bool:
        """Whether a RECO or ALCA of a DAG is to be made."""
        return bool(
            self._db.rows(
                "SELECT 1 FROM node INDEXED BY node_unmade WHERE dag_id = ?"
                " AND campaign_id IS NULL AND state NOT IN ('done', 'dropped') LIMIT 1",
                dag_id,
            )
        )

    def of_campaign(
        self, dags: Iterable[Dag], campaign_id: int, key: CampaignKey, *, shared: bool
    ) -> tuple[Dag, ...]:
        """What DAGs of a reconstruction, as `of_reconstruction` gives them, are to a campaign."""
        theirs = []
        for dag in dags:
            if dag.calibration not in ("", key.calibration):
                continue
            dag = self._with_payload(dag, campaign_id)
            seen: Dag | None = dag
            if shared and dag.batch is not None:
                seen = seen_by_one(dag, *self._last_nodes(dag, campaign_id))
            if seen is not None:
                theirs.append(seen)
        return tuple(theirs)

    def _with_payload(self, dag: Dag, campaign_id: int) -> Dag:
        made_by = "?2" if dag.sends is None else _MADE_BY
        for row in self._db.rows(
            f"SELECT id, outcome FROM payload WHERE campaign_id = ?1 AND dag_id = {made_by}",
            campaign_id,
            dag.id,
            *([] if dag.sends is None else [dag.sends]),
        ):
            return replace(
                dag,
                harvest_inputs=None if dag.sends is not None else self._harvests.inputs(row["id"]),
                upload=UploadOutcome(row["outcome"]) if row["outcome"] else None,
            )
        return dag

    def _last_nodes(self, dag: Dag, campaign_id: int) -> tuple[dict[str, NodeState], bool]:
        """HARVEST and UPLOAD of a campaign in a batch's DAG; whether another has taken them over.

        A harvest DAG of the campaign that came after it does, or a DAG that sends its payload; or,
        of a HARVEST that has failed, those that have read all that it was to read.
        """
        rows = self._db.rows(
            "SELECT name, kind, state FROM node INDEXED BY node_campaign"
            " WHERE dag_id = ? AND campaign_id = ? AND campaign_id IS NOT NULL ORDER BY kind",
            dag.id,
            campaign_id,
        )
        later = self._db.rows(
            "SELECT 1 FROM dag WHERE reconstruction_id ="
            " (SELECT reconstruction_id FROM campaign WHERE id = ?1) AND number > ?2"
            " AND campaign_id = ?1 AND batch IS NULL AND (harvests OR sends = ?2) LIMIT 1",
            campaign_id,
            dag.number,
        )
        failed = any(r["kind"] == NodeKind.HARVEST and r["state"] == NodeState.FAILED for r in rows)
        taken_over = bool(later) or (failed and self._all_harvested(dag.id, campaign_id))
        return {row["name"]: NodeState(row["state"]) for row in rows}, taken_over

    def _all_harvested(self, dag_id: int, campaign_id: int) -> bool:
        """Whether harvests of a campaign have read every ALCARECO of a DAG."""
        return not self._db.rows(
            "SELECT 1 FROM alcareco WHERE dag_id = ? AND campaign_id = ? AND harvested = 0 LIMIT 1",
            dag_id,
            campaign_id,
        )

    def numbers(self, reconstruction_id: int) -> frozenset[int]:
        """The numbers of all DAGs of a reconstruction, whatever became of them."""
        rows = self._db.rows(
            "SELECT number FROM dag WHERE reconstruction_id = ?", reconstruction_id
        )
        return frozenset(row["number"] for row in rows)

    def calibrations(self, dag_id: int) -> frozenset[str]:
        """The calibrations that a DAG makes anything for."""
        rows = self._db.rows(
            "SELECT calibration FROM made_for WHERE dag_id = ?1 AND taken_out = 0"
            " UNION SELECT calibration FROM dag"
            " JOIN campaign ON campaign.id = campaign_id WHERE dag.id = ?1",
            dag_id,
        )
        return frozenset(row["calibration"] for row in rows)

    def taken_out(self, dag_id: int) -> frozenset[str]:
        """The calibrations that broke what others share in a DAG, and were taken out of it."""
        rows = self._db.rows(
            "SELECT calibration FROM made_for WHERE dag_id = ? AND taken_out = 1", dag_id
        )
        return frozenset(row["calibration"] for row in rows)

    def _culprits(self, dag_id: int) -> dict[str, int]:
        """In how many failed attempts of a DAG each calibration was what broke the process."""
        rows = self._db.rows(
            "SELECT node_culprit.calibration, SUM(node_culprit.attempts) AS attempts"
            " FROM node_culprit"
            " JOIN node ON node.dag_id = node_culprit.dag_id AND name = node"
            " JOIN made_for ON made_for.dag_id = node_culprit.dag_id"
            " AND made_for.calibration = node_culprit.calibration AND taken_out = 0"
            " WHERE node_culprit.dag_id = ? AND state = 'failed' GROUP BY node_culprit.calibration",
            dag_id,
        )
        return {row["calibration"]: row["attempts"] for row in rows}

    def numbered(self, reconstruction_id: int, number: int) -> int | None:
        """The id of the DAG of a reconstruction that has a number; None if none has."""
        rows = self._db.rows(
            "SELECT id FROM dag WHERE reconstruction_id = ? AND number = ?",
            reconstruction_id,
            number,
        )
        return rows[0]["id"] if rows else None

    def inputs(self, dag_id: int) -> dict[tuple[str, str], frozenset[str]]:
        """The RAW files that a DAG's nodes read, by their name and the name of their output."""
        found: dict[tuple[str, str], set[str]] = {}
        for row in self._db.rows(
            "SELECT name, output, path FROM node LEFT JOIN reconstruction_file"
            " ON reconstruction_file.dag_id = node.dag_id AND reconstruction_file.node = name"
            " LEFT JOIN raw_file ON raw_file.id = file_id WHERE node.dag_id = ?",
            dag_id,
        ):
            read = found.setdefault((row["name"], row["output"]), set())
            read |= {row["path"]} - {None}
        return {node: frozenset(paths) for node, paths in found.items()}

    def outline(self, reconstruction_id: int, campaign_id: int) -> tuple[DagOutline, ...]:
        """The DAGs that work for a campaign and are not lost, and their nodes, by name."""
        names: dict[int, list[str]] = {}
        rows = (
            "SELECT dag_id, name FROM node WHERE reconstruction_id = ?1"
            " AND COALESCE(campaign_id, ?2) = ?2 ORDER BY dag_id, name"
        )
        for row in self._db.rows(rows, reconstruction_id, campaign_id):
            names.setdefault(row["dag_id"], []).append(row["name"])
        return tuple(
            DagOutline(
                dag_label(r["number"], r["batch"], r["sends"]),
                DagState(r["state"]),
                tuple(names.get(r["id"], ())),
            )
            for r in self._db.rows(
                "SELECT * FROM dag WHERE reconstruction_id = ?1 AND state <> 'lost'"
                " AND COALESCE(campaign_id, ?2) = ?2 ORDER BY number",
                reconstruction_id,
                campaign_id,
            )
        )

    def all(self, reconstruction_id: int) -> list[tuple[int, int]]:
        """The id and the number of every DAG of a reconstruction that is not lost."""
        rows = self._db.rows(
            "SELECT id, number FROM dag WHERE reconstruction_id = ? AND state <> 'lost'",
            reconstruction_id,
        )
        return [(r["id"], r["number"]) for r in rows]

    def quarantined(self, reconstruction_id: int) -> ByCalibration:
        """The inputs that nodes of a reconstruction went on without for good, by whom they are for.

        But for what was never made, and for RAW files that were set back.
        """
        found: dict[str, tuple[str, ...]] = {}
        for row in self._db.rows(
            "SELECT DISTINCT input, COALESCE(calibration, '') AS whose FROM node_dropped AS without"
            " JOIN node ON node.dag_id = without.dag_id AND node.name = without.node"
            " JOIN dag ON dag.id = without.dag_id"
            " LEFT JOIN campaign ON campaign.id = dag.campaign_id"
            " WHERE without.reconstruction_id = ? AND CASE kind WHEN 'RECO' THEN"
            " EXISTS (SELECT 1 FROM reconstruction_file AS held"
            " JOIN raw_file ON raw_file.id = file_id"
            " WHERE held.dag_id = without.dag_id AND held.node = without.node"
            " AND path = input) ELSE"
            " NOT EXISTS (SELECT 1 FROM node AS unmade WHERE unmade.dag_id = without.dag_id"
            " AND unmade.child = without.node AND unmade.state = 'dropped'"
            " AND unmade.output = input) END ORDER BY input",
            reconstruction_id,
        ):
            found[row["whose"]] = (*found.get(row["whose"], ()), row["input"])
        return found

    def inputs_of(self, node: sqlite3.Row) -> set[str]:
        """What a RECO or ALCA node was planned to read, but for what waits for another DAG."""
        if node["kind"] == NodeKind.RECO:
            rows = self._db.rows(
                "SELECT path FROM reconstruction_file JOIN raw_file ON raw_file.id = file_id"
                " WHERE dag_id = ? AND node = ?",
                node["dag_id"],
                node["name"],
            )
        else:
            rows = self._db.rows(
                "SELECT output FROM node WHERE dag_id = ? AND child = ?",
                node["dag_id"],
                node["name"],
            )
        return {r[0] for r in rows}

    def _blames(self, node: sqlite3.Row) -> dict[str, int]:
        """Whom a node's failed attempts blame, of the inputs that it still has."""
        told = self._db.rows(
            "SELECT input, attempts FROM node_blame WHERE dag_id = ? AND node = ?",
            node["dag_id"],
            node["name"],
        )
        left = self.inputs_of(node) - self.dropped_by(node) if told else set()
        return {row["input"]: row["attempts"] for row in told if row["input"] in left}


def about(calibration: str, texts: ByCalibration) -> tuple[str, ...]:
    """What of these is about a calibration: by itself, or with all others."""
    return (*texts.get("", ()), *texts.get(calibration, ()))


def _statistics(row: sqlite3.Row) -> Statistics:
    return Statistics(Lumis.parse(row["lumis"]), row["events"])


_JOB_FIELDS = tuple(f.name for f in fields(JobRecord))


def job_record(row: sqlite3.Row) -> JobRecord:
    """Read a job from its row."""
    told = {name: row[name] for name in _JOB_FIELDS}
    return JobRecord(**told | {"removed": bool(row["removed"])})
