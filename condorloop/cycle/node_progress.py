"""How far a DAG has come, from what its nodes left in the run directory.

Knows witnesses and records; writes what is new into the ledger. It looks only at nodes that are
not known to be done.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from condorloop.dagman.logs.nodes_log import NodesLog
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import Dag
from condorloop.model.enums import NodeKind, UploadOutcome
from condorloop.model.jobs import HarvestRecord, PlannedNode
from condorloop.model.lumis import EMPTY
from condorloop.rundir.durable import read_json, read_lumis
from condorloop.rundir.layout import INPUTS, alcareco_job, alcareco_name, dag_dir
from condorloop.rundir.witness import Witness
from condorloop.text import one_line

_ALWAYS = ("HARVEST", "UPLOAD")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Observed:
    """A DAG that is looked at: its id in ClassAds, its run directory, what is known of it."""

    dag_id: str
    runs: Path
    campaign_id: int
    dag: Dag


def observe_dag(ledger: Ledger, observed: Observed) -> None:
    """Write into the ledger which nodes of a DAG have left their output since the last look."""
    _observe(ledger, observed, ledger.dags.unfinished_nodes(observed.dag.id))


def follow_dag(ledger: Ledger, observed: Observed, log: NodesLog) -> None:
    """Do the same, but look only at nodes that have succeeded since, as the event log tells.

    What a HARVEST has begun with, and what an UPLOAD was answered, is not in it.
    """
    log.read_on()
    due, dag_id = log.due, observed.dag.id
    among = None if due is None else due.union(_ALWAYS)
    _observe(ledger, observed, ledger.dags.unfinished_nodes(dag_id, among))
    if due is None or due:
        log.looked_at(frozenset(n.name for n in ledger.dags.unfinished_nodes(dag_id, due)))


def _observe(ledger: Ledger, observed: Observed, nodes: Iterable[PlannedNode]) -> None:
    for node in nodes:
        _OBSERVE[node.kind](ledger, observed, node)


def _observe_witness(ledger: Ledger, observed: Observed, node: PlannedNode) -> None:
    path = observed.runs / node.witness
    witness = Witness.read(path)
    if witness and witness.dag_id == observed.dag_id:
        done_at = path.stat().st_mtime
        made = (witness.lumis, witness.events, done_at, witness.lacking)
        ledger.dags.node_done(observed.dag.id, node.name, *made)


def _observe_harvest(ledger: Ledger, observed: Observed, node: PlannedNode) -> None:
    dag = observed.dag
    record = read_json(observed.runs / node.witness)
    if made := _made(record, observed.dag_id):
        made = replace(made, left_out=made.left_out | _gone_alcareco(ledger, observed))
        for job in sorted(made.left_out | made.overlaps.keys()):
            why = made.overlaps.get(job, "it cannot be used")
            name = alcareco_name(job)
            log.warning("%s: %s was left out of the harvest: %s", observed.dag_id, name, why)
        ledger.payloads.record(dag.id, observed.campaign_id, made)
        told = (made.lumis, made.events, made.harvested_at or 0.0, made.lacking)
        ledger.dags.node_done(dag.id, node.name, *told)
        return
    try:
        text = (dag_dir(observed.runs, dag.number) / INPUTS).read_text(encoding="utf-8")
        inputs = frozenset(alcareco_job(Path(chosen).parent.name) for chosen in text.split())
    except (OSError, ValueError):
        return
    if inputs != dag.harvest_inputs:
        ledger.payloads.record(dag.id, observed.campaign_id, HarvestRecord(inputs, EMPTY, 0))


def _gone_alcareco(ledger: Ledger, observed: Observed) -> frozenset[int]:
    """The ALCARECO that no harvest can read any more, because their witnesses are gone."""
    alca = ledger.dags.unharvested_nodes(observed.campaign_id)
    return frozenset(n.job for n in alca if n.job is not None and not _is_there(observed, n))


def _is_there(observed: Observed, node: PlannedNode) -> bool:
    return (observed.runs / node.witness).exists()


def _observe_upload(ledger: Ledger, observed: Observed, node: PlannedNode) -> None:
    answer = read_json(observed.runs / node.witness)
    before = ledger.payloads.of_dag(observed.dag.id)
    try:
        outcome = UploadOutcome(answer["outcome"])
        answered_at = float(answer["time"])
        words = str(answer["answer"])
    except (KeyError, TypeError, ValueError):
        return
    if before is None:
        return
    record = replace(before, outcome=outcome, answer=words, answered_at=answered_at)
    if record != before:
        ledger.payloads.record(observed.dag.id, observed.campaign_id, record)
    if outcome not in _UNDONE:
        ledger.dags.node_done(observed.dag.id, node.name, record.lumis, record.events, answered_at)


_UNDONE = (UploadOutcome.NO_ANSWER, UploadOutcome.FAILED, UploadOutcome.REFUSED)

_OBSERVE = {
    NodeKind.RECO: _observe_witness,
    NodeKind.ALCA: _observe_witness,
    NodeKind.HARVEST: _observe_harvest,
    NodeKind.UPLOAD: _observe_upload,
}


def _made(record: Mapping[str, Any], dag_id: str) -> HarvestRecord | None:
    try:
        if record["dag_id"] != dag_id:
            return None
        first, *others = record["iovs"] or [{}]
        digest = str(first.get("hash", ""))
        overlaps = {
            alcareco_job(name): one_line(str(record["left_out"][name]))
            for name in record.get("overlaps", ())
        }
        more = dict.fromkeys(str(each.get("hash", "")) for each in others)
        return HarvestRecord(
            inputs=frozenset(map(alcareco_job, record["inputs"])),
            left_out=frozenset(map(alcareco_job, record["left_out"])) - overlaps.keys(),
            overlaps=overlaps,
            lumis=read_lumis(record["lumis"]),
            lacking=read_lumis(record.get("lacking", "")),
            events=int(record["events"]),
            harvested_at=float(record["time"]),
            tag=str(first.get("tag", "")),
            hash=digest,
            other_hashes=tuple(each for each in more if each not in ("", digest)),
            since=first.get("since"),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
