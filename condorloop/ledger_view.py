"""Reading the ledger.

Knows what was seen, decided and done, and gives it back as the model's data. It writes nothing;
that is `condorloop.ledger`'s. A plus before a column keeps SQLite from an index that would lead it
through all that ever was.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import fields

from condorloop.ledger_file import LedgerFile
from condorloop.lumis import Lumis
from condorloop.model import (
    Alcareco,
    Campaign,
    CampaignKey,
    CampaignState,
    Dag,
    DagOutline,
    DagState,
    FileState,
    HarvestRecord,
    JobRecord,
    Kept,
    NodeKind,
    PlannedNode,
    ProcessedOutputs,
    RawFile,
    Request,
    RequestKind,
    Statistics,
    UploadOutcome,
    WaitingFile,
    dag_label,
)

_KINDS = frozenset(RequestKind)
BEGUN = "?"
"""What follows the name of something in a campaign's `cleaned` that is still being removed."""

_UNHARVESTED = "campaign_id = ? AND kind = 'ALCA' AND state = 'done' AND harvested = 0"


class LedgerView(LedgerFile):
    """What the loop reads of the ledger."""

    def stream_and_run(self, path: str) -> tuple[str, int] | None:
        """Which stream and run a RAW file belongs to; None if it is not known."""
        rows = self._all("SELECT stream, run FROM raw_file WHERE path = ?", path)
        return (rows[0]["stream"], rows[0]["run"]) if rows else None

    def has(self, key: CampaignKey) -> bool:
        """Whether all that is known of a campaign is here, and not in an archive."""
        here = "SELECT 1 FROM campaign WHERE run = ? AND calibration = ? AND archived IS NULL"
        return bool(self._all(here, key.run, key.calibration))

    def known(self, first_run: int) -> frozenset[CampaignKey]:
        """The campaigns that were ever latched, of runs from `first_run` on."""
        rows = self._all("SELECT calibration, run FROM campaign WHERE run >= ?", first_run)
        return frozenset(CampaignKey(r["calibration"], r["run"]) for r in rows)

    def calibrations(self) -> frozenset[str]:
        """The calibrations that ever had a campaign."""
        rows = self._all("SELECT DISTINCT calibration FROM campaign")
        return frozenset(r["calibration"] for r in rows)

    def open_runs(self, since: float) -> list[int]:
        """The runs that started since, and have an open campaign."""
        rows = self._all(
            "SELECT DISTINCT run FROM campaign WHERE state IN (?, ?) AND run_start >= ?",
            *(CampaignState.ACTIVE, CampaignState.CLOSING, since),
        )
        return [r["run"] for r in rows]

    def watched(self, since: float, asked: float) -> dict[tuple[str, int], bool]:
        """Which (stream, run) folders may still give files, older runs first.

        Those of runs that started after `since`, and those that a person asked for after `asked`;
        each with whether a campaign that reads it is open.
        """
        rows = self._all(
            "SELECT stream, run, MAX(state IN ('active', 'closing')) AS open FROM campaign"
            " WHERE run_start >= ? OR asked_at >= ? GROUP BY +run, stream ORDER BY +run, stream",
            *(since, asked),
        )
        return {(r["stream"], r["run"]): bool(r["open"]) for r in rows}

    def files(self, stream: str, run: int) -> dict[str, int]:
        """The known RAW files of a run in a stream: path to size in bytes."""
        rows = self._all(
            "SELECT path, size FROM raw_file WHERE stream = ? AND run = ?", stream, run
        )
        return {r["path"]: r["size"] for r in rows}

    def gone_files(self, stream: str, run: int) -> set[str]:
        """The RAW files of a run that storage listed once, and does not list any more."""
        rows = self._all(
            "SELECT path FROM raw_file WHERE stream = ? AND run = ? AND gone = 1", stream, run
        )
        return {r["path"] for r in rows}

    def files_to_probe(self, stream: str, run: int) -> dict[str, int]:
        """The RAW files of a run that are not known to be good or bad: path to probes so far."""
        rows = self._all(
            "SELECT path, probes, seen_at FROM raw_file INDEXED BY raw_file_new"
            " WHERE state = 'new' AND stream = ? AND run = ? AND gone = 0"
            " UNION ALL SELECT path, probes, seen_at FROM raw_file INDEXED BY raw_file_unreadable"
            " WHERE state = 'unreadable' AND stream = ? AND run = ? AND gone = 0"
            " ORDER BY seen_at, path",
            *(stream, run, stream, run),
        )
        return {r["path"]: r["probes"] for r in rows}

    def tries(self, path: str) -> tuple[int, bool]:
        """How often a RAW file was probed in vain, and whether it is not waited for any more."""
        rows = self._all(
            "SELECT probes, state FROM raw_file WHERE path = ? AND state IN (?, ?)",
            *(path, FileState.NEW, FileState.UNREADABLE),
        )
        return next(((r["probes"], r["state"] == FileState.UNREADABLE) for r in rows), (0, False))

    def next_numbers(self, campaign_id: int) -> tuple[int, int, int]:
        """The next DAG, batch and ALCARECO numbers of a campaign."""
        dag = self._all(
            "SELECT MAX(number) + 1 AS number, MAX(batch) + 1 AS batch FROM dag"
            " WHERE campaign_id = ?",
            campaign_id,
        )[0]
        job = self._number("SELECT MAX(job) + 1 FROM node WHERE campaign_id = ?", campaign_id)
        return dag["number"] or 0, dag["batch"] or 0, job

    def unfinished_nodes(
        self, dag_id: int, among: Collection[str] | None = None
    ) -> list[PlannedNode]:
        """The nodes of a DAG that are not known to be done, and are to be; `among` these names."""
        unfinished = "dag_id = ? AND state NOT IN ('done', 'dropped')"
        if among is None:
            return self._nodes(unfinished, dag_id)
        names = json.dumps(list(among))
        return self._nodes(
            f"{unfinished} AND name IN (SELECT value FROM json_each(?))", dag_id, names
        )

    def alca_nodes(self, dag_id: int) -> list[PlannedNode]:
        """The ALCA nodes of a DAG, whatever became of them."""
        return self._nodes("dag_id = ? AND kind = 'ALCA'", dag_id)

    def unharvested_nodes(self, campaign_id: int) -> list[PlannedNode]:
        """The ALCA nodes of a campaign that are done, and that no successful harvest read."""
        return self._nodes(_UNHARVESTED, campaign_id)

    def _nodes(self, which: str, *values: object) -> list[PlannedNode]:
        rows = self._all(
            f"SELECT name, kind, job, output, witness, child FROM node WHERE {which}", *values
        )
        return [
            PlannedNode(
                name=r["name"],
                kind=NodeKind(r["kind"]),
                output=r["output"],
                witness=r["witness"],
                job=r["job"],
                child=r["child"],
            )
            for r in rows
        ]

    def dropped(self, dag_id: int) -> dict[str, frozenset[str]]:
        """The inputs that the nodes of a DAG go on without: RAW files or RECO, by node."""
        rows = self._all(
            "SELECT name, dropped FROM node WHERE dag_id = ? AND dropped <> '[]'", dag_id
        )
        return {r["name"]: frozenset(json.loads(r["dropped"])) for r in rows}

    def uploaded(self, campaign_id: int) -> tuple[Lumis, int]:
        """The LS and the number of events of the largest payload that was uploaded."""
        row = self._all(
            "SELECT in_payload, events_in_payload FROM campaign WHERE id = ?", campaign_id
        )[0]
        return Lumis.parse(row["in_payload"]), row["events_in_payload"]

    def requests(self) -> list[Request]:
        """What people have asked for and was not answered, the oldest first."""
        return [
            Request(
                id=r["id"],
                kind=RequestKind(r["kind"]),
                run=r["run"],
                calibration=r["calibration"],
                node=r["node"],
                everything=bool(r["everything"]),
                made_by=r["made_by"],
                made_at=r["made_at"],
                reason=r["reason"],
                begun=r["answer"],
            )
            for r in self._all("SELECT * FROM request WHERE answered_at IS NULL ORDER BY id")
            if r["kind"] in _KINDS
        ]

    def jobs(self, dag_id: int) -> list[JobRecord]:
        """The jobs of a DAG's runs that have ended, in the order of their submission."""
        rows = self._all("SELECT * FROM job WHERE dag_id = ? ORDER BY submitted_at", dag_id)
        return [job_record(row) for row in rows]

    def harvest_record(self, dag_id: int) -> HarvestRecord | None:
        """How far HARVEST and UPLOAD of a DAG have come, as it was last written down."""
        rows = self._all("SELECT * FROM payload WHERE dag_id = ?", dag_id)
        return _harvest_record(rows[0]) if rows else None

    def campaigns(
        self,
        listed: Mapping[tuple[str, int], float],
        since: float = 0.0,
        asked: float = float("inf"),
    ) -> list[Campaign]:
        """The campaigns with work to do, older runs first.

        Parameters
        ----------
        listed
            When storage last listed each (stream, run), seconds since the epoch.
        since
            Of runs that started before, closed ones are left alone unless a DAG is in flight.
        asked
            Those that a person has asked for since then are not left alone, either.
        """
        rows = self._all(
            "SELECT * FROM campaign WHERE id IN ("
            " SELECT id FROM campaign WHERE state IN ('active', 'closing')"
            " UNION SELECT campaign_id FROM dag WHERE state IN ('planned', 'active')"
            " UNION SELECT id FROM campaign WHERE (run_start >= ? OR asked_at >= ?)"
            " AND +state IN ('complete', 'incomplete')"
            " AND (EXISTS (SELECT 1 FROM campaign_file"
            " WHERE campaign_id = campaign.id AND dag_id IS NULL)"
            " OR (run_end IS NULL) <> (judged_end IS NULL) OR last_ls IS NOT judged_ls))"
            " AND state <> 'expired' ORDER BY run, calibration",
            *(since, asked),
        )
        return [self._campaign(row, listed) for row in rows]

    def campaigns_of(self, run: int, calibration: str | None) -> list[Campaign]:
        """The campaigns of a run in whatever state; of one calibration, or of all if None."""
        rows = self._all(
            "SELECT * FROM campaign WHERE run = ?1 AND calibration = COALESCE(?2, calibration)"
            " ORDER BY calibration",
            *(run, calibration),
        )
        return [self._campaign(row, {}) for row in rows]

    def _campaign(self, row: sqlite3.Row, listed: Mapping[tuple[str, int], float]) -> Campaign:
        waiting = self._all(
            "SELECT path, size, lumis, events, probed_at"
            " FROM campaign_file INDEXED BY campaign_file_waiting"
            " JOIN raw_file ON raw_file.id = file_id"
            " WHERE campaign_id = ? AND dag_id IS NULL AND gone = 0 AND state = 'good'",
            row["id"],
        )
        unharvested = self._all(
            f"SELECT job, done_at, lumis, events, dag_id FROM node WHERE {_UNHARVESTED}", row["id"]
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
                " WHERE state = 'new' AND run = ? AND stream = ? AND gone = 0",
                *(row["run"], row["stream"]),
            ),
            dags=tuple(self.dags(row["id"])),
            dag_count=self._number("SELECT COUNT(*) FROM dag WHERE campaign_id = ?", row["id"]),
            unharvested={
                u["job"]: Alcareco(u["done_at"], _statistics(u), u["dag_id"]) for u in unharvested
            },
            events_harvested=row["events_harvested"],
            quarantined=self.quarantined(row["id"]),
            set_back=self._set_back_files(row["id"]),
            revised=_revised(row),
            reason=row["reason"],
            held_by=row["held_by"],
            cleaned=cleaned_in(row["cleaned"]),
            asked_at=row["asked_at"],
            archived=row["archived"] is not None,
        )

    def quarantined(self, campaign_id: int) -> tuple[str, ...]:
        """The inputs that nodes of a campaign went on without for good.

        But for what was never made, and for RAW files that were set back.
        """
        given_up: set[str] = set()
        for node in self._all(
            "SELECT * FROM node WHERE campaign_id = ? AND dropped <> '[]'", campaign_id
        ):
            dropped = set(json.loads(node["dropped"]))
            if node["kind"] == NodeKind.RECO:
                given_up |= dropped & self._inputs_of(node)
            else:
                given_up |= dropped - self._unmade(node)
        return tuple(sorted(given_up))

    def _unmade(self, alca: sqlite3.Row) -> set[str]:
        """What RECO nodes do not make, or have made in vain, for an ALCA node."""
        rows = self._all(
            "SELECT output FROM node WHERE dag_id = ? AND child = ? AND state = 'dropped'",
            *(alca["dag_id"], alca["name"]),
        )
        return {r["output"] for r in rows}

    def _set_back_files(self, campaign_id: int) -> tuple[str, ...]:
        """The RAW files that jobs kept failing on, and that cannot be read yet."""
        rows = self._all(
            "SELECT path FROM campaign_file INDEXED BY campaign_file_waiting"
            " JOIN raw_file ON raw_file.id = file_id"
            " WHERE campaign_id = ? AND dag_id IS NULL AND state <> 'good' ORDER BY path",
            campaign_id,
        )
        return tuple(r["path"] for r in rows)

    def _inputs_of(self, node: sqlite3.Row) -> set[str]:
        """What a RECO or ALCA node was planned to read, but for what waits for another DAG."""
        if node["kind"] == NodeKind.RECO:
            rows = self._all(
                "SELECT path FROM campaign_file JOIN raw_file ON raw_file.id = file_id"
                " WHERE dag_id = ? AND node = ?",
                *(node["dag_id"], node["name"]),
            )
        else:
            rows = self._all(
                "SELECT output FROM node WHERE dag_id = ? AND child = ?",
                *(node["dag_id"], node["name"]),
            )
        return {r[0] for r in rows}

    def _blames(self, node: sqlite3.Row) -> dict[str, int]:
        """Whom a node's failed attempts blame, of the inputs that it still has."""
        told: dict[str, int] = json.loads(node["blames"])
        left = self._inputs_of(node) - set(json.loads(node["dropped"])) if told else set()
        return {each: count for each, count in told.items() if each in left}

    def dags(self, campaign_id: int) -> list[Dag]:
        """The DAGs of a campaign that are neither done nor lost."""
        dags = []
        for row in self._all(
            "SELECT dag.*, inputs, outcome FROM dag INDEXED BY dag_undone"
            " LEFT JOIN payload ON dag_id = dag.id"
            " WHERE dag.campaign_id = ? AND dag.state NOT IN ('done', 'lost') ORDER BY number",
            campaign_id,
        ):
            failed = self._all(
                "SELECT * FROM node WHERE dag_id = ? AND state = 'failed'", row["id"]
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
                    held=bool(row["held"]),
                    blames={f["name"]: self._blames(f) for f in failed},
                    removed_by=row["removed_by"],
                    harvests=bool(row["harvests"]),
                    holds=_statistics(row),
                    refused=row["refused"],
                )
            )
        return dags

    def outline(self, campaign_id: int) -> tuple[DagOutline, ...]:
        """The DAGs of a campaign that are not lost, and their nodes, by name."""
        names: dict[int, list[str]] = {}
        rows = "SELECT dag_id, name FROM node WHERE campaign_id = ? ORDER BY dag_id, name"
        for row in self._all(rows, campaign_id):
            names.setdefault(row["dag_id"], []).append(row["name"])
        return tuple(
            DagOutline(
                dag_label(r["number"], r["batch"]),
                DagState(r["state"]),
                tuple(names.get(r["id"], ())),
            )
            for r in self._all(
                "SELECT * FROM dag WHERE campaign_id = ? AND state <> 'lost' ORDER BY number",
                campaign_id,
            )
        )

    def open_campaigns_of(self, calibration: str) -> list[Campaign]:
        """The open campaigns of a calibration, older runs first."""
        rows = self._all(
            "SELECT * FROM campaign WHERE state IN ('active', 'closing') AND calibration = ?"
            " ORDER BY run",
            calibration,
        )
        return [self._campaign(row, {}) for row in rows]

    def held_calibrations(self) -> dict[str, tuple[str, float]]:
        """The calibrations whose campaigns are held from their latching on: by whom, since when."""
        rows = self._all("SELECT * FROM held_calibration")
        return {r["calibration"]: (r["held_by"], r["held_at"]) for r in rows}

    def latest_runs(self, most: int = 5) -> list[int]:
        """The latest runs that have campaigns."""
        rows = self._all("SELECT DISTINCT run FROM campaign ORDER BY run DESC LIMIT ?", most)
        return [r["run"] for r in rows]

    def all_dags(self, campaign_id: int) -> list[tuple[int, int]]:
        """The id and the number of every DAG of a campaign that is not lost."""
        rows = self._all(
            "SELECT id, number FROM dag WHERE campaign_id = ? AND state <> 'lost'", campaign_id
        )
        return [(r["id"], r["number"]) for r in rows]

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


def _statistics(row: sqlite3.Row) -> Statistics:
    return Statistics(Lumis.parse(row["lumis"]), row["events"])


def cleaned_in(text: str) -> frozenset[Kept]:
    """What is named in a campaign's `cleaned`: removed, or begun to be."""
    return frozenset(Kept(name.rstrip(BEGUN)) for name in text.split(",") if name)


def _revised(row: sqlite3.Row) -> str:
    """What OMS tells otherwise than when a campaign was closed, in words."""
    if (row["run_end"] is None) != (row["judged_end"] is None):
        return "the run goes on" if row["run_end"] is None else "the run has ended"
    return "" if row["last_ls"] == row["judged_ls"] else f"its last LS is {row['last_ls']}"


_JOB_FIELDS = tuple(f.name for f in fields(JobRecord))


def job_record(row: sqlite3.Row) -> JobRecord:
    """Read a job from its row."""
    told = {name: row[name] for name in _JOB_FIELDS}
    return JobRecord(**told | {"removed": bool(row["removed"])})


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
        left_out=frozenset(json.loads(row["left_out"])),
        other_hashes=tuple(row["hashes"].split()),
    )
