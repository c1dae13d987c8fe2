"""The stories of campaigns, as far as the ledger knows them.

Knows how a campaign's rows become a story; what DAG directories tell more is added by
`condorloop.history.reader`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from condorloop.history.asked import RequestStory
from condorloop.history.campaign import (
    DagStory,
    FileStory,
    NodeStory,
    PayloadStory,
    Story,
    node_state,
)
from condorloop.ledger.connection import Connection
from condorloop.ledger.queries.dags import job_record
from condorloop.ledger.queries.payloads import destination_record
from condorloop.ledger.queries.stories import StoryQueries
from condorloop.ledger.store import LedgerReader
from condorloop.model.campaign import CampaignKey, dag_label
from condorloop.model.enums import (
    Artifact,
    CampaignState,
    DagState,
    FileState,
    NodeKind,
    NodeState,
    NoPayloadCause,
    RequestKind,
    UploadOutcome,
)
from condorloop.model.jobs import JobRecord
from condorloop.model.lumi_fates import FileFate, LumiState, state_of
from condorloop.model.lumis import Lumis
from condorloop.model.shared_dag import state_to_one
from condorloop.rundir.layout import alcareco_name, harvest_name


class LedgerStories(LedgerReader):
    """A ledger that tells the stories of its campaigns."""

    def _compose(self, db: Connection) -> None:
        super()._compose(db)
        self._rows = StoryQueries(db)

    def story(self, key: CampaignKey) -> Story | None:
        """The story of a campaign; None if it is not known."""
        return next(iter(self.stories(key.run, (key.calibration,))), None)

    def stories(self, run: int, calibrations: Collection[str] = ()) -> tuple[Story, ...]:
        """The stories of a run's campaigns; of these calibrations, or of all if there are none.

        Those of campaigns that are in an archive are told by that.
        """
        rows = self._rows.campaigns(run)
        wanted = (r for r in rows if not calibrations or r["calibration"] in calibrations)
        return tuple(map(self._story, wanted))

    def _story(self, row: sqlite3.Row) -> Story:
        payloads = tuple(self._payloads(row["id"]))
        dags = tuple(self._dags(row))
        return Story(
            campaign=self.status.summary(row["id"]),
            stream=row["raw_path"],
            folder="",
            cleaned=tuple(_cleaned(*each) for each in self.campaigns.cleaned(row["id"]).items()),
            files=tuple(self._all_files(row, dags, payloads)),
            dags=dags,
            payloads=payloads,
            requests=self.asked_of(row["run"], row["calibration"]),
        )

    def asked_of(self, run: int, calibration: str) -> tuple[RequestStory, ...]:
        """What people asked of a campaign, as this ledger has it."""
        return tuple(map(_request, self._rows.requests(run, calibration)))

    def _dags(self, campaign: sqlite3.Row) -> Iterator[DagStory]:
        mine = campaign["reconstruction_id"]
        nodes, jobs = self._rows.nodes(campaign), self._rows.jobs(mine)
        stream, made_for = campaign["stream"], self._rows.made_for(mine)
        inputs = _Inputs(self._rows.files(mine), self._rows.dropped(mine))
        key = f"{self.id}/{stream}/{campaign['run']}"
        for row in self._rows.dags(campaign):
            of_node: dict[str, list[JobRecord]] = {}
            for job in jobs.get(row["id"], ()):
                of_node.setdefault(job["node"], []).append(job_record(job))
            told = nodes.get(row["id"], [])
            shared = row["batch"] is not None and stream != campaign["calibration"]
            state = DagState(row["state"])
            if shared:
                state = state_to_one(state, (NodeState(n["state"]) for n in told))
            yield DagStory(
                label=dag_label(row["number"], row["batch"], row["sends"]),
                number=row["number"],
                batch=row["batch"],
                id=f"{key}/{row['number']}",
                state=state,
                reason=row["reason"],
                cluster=row["cluster"],
                planned_at=row["planned_at"],
                submitted_at=row["submitted_at"],
                ended_at=row["ended_at"],
                rescues=row["rescues"],
                held=bool(row["held"]),
                removed_by=row["removed_by"],
                nodes=tuple(
                    _node(n, told, inputs, state, tuple(of_node.get(n["name"], ()))) for n in told
                ),
                stream=stream if stream != campaign["calibration"] else "",
                made_for=made_for.get(row["id"], ()),
            )

    def _payloads(self, campaign_id: int) -> Iterator[PayloadStory]:
        rows = self._rows.payloads(campaign_id)
        in_tags = self._rows.destinations(campaign_id)
        last = max(self.uploads.of(campaign_id), key=lambda sent: sent.time, default=None)
        said = {d.harvest: str(d) for d in self.payloads.decisions(campaign_id)}
        if restored := self.payloads.restored(campaign_id):
            before = said.get(restored.harvest)
            said[restored.harvest] = "; ".join(filter(None, (before, restored.words)))
        for row in rows:
            mine = row["id"]
            yield PayloadStory(
                harvest=harvest_name(row["number"]),
                dag=dag_label(row["number"], row["batch"], row["sends"]),
                inputs=tuple(map(alcareco_name, sorted(self.payloads.inputs(mine)))),
                left_out=tuple(map(alcareco_name, sorted(self.payloads.left_out(mine)))),
                overlaps={alcareco_name(j): why for j, why in self.payloads.overlaps(mine).items()},
                lumis=Lumis.parse(row["lumis"]),
                events=row["events"],
                harvested_at=row["harvested_at"],
                outcome=UploadOutcome(row["outcome"]) if row["outcome"] else None,
                answer=row["answer"],
                cause=NoPayloadCause(row["cause"]) if row["cause"] else None,
                tag=row["tag"],
                hash=row["hash"],
                hashes=tuple(filter(None, (row["hash"], *self.payloads.other_hashes(mine)))),
                since=row["since"] if isinstance(row["since"], int) else None,
                answered_at=row["answered_at"],
                in_force=last is not None and row["dag_id"] == last.dag_id,
                pieces=Lumis.union(lumis for lumis, _ in self.payloads.pieces(mine)),
                decision=said.get(harvest_name(row["number"]), ""),
                origin=row["origin"],
                destinations=tuple(map(destination_record, in_tags.get(row["dag_id"], ()))),
            )

    def _all_files(
        self,
        campaign: sqlite3.Row,
        dags: tuple[DagStory, ...],
        payloads: tuple[PayloadStory, ...],
    ) -> Iterator[FileStory]:
        """The RAW files of a campaign's stream and run, good or not, in the order of their LS."""
        readers = {(dag.number, n.name): n for dag in dags for n in dag.nodes}
        merges = {(d.number, p): n for d in dags for n in d.nodes for p in n.parents}
        by_number = {dag.number: dag for dag in dags}
        rows = self._rows.raw_files(campaign)
        harvested = {name for p in payloads if p.harvested_at is not None for name in p.inputs}
        in_force = {name for p in payloads if p.in_force for name in p.inputs}
        is_open = CampaignState(campaign["state"]).open
        for row in sorted(rows, key=lambda r: (Lumis.parse(r["lumis"]).ranges, r["path"])):
            dag, at = by_number.get(row["number"]), (row["number"], row["node"])
            reco, alca = readers.get(at), merges.get(at)
            fate = _fate(
                row, dag, reco, alca, is_open, not_made=_is_not_made(dag, campaign["calibration"])
            )
            yield FileStory(
                path=row["path"],
                size=row["size"],
                state=FileState(row["state"]),
                fate=_later(fate, alca, harvested, in_force),
                lumis=Lumis.parse(row["lumis"]),
                events=row["events"],
                seen_at=row["seen_at"],
                probed_at=row["probed_at"],
                probes=row["probes"],
                error=row["error"],
                gone=bool(row["gone"]),
                dag=dag.label if dag else "",
                node=row["node"] or "",
            )


class _Inputs(NamedTuple):
    """What nodes read and go on without, by DAG id and name."""

    files: Mapping[tuple[int, str], tuple[str, ...]]
    dropped: Mapping[tuple[int, str], tuple[str, ...]]


def _request(row: sqlite3.Row) -> RequestStory:
    return RequestStory(
        number=row["id"],
        kind=RequestKind(row["kind"]),
        made_by=row["made_by"],
        made_at=row["made_at"],
        calibration=row["calibration"],
        node=row["node"],
        reason=row["reason"],
        answered_at=row["answered_at"],
        granted=bool(row["granted"]),
        answer=row["answer"],
    )


def _cleaned(artifact: Artifact, begun: bool) -> str:
    return f"{artifact}?" if begun else artifact


def _node(
    row: sqlite3.Row,
    others: list[sqlite3.Row],
    inputs: _Inputs,
    dag: DagState,
    jobs: tuple[JobRecord, ...],
) -> NodeStory:
    kind = NodeKind(row["kind"])
    at = (row["dag_id"], row["name"])
    mine = inputs.files.get(at, ())
    dropped, set_back = _went_without(row, others, mine, inputs.dropped.get(at, ()))
    return NodeStory(
        name=row["name"],
        kind=kind,
        state=node_state(NodeState(row["state"]), dag, jobs[-1] if jobs else None),
        output=row["output"],
        parents=tuple(_parents(kind, row["name"], others)),
        files=mine,
        lumis=Lumis.parse(row["lumis"]),
        events=row["events"],
        done_at=row["done_at"],
        exit_code=row["exit_code"],
        error=row["error"],
        lacking=Lumis.parse(row["lacking"]),
        dropped=dropped,
        set_back=set_back,
        jobs=jobs,
    )


def _went_without(
    row: sqlite3.Row, others: list[sqlite3.Row], files: tuple[str, ...], told: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a node went on without: for good, and what is read by another DAG."""
    if row["kind"] == NodeKind.RECO:
        elsewhere = {path for path in told if path not in files}
    else:
        elsewhere = {n["output"] for n in others if n["state"] == NodeState.DROPPED}
    return tuple(i for i in told if i not in elsewhere), tuple(i for i in told if i in elsewhere)


def _parents(kind: NodeKind, name: str, nodes: list[sqlite3.Row]) -> list[str]:
    if kind is NodeKind.ALCA:
        return [n["name"] for n in nodes if n["child"] == name]
    before = {NodeKind.HARVEST: NodeKind.ALCA, NodeKind.UPLOAD: NodeKind.HARVEST}.get(kind)
    return [n["name"] for n in nodes if n["kind"] == before]


def _fate(
    row: sqlite3.Row,
    dag: DagStory | None,
    reco: NodeStory | None,
    alca: NodeStory | None,
    is_open: bool,
    *,
    not_made: bool,
) -> LumiState:
    """What became of a RAW file up to its ALCARECO, by the same rules as of lumisections."""
    if row["state"] != FileState.GOOD and dag is None:
        waits = row["state"] == FileState.NEW and is_open and not row["gone"]
        return LumiState.AWAITED if waits else LumiState.BAD_FILE
    given_up = reco is not None and row["path"] in reco.dropped
    given_up |= reco is not None and alca is not None and reco.output in alca.dropped
    return state_of(
        FileFate(
            lumis=Lumis.parse(row["lumis"]),
            gone=bool(row["gone"]),
            dag=dag.state if dag else None,
            reco=reco.state.written if reco else None,
            alca=alca.state.written if alca else None,
            given_up=given_up,
            not_made=not_made,
        )
    )


def _is_not_made(dag: DagStory | None, calibration: str) -> bool:
    """Whether a DAG that calibrations share makes nothing for one of them."""
    return dag is not None and dag.is_shared() and calibration not in dag.made_for


def _later(
    fate: LumiState, alca: NodeStory | None, harvested: set[str], in_force: set[str]
) -> LumiState:
    """What became of a RAW file when harvests and the payload in force are counted in."""
    if fate is not LumiState.IN_WORK or alca is None:
        return fate
    if alca.output in in_force:
        return LumiState.IN_PAYLOAD
    return LumiState.HARVESTED if alca.output in harvested else fate
