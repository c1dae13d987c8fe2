"""How far a DAG has come, from what its nodes left in the run directory.

Knows witnesses and records; writes what is new into the ledger. It looks only at nodes that are
not known to be done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from condorloop.ledger import Ledger
from condorloop.lumis import EMPTY, Lumis
from condorloop.model import Dag, HarvestRecord, NodeKind, PlannedNode, UploadOutcome
from condorloop.rundir import (
    INPUTS,
    Witness,
    alcareco_job,
    dag_dir,
    read_json,
)


def observe_dag(ledger: Ledger, runs: Path, campaign_id: int, dag: Dag) -> None:
    """Write into the ledger which nodes of a DAG have left their output since the last look.

    Parameters
    ----------
    runs
        The run directory of the campaign.
    """
    for node in ledger.unfinished_nodes(dag.id):
        _OBSERVE[node.kind](ledger, runs, campaign_id, dag, node)


def _observe_witness(
    ledger: Ledger, runs: Path, campaign_id: int, dag: Dag, node: PlannedNode
) -> None:
    path = runs / node.witness
    if witness := Witness.read(path):
        done_at = path.stat().st_mtime
        ledger.node_done(dag.id, node.name, witness.lumis, witness.events, done_at)


def _observe_harvest(
    ledger: Ledger, runs: Path, campaign_id: int, dag: Dag, node: PlannedNode
) -> None:
    record = read_json(runs / node.witness)
    if record:
        made = _made(record)
        ledger.record_harvest(dag.id, campaign_id, made)
        ledger.node_done(dag.id, node.name, made.lumis, made.events, float(record["time"]))
        return
    try:
        chosen = (dag_dir(runs, dag.number) / INPUTS).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return
    inputs = frozenset(alcareco_job(Path(c).parent.name) for c in chosen)
    if inputs != dag.harvest_inputs:
        ledger.record_harvest(dag.id, campaign_id, HarvestRecord(inputs, EMPTY, 0))


def _observe_upload(
    ledger: Ledger, runs: Path, campaign_id: int, dag: Dag, node: PlannedNode
) -> None:
    answer = read_json(runs / node.witness)
    if not answer:
        return
    outcome = UploadOutcome(answer["outcome"])
    answered_at = float(answer["time"])
    before = ledger.harvest_record(dag.id)
    if before is None or before.answered_at == answered_at:
        return
    record = replace(before, outcome=outcome, answer=str(answer["answer"]), answered_at=answered_at)
    ledger.record_harvest(dag.id, campaign_id, record)
    if outcome not in (UploadOutcome.FAILED, UploadOutcome.REFUSED):
        ledger.node_done(dag.id, node.name, record.lumis, record.events, answered_at)


_OBSERVE = {
    NodeKind.RECO: _observe_witness,
    NodeKind.ALCA: _observe_witness,
    NodeKind.HARVEST: _observe_harvest,
    NodeKind.UPLOAD: _observe_upload,
}


def _made(record: Mapping[str, Any]) -> HarvestRecord:
    first = record["iovs"][0] if record["iovs"] else {}
    return HarvestRecord(
        inputs=frozenset(map(alcareco_job, record["inputs"])),
        lumis=Lumis.parse(record["lumis"]),
        events=int(record["events"]),
        harvested_at=float(record["time"]),
        tag=str(first.get("tag", "")),
        hash=str(first.get("hash", "")),
        since=first.get("since"),
    )
