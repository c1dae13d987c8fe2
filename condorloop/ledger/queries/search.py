"""Searching the ledger: which campaigns a file, a job, a DAG or a payload belongs to.

Knows the indices, and what each search costs; what became of the thing is told elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from condorloop.ledger.connection import Connection
from condorloop.ledger.queries.raw_files import RawFileQueries
from condorloop.model.campaign import CampaignKey

_DAG = (
    "SELECT calibration, campaign.run, number, stream FROM dag"
    " JOIN campaign ON campaign.reconstruction_id = dag.reconstruction_id"
    " AND campaign.id = COALESCE(dag.campaign_id, campaign.id)"
    " JOIN reconstruction ON reconstruction.id = dag.reconstruction_id"
)
"""DAGs with the campaigns that they work for."""
_END = "\U0010ffff"
"""Comes after every character of a path."""


@dataclass(frozen=True, slots=True)
class DagKey:
    """Which DAG: a campaign that it works for, its number there, and the stream whose it is."""

    campaign: CampaignKey
    number: int
    stream: str


class SearchQueries:
    """What is asked by who knows a part of a name, or a number."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._raw_files = RawFileQueries(db)

    def campaigns_of_run(self, run: int) -> list[CampaignKey]:
        """The campaigns of a run, by its index."""
        return self._keys("run = ? ORDER BY calibration", run)

    def campaigns_of_fill(self, fill: int) -> list[CampaignKey]:
        """The campaigns of a fill, by its index."""
        return self._keys("fill = ? ORDER BY run, calibration", fill)

    def campaigns_of_path(self, raw_path: str, run: int) -> list[CampaignKey]:
        """The campaigns that read the RAW files below a path of a run, by its index."""
        return self._keys(
            "reconstruction_id IN (SELECT id FROM reconstruction WHERE raw_path = ? AND run = ?)"
            " ORDER BY calibration",
            raw_path,
            run,
        )

    def _keys(self, which: str, *values: object) -> list[CampaignKey]:
        rows = self._db.rows(f"SELECT calibration, run FROM campaign WHERE {which}", *values)
        return [CampaignKey(r["calibration"], r["run"]) for r in rows]

    def dags_of_cluster(self, cluster: int) -> list[DagKey]:
        """The DAGs whose last DAGMan had a job id, by its index."""
        return self._dag_keys(f"{_DAG} WHERE cluster = ?", cluster)

    def dags_of_job(self, job_id: str) -> list[DagKey]:
        """The DAGs that have had a node job, by its index: ``12`` and ``12.0`` mean the same.

        Jobs of a DAG in flight are in its event log only: see `dags_in_flight`.
        """
        cluster, _, process = job_id.partition(".")
        return self._dag_keys(
            f"{_DAG} WHERE dag.id IN (SELECT dag_id FROM job WHERE job_id = ?)",
            f"{cluster}.{process or 0}",
        )

    def dags_in_flight(self) -> list[DagKey]:
        """The DAGs that run or are about to: few, and an index of their own."""
        return self._dag_keys(f"{_DAG} WHERE dag.state IN ('planned', 'active')")

    def rescued_dags(self, most: int) -> list[DagKey]:
        """The newest DAGs that were rescued: they have had DAGMans of other job ids.

        No index helps: the DAGs are read from the newest on.
        """
        return self._dag_keys(f"{_DAG} WHERE rescues > 0 ORDER BY dag.id DESC LIMIT ?", most)

    def dags_of_batch(self, batch: int, most: int, only: Collection[str] = ()) -> list[DagKey]:
        """The newest DAGs with a number of a batch; nearly every campaign has one."""
        return self._newest("batch = ?", batch, most, only)

    def harvest_dags(self, number: int, most: int, only: Collection[str] = ()) -> list[DagKey]:
        """The newest DAGs of a number that only harvest."""
        return self._newest("number = ? AND batch IS NULL AND sends IS NULL", number, most, only)

    def upload_dags(self, number: int, most: int, only: Collection[str] = ()) -> list[DagKey]:
        """The newest DAGs of a number that only upload."""
        return self._newest("number = ? AND sends IS NOT NULL", number, most, only)

    def _newest(self, which: str, number: int, most: int, only: Collection[str]) -> list[DagKey]:
        names = ",".join("?" * len(only))
        theirs = f"campaign.reconstruction_id = dag.reconstruction_id AND calibration IN ({names})"
        some = f" AND EXISTS (SELECT 1 FROM campaign WHERE {theirs})" if only else ""
        newest = f"SELECT id FROM dag WHERE {which}{some} ORDER BY id DESC LIMIT ?"
        of = f" AND calibration IN ({names})" if only else ""
        sql = f"{_DAG} WHERE dag.id IN ({newest}){of} ORDER BY dag.id DESC, calibration"
        return self._dag_keys(sql, number, *only, most, *only)

    def dags_of_payload(self, beginning: str, most: int) -> list[DagKey]:
        """The DAGs that made payloads one of whose hashes begins so.

        First hashes and the others have an index each.
        """
        return self._dag_keys(
            f"{_DAG} WHERE dag.id IN (SELECT dag_id FROM payload"
            " WHERE hash <> '' AND hash >= ?1 AND hash < ?2 UNION SELECT dag_id"
            " FROM payload_other_hash AS other JOIN payload ON payload.id = payload_id"
            " WHERE other.hash >= ?1 AND other.hash < ?2 LIMIT ?3) AND EXISTS (SELECT 1"
            " FROM payload WHERE dag_id = dag.id AND payload.campaign_id = campaign.id)",
            beginning,
            beginning + _END,
            most,
        )

    def dags_numbered(self, stream: str, run: int, number: int) -> list[DagKey]:
        """The DAG of a number of a stream and run, by its index."""
        return self._dag_keys(
            f"{_DAG} WHERE reconstruction.run = ? AND stream = ? AND number = ?"
            " ORDER BY calibration",
            run,
            stream,
            number,
        )

    def _dag_keys(self, sql: str, *values: object) -> list[DagKey]:
        return [
            DagKey(CampaignKey(r["calibration"], r["run"]), r["number"], r["stream"])
            for r in self._db.rows(sql, *values)
        ]

    def files_named(self, what: str) -> list[str]:
        """The paths of RAW files with exactly this path or this last part of it.

        A path is one look into its index. For a last part, the index is asked for it once in each
        folder, and for the next folder after that: two looks for each folder that ever held RAW
        files, not one for each file. A folder that holds files beside other folders is not seen
        through; `files_like` finds those too.
        """
        if self._raw_files.path_and_run(what):
            return [what]
        if "/" in what:
            return []
        paths = (f"{folder}{what}" for folder in self._folders())
        return [path for path in paths if self._raw_files.path_and_run(path)]

    def _folders(self) -> Iterator[str]:
        """The folders of RAW files, each with its slash, in the order of their paths."""
        after = ""
        while rows := self._db.rows(
            "SELECT path FROM raw_file WHERE path > ? ORDER BY path LIMIT 1", after
        ):
            folder = rows[0]["path"].rpartition("/")[0] + "/"
            yield folder
            after = folder + _END

    def files_like(self, part: str, most: int) -> list[str]:
        """The paths of RAW files that contain a text: every path of the ledger is looked at.

        That takes a second or so for five million files.
        """
        rows = self._db.rows("SELECT path FROM raw_file WHERE instr(path, ?) LIMIT ?", part, most)
        return [r["path"] for r in rows]
