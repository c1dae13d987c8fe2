"""The ledger opened, or rebuilt: from the run directories when it is damaged or gone.

Knows how what is left of a campaign becomes rows of a ledger; what its DAGs have come to is seen
again by the tracker, as after any start. A campaign whose window is long over is taken over as
closed. A damaged ledger is kept aside, never deleted.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from condorloop.config.calibration import Calibration, Closing
from condorloop.cycle.archiver import Archive
from condorloop.cycle.node_progress import Observed, observe_dag
from condorloop.dagman.logs.dag_outcome import last_cluster
from condorloop.dagman.plan import DagPlan, planned_nodes
from condorloop.ledger.archive import ArchiveError, archives
from condorloop.ledger.store import Ledger, LedgerDamaged, LedgerError
from condorloop.model.campaign import Campaign, CampaignKey, Probe, Run
from condorloop.model.enums import FileState, NodeKind
from condorloop.policy.closure import verdict
from condorloop.policy.window import LAST_CALL, closing_rules
from condorloop.recovery.scan import CampaignOnDisk, campaigns_on_disk, owner_of
from condorloop.runtime.logs import say
from condorloop.services.xrdfs import run_folder

log = logging.getLogger(__name__)

_PARTS = ("", "-wal", "-shm")
_WHY = "found in its run directory"


def open_ledger(path: Path, calibrations: Mapping[str, Calibration], now: float) -> Ledger:
    """Open the ledger of a work_dir; rebuild it if it is damaged, or gone while its runs are there.

    Raises
    ------
    LedgerError
        It cannot be used, for a reason that rebuilding does not remove.
    OSError
        The work_dir cannot be read or written.
    """
    if path.exists() and path.stat().st_size:
        try:
            return Ledger(path)
        except LedgerDamaged as error:
            kept = _set_aside(path, now)
            log.critical("the ledger is damaged, kept as %s, and rebuilt: %s", kept, error)
    return _rebuild(path, calibrations, now)


def _set_aside(path: Path, now: float) -> Path:
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S")
    kept = path.with_name(f"{path.name}.damaged-{stamp}")
    for part in _PARTS:
        file = path.with_name(path.name + part)
        if file.exists():
            file.replace(kept.with_name(kept.name + part))
    return kept


def _rebuild(path: Path, calibrations: Mapping[str, Calibration], now: float) -> Ledger:
    """Write a ledger beside its place, and rename it when it holds all that was found."""
    owner = owner_of(path.parent)
    beside = path.with_name(f"{path.name}.rebuilding")
    for part in _PARTS:
        beside.with_name(beside.name + part).unlink(missing_ok=True)
    with Ledger(beside, owner) as ledger:
        archived = _adopt_archives(ledger, path)
        for remains in campaigns_on_disk(path.parent, owner):
            if remains.key not in archived:
                _restore(ledger, remains, calibrations, now)
    for part in _PARTS[1:]:
        path.with_name(path.name + part).unlink(missing_ok=True)
    beside.replace(path)
    return Ledger(path)


def _adopt_archives(ledger: Ledger, path: Path) -> frozenset[CampaignKey]:
    """Take over which campaigns were archived: they are not made up from their directories."""
    adopted: frozenset[CampaignKey] = frozenset()
    for year, archive in archives(path).items():
        try:
            Archive(archive).close()
            adopted |= ledger.adopt_archive(archive, year)
        except (ArchiveError, LedgerError) as error:
            log.error("what was archived is not known: %s", error)
    return adopted


def _restore(
    ledger: Ledger, remains: CampaignOnDisk, calibrations: Mapping[str, Calibration], now: float
) -> None:
    key, files = remains.key, remains.files
    stream = _stream(remains, calibrations)
    start = remains.start or min((f.written_at for f in remains.dags), default=None)
    if start is None or (remains.closed_at and not (remains.dags or remains.lost)):
        return
    if stream is None:
        say(key, f"{remains.folder} cannot be taken up: no such calibration", logging.ERROR)
        return
    run = Run(key.run, None, start, None, None, None, None, stable_beam=False)
    closing = closing_rules(key, calibrations)
    over = now >= start + closing.buffer + LAST_CALL
    ledger.latch(key, stream, run, _WHY, start if over else now)
    campaign = _campaign(ledger, key)
    ledger.add_files(stream, key.run, {p: f.size for p, f in files.items()}, now)
    for file in files.values():
        good = Probe(file.lumis, file.events)
        ledger.record_probe(file.path, FileState.GOOD, good, now)
    for plan in remains.lost:
        _restore_lost(ledger, campaign.id, plan, now)
    for found in remains.dags:
        dag_id = _plan(ledger, campaign.id, found.plan, now)
        if cluster := last_cluster(found.file):
            ledger.dag_submitted(dag_id, cluster, now)
    ledger.note_payload(campaign.id, *remains.uploaded)
    if over:
        _close(ledger, remains, closing, now)
    say(key, f"rebuilt from {remains.folder}: {len(remains.dags)} DAGs, {len(files)} RAW files")


def _close(ledger: Ledger, remains: CampaignOnDisk, closing: Closing, now: float) -> None:
    """Take a campaign over as closed: its window is long over, and nothing is begun for it."""
    campaign = _campaign(ledger, remains.key)
    for dag in campaign.dags:
        dag_id = f"{ledger.id}/{remains.key.calibration}/{remains.key.run}/{dag.number}"
        observe_dag(ledger, Observed(dag_id, remains.folder, campaign.id, dag))
    told = replace(_campaign(ledger, remains.key), dags=())  # how they ended is seen later
    state, why = verdict(now, told, closing)
    words = f"{_WHY}, what OMS said of the run is not known: {why}"
    ledger.set_state(campaign.id, state, words, remains.closed_at or now)


def _campaign(ledger: Ledger, key: CampaignKey) -> Campaign:
    [campaign] = ledger.campaigns_of(key.run, key.calibration)
    return campaign


def _plan(ledger: Ledger, campaign_id: int, plan: DagPlan, now: float) -> int:
    nodes = planned_nodes(plan)
    return ledger.plan_dag(campaign_id, plan.batch, plan.number, nodes, _WHY, now)


def _restore_lost(ledger: Ledger, campaign_id: int, plan: DagPlan, now: float) -> None:
    """A DAG without its directory: what its ALCARECO hold counts, and is not processed again."""
    dag_id = _plan(ledger, campaign_id, plan, now)
    for node in plan.nodes:
        ledger.node_done(dag_id, node.name, node.lumis, 0, now)
    kept = frozenset(n.name for n in plan.of_kind(NodeKind.ALCA))
    ledger.lose_dag(dag_id, kept, now)


def _stream(remains: CampaignOnDisk, calibrations: Mapping[str, Calibration]) -> str | None:
    """The stream that a campaign reads: as configured, or as its files' paths tell."""
    key = remains.key
    if key.calibration in calibrations:
        return calibrations[key.calibration].stream_path
    folder = run_folder("", key.run)
    return next((p.partition(folder)[0] for p in remains.files if folder in p), None)
