"""Reading the ledger.

Knows what was seen, decided and done, and gives it back as the model's data. It writes nothing;
that is `condorloop.ledger`'s.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from condorloop.ledger_schema import SCHEMA_VERSION
from condorloop.lumis import Lumis
from condorloop.model import (
    Campaign,
    CampaignKey,
    CampaignState,
    CampaignSummary,
    Dag,
    DagState,
    HarvestRecord,
    NodeKind,
    PlannedNode,
    ProcessedOutputs,
    RawFile,
    UploadOutcome,
    WaitingFile,
    dag_label,
)


class LedgerError(Exception):
    """The ledger cannot be used; the message names the file and what to do."""


class LedgerView:
    """The ledger, open for reading.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    LedgerError
        The file is not there, is no ledger, is damaged, or was written by another version.
    """

    _mode = "ro"

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            uri = f"{path.absolute().as_uri()}?mode={self._mode}"
            self._db = sqlite3.connect(uri, uri=True, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA busy_timeout = 10000")
            self._prepare()
            self.id = self._meta("ledger_id")
            version = self._meta("schema_version")
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: cannot be used as a ledger: {error}") from error
        if version != str(SCHEMA_VERSION):
            raise LedgerError(
                f"{path}: schema version {version}, but this condorloop reads {SCHEMA_VERSION}"
            )

    def _prepare(self) -> None:
        """What comes before the first reading."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def stream_and_run(self, path: str) -> tuple[str, int] | None:
        """Which stream and run a RAW file belongs to; None if it is not known."""
        rows = self._all("SELECT stream, run FROM raw_file WHERE path = ?", path)
        return (rows[0]["stream"], rows[0]["run"]) if rows else None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _meta(self, key: str) -> str:
        rows = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchall()
        return str(rows[0][0]) if rows else ""

    def _all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise LedgerError(f"{self._path}: {error}") from error

    def _number(self, sql: str, *values: object) -> int:
        return int(self._all(sql, *values)[0][0] or 0)

    def known(self, first_run: int) -> frozenset[CampaignKey]:
        """The campaigns that were ever latched, of runs from `first_run` on."""
        rows = self._all("SELECT calibration, run FROM campaign WHERE run >= ?", first_run)
        return frozenset(CampaignKey(r["calibration"], r["run"]) for r in rows)

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

    def files_to_probe(self, stream: str, run: int) -> dict[str, int]:
        """The RAW files of a run that are not known to be good or bad: path to probes so far."""
        rows = self._all(
            "SELECT path, probes, seen_at FROM raw_file INDEXED BY raw_file_new"
            " WHERE state = 'new' AND stream = ? AND run = ?"
            " UNION ALL SELECT path, probes, seen_at FROM raw_file INDEXED BY raw_file_unreadable"
            " WHERE state = 'unreadable' AND stream = ? AND run = ? ORDER BY seen_at, path",
            *(stream, run, stream, run),
        )
        return {r["path"]: r["probes"] for r in rows}

    def next_numbers(self, campaign_id: int) -> tuple[int, int, int]:
        """The next DAG, batch and ALCARECO numbers of a campaign."""
        dag = self._all(
            "SELECT MAX(number) + 1 AS number, MAX(batch) + 1 AS batch FROM dag"
            " WHERE campaign_id = ?",
            campaign_id,
        )[0]
        job = self._number("SELECT MAX(job) + 1 FROM node WHERE campaign_id = ?", campaign_id)
        return dag["number"] or 0, dag["batch"] or 0, job

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
            "SELECT path, size, lumis, events, probed_at"
            " FROM campaign_file INDEXED BY campaign_file_waiting"
            " JOIN raw_file ON raw_file.id = file_id WHERE campaign_id = ? AND dag_id IS NULL",
            row["id"],
        )
        unharvested = self._all(
            "SELECT job, done_at FROM node WHERE campaign_id = ? AND kind = 'ALCA'"
            " AND state = 'done' AND harvested = 0",
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
            in_payload=Lumis.parse(row["in_payload"]),
            waiting=tuple(
                WaitingFile(
                    RawFile(w["path"], w["size"], Lumis.parse(w["lumis"]), w["events"]),
                    w["probed_at"],
                )
                for w in waiting
            ),
            probing=self._number(
                "SELECT COUNT(*) FROM raw_file INDEXED BY raw_file_new"
                " WHERE state = 'new' AND run = ? AND stream = ?",
                *(row["run"], row["stream"]),
            ),
            dags=tuple(self.dags(row["id"])),
            dag_count=self._number("SELECT COUNT(*) FROM dag WHERE campaign_id = ?", row["id"]),
            unharvested={u["job"]: u["done_at"] for u in unharvested},
        )

    def dags(self, campaign_id: int) -> list[Dag]:
        """The DAGs of a campaign that are not done."""
        dags = []
        for row in self._all(
            "SELECT dag.*, inputs, outcome FROM dag INDEXED BY dag_undone"
            " LEFT JOIN payload ON dag_id = dag.id"
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
            "SELECT path, error FROM raw_file WHERE stream = ? AND run = ?"
            " AND state IN ('bad', 'unreadable') ORDER BY path",
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
            in_payload=Lumis.parse(row["in_payload"]),
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
