"""Reading the ledger: all that is written down of a campaign, row by row.

Knows which tables have it, and in which order things are told; what the rows mean together is a
story's to say.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from condorloop.ledger.connection import Connection
from condorloop.ledger.queries.campaigns import CAMPAIGNS

ByDag = Mapping[int, list[sqlite3.Row]]
"""Rows by the id of their DAG."""


class StoryQueries:
    """What is asked for the stories of campaigns."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def campaigns(self, run: int) -> list[sqlite3.Row]:
        """The campaigns of a run of which all is here, and not in an archive."""
        return self._db.rows(
            f"{CAMPAIGNS} WHERE campaign.run = ? AND archived IS NULL ORDER BY calibration", run
        )

    def dags(self, campaign: sqlite3.Row) -> list[sqlite3.Row]:
        """The DAGs that work for a campaign, by number."""
        return self._db.rows(
            "SELECT * FROM dag WHERE reconstruction_id = ?1 AND COALESCE(campaign_id, ?2) = ?2"
            " ORDER BY number",
            campaign["reconstruction_id"],
            campaign["id"],
        )

    def nodes(self, campaign: sqlite3.Row) -> ByDag:
        """The nodes that work for a campaign, those that others wait for first.

        RECO and ALCA do for all that share its stream.
        """
        return self._by_dag(
            "SELECT node.* FROM dag CROSS JOIN node ON node.dag_id = dag.id"
            " WHERE dag.reconstruction_id = ?1"
            " AND COALESCE(dag.campaign_id, node.campaign_id, ?2) = ?2"
            " ORDER BY kind = 'UPLOAD', kind = 'HARVEST', kind = 'ALCA', name",
            campaign["reconstruction_id"],
            campaign["id"],
        )

    def made_for(self, reconstruction_id: int) -> dict[int, tuple[str, ...]]:
        """The calibrations whose ALCARECO the batches of a reconstruction make, by DAG id."""
        found: dict[int, tuple[str, ...]] = {}
        for dag_id, name in self._db.rows(
            "SELECT dag_id, calibration FROM dag CROSS JOIN made_for ON dag_id = dag.id"
            " WHERE reconstruction_id = ? AND taken_out = 0 ORDER BY calibration",
            reconstruction_id,
        ):
            found[dag_id] = (*found.get(dag_id, ()), name)
        return found

    def destinations(self, campaign_id: int) -> ByDag:
        """What became of the payloads of a campaign in each tag."""
        return self._by_dag(
            "SELECT dag_id, of_tag.* FROM payload JOIN payload_destination AS of_tag"
            " ON payload_id = payload.id"
            " WHERE payload.campaign_id = ? ORDER BY database, of_tag.tag",
            campaign_id,
        )

    def requests(self, run: int, calibration: str) -> list[sqlite3.Row]:
        """What people asked of a run, or of one campaign of it."""
        return self._db.rows(
            "SELECT * FROM request WHERE run = ? AND (calibration IS NULL OR calibration = ?)"
            " ORDER BY id",
            run,
            calibration,
        )

    def jobs(self, reconstruction_id: int) -> ByDag:
        """The jobs of a reconstruction, in the order of their submission."""
        return self._by_dag(
            "SELECT job.* FROM dag CROSS JOIN job ON job.dag_id = dag.id"
            " WHERE dag.reconstruction_id = ? ORDER BY submitted_at, job_id",
            reconstruction_id,
        )

    def dropped(self, reconstruction_id: int) -> dict[tuple[int, str], tuple[str, ...]]:
        """The inputs that nodes of a reconstruction go on without, by DAG id and name."""
        return self._by_node(
            "SELECT dag_id, node, input FROM node_dropped WHERE reconstruction_id = ?"
            " ORDER BY dag_id, node, input",
            reconstruction_id,
        )

    def files(self, reconstruction_id: int) -> dict[tuple[int, str], tuple[str, ...]]:
        """The RAW files of a reconstruction that nodes have, by DAG id and name."""
        return self._by_node(
            "SELECT dag_id, node, path FROM reconstruction_file"
            " JOIN raw_file ON raw_file.id = file_id"
            " WHERE reconstruction_id = ? AND dag_id IS NOT NULL ORDER BY path",
            reconstruction_id,
        )

    def payloads(self, campaign_id: int) -> list[sqlite3.Row]:
        """The payloads of a campaign with number and batch of their DAGs, by number."""
        return self._db.rows(
            "SELECT payload.*, number, batch, sends FROM payload JOIN dag ON dag.id = dag_id"
            " WHERE payload.campaign_id = ? ORDER BY number",
            campaign_id,
        )

    def raw_files(self, campaign: sqlite3.Row) -> list[sqlite3.Row]:
        """The RAW files of a campaign's path and run, with the DAG and node that read them.

        Of a file that is read in parts, the first DAG and one node of it; of one that is read once
        more for the campaign, those that do.
        """
        return self._db.rows(
            "SELECT raw_file.*, MIN(dag.number) AS number, reconstruction_file.node FROM raw_file"
            " LEFT JOIN reconstruction_file"
            " ON file_id = raw_file.id AND reconstruction_file.reconstruction_id = ?1"
            " AND again_for = COALESCE((SELECT own.again_for FROM reconstruction_file AS own"
            " WHERE own.reconstruction_id = ?1 AND own.file_id = raw_file.id"
            " AND own.again_for = ?4 LIMIT 1), '')"
            " LEFT JOIN dag ON dag.id = dag_id WHERE raw_file.raw_path = ?2 AND raw_file.run = ?3"
            " GROUP BY raw_file.id",
            campaign["reconstruction_id"],
            campaign["raw_path"],
            campaign["run"],
            campaign["calibration"],
        )

    def _by_dag(self, sql: str, *whose: int) -> ByDag:
        found: dict[int, list[sqlite3.Row]] = {}
        for row in self._db.rows(sql, *whose):
            found.setdefault(row["dag_id"], []).append(row)
        return found

    def _by_node(self, sql: str, whose: int) -> dict[tuple[int, str], tuple[str, ...]]:
        found: dict[tuple[int, str], list[str]] = {}
        for dag_id, node, what in self._db.rows(sql, whose):
            found.setdefault((dag_id, node), []).append(what)
        return {node: tuple(parts) for node, parts in found.items()}
