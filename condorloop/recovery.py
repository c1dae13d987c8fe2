"""The ledger opened, or rebuilt: from the run directories when it is damaged or gone.

Knows what a run directory tells of campaigns, DAGs and files; what they have come to is seen
again by the tracker, as after any start. A damaged ledger is kept aside, never deleted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from condorloop.calibration import Calibration
from condorloop.dagman.outcome import last_cluster
from condorloop.dagman.plan import DagPlan
from condorloop.dagman.replan import plan_of
from condorloop.launcher import planned_nodes
from condorloop.ledger import Ledger, LedgerDamaged
from condorloop.logs import say
from condorloop.model import CampaignKey, FileState, Probe, RawFile, Run
from condorloop.rundir import MANIFEST, RUN_START, dag_file, read_json
from condorloop.xrdfs import run_folder

log = logging.getLogger(__name__)

_PARTS = ("", "-wal", "-shm")


def open_ledger(path: Path, calibrations: Mapping[str, Calibration], now: float) -> Ledger:
    """Open the ledger of a work_dir; rebuild it if it is damaged, or gone while its DAGs are there.

    Raises
    ------
    LedgerError
        It cannot be used, for a reason that rebuilding does not remove.
    OSError
        The work_dir cannot be read or written.
    """
    if path.exists():
        try:
            return Ledger(path)
        except LedgerDamaged as error:
            kept = _set_aside(path, now)
            log.critical("the ledger is damaged, kept as %s, and rebuilt: %s", kept, error)
    found = _found(path.parent)
    if not found:
        return Ledger(path)
    return _rebuild(path, found, calibrations, now)


def _set_aside(path: Path, now: float) -> Path:
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S")
    kept = path.with_name(f"{path.name}.damaged-{stamp}")
    for part in _PARTS:
        file = path.with_name(path.name + part)
        if file.exists():
            file.replace(kept.with_name(kept.name + part))
    return kept


@dataclass(frozen=True, slots=True)
class _Found:
    """A DAG that a run directory holds: whose it is, its plan, and its DAG description."""

    owner: str
    plan: DagPlan
    file: Path
    written_at: float


def _found(work_dir: Path) -> list[_Found]:
    """The DAGs of the ledger that wrote the newest one, in the order in which it did."""
    found = []
    for manifest in work_dir.glob(f"*/run*/dag*/{MANIFEST}"):
        told = read_json(manifest)
        try:
            plan = plan_of(told)
        except ValueError as error:
            log.error("%s cannot be taken up: %s", manifest.parent, error)
            continue
        owner = str(told.get("id", "")).partition("/")[0]
        file = dag_file(manifest.parent.parent, plan.number)
        found.append(_Found(owner, plan, file, manifest.stat().st_mtime))
    if not found:
        return []
    newest = max(found, key=lambda f: f.written_at).owner
    ours = [f for f in found if f.owner == newest and f.file.exists()]
    return sorted(ours, key=lambda f: (f.plan.key.run, f.plan.key.calibration, f.plan.number))


def _rebuild(
    path: Path, found: Iterable[_Found], calibrations: Mapping[str, Calibration], now: float
) -> Ledger:
    """Write a ledger beside its place, and rename it when it holds all that was found."""
    found = list(found)
    beside = path.with_name(f"{path.name}.rebuilding")
    for part in _PARTS:
        beside.with_name(beside.name + part).unlink(missing_ok=True)
    with Ledger(beside, found[0].owner) as ledger:
        for key in dict.fromkeys(f.plan.key for f in found):
            _restore(ledger, key, [f for f in found if f.plan.key == key], calibrations, now)
    for part in _PARTS[1:]:
        path.with_name(path.name + part).unlink(missing_ok=True)
    beside.replace(path)
    return Ledger(path)


def _restore(
    ledger: Ledger,
    key: CampaignKey,
    found: list[_Found],
    calibrations: Mapping[str, Calibration],
    now: float,
) -> None:
    run_dir = found[0].file.parent.parent
    files = {file.path: file for f in found for node in f.plan.nodes for file in node.files}
    stream = _stream(key, files, calibrations)
    if stream is None:
        say(key, f"{run_dir} cannot be taken up: no such calibration", logging.ERROR)
        return
    start = _run_start(run_dir) or min(f.written_at for f in found)
    run = Run(key.run, None, start, None, None, None, None, stable_beam=False)
    ledger.latch(key, stream, run, "found in its run directory", now)
    [campaign] = ledger.campaigns_of(key.run, key.calibration)
    ledger.add_files(stream, key.run, {p: f.size for p, f in files.items()}, now)
    for file in files.values():
        _note_good(ledger, file, now)
    for f in found:
        nodes = planned_nodes(f.plan)
        reason = "found in its run directory"
        dag_id = ledger.plan_dag(campaign.id, f.plan.batch, f.plan.number, nodes, reason, now)
        if cluster := last_cluster(f.file):
            ledger.dag_submitted(dag_id, cluster, now)
    say(key, f"rebuilt from {run_dir}: {len(found)} DAGs, {len(files)} RAW files")


def _note_good(ledger: Ledger, file: RawFile, now: float) -> None:
    ledger.record_probe(file.path, FileState.GOOD, Probe(file.lumis, file.events), now)


def _stream(
    key: CampaignKey, files: Mapping[str, Any], calibrations: Mapping[str, Calibration]
) -> str | None:
    """The stream that a campaign reads: as configured, or as its files' paths tell."""
    if key.calibration in calibrations:
        return calibrations[key.calibration].stream_path
    folder = run_folder("", key.run)
    return next((p.partition(folder)[0] for p in files if folder in p), None)


def _run_start(run_dir: Path) -> float | None:
    try:
        text = (run_dir / RUN_START).read_text(encoding="utf-8").strip()
        return datetime.fromisoformat(text).timestamp()
    except (OSError, ValueError):
        return None
