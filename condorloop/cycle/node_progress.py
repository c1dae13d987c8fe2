"""How far a DAG has come, from what its nodes left in the run directory.

Knows witnesses and records; writes what is new into the ledger. It looks only at nodes that are
not known to be done.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from condorloop.cycle.upload_decisions import agree
from condorloop.dagman.logs.nodes_log import NodesLog
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey, Dag
from condorloop.model.enums import NodeKind, TagOutcome, UploadOutcome
from condorloop.model.jobs import DestinationRecord, HarvestRecord, PlannedNode
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.rundir.layout import (
    HARVEST_RECORD,
    INPUTS,
    UPLOAD_RECORD,
    alcareco_job,
    alcareco_name,
    dag_dir,
    harvest_inputs,
    made_in,
)
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.upload import DestinationResult, UploadResult
from condorloop.rundir.records.witness import Witness
from condorloop.text import one_line

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Observed:
    """A DAG that is looked at: its id in ClassAds, its run directory, what is known of it.

    `campaigns` are the ids of those that it works for, by calibration.
    """

    dag_id: str
    runs: Path
    campaigns: Mapping[str, int]
    reconstruction_id: int
    dag: Dag

    def place(self, node: PlannedNode) -> Path:
        """The run directory that a node leaves its output in."""
        return made_in(self.runs, node.calibration)


def observe_dag(ledger: Ledger, observed: Observed) -> None:
    """Write into the ledger which nodes of a DAG have left their output since the last look."""
    _observe(ledger, observed, ledger.dags.unfinished_nodes(observed.dag.id))


def follow_dag(ledger: Ledger, observed: Observed, log: NodesLog) -> None:
    """Do the same, but look only at nodes that have succeeded since, as the event log tells.

    What a HARVEST has begun with, and what an UPLOAD was answered, is not in it.
    """
    log.read_on()
    due, dag_id = log.due, observed.dag.id
    if due is None:
        nodes = ledger.dags.unfinished_nodes(dag_id)
    else:
        nodes = ledger.dags.unfinished_nodes(dag_id, due, with_last=True)
    _observe(ledger, observed, nodes)
    if due is None or due:
        log.looked_at(frozenset(n.name for n in ledger.dags.unfinished_nodes(dag_id, due)))


def _observe(ledger: Ledger, observed: Observed, nodes: Iterable[PlannedNode]) -> None:
    for node in nodes:
        _OBSERVE[node.kind](ledger, observed, node)


def _observe_witness(ledger: Ledger, observed: Observed, node: PlannedNode) -> None:
    path = observed.runs / node.witness
    witness = Witness.find(path)
    if witness and witness.dag_id == observed.dag_id:
        done_at = path.stat().st_mtime
        made = (witness.lumis, witness.events, done_at, witness.lacking)
        ledger.dags.node_done(observed.dag.id, node.name, *made)


def _observe_harvest(ledger: Ledger, observed: Observed, node: PlannedNode) -> None:
    dag = observed.dag
    result = HarvestResult.find(observed.place(node) / node.witness)
    if result and result.dag_id == observed.dag_id:
        made = _made(result)
        made = replace(made, left_out=made.left_out | _gone_alcareco(ledger, observed, node))
        for tag in made.unnamed:
            log.warning("%s: tag %s of the payload file goes nowhere", observed.dag_id, tag)
        for job in sorted(made.left_out | made.overlaps.keys()):
            why = made.overlaps.get(job, "it cannot be used")
            name = alcareco_name(job)
            log.warning("%s: %s was left out of the harvest: %s", observed.dag_id, name, why)
        ledger.payloads.record(dag.id, observed.campaigns[node.calibration], made)
        told = (made.lumis, made.events, made.harvested_at or 0.0, made.lacking)
        ledger.dags.node_done(dag.id, node.name, *told)
        return
    try:
        folder = harvest_inputs(dag_dir(observed.runs, dag.number), node.name)
        text = (folder / INPUTS).read_text(encoding="utf-8")
        inputs = frozenset(alcareco_job(Path(chosen).parent.name) for chosen in text.split())
    except (OSError, ValueError):
        return
    mine = observed.campaigns[node.calibration]
    before = ledger.payloads.made_by(dag.id, mine)
    if before is None or inputs != before.inputs:
        ledger.payloads.record(dag.id, mine, HarvestRecord(inputs, EMPTY, 0))


def _gone_alcareco(ledger: Ledger, observed: Observed, node: PlannedNode) -> frozenset[int]:
    """The ALCARECO that no harvest can read any more, because their witnesses are gone."""
    alca = ledger.dags.unharvested_nodes(observed.campaigns[node.calibration])
    return frozenset(n.job for n in alca if n.job is not None and not _is_there(observed, n))


def _is_there(observed: Observed, node: PlannedNode) -> bool:
    return (observed.runs / node.witness).exists()


def _observe_upload(ledger: Ledger, observed: Observed, node: PlannedNode) -> None:
    """Note what became of a payload; it may be the payload of another DAG's harvest."""
    dag, place, mine = observed.dag, observed.place(node), observed.campaigns[node.calibration]
    result = UploadResult.find(place / node.output / UPLOAD_RECORD)
    made_by = ledger.dags.numbered(observed.reconstruction_id, dag.harvest)
    before = None if made_by is None else ledger.payloads.made_by(made_by, mine)
    if before is None and dag.sends == dag.number:
        before = _taken_from_another_run(observed, node)
        if before is not None:
            ledger.payloads.record(dag.id, mine, before)
    if result is None or before is None or made_by is None:
        return
    record = replace(
        before,
        outcome=result.outcome,
        answer=result.answer,
        answered_at=result.time,
        uploading=result.asking,
        overtaken_by=result.overtaken_by,
        held_for=result.held_for,
        restored=result.restored and result.outcome is UploadOutcome.UPLOADED,
        destinations=_destinations(result, before),
        pieces=_pieces(result, before),
        in_pieces=result.in_pieces,
    )
    if record != before:
        ledger.payloads.record(made_by, mine, record)
    if result.outcome is UploadOutcome.HELD:
        agree(ledger, mine, CampaignKey(place.parent.name, _run_of(place)), place)
    if dag.sends is None:
        is_done = result.outcome not in _UNDONE
    else:
        # The payload's own record can be that of an earlier try.
        is_done = (place / node.witness).exists()
    if is_done:
        ledger.dags.node_done(dag.id, node.name, record.lumis, record.events, result.time)


def _taken_from_another_run(observed: Observed, node: PlannedNode) -> HarvestRecord | None:
    """The payload that a person took from another run, and that no HARVEST of this one made."""
    made = HarvestResult.find(observed.place(node) / node.output / HARVEST_RECORD)
    return _made(made) if made and made.dag_id == observed.dag_id else None


def _destinations(result: UploadResult, before: HarvestRecord) -> tuple[DestinationRecord, ...]:
    """What became of a payload in each destination; what was read back of it stays."""
    known = {(d.database, d.tag): d for d in before.destinations}
    told = []
    for each in result.each() or ():
        record = DestinationRecord(
            database=each.database,
            tag=each.tag,
            outcome=each.outcome,
            answer=each.answer,
            since=each.since,
            answered_at=each.time,
        )
        earlier = known.get((each.database, each.tag))
        if earlier and (earlier.outcome, earlier.answered_at) == (each.outcome, each.time):
            record = earlier
        told.append(record)
    return tuple(sorted(told, key=lambda d: (d.database, d.tag)))


def _pieces(result: UploadResult, made: HarvestRecord) -> tuple[tuple[Lumis, float], ...]:
    """The LS that came to all destinations of a payload with each piece, and when."""
    told = result.each() or ()
    if not any(each.pieces for each in told):
        return ()
    parts = [list(_parts(each, made.lumis)) for each in told]
    found, before = [], EMPTY
    for at in sorted({at for of_one in parts for _, at in of_one}):
        there = made.lumis
        for of_one in parts:
            there &= Lumis.union(lumis for lumis, sent_at in of_one if sent_at <= at)
        if new := str(there - before):
            found.append((Lumis.parse(new), at))
        before |= there
    return tuple(found)


def _parts(result: DestinationResult, lumis: Lumis) -> Iterator[tuple[Lumis, float]]:
    """The LS of a payload that a destination has, each with since when."""
    for piece in result.pieces:
        if not piece.unanswered:
            yield piece.lumis, piece.time
    if not result.pieces and result.outcome in (TagOutcome.UPLOADED, TagOutcome.SUPERSEDED):
        yield lumis, result.time


def _run_of(runs: Path) -> int:
    return int(runs.name.removeprefix("run"))


_UNDONE = (UploadOutcome.NO_ANSWER, UploadOutcome.FAILED, UploadOutcome.REFUSED)

_OBSERVE = {
    NodeKind.RECO: _observe_witness,
    NodeKind.ALCA: _observe_witness,
    NodeKind.HARVEST: _observe_harvest,
    NodeKind.UPLOAD: _observe_upload,
}


def _made(result: HarvestResult) -> HarvestRecord:
    overlaps = {alcareco_job(n): one_line(result.left_out[n]) for n in result.overlaps or ()}
    hashes = tuple(dict.fromkeys(iov.hash for iov in result.iovs if iov.hash))
    first = result.iovs[0] if result.iovs else None
    digest = first.hash if first else ""
    return HarvestRecord(
        inputs=frozenset(map(alcareco_job, result.inputs)),
        left_out=frozenset(map(alcareco_job, result.left_out)) - overlaps.keys(),
        overlaps=overlaps,
        lumis=result.lumis,
        lacking=result.lacking,
        events=result.events,
        harvested_at=result.time,
        tag=first.tag if first else "",
        hash=digest,
        other_hashes=tuple(each for each in hashes if each != digest),
        since=first.since if first else None,
        answer=one_line(result.why_no_payload),
        cause=result.no_payload.cause if result.no_payload else None,
        unnamed=tuple(one_line(tag).replace(" ", "_") for tag in result.unnamed),
        origin=one_line(result.origin),
    )
