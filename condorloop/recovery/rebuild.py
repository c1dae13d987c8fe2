"""The ledger opened, or rebuilt: from the run directories when it is damaged or gone.

Knows how what is left of a campaign becomes rows of a ledger; what its DAGs have come to is seen
again by the tracker, as after any start. A campaign whose window is long over is taken over as
closed. A damaged ledger is kept aside, never deleted. An older copy that was put back adopts what
it does not know.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from condorloop.config.calibration import Calibration
from condorloop.config.loader import Known
from condorloop.config.tuning import Closing
from condorloop.cycle.node_progress import Observed, observe_dag
from condorloop.dagman.adoption import source_name, unknown_dags, why_not_of_ledger
from condorloop.dagman.logs.dag_outcome import last_cluster
from condorloop.dagman.plan import DagPlan, planned_nodes
from condorloop.ledger.archive import ArchiveError, archives, prepare_archive
from condorloop.ledger.store import Ledger, LedgerDamaged, LedgerError
from condorloop.model.campaign import Campaign, CampaignKey, Probe, RawFile, Run, window_from
from condorloop.model.enums import DagState, FileState, NodeKind
from condorloop.model.lumis import EMPTY
from condorloop.node.double_counting import why_twice
from condorloop.policy.closure import verdict
from condorloop.policy.raw_overlap import Overlap, is_twice
from condorloop.policy.window import LAST_CALL, closing_rules
from condorloop.recovery import decisions
from condorloop.recovery.scan import (
    CampaignOnDisk,
    FoundDag,
    campaigns_on_disk,
    found_in,
    owner_of,
    remains_in,
    run_folders,
)
from condorloop.rundir.layout import HARVEST_RECORD, dag_dir, dag_file
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.runtime.logs import say
from condorloop.services.xrdfs import run_folder

log = logging.getLogger(__name__)

_PARTS = ("", "-wal", "-shm")
_WHY = "found in its run directory"


def open_ledger(path: Path, known: Known, now: float) -> Ledger:
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
            return _opened(path, known, now)
        except LedgerDamaged as error:
            kept = _set_aside(path, now)
            log.critical(
                "the ledger is damaged; keeping it as %s and rebuilding it: %s", kept, error
            )
    return _rebuild(path, known, now)


def _opened(path: Path, known: Known, now: float) -> Ledger:
    ledger = Ledger(path)
    try:
        _take_up_unknown(ledger, path.parent, known, now)
        decisions.take_over(ledger, path.parent, run_folders(path.parent))
    except BaseException:
        ledger.close()
        raise
    return ledger


def _set_aside(path: Path, now: float) -> Path:
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S")
    kept = path.with_name(f"{path.name}.damaged-{stamp}")
    for part in _PARTS:
        file = path.with_name(path.name + part)
        if file.exists():
            file.replace(kept.with_name(kept.name + part))
    return kept


def _rebuild(path: Path, known: Known, now: float) -> Ledger:
    """Write a ledger beside its place, and rename it when it holds all that was found."""
    owner = owner_of(path.parent)
    beside = path.with_name(f"{path.name}.rebuilding")
    for part in _PARTS:
        beside.with_name(beside.name + part).unlink(missing_ok=True)
    with Ledger(beside, owner) as ledger:
        archived = _adopt_archives(ledger, path)
        for remains in campaigns_on_disk(path.parent, owner):
            if remains.key not in archived:
                _restore(ledger, remains, known, now)
        decisions.take_over(ledger, path.parent, run_folders(path.parent))
    for part in _PARTS[1:]:
        path.with_name(path.name + part).unlink(missing_ok=True)
    beside.replace(path)
    return Ledger(path)


def _adopt_archives(ledger: Ledger, path: Path) -> frozenset[CampaignKey]:
    """Take over which campaigns were archived: they are not made up from their directories."""
    adopted: frozenset[CampaignKey] = frozenset()
    for year, archive in archives(path).items():
        try:
            prepare_archive(archive)
            adopted |= ledger.archive.adopt(archive, year)
        except (ArchiveError, LedgerError) as error:
            log.error("cannot read the archives: %s", error)
    return adopted


def _restore(ledger: Ledger, remains: CampaignOnDisk, known: Known, now: float) -> None:
    key, files = remains.key, remains.files
    raw_path = _raw_path(remains, known)
    start = remains.start or min((f.written_at for f in remains.dags), default=None)
    if start is None or (remains.closed_at and not (remains.dags or remains.lost)):
        return
    if raw_path is None:
        say(key, f"{remains.folder} is not recovered: no such calibration", logging.ERROR)
        return
    run = Run(key.run, None, start, None, None, None, None, stable_beam=False)
    closing = closing_rules(key, known.calibrations)
    by_lumi = key.calibration in known.calibrations and known.calibrations[key.calibration].by_lumi
    last = max((file.lumis.last for file in files.values()), default=0)
    counts_from = window_from(start, None, last, by_lumi=by_lumi)
    over = now >= counts_from + closing.buffer + LAST_CALL
    latched_at = start if over else now
    stream = known.stream_of(key.calibration).name if key.calibration in known.calibrations else ""
    ledger.campaigns.latch(key, raw_path, run, _WHY, latched_at, by_lumi=by_lumi, stream=stream)
    campaign = _campaign(ledger, key)
    _add_files(ledger, raw_path, key.run, files.values(), now)
    by_number = {found.plan.number: found for found in remains.dags}
    overlaps = remains.overlaps
    for plan in remains.plans:
        shared = {n.name: overlaps.get(source_name(plan.number, n.output)) for n in plan.nodes}
        told = {name: overlap for name, overlap in shared.items() if overlap}
        if found := by_number.get(plan.number) if not told else None:
            _adopt(ledger, campaign, found, now)
        else:
            _restore_lost(ledger, campaign, plan, told, remains.folder, now)
    ledger.campaigns.note_payload(campaign.id, *remains.uploaded)
    if over:
        _close(ledger, remains, closing, now)
    say(key, f"rebuilt from {remains.folder}: {len(remains.dags)} DAGs, {len(files)} RAW files")


def _close(ledger: Ledger, remains: CampaignOnDisk, closing: Closing, now: float) -> None:
    """Take a campaign over as closed: its window is long over, and nothing is begun for it."""
    campaign = _campaign(ledger, remains.key)
    mine, campaigns = campaign.reconstruction_id, {remains.key.calibration: campaign.id}
    for dag in campaign.dags:
        dag_id = f"{ledger.id}/{remains.key.calibration}/{remains.key.run}/{dag.number}"
        observe_dag(ledger, Observed(dag_id, remains.folder, campaigns, mine, dag))
    told = replace(_campaign(ledger, remains.key), dags=())  # how they ended is seen later
    state, why = verdict(now, told, closing)
    words = f"{_WHY}, what OMS said of the run is not known: {why}"
    ledger.campaigns.set_state(campaign.id, state, words, remains.closed_at or now)


def _campaign(ledger: Ledger, key: CampaignKey) -> Campaign:
    [campaign] = ledger.campaigns.of_run(key.run, key.calibration)
    return campaign


def _plan(ledger: Ledger, campaign: Campaign, plan: DagPlan, now: float) -> int:
    mine, nodes = campaign.reconstruction_id, planned_nodes(plan)
    again = plan.again_for
    return ledger.dags.plan(mine, plan.batch, plan.number, nodes, _WHY, now, again_for=again)


def _adopt(ledger: Ledger, campaign: Campaign, found: FoundDag, now: float) -> None:
    dag_id = _plan(ledger, campaign, found.plan, now)
    if cluster := last_cluster(found.file):
        ledger.dags.submitted(dag_id, cluster, now)


def _restore_lost(
    ledger: Ledger,
    campaign: Campaign,
    plan: DagPlan,
    overlaps: Mapping[str, Overlap],
    runs: Path,
    now: float,
) -> None:
    """A DAG that is not followed any more: it has no directory, or RAW files of a younger one.

    What its ALCARECO hold counts, and is not processed again, unless a younger DAG has it.
    """
    for name, overlap in overlaps.items():
        told = f"{dag_dir(runs, plan.number)}: {name} is not adopted: {overlap}"
        say(campaign.key, told, logging.ERROR)
    dag_id = _plan(ledger, campaign, plan, now)
    alca = [n for n in plan.of_kind(NodeKind.ALCA) if n.name not in overlaps]
    kept = frozenset(n.name for n in alca if (runs / n.witness).exists())
    for node in plan.nodes:
        if node.name in kept or plan.children.get(node.name) in kept:
            ledger.dags.node_done(dag_id, node.name, node.lumis, 0, now)
    ledger.dags.lost(dag_id, kept, now)


def _add_files(
    ledger: Ledger, raw_path: str, run: int, files: Iterable[RawFile], now: float
) -> None:
    """Write down RAW files that DAGs have read, unless they are known to be good."""
    good, known = ledger.raw_files.good(raw_path, run), ledger.raw_files.of_run(raw_path, run)
    files = [file for file in files if file.path not in good]
    ledger.raw_files.add(raw_path, run, {f.path: f.size for f in files if f.path not in known}, now)
    for file in files:
        ledger.raw_files.probed(file.path, FileState.GOOD, Probe(file.lumis, file.events), now)


def _take_up_unknown(ledger: Ledger, work_dir: Path, known: Known, now: float) -> None:
    """Take up what the run directories have and the ledger does not know.

    So it is where an older copy of a ledger was put back. A DAG is adopted if no other one of the
    ledger has a RAW file of it; others are left as they are.
    """
    buffers = (c.closing.buffer for c in known.calibrations.values())
    since = now - max(buffers, default=0.0) - LAST_CALL
    windows = ledger.campaigns.windows()
    for key, folder in run_folders(work_dir):
        try:
            if key not in windows:
                _restore(ledger, remains_in(key, folder, ledger.id), known, now)
            elif windows[key] >= since:
                campaign = _campaign(ledger, key)
                _follow_submissions(ledger, campaign, folder, now)
                _adopt_unknown(ledger, campaign, folder, now)
                if campaign.state.open and key.calibration in known.calibrations:
                    _replace_twice_counted(
                        ledger, campaign, folder, known.calibrations[key.calibration]
                    )
        except OSError as error:
            say(key, f"{folder} cannot be searched for unknown DAGs: {error}", logging.ERROR)


def _follow_submissions(ledger: Ledger, campaign: Campaign, folder: Path, now: float) -> None:
    """Take up the DAGs that were submitted once more than the ledger knows.

    They are in the queue, or have come to another end than the ledger tells.
    """
    for dag in () if campaign.archived else campaign.dags:
        cluster = last_cluster(dag_file(folder, dag.number))
        if cluster is None or cluster == dag.cluster or dag.state is DagState.PLANNED:
            continue
        if not dag.in_flight:
            ledger.dags.plan_rescue(dag.id, {})
        ledger.dags.submitted(dag.id, cluster, now)
        told = f"{dag.label} was submitted as {cluster}: the ledger did not know it"
        say(campaign.key, told, logging.WARNING)


def _adopt_unknown(ledger: Ledger, campaign: Campaign, folder: Path, now: float) -> None:
    """Adopt the DAGs of a campaign that the ledger does not know, the youngest first."""
    if campaign.archived:
        return
    mine = campaign.reconstruction_id
    planned = [d for d in campaign.dags if d.state is DagState.PLANNED and d.cluster is None]
    for dag in planned:
        dag_id = f"{ledger.id}/{campaign.key.calibration}/{campaign.key.run}/{dag.number}"
        if why_not_of_ledger(dag_dir(folder, dag.number), dag_id, ledger.dags.inputs(dag.id)):
            ledger.dags.forget(dag.id)
    unknown = unknown_dags(folder, ledger.dags.numbers(mine))
    if not unknown:
        return
    held = ledger.raw_files.held(mine)
    raw_path = ledger.campaigns.raw_path_of(campaign.id)
    found = [f for f in found_in(folder, ledger.id) if f.plan.number in unknown]
    adopted = []
    for each in sorted(found, key=lambda f: f.plan.number, reverse=True):
        files = [file for node in each.plan.nodes for file in node.files]
        if not any(f.path in held and is_twice(f.lumis, held[f.path]) for f in files):
            for file in files:
                held[file.path] = held.get(file.path, EMPTY) | file.lumis
            whole = {file.path: file.whole for file in files}
            _add_files(ledger, raw_path, campaign.key.run, whole.values(), now)
            adopted.append(each)
    for each in reversed(adopted):
        _adopt(ledger, campaign, each, now)
        told = f"{each.file.parent} is adopted as {each.plan.label}: the ledger did not know it"
        say(campaign.key, told, logging.WARNING)
        if uploaded := each.uploaded.get(campaign.key.calibration):
            ledger.campaigns.note_payload(campaign.id, *uploaded)


def _replace_twice_counted(
    ledger: Ledger, campaign: Campaign, folder: Path, calibration: Calibration
) -> None:
    """Let a campaign be harvested again whose harvests did not look for overlap, and have some."""
    found = map(HarvestResult.find, folder.glob(f"harvestJob*/{HARVEST_RECORD}"))
    records = [record for record in found if record]
    if any(record.overlaps is not None for record in records):
        return
    witness = calibration.harvest.witness
    twice = {why_twice(folder, witness, record) for record in records} - {""}
    if twice:
        again = [node.job for node in ledger.dags.alca_of(campaign.id) if node.job is not None]
        ledger.payloads.harvest_again(campaign.id, again)
        told = f"a RAW file is counted twice ({min(twice)}): harvested again"
        say(campaign.key, told, logging.ERROR)


def _raw_path(remains: CampaignOnDisk, known: Known) -> str | None:
    """The folder of a campaign's RAW files: as configured, or as their paths tell."""
    key = remains.key
    if key.calibration in known.calibrations:
        return known.stream_of(key.calibration).raw_path
    folder = run_folder("", key.run)
    return next((p.partition(folder)[0] for p in remains.files if folder in p), None)
