"""The ledger: the manager's SQLite file.

Knows what was seen, decided and done, and gives it back as the model's data. It decides
nothing. Only the submitter writes to it; every method that writes is one transaction.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from condorloop.ledger_schema import SCHEMA, SCHEMA_VERSION
from condorloop.lumis import EMPTY, Lumis
from condorloop.model import (
    Campaign,
    CampaignKey,
    CampaignState,
    CampaignSummary,
    Dag,
    DagState,
    NodeKind,
    ProcessedOutputs,
    RawFile,
    Run,
    UploadOutcome,
    WaitingFile,
    dag_label,
)


class LedgerError(Exception):
    """The ledger cannot be used; the message names the file and what to do."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What probing a RAW file told: the LS of its run, or why it cannot be used."""

    lumis: Lumis
    events: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """A node as it is written down before its DAG exists.

    `output` is what it will leave in the run directory, `witness` the file there that says that
    it is whole, `job` the number of an ALCARECO, `paths` the RAW files that it reads.
    """

    name: str
    kind: NodeKind
    output: str
    witness: str
    job: int | None = None
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HarvestRecord:
    """What became of a DAG's HARVEST and UPLOAD so far; None where nothing is known yet.

    `inputs` are the numbers of the ALCARECO (``apJob``) that HARVEST took.
    """

    inputs: frozenset[int]
    lumis: Lumis
    events: int
    harvested_at: float | None = None
    outcome: UploadOutcome | None = None
    answer: str = ""
    tag: str = ""
    hash: str = ""
    since: int | None = None
    answered_at: float | None = None


class Ledger:
    """The ledger, open.

    Parameters
    ----------
    path
        The file; it is made when it is not there, unless `read_only`.

    Raises
    ------
    LedgerError
        The file is no ledger, is damaged, or was written by another version.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        try:
            uri = f"file:{path}?mode={'ro' if read_only else 'rwc'}"
            self._db = sqlite3.connect(uri, uri=True, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA busy_timeout = 10000")
            if not read_only:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
                self._create()
            self.id = self._meta("ledger_id")
            version = self._meta("schema_version")
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: cannot be used as a ledger: {error}") from error
        if version != str(SCHEMA_VERSION):
            raise LedgerError(
                f"{path}: schema version {version}, but this condorloop reads {SCHEMA_VERSION}"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _create(self) -> None:
        with self._transaction():
            if self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
                return
            for statement in filter(str.strip, SCHEMA.split(";")):
                self._db.execute(statement)
            values = {"schema_version": str(SCHEMA_VERSION), "ledger_id": uuid.uuid4().hex[:12]}
            self._db.executemany("INSERT INTO meta VALUES (?, ?)", values.items())

    def _meta(self, key: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        return self._db.execute(sql, values).fetchall()

    def _number(self, sql: str, *values: object) -> int:
        return int(self._db.execute(sql, values).fetchone()[0] or 0)

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

    def known(self) -> frozenset[CampaignKey]:
        """Every campaign that was ever latched."""
        rows = self._all("SELECT calibration, run FROM campaign")
        return frozenset(CampaignKey(r["calibration"], r["run"]) for r in rows)

    def update_runs(self, runs: Iterable[Run]) -> None:
        """Take over what OMS says of runs that have campaigns."""
        with self._transaction():
            self._db.executemany(
                "UPDATE campaign SET run_end = ?, last_ls = ?, fill = ? WHERE run = ?"
                " AND (run_end IS NOT ? OR last_ls IS NOT ? OR fill IS NOT ?)",
                [(r.end, r.last_ls, r.fill, r.number, r.end, r.last_ls, r.fill) for r in runs],
            )

    def set_state(self, campaign_id: int, state: CampaignState, reason: str, now: float) -> None:
        """Move a campaign to another state."""
        with self._transaction():
            self._db.execute(
                "UPDATE campaign SET state = ?, reason = ?, state_since = ? WHERE id = ?",
                (state, reason, now, campaign_id),
            )

    def open_runs(self) -> list[int]:
        """The runs that have an open campaign."""
        rows = self._all(
            "SELECT DISTINCT run FROM campaign WHERE state IN (?, ?)",
            *(CampaignState.ACTIVE, CampaignState.CLOSING),
        )
        return [r["run"] for r in rows]

    def watched(self, since: float) -> list[tuple[str, int]]:
        """Which (stream, run) folders may still get files: of runs that started after `since`."""
        rows = self._all(
            "SELECT DISTINCT stream, run FROM campaign WHERE run_start >= ? OR state IN (?, ?)",
            *(since, CampaignState.ACTIVE, CampaignState.CLOSING),
        )
        return [(r["stream"], r["run"]) for r in rows]

    def files(self, stream: str, run: int) -> dict[str, int]:
        """The known RAW files of a run in a stream: path to size in bytes."""
        rows = self._all(
            "SELECT path, size FROM raw_file WHERE stream = ? AND run = ?", stream, run
        )
        return {r["path"]: r["size"] for r in rows}

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

    def files_to_probe(self) -> list[tuple[str, int, int]]:
        """The RAW files that were not probed: (path, run, probes so far), oldest first."""
        rows = self._all(
            "SELECT path, run, probes FROM raw_file WHERE state = 'new' ORDER BY seen_at, path"
        )
        return [(r["path"], r["run"], r["probes"]) for r in rows]

    def record_probe(self, path: str, probe: Probe, now: float, *, final: bool = True) -> None:
        """Write down what probing a file told; if it is not `final`, it is to be probed again."""
        state = "good" if not probe.error else "bad" if final else "new"
        with self._transaction():
            self._db.execute(
                "UPDATE raw_file SET state = ?, probes = probes + 1, probed_at = ?, lumis = ?,"
                " events = ?, error = ? WHERE path = ?",
                (state, now, str(probe.lumis), probe.events, probe.error, path),
            )
            if state != "good":
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

    def next_numbers(self, campaign_id: int) -> tuple[int, int, int]:
        """The next DAG, batch and ALCARECO numbers of a campaign."""
        dag = self._all(
            "SELECT MAX(number) + 1 AS number, MAX(batch) + 1 AS batch FROM dag"
            " WHERE campaign_id = ?",
            campaign_id,
        )[0]
        job = self._number("SELECT MAX(job) + 1 FROM node WHERE campaign_id = ?", campaign_id)
        return dag["number"] or 0, dag["batch"] or 0, job

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
            self._db.executemany(
                "UPDATE node SET state = 'failed' WHERE dag_id = ? AND name = ?",
                [(dag_id, name) for name in failed or ()],
            )

    def unfinished_nodes(self, dag_id: int) -> list[PlannedNode]:
        """The nodes of a DAG that are not known to be done."""
        rows = self._all(
            "SELECT name, kind, job, output, witness FROM node"
            " WHERE dag_id = ? AND state <> 'done'",
            dag_id,
        )
        return [
            PlannedNode(r["name"], NodeKind(r["kind"]), r["output"], r["witness"], r["job"])
            for r in rows
        ]

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
                [(campaign_id, job) for job in record.inputs],
            )
            row = self._all("SELECT harvested FROM campaign WHERE id = ?", campaign_id)[0]
            if len(record.lumis) > len(Lumis.parse(row["harvested"])):
                self._db.execute(
                    "UPDATE campaign SET harvested = ? WHERE id = ?",
                    (str(record.lumis), campaign_id),
                )

    def harvest_record(self, dag_id: int) -> HarvestRecord | None:
        """How far HARVEST and UPLOAD of a DAG have come, as it was last written down."""
        rows = self._all("SELECT * FROM payload WHERE dag_id = ?", dag_id)
        return _harvest_record(rows[0]) if rows else None

    def campaigns(self, listed: Mapping[tuple[str, int], float]) -> list[Campaign]:
        """The campaigns with work to do, older runs first.

        Parameters
        ----------
        listed
            When storage last listed each (stream, run), seconds since the epoch.
        """
        rows = self._all(
            "SELECT * FROM campaign WHERE state IN (?, ?) OR (state IN (?, ?) AND id IN"
            " (SELECT campaign_id FROM campaign_file WHERE dag_id IS NULL))"
            " ORDER BY run, calibration",
            *(CampaignState.ACTIVE, CampaignState.CLOSING),
            *(CampaignState.COMPLETE, CampaignState.INCOMPLETE),
        )
        return [self._campaign(row, listed) for row in rows]

    def _campaign(self, row: sqlite3.Row, listed: Mapping[tuple[str, int], float]) -> Campaign:
        waiting = self._all(
            "SELECT path, size, lumis, events, probed_at FROM campaign_file"
            " JOIN raw_file ON raw_file.id = file_id WHERE campaign_id = ? AND dag_id IS NULL",
            row["id"],
        )
        unharvested = self._all(
            "SELECT job FROM node WHERE campaign_id = ? AND kind = 'ALCA' AND state = 'done'"
            " AND harvested = 0",
            row["id"],
        )
        return Campaign(
            id=row["id"],
            key=CampaignKey(row["calibration"], row["run"]),
            state=CampaignState(row["state"]),
            run_start=row["run_start"],
            run_end=row["run_end"],
            last_ls=row["last_ls"],
            last_new_at=row["last_new_at"],
            listed_at=listed.get((row["stream"], row["run"])),
            seen=Lumis.parse(row["seen"]),
            harvested=Lumis.parse(row["harvested"]),
            waiting=tuple(
                WaitingFile(
                    RawFile(w["path"], w["size"], Lumis.parse(w["lumis"]), w["events"]),
                    w["probed_at"],
                )
                for w in waiting
            ),
            probing=self._number(
                "SELECT COUNT(*) FROM raw_file WHERE state = 'new' AND run = ? AND stream = ?",
                *(row["run"], row["stream"]),
            ),
            dags=tuple(self.dags(row["id"])),
            dag_count=self._number("SELECT COUNT(*) FROM dag WHERE campaign_id = ?", row["id"]),
            unharvested=frozenset(u["job"] for u in unharvested),
        )

    def dags(self, campaign_id: int) -> list[Dag]:
        """The DAGs of a campaign that are not done."""
        dags = []
        for row in self._all(
            "SELECT dag.*, inputs, outcome FROM dag LEFT JOIN payload ON dag_id = dag.id"
            " WHERE dag.campaign_id = ? AND dag.state <> 'done' ORDER BY number",
            campaign_id,
        ):
            failed = self._all(
                "SELECT name FROM node WHERE dag_id = ? AND state = 'failed'", row["id"]
            )
            dags.append(
                Dag(
                    id=row["id"],
                    number=row["number"],
                    batch=row["batch"],
                    state=DagState(row["state"]),
                    cluster=row["cluster"],
                    planned_at=row["planned_at"],
                    ended_at=row["ended_at"],
                    rescues=row["rescues"],
                    failed_nodes=tuple(f["name"] for f in failed),
                    harvest_inputs=None
                    if row["inputs"] is None
                    else frozenset(json.loads(row["inputs"])),
                    upload=UploadOutcome(row["outcome"]) if row["outcome"] else None,
                )
            )
        return dags

    def summaries(self, since: float) -> list[CampaignSummary]:
        """What people want to know of the campaigns that are open or were latched after `since`."""
        rows = self._all(
            "SELECT * FROM campaign WHERE state IN (?, ?) OR latched_at >= ?"
            " ORDER BY run, calibration",
            *(CampaignState.ACTIVE, CampaignState.CLOSING, since),
        )
        return [self._summary(row) for row in rows]

    def _summary(self, row: sqlite3.Row) -> CampaignSummary:
        files = {
            r["state"]: r["n"]
            for r in self._all(
                "SELECT state, COUNT(*) AS n FROM raw_file WHERE stream = ? AND run = ?"
                " GROUP BY state",
                *(row["stream"], row["run"]),
            )
        }
        bad = self._all(
            "SELECT path, error FROM raw_file WHERE stream = ? AND run = ? AND state = 'bad'"
            " ORDER BY path",
            *(row["stream"], row["run"]),
        )
        dags = {
            r["state"]: r["n"]
            for r in self._all(
                "SELECT state, COUNT(*) AS n FROM dag WHERE campaign_id = ? GROUP BY state",
                row["id"],
            )
        }
        failed = self._all(
            "SELECT number, batch, name FROM node JOIN dag ON dag.id = dag_id"
            " WHERE dag.campaign_id = ? AND node.state = 'failed' ORDER BY number, name",
            row["id"],
        )
        payloads = self._all(
            "SELECT payload.*, number FROM payload JOIN dag ON dag.id = dag_id"
            " WHERE payload.campaign_id = ? ORDER BY answered_at",
            row["id"],
        )
        uploaded = [p for p in payloads if p["outcome"] == UploadOutcome.UPLOADED]
        answered = [p for p in payloads if p["outcome"]]
        return CampaignSummary(
            key=CampaignKey(row["calibration"], row["run"]),
            state=CampaignState(row["state"]),
            reason=row["reason"],
            fill=row["fill"],
            run_start=row["run_start"],
            run_end=row["run_end"],
            last_ls=row["last_ls"],
            seen=Lumis.parse(row["seen"]),
            harvested=Lumis.parse(row["harvested"]),
            in_payload=Lumis.parse(uploaded[-1]["lumis"]) if uploaded else EMPTY,
            files=files,
            bad_files={b["path"]: b["error"] for b in bad},
            dags=dags,
            failed_nodes=tuple(f"{dag_label(f['number'], f['batch'])} {f['name']}" for f in failed),
            uploads=len(uploaded),
            last_upload_at=uploaded[-1]["answered_at"] if uploaded else None,
            last_outcome=UploadOutcome(answered[-1]["outcome"]) if answered else None,
            last_answer=answered[-1]["answer"] if answered else "",
        )

    def probes(self) -> dict[str, int]:
        """How often each RAW file was probed, by path."""
        return {r["path"]: r["probes"] for r in self._all("SELECT path, probes FROM raw_file")}

    def processed(self, campaign_id: int) -> ProcessedOutputs:
        """What the seed's log files list: files and outputs that were processed, by name."""
        files = self._all(
            "SELECT path FROM campaign_file JOIN raw_file ON raw_file.id = file_id"
            " WHERE campaign_id = ? AND dag_id IS NOT NULL ORDER BY path",
            campaign_id,
        )
        nodes = self._all(
            "SELECT kind, output, state, harvested FROM node WHERE campaign_id = ?"
            " AND kind IN ('RECO', 'ALCA') ORDER BY output",
            campaign_id,
        )
        reco = [n for n in nodes if n["kind"] == NodeKind.RECO]
        return ProcessedOutputs(
            raw_files=tuple(f["path"] for f in files),
            expected=tuple(n["output"] for n in reco),
            reco=tuple(n["output"] for n in reco if n["state"] == "done"),
            alcareco=tuple(n["output"] for n in nodes if n["harvested"]),
        )


def _harvest_record(row: sqlite3.Row) -> HarvestRecord:
    return HarvestRecord(
        inputs=frozenset(json.loads(row["inputs"])),
        lumis=Lumis.parse(row["lumis"]),
        events=row["events"],
        harvested_at=row["harvested_at"],
        outcome=UploadOutcome(row["outcome"]) if row["outcome"] else None,
        answer=row["answer"],
        tag=row["tag"],
        hash=row["hash"],
        since=row["since"],
        answered_at=row["answered_at"],
    )
