"""What people want to know of the ledger: campaigns in a few words and numbers.

Knows how a campaign's rows are summed up; the loop decides nothing from it.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from condorloop.ledger.connection import Connection
from condorloop.ledger.queries.campaigns import CAMPAIGNS, CampaignQueries
from condorloop.ledger.queries.dags import DagQueries
from condorloop.ledger.queries.payloads import PayloadQueries, why_no_payload
from condorloop.ledger.queries.uploads import UploadQueries
from condorloop.model.campaign import CampaignKey, Dag, RawFile, ReconstructionKey, dag_label
from condorloop.model.enums import (
    CampaignState,
    DagState,
    NodeKind,
    NodeState,
    UploadOutcome,
)
from condorloop.model.lumi_fates import FileFate, fates, last_lumi, without_payload
from condorloop.model.lumis import Lumis
from condorloop.model.raw_copies import Copies, copies
from condorloop.model.service import CONDITIONS, Service
from condorloop.model.status import (
    CampaignStatus,
    LumiSets,
    ReconstructionStatus,
    UnsentPayload,
)
from condorloop.rundir.layout import alcareco_name, harvest_name
from condorloop.text import one_line


class StatusQueries:
    """What is asked for status, page and messages."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._dags = DagQueries(db)
        self._payloads = PayloadQueries(db)
        self._uploads = UploadQueries(db)
        self._campaigns = CampaignQueries(db)

    def summaries(self, since: float) -> list[CampaignStatus]:
        """What people want to know of the campaigns that are open, or recent; see `to_sum_up`."""
        return list(self.several(self.to_sum_up(since)).campaigns.values())

    def several(self, campaign_ids: Iterable[int]) -> Summaries:
        """What people want to know of campaigns; what they share is read once."""
        known: dict[int, _Shared] = {}
        campaigns: dict[int, CampaignStatus] = {}
        for campaign_id in campaign_ids:
            [row] = self._db.rows(f"{CAMPAIGNS} WHERE campaign.id = ?", campaign_id)
            mine = row["reconstruction_id"]
            if mine not in known:
                known[mine] = self._shared(row)
            campaigns[campaign_id] = self._campaign(row, known[mine])
        told = (shared.status for shared in known.values() if shared.status)
        return Summaries(campaigns, {status.key: status for status in told})

    def summary(self, campaign_id: int) -> CampaignStatus:
        """What people want to know of a campaign."""
        return self.several([campaign_id]).campaigns[campaign_id]

    def to_sum_up(self, since: float) -> list[int]:
        """The ids of the campaigns that are open, or recent, by run.

        Recent are those that were latched after `since`, or whose windows count from then or later.
        """
        rows = self._db.rows(
            "SELECT id FROM campaign WHERE state IN (?, ?) OR latched_at >= ? OR window_from >= ?"
            " ORDER BY +run, calibration",
            CampaignState.ACTIVE,
            CampaignState.CLOSING,
            since,
            since,
        )
        return [row["id"] for row in rows]

    def conditions(self, since: float) -> Service:
        """How the conditions service answered uploads of windows that count from `since` or later.

        A refusal is an answer, too; an upload that is under way is none yet.
        """
        answers = (
            "SELECT answer, answered_at FROM payload JOIN campaign ON campaign.id = campaign_id"
            " WHERE answered_at > ?1 AND window_from >= ?2 AND (outcome = 'no answer') = ?3"
            " AND outcome IN ('uploaded', 'refused', 'no answer') AND NOT uploading"
            " ORDER BY answered_at"
        )
        good = self._db.rows(f"{answers} DESC LIMIT 1", since, since, 0)
        answered_at = good[0]["answered_at"] if good else None
        from_then = answered_at or since
        if not (first := self._db.rows(f"{answers} LIMIT 1", from_then, since, 1)):
            return Service(CONDITIONS, answered_at)
        [last] = self._db.rows(f"{answers} DESC LIMIT 1", from_then, since, 1)
        error = one_line(last["answer"]) or "no reason given"
        return Service(CONDITIONS, answered_at, error, first[0]["answered_at"])

    def _shared(self, row: sqlite3.Row) -> _Shared:
        """What is known of a reconstruction, by the row of a campaign of it."""
        mine, of_run = row["reconstruction_id"], (row["raw_path"], row["run"])
        files = {
            r["state"]: r["n"]
            for r in self._db.rows(
                "SELECT state, COUNT(*) AS n FROM raw_file WHERE raw_path = ? AND run = ?"
                " GROUP BY state",
                *of_run,
            )
        }
        bad = self._db.rows(
            "SELECT path, error, gone FROM raw_file WHERE raw_path = ? AND run = ?"
            " AND (state IN ('bad', 'unreadable') OR error <> '' OR gone = 1) ORDER BY path",
            *of_run,
        )
        shares = row["stream"] != row["calibration"]
        dags = self._dags.of_reconstruction(mine, shared=True) if shares else ()
        return _Shared(
            files=files,
            bad_files={b["path"]: _GONE if b["gone"] else b["error"] for b in bad},
            copies={c.paths[0]: str(c) for c in self._copies(*of_run)},
            quarantined=self._dags.quarantined(mine),
            fates=tuple(self._files(mine)),
            dags=dags,
            status=self._reconstruction(row, files, dags) if shares else None,
        )

    def _reconstruction(
        self, row: sqlite3.Row, files: Mapping[str, int], dags: Iterable[Dag]
    ) -> ReconstructionStatus:
        """Sum up RECO and ALCA that several calibrations share.

        A DAG that failed when they were done has failed for some of the calibrations alone.
        """
        mine = row["reconstruction_id"]
        batches = self._db.rows(
            "SELECT state, COUNT(*) AS n FROM dag WHERE reconstruction_id = ?"
            " AND batch IS NOT NULL GROUP BY state",
            mine,
        )
        states = Counter({b["state"]: b["n"] for b in batches})
        for dag in dags:
            if dag.made and dag.state is DagState.FAILED:
                states[DagState.FAILED] -= 1
                states[DagState.DONE] += 1
        nodes: dict[NodeKind, dict[str, int]] = {NodeKind.RECO: {}, NodeKind.ALCA: {}}
        made = []
        for group in self._db.rows(
            "SELECT kind, node.state, COUNT(*) AS n, group_concat(NULLIF(node.lumis, '')) AS lumis"
            " FROM dag CROSS JOIN node ON node.dag_id = dag.id WHERE dag.reconstruction_id = ?"
            " AND node.campaign_id IS NULL AND dag.state <> 'lost' GROUP BY kind, node.state",
            mine,
        ):
            nodes[NodeKind(group["kind"])][group["state"]] = group["n"]
            if (group["kind"], group["state"]) == (NodeKind.ALCA, NodeState.DONE):
                made.append(Lumis.parse(group["lumis"] or ""))
        names = self._db.rows(
            "SELECT calibration FROM campaign WHERE reconstruction_id = ? ORDER BY calibration",
            mine,
        )
        return ReconstructionStatus(
            stream=row["stream"],
            run=row["run"],
            calibrations=tuple(r["calibration"] for r in names),
            last_ls=row["last_ls"],
            run_end=row["run_end"],
            seen=Lumis.parse(row["seen"]),
            made=Lumis.union(made),
            files=files,
            dags={str(state): n for state, n in sorted(states.items()) if n},
            nodes=nodes,
        )

    def _campaign(self, row: sqlite3.Row, shared: _Shared) -> CampaignStatus:
        theirs = self._theirs(row, shared)
        nodes = self._db.rows(
            "SELECT dag.id, number, batch, sends, name, kind, node.state, exit_code, error, lacking"
            " FROM node JOIN dag ON dag.id = dag_id WHERE dag.reconstruction_id = ?1"
            " AND COALESCE(node.campaign_id, ?2) = ?2"
            " AND (node.state = 'failed' OR lacking <> '') ORDER BY number, name",
            row["reconstruction_id"],
            row["id"],
        )
        failed = [n for n in nodes if n["state"] == NodeState.FAILED and n["id"] not in theirs.over]
        blamed = {node["id"] for node in failed}
        payloads = self._db.rows(
            "SELECT payload.*, number FROM payload JOIN dag ON dag.id = dag_id"
            " WHERE payload.campaign_id = ? ORDER BY answered_at",
            row["id"],
        )
        uploaded = self._uploads.of(row["id"])
        answered = [p for p in payloads if p["outcome"]]
        refused_in = {p["number"] for p in answered if p["outcome"] == UploadOutcome.REFUSED}
        harvests = [p for p in payloads if p["harvested_at"] is not None]
        last = max(harvests, key=lambda p: float(p["harvested_at"]), default=None)
        left_out = self._payloads.left_out(last["id"]) if last else frozenset()
        overlaps = self._payloads.overlaps(last["id"]) if last else {}
        sent = self._last_uploads(row["id"])
        seen, in_payload = Lumis.parse(row["seen"]), Lumis.parse(row["in_payload"])
        harvested = Lumis.parse(row["harvested"])
        last_ls = last_lumi(row["last_ls"], seen)
        state = CampaignState(row["state"])
        return CampaignStatus(
            calibration=row["calibration"],
            run=row["run"],
            fill=row["fill"],
            state=state,
            reason=row["reason"],
            state_since=row["state_since"],
            held_by=row["held_by"],
            held_at=row["held_at"],
            latched_at=row["latched_at"],
            run_start=row["run_start"],
            run_end=row["run_end"],
            last_ls=row["last_ls"],
            lumis=LumiSets(seen, harvested, in_payload, without_payload(last_ls, in_payload)),
            fates=fates(
                _made_for(shared.fates, theirs.not_made),
                harvested=harvested,
                in_payload=in_payload,
                last=last_ls,
                is_open=state.open,
            ),
            files=shared.files,
            bad_files=shared.bad_files,
            dags=theirs.counts,
            failed_nodes=tuple(map(_name, failed)),
            refused_uploads=tuple(
                _name(n)
                for n in failed
                if n["kind"] == NodeKind.UPLOAD and _harvest(n) in refused_in
            ),
            failed_dags=tuple(
                dag.label
                for dag in theirs.dags
                if dag.state is DagState.FAILED and dag.id not in blamed
            ),
            uploads=len(uploaded),
            last_upload_at=max((upload.time for upload in uploaded), default=None),
            last_outcome=UploadOutcome(answered[-1]["outcome"]) if answered else None,
            last_answer=answered[-1]["answer"] if answered else "",
            no_payload=why_no_payload(last) if last else None,
            uploading=bool(answered) and bool(answered[-1]["uploading"]),
            quarantined=shared.quarantined,
            lacking={_name(n): n["lacking"] for n in nodes if n["lacking"]},
            errors={_name(f): _why(f) for f in failed if f["error"]},
            removed={d.label: d.removed_by for d in theirs.dags if d.state is DagState.REMOVED},
            refused={
                d.label: d.refused for d in theirs.dags if d.state is DagState.PLANNED and d.refused
            },
            unsent=self._unsent(row["id"]),
            uploads_held_by=self._campaigns.uploads_held_by(row),
            restored=str(self._payloads.restored(row["id"]) or ""),
            asked_at=row["asked_at"],
            by_lumi=bool(row["by_lumi"]),
            left_out=tuple(map(alcareco_name, sorted(left_out))),
            odd_changes=self._odd_changes(row["id"]),
            contradictions={_where(r): r["contradiction"] for r in sent if r["contradiction"]},
            unconfirmed={
                _where(r): float(r["answered_at"]) for r in sent if r["confirmed_at"] is None
            },
            confirmed=sum(
                1 for r in sent if r["confirmed_at"] is not None and not r["contradiction"]
            ),
            overlaps={alcareco_name(job): why for job, why in overlaps.items()},
            copies=shared.copies,
            unnamed_tags=tuple(last["unnamed"].split()) if last else (),
            stream=row["stream"],
            taken_out=theirs.taken_out,
        )

    def _theirs(self, row: sqlite3.Row, shared: _Shared) -> _Theirs:
        """The DAGs that work for a campaign, each as it is to that."""
        rows = self._db.rows(
            "SELECT id, number, batch, sends, state, removed_by, refused FROM dag"
            " WHERE reconstruction_id = ?1 AND COALESCE(campaign_id, ?2) = ?2 ORDER BY number",
            row["reconstruction_id"],
            row["id"],
        )
        dags = tuple(map(_dag, rows))
        if shared.status is None:
            return _Theirs(dags, _counts(dags))
        key = CampaignKey(row["calibration"], row["run"])
        seen = self._dags.of_campaign(shared.dags, row["id"], key, shared=True)
        states = {dag.id: dag.state for dag in seen}
        over = {dag.id for dag in shared.dags} - states.keys()
        not_made = self._db.rows(
            "SELECT id, number, batch, sends, EXISTS (SELECT 1 FROM made_for"
            " WHERE dag_id = dag.id AND calibration = ?2) AS taken_out FROM dag"
            " WHERE reconstruction_id = ?1 AND batch IS NOT NULL AND NOT EXISTS (SELECT 1"
            " FROM made_for WHERE dag_id = dag.id AND calibration = ?2 AND taken_out = 0)",
            row["reconstruction_id"],
            row["calibration"],
        )
        return _Theirs(
            tuple(replace(d, state=states.get(d.id, d.state)) for d in dags if d.id not in over),
            _counts(dag for dag in dags if dag.batch is None),
            frozenset(over),
            frozenset(r["id"] for r in not_made),
            tuple(_label(r) for r in not_made if r["taken_out"]),
        )

    def _copies(self, raw_path: str, run: int) -> tuple[Copies, ...]:
        """The good RAW files of a run that are hardly alike by chance."""
        good = "raw_path = ?1 AND run = ?2 AND state = 'good'"
        groups = self._db.rows(
            f"SELECT lumis, COUNT(*) AS n FROM raw_file WHERE {good} GROUP BY lumis", raw_path, run
        )
        shared = [group["lumis"] for group in groups if group["n"] > 1]
        if not shared:
            return ()
        rows = self._db.rows(
            f"SELECT path, size, lumis, events FROM raw_file WHERE {good} AND lumis IN"
            f" (SELECT lumis FROM raw_file WHERE {good} GROUP BY lumis HAVING COUNT(*) > 1)",
            raw_path,
            run,
        )
        files = (RawFile(r["path"], r["size"], Lumis.parse(r["lumis"]), r["events"]) for r in rows)
        found = copies(files, len(groups) - len(shared))
        return tuple(each for each in found if each.likely)

    def _unsent(self, campaign_id: int) -> tuple[UnsentPayload, ...]:
        """The payloads of a campaign that wait for their turn or for a person, the best last."""
        said = {d.harvest: str(d) for d in self._payloads.decisions(campaign_id)}
        unsent = self._payloads.unsent(campaign_id)
        return tuple(
            UnsentPayload(
                harvest=harvest_name(each.harvest),
                outcome=each.outcome,
                lumis=each.holds.lumis,
                answer=each.answer,
                since=each.answered_at,
                held_for=each.held_for,
                decision=said.get(harvest_name(each.harvest), ""),
            )
            for each in sorted(unsent, key=lambda each: each.rank)
        )

    def _last_uploads(self, campaign_id: int) -> list[sqlite3.Row]:
        """The last upload of a campaign to each destination that has taken one."""
        return self._db.rows(
            "SELECT number, to_tag.tag, MAX(to_tag.answered_at) AS answered_at, confirmed_at,"
            " contradiction FROM payload_destination AS to_tag"
            " JOIN payload ON payload.id = payload_id"
            " JOIN dag ON dag.id = dag_id WHERE payload.campaign_id = ?"
            " AND to_tag.outcome = 'uploaded' AND to_tag.answered_at IS NOT NULL"
            " GROUP BY database, to_tag.tag ORDER BY database, to_tag.tag",
            campaign_id,
        )

    def _odd_changes(self, campaign_id: int) -> tuple[str, ...]:
        """The changes of state of a campaign that no rule allows."""
        rows = self._db.rows(
            "SELECT change FROM odd_change WHERE campaign_id = ? ORDER BY change", campaign_id
        )
        return tuple(row["change"] for row in rows)

    def _files(self, reconstruction_id: int) -> Iterator[tuple[int | None, FileFate]]:
        """What became of a reconstruction's good RAW files, each with the id of its DAG.

        Those of one node and fate are together.
        """
        for row in self._db.rows(
            "SELECT group_concat(CASE part WHEN '' THEN raw_file.lumis ELSE part END) AS lumis,"
            " gone, held.dag_id, raw_file.state <> 'good' AS unreadable, dag.state AS dag,"
            " reco.state AS reco, reco.lacking, alca.state AS alca,"
            " EXISTS (SELECT 1 FROM node_dropped AS without WHERE without.dag_id = reco.dag_id"
            " AND without.node = reco.name AND without.input = path)"
            " OR EXISTS (SELECT 1 FROM node_dropped AS without WHERE without.dag_id = alca.dag_id"
            " AND without.node = alca.name AND without.input = reco.output) AS given_up"
            " FROM reconstruction_file AS held JOIN raw_file ON raw_file.id = file_id"
            " LEFT JOIN dag ON dag.id = held.dag_id"
            " LEFT JOIN node AS reco ON reco.dag_id = held.dag_id AND reco.name = held.node"
            " LEFT JOIN node AS alca ON alca.dag_id = reco.dag_id AND alca.name = reco.child"
            " WHERE held.reconstruction_id = ?"
            " GROUP BY held.dag_id, held.node, gone, unreadable, given_up",
            reconstruction_id,
        ):
            fate = FileFate(
                lumis=Lumis.parse(row["lumis"]),
                gone=bool(row["gone"]),
                unreadable=bool(row["unreadable"]),
                dag=DagState(row["dag"]) if row["dag"] else None,
                reco=NodeState(row["reco"]) if row["reco"] else None,
                alca=NodeState(row["alca"]) if row["alca"] else None,
                given_up=bool(row["given_up"]),
                lacking=Lumis.parse(row["lacking"] or ""),
            )
            yield row["dag_id"], fate


class Summaries(NamedTuple):
    """What people want to know of campaigns, by id, and of what those share that share a stream."""

    campaigns: Mapping[int, CampaignStatus]
    reconstructions: Mapping[ReconstructionKey, ReconstructionStatus]


class _Shared(NamedTuple):
    """What the campaigns of a reconstruction have in common."""

    files: Mapping[str, int]
    bad_files: Mapping[str, str]
    copies: Mapping[str, str]
    quarantined: tuple[str, ...]
    fates: tuple[tuple[int | None, FileFate], ...]
    dags: tuple[Dag, ...]
    status: ReconstructionStatus | None


class _Theirs(NamedTuple):
    """The DAGs that work for a campaign, and how many work for it alone by state.

    `over` are those of batches that have nothing more of it, whatever becomes of them; `not_made`
    those that make nothing for it, `taken_out` the labels of those that it was taken out of.
    """

    dags: tuple[_StatusDag, ...]
    counts: Mapping[str, int]
    over: frozenset[int] = frozenset()
    not_made: frozenset[int] = frozenset()
    taken_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _StatusDag:
    """A DAG in a few words."""

    id: int
    label: str
    batch: int | None
    state: DagState
    removed_by: str
    refused: str


def _dag(row: sqlite3.Row) -> _StatusDag:
    state, label = DagState(row["state"]), _label(row)
    return _StatusDag(row["id"], label, row["batch"], state, row["removed_by"], row["refused"])


def _counts(dags: Iterable[_StatusDag]) -> dict[str, int]:
    """How many DAGs there are in each state."""
    return dict(sorted(Counter(str(dag.state) for dag in dags).items()))


def _made_for(
    files: Iterable[tuple[int | None, FileFate]], not_made: Collection[int]
) -> Iterator[FileFate]:
    """What became of files in a campaign for which these DAGs make nothing."""
    for dag_id, fate in files:
        yield replace(fate, not_made=True) if dag_id in not_made else fate


_GONE = "no longer in the listing of storage"


def _where(upload: sqlite3.Row) -> str:
    """Which payload an upload has sent to which tag."""
    return f"{harvest_name(upload['number'])} in {upload['tag']}"


def _name(node: sqlite3.Row) -> str:
    return f"{_label(node)} {node['name']}"


def _label(dag: sqlite3.Row) -> str:
    return dag_label(dag["number"], dag["batch"], dag["sends"])


def _harvest(dag: sqlite3.Row) -> int:
    """The number of the DAG whose payload the UPLOAD of a DAG sends."""
    return int(dag["number"] if dag["sends"] is None else dag["sends"])


def _why(node: sqlite3.Row) -> str:
    code = "" if node["exit_code"] is None else f"exit {node['exit_code']}: "
    return code + str(node["error"])
