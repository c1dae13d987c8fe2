"""Reading the ledger: when things have happened, for reports and simulations.

Knows in which tables a campaign's way through the loop is written down; sums up nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from condorloop.ledger.connection import Connection
from condorloop.ledger.queries.campaigns import CAMPAIGNS


class TimeQueries:
    """What is asked by who measures."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    @contextmanager
    def at_one_moment(self) -> Iterator[None]:
        """Let all that is asked inside be of one moment, whatever is written meanwhile."""
        self._db.rows("BEGIN")
        try:
            yield
        finally:
            self._db.rows("ROLLBACK")

    def campaigns(
        self,
        since: float | None = None,
        until: float | None = None,
        first: int | None = None,
        last: int | None = None,
    ) -> list[sqlite3.Row]:
        """The id and the calibration of the campaigns of a period that are in this file, by run.

        Parameters
        ----------
        since, until
            When their runs started; `until` does not count.
        first, last
            Their runs; `last` counts.
        """
        bounds: Mapping[str, float | None] = {
            "run_start >= ?": since,
            "run_start < ?": until,
            "run >= ?": first,
            "run <= ?": last,
        }
        given = {sql: value for sql, value in bounds.items() if value is not None}
        return self._db.rows(
            "SELECT id, calibration FROM campaign"
            f" WHERE {' AND '.join(['archived IS NULL', *given])}"
            f" ORDER BY {'run' if since is None else 'run_start, run'}, calibration",
            *given.values(),
        )

    def campaign(self, campaign_id: int) -> sqlite3.Row:
        """A campaign, with what it has of its reconstruction."""
        return self._db.rows(f"{CAMPAIGNS} WHERE campaign.id = ?", campaign_id)[0]

    def dags(self, reconstruction_id: int, campaign_id: int) -> list[sqlite3.Row]:
        """The DAGs that work for a campaign: id, number, state and submission."""
        return self._db.rows(
            "SELECT id, number, state, submitted_at FROM dag WHERE reconstruction_id = ?1"
            " AND COALESCE(campaign_id, ?2) = ?2",
            reconstruction_id,
            campaign_id,
        )

    def outcomes(self, campaign_id: int) -> list[sqlite3.Row]:
        """The outcomes of a campaign's payloads, each with id and number of its DAG."""
        return self._db.rows(
            "SELECT payload.id, dag_id, number, payload.lumis, outcome, answered_at FROM payload"
            " JOIN dag ON dag.id = dag_id WHERE payload.campaign_id = ?",
            campaign_id,
        )

    def files(self, reconstruction_id: int, campaign_id: int) -> list[sqlite3.Row]:
        """The RAW files of a campaign: lumisections, when they were seen, DAG and node.

        Those that are read once more for it are there twice.
        """
        return self._db.rows(
            "SELECT CASE part WHEN '' THEN lumis ELSE part END AS lumis, seen_at, dag_id, node"
            " FROM reconstruction_file"
            " JOIN raw_file ON raw_file.id = file_id WHERE reconstruction_id = ?1"
            " AND (again_for = '' OR again_for ="
            " (SELECT calibration FROM campaign WHERE campaign.id = ?2))",
            reconstruction_id,
            campaign_id,
        )

    def nodes(self, reconstruction_id: int, campaign_id: int) -> list[sqlite3.Row]:
        """The nodes that work for a campaign, and when they were done.

        Those that work for all of its reconstruction have no `campaign_id`.
        """
        return self._db.rows(
            "SELECT dag_id, name, kind, child, job, done_at, node.campaign_id FROM dag"
            " JOIN node ON dag_id = dag.id WHERE dag.reconstruction_id = ?1"
            " AND COALESCE(dag.campaign_id, node.campaign_id, ?2) = ?2",
            reconstruction_id,
            campaign_id,
        )

    def node_jobs(self) -> list[sqlite3.Row]:
        """The jobs that ended well at their first start, with node, and the owner of that.

        It is a calibration, or the stream for all that share it. In the order of their submission.
        """
        return self._db.rows(
            "SELECT job.*, COALESCE(calibration, stream) AS owner, kind, child FROM job JOIN node"
            " ON node.dag_id = job.dag_id AND node.name = job.node"
            " JOIN reconstruction ON reconstruction.id = node.reconstruction_id"
            " LEFT JOIN campaign ON campaign.id = node.campaign_id"
            " WHERE job.exit_code = 0"
            " AND starts = 1 AND started_at >= submitted_at AND ended_at >= started_at"
            " ORDER BY submitted_at"
        )

    def reco_jobs(self, stream: str, most: int) -> list[tuple[float, int]]:
        """The seconds and the events of RECO jobs of a stream, whatever run they are of.

        Those that ended well at their first start and read events, the last to end first.

        Parameters
        ----------
        most
            At most so many, of no more batch DAGs than that: the youngest.
        """
        rows = self._db.rows(
            "SELECT job.ended_at - job.started_at AS took, node.events FROM"
            " (SELECT dag.id FROM dag CROSS JOIN reconstruction"
            " ON reconstruction.id = dag.reconstruction_id"
            " WHERE stream = ? AND batch IS NOT NULL ORDER BY dag.id DESC LIMIT ?) AS young"
            " CROSS JOIN node ON node.dag_id = young.id AND kind = 'RECO' AND events > 0"
            " CROSS JOIN job ON job.dag_id = node.dag_id AND job.node = node.name"
            " WHERE job.exit_code = 0 AND starts = 1 AND job.ended_at > job.started_at"
            " ORDER BY job.ended_at DESC, job.job_id LIMIT ?",
            stream,
            most,
            most,
        )
        return [(row["took"], row["events"]) for row in rows]

    def jobs_of_stream(self, stream: str, most: int) -> list[sqlite3.Row]:
        """The jobs of a stream and its calibrations: owner, kind, seconds, events of the node.

        Those that ended well at their first start, whatever run they are of. The owner is a
        calibration, or the stream for all that share it.

        Parameters
        ----------
        most
            Those of at most so many DAGs: the youngest.
        """
        return self._db.rows(
            "SELECT COALESCE(calibration, ?1) AS owner, kind,"
            " job.ended_at - job.started_at AS took, node.events FROM"
            " (SELECT dag.id FROM dag CROSS JOIN reconstruction"
            " ON reconstruction.id = dag.reconstruction_id"
            " WHERE stream = ?1 ORDER BY dag.id DESC LIMIT ?2) AS young"
            " CROSS JOIN node ON node.dag_id = young.id"
            " CROSS JOIN job ON job.dag_id = node.dag_id AND job.node = node.name"
            " LEFT JOIN campaign ON campaign.id = node.campaign_id"
            " WHERE job.exit_code = 0 AND starts = 1 AND job.ended_at > job.started_at"
            " ORDER BY job.submitted_at, job.job_id",
            stream,
            most,
        )

    def dags_without_rescue(self) -> dict[int, tuple[float, float]]:
        """When DAGs were submitted, and when they were seen to have ended, by id.

        Those that are done and needed no rescue.
        """
        rows = self._db.rows(
            "SELECT id, submitted_at, ended_at FROM dag WHERE state = 'done' AND rescues = 0"
            " AND ended_at >= submitted_at"
        )
        return {row["id"]: (row["submitted_at"], row["ended_at"]) for row in rows}

    def probes(self) -> list[float]:
        """How long good files took from the poll that found them to the end of their only probe."""
        rows = self._db.rows(
            "SELECT probed_at - seen_at AS took FROM raw_file"
            " WHERE state = 'good' AND probes = 1 AND probed_at >= seen_at"
        )
        return [row["took"] for row in rows]
