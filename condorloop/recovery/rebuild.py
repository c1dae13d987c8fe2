"""The ledger opened, or rebuilt: from the run directories when it is damaged or gone.

Knows how what is left of a reconstruction and its campaigns becomes rows of a ledger; what its DAGs
have come to is seen again by the tracker, as after any start. A campaign whose window is long over
is taken over as closed. A damaged ledger is kept aside, never deleted. An older copy that was put
back adopts what it does not know.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from condorloop.config.calibration import Calibration
from condorloop.config.loader import Known
from condorloop.cycle.node_progress import Observed, observe_dag
from condorloop.dagman.adoption import source_name, unknown_dags, why_not_of_ledger
from condorloop.dagman.logs.dag_outcome import last_cluster
from condorloop.dagman.plan import DagPlan, planned_nodes
from condorloop.ledger.archive import ArchiveError, archives, prepare_archive
from condorloop.ledger.store import Ledger, LedgerDamaged, LedgerError
from condorloop.model.campaign import (
    Campaign,
    CampaignKey,
    Probe,
    RawFile,
    Reconstruction,
    ReconstructionKey,
    Run,
    window_from,
)
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
    LostDag,
    ReconstructionOnDisk,
    campaign_in,
    dag_in,
    found_in,
    on_disk,
    owner_of,
    run_folders,
)
from condorloop.rundir.layout import HARVEST_RECORD, dag_dir, dag_file, made_in, run_dir
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
    folders = run_folders(path.parent)
    with Ledger(beside, owner) as ledger:
        archived = _adopt_archives(ledger, path)
        for remains in on_disk(folders, owner, known):
            if archived.isdisjoint(campaign.key for campaign in remains.campaigns):
                _restore(ledger, remains, known, now)
        decisions.take_over(ledger, path.parent, folders)
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


def _restore(ledger: Ledger, remains: ReconstructionOnDisk, known: Known, now: float) -> None:
    """Take over a reconstruction with its campaigns, and what its DAGs have read and made."""
    key, files = remains.key, remains.files
    campaigns = _unknown(ledger, remains.recoverable)
    if remains.start is None or not campaigns:
        return
    raw_path = _raw_path(remains, known)
    if raw_path is None:
        say(key, f"{remains.folder} is not recovered: no such calibration", logging.ERROR)
        return
    over = _latch(ledger, remains, campaigns, raw_path, known, now)
    mine = _campaign(ledger, campaigns[0].key).reconstruction_id
    _add_files(ledger, raw_path, key.run, files.values(), now)
    overlaps, names = remains.overlaps, _calibrations(ledger, mine)
    for dag in remains.all_dags:
        plan = dag.plan
        if why := _why_not_of(names, plan):
            say(key, f"{dag_dir(remains.folder, plan.number)} is not adopted: {why}", logging.ERROR)
            continue
        shared = {n.name: overlaps.get(source_name(plan.number, n.output)) for n in plan.nodes}
        told = {name: overlap for name, overlap in shared.items() if overlap}
        if isinstance(dag, FoundDag) and not told:
            _adopt(ledger, mine, dag, now)
        else:
            _restore_lost(ledger, mine, dag, told, remains.folder, now)
    _note_payloads(ledger, remains, campaigns)
    _close(ledger, remains, over, known, now)
    say(key, f"rebuilt from {remains.folder}: {len(remains.dags)} DAGs, {len(files)} RAW files")


def _latch(
    ledger: Ledger,
    remains: ReconstructionOnDisk,
    campaigns: Iterable[CampaignOnDisk],
    raw_path: str,
    known: Known,
    now: float,
) -> list[CampaignOnDisk]:
    """Latch campaigns of a reconstruction; give those whose windows are long over."""
    last = max((file.lumis.last for file in remains.files.values()), default=0)
    start = remains.start or now
    counts_from: dict[CampaignKey, float] = {}
    for campaign in campaigns:
        key = campaign.key
        by_lumi = _by_lumi(key.calibration, known)
        counts_from[key] = window_from(start, None, last, by_lumi=by_lumi)
    over = [c for c in campaigns if _is_over(c.key, counts_from[c.key], known, now)]
    for campaign in sorted(campaigns, key=lambda campaign: campaign in over):
        key = campaign.key
        ledger.campaigns.latch(
            key,
            raw_path,
            Run(key.run, None, start, None, None, None, None, stable_beam=False),
            _WHY,
            start if campaign in over else now,
            by_lumi=_by_lumi(key.calibration, known),
            stream=remains.key.stream,
        )
    return over


def _by_lumi(calibration: str, known: Known) -> bool:
    return calibration in known.calibrations and known.calibrations[calibration].by_lumi


def _is_over(key: CampaignKey, counts_from: float, known: Known, now: float) -> bool:
    return now >= counts_from + closing_rules(key, known.calibrations).buffer + LAST_CALL


def _note_payloads(
    ledger: Ledger, remains: ReconstructionOnDisk, campaigns: Iterable[CampaignOnDisk]
) -> None:
    """Write down what is known to be in the database."""
    for campaign in campaigns:
        uploaded = remains.uploaded(campaign.key.calibration)
        ledger.campaigns.note_payload(_campaign(ledger, campaign.key).id, *uploaded)


def _close(
    ledger: Ledger,
    remains: ReconstructionOnDisk,
    campaigns: Iterable[CampaignOnDisk],
    known: Known,
    now: float,
) -> None:
    """Take campaigns over as closed: their windows are long over, and nothing is begun for them."""
    closed_at = {campaign.key: campaign.closed_at for campaign in campaigns}
    if not closed_at:
        return
    of = _reconstruction(ledger, next(iter(closed_at)))
    for dag in of.dags:
        working_for = {c.key.calibration: c.id for c in of.campaigns_of(dag)}
        dag_id = _dag_id(ledger, of.key, dag.number)
        observe_dag(ledger, Observed(dag_id, remains.folder, working_for, of.id, dag))
    for key, at in closed_at.items():
        campaign = _campaign(ledger, key)
        told = replace(campaign, dags=())  # how they ended is seen later
        state, why = verdict(now, told, closing_rules(key, known.calibrations))
        words = f"{_WHY}, what OMS said of the run is not known: {why}"
        ledger.campaigns.set_state(campaign.id, state, words, at or now)


def _campaign(ledger: Ledger, key: CampaignKey) -> Campaign:
    [campaign] = ledger.campaigns.of_run(key.run, key.calibration)
    return campaign


def _reconstruction(ledger: Ledger, key: CampaignKey) -> Reconstruction:
    """The reconstruction of a campaign."""
    return ledger.campaigns.reconstruction(_campaign(ledger, key).reconstruction_id)


def _dag_id(ledger: Ledger, key: ReconstructionKey, number: int) -> str:
    return f"{ledger.id}/{key.stream}/{key.run}/{number}"


def _unknown(ledger: Ledger, campaigns: Iterable[CampaignOnDisk]) -> list[CampaignOnDisk]:
    """Those campaigns that the ledger does not know."""
    return [c for c in campaigns if not ledger.campaigns.of_run(c.key.run, c.key.calibration)]


def _calibrations(ledger: Ledger, mine: int) -> set[str]:
    """The calibrations that have campaigns of a reconstruction."""
    return {c.key.calibration for c in ledger.campaigns.reconstruction(mine).campaigns}


def _why_not_of(names: set[str], plan: DagPlan) -> str:
    """Say which calibration a DAG works for whose campaign is not one of its reconstruction."""
    strange = sorted(set(plan.calibrations) - names)
    return f"the campaign of {strange[0]} is made from another stream" if strange else ""


def _plan(ledger: Ledger, mine: int, dag: FoundDag | LostDag, now: float) -> int:
    """Write down a DAG as its manifest or its witnesses tell, and what was taken out of it."""
    plan = dag.plan
    dag_id = ledger.dags.plan(
        mine,
        plan.batch,
        plan.number,
        planned_nodes(plan),
        _WHY,
        now,
        made_for=[*plan.made_for, *(dag.taken_out.keys() - set(plan.made_for))],
        again_for=plan.again_for,
    )
    for calibration, made in dag.taken_out.items():
        ledger.dags.take_out(dag_id, calibration, made=made)
    return dag_id


def _adopt(ledger: Ledger, mine: int, found: FoundDag, now: float) -> None:
    dag_id = _plan(ledger, mine, found, now)
    if cluster := last_cluster(found.file):
        ledger.dags.submitted(dag_id, cluster, now)


def _restore_lost(
    ledger: Ledger,
    mine: int,
    dag: FoundDag | LostDag,
    overlaps: Mapping[str, Overlap],
    runs: Path,
    now: float,
) -> None:
    """A DAG that is not followed any more: it has no directory, or RAW files of a younger one.

    What its ALCARECO hold counts, and is not processed again, unless a younger DAG has it.
    """
    plan = dag.plan
    for name, overlap in overlaps.items():
        told = f"{dag_dir(runs, plan.number)}: {name} is not adopted: {overlap}"
        say(plan.key, told, logging.ERROR)
    dag_id = _plan(ledger, mine, dag, now)
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
    made_from = ledger.campaigns.made_from()
    reconstructions = frozenset(made_from.values())
    places = made_from.keys() | {CampaignKey(of.stream, of.run) for of in reconstructions}
    folders: dict[int, list[tuple[CampaignKey, Path]]] = {}
    for key, folder in run_folders(work_dir):
        folders.setdefault(key.run, []).append((key, folder))
    for run, of_run in folders.items():
        try:
            if any(key not in places for key, _ in of_run):
                for remains in on_disk(of_run, ledger.id, known):
                    if remains.key in reconstructions:
                        _join(ledger, remains, known, now)
                    else:
                        _restore(ledger, remains, known, now)
        except OSError as error:
            log.error("run %d cannot be searched for unknown campaigns: %s", run, error)
    made_from, windows = ledger.campaigns.made_from(), ledger.campaigns.windows()
    at_hand = {made_from[key]: key for key, begun in windows.items() if begun >= since}
    for of, first in sorted(at_hand.items(), key=lambda each: (each[0].run, each[0].stream)):
        folder = run_dir(work_dir, of.stream, of.run)
        try:
            _take_up_dags(ledger, _reconstruction(ledger, first), folder, known, now)
        except OSError as error:
            say(of, f"{folder} cannot be searched for unknown DAGs: {error}", logging.ERROR)


def _join(ledger: Ledger, remains: ReconstructionOnDisk, known: Known, now: float) -> None:
    """Latch the campaigns of a reconstruction that the ledger knows without them."""
    joined = _unknown(ledger, remains.recoverable)
    first = ledger.campaigns.first_of(remains.key)
    if not joined or first is None or (campaign := _campaign(ledger, first)).archived:
        return
    raw_path = ledger.campaigns.raw_path_of(campaign.id)
    over = _latch(ledger, remains, joined, raw_path, known, now)
    _adopt_unknown(ledger, _reconstruction(ledger, first), remains.folder, known, now)
    _note_payloads(ledger, remains, joined)
    _close(ledger, remains, over, known, now)


def _take_up_dags(
    ledger: Ledger, of: Reconstruction, folder: Path, known: Known, now: float
) -> None:
    """Take up what the ledger does not know of the DAGs of a reconstruction."""
    if any(campaign.archived for campaign in of.campaigns):
        return
    _follow_submissions(ledger, of, folder, now)
    _adopt_unknown(ledger, of, folder, known, now)
    for campaign in of.campaigns:
        configured = known.calibrations.get(campaign.key.calibration)
        if campaign.state.open and configured:
            _replace_twice_counted(ledger, campaign, folder, configured)


def _follow_submissions(ledger: Ledger, of: Reconstruction, folder: Path, now: float) -> None:
    """Take up the DAGs that were submitted once more than the ledger knows.

    They are in the queue, or have come to another end than the ledger tells; calibrations can have
    been taken out of them.
    """
    for dag in of.dags:
        cluster = last_cluster(dag_file(folder, dag.number))
        if cluster is None or cluster == dag.cluster:
            continue
        if of.shared and (found := dag_in(folder, dag.number, ledger.id)):
            for calibration in found.taken_out.keys() - ledger.dags.taken_out(dag.id):
                made = found.taken_out[calibration]
                ledger.dags.take_out(dag.id, calibration, made=made)
        if dag.state is DagState.PLANNED:
            continue
        if not dag.in_flight:
            ledger.dags.plan_rescue(dag.id, {})
        ledger.dags.submitted(dag.id, cluster, now)
        told = f"{dag.label} was submitted as {cluster}: the ledger did not know it"
        say(of.about(dag), told, logging.WARNING)


def _adopt_unknown(
    ledger: Ledger, of: Reconstruction, folder: Path, known: Known, now: float
) -> None:
    """Adopt the DAGs of a reconstruction that the ledger does not know, the youngest first."""
    planned = [d for d in of.dags if d.state is DagState.PLANNED and d.cluster is None]
    for dag in planned:
        dag_id = _dag_id(ledger, of.key, dag.number)
        if why_not_of_ledger(dag_dir(folder, dag.number), dag_id, ledger.dags.inputs(dag.id)):
            ledger.dags.forget(dag.id)
    unknown = unknown_dags(folder, ledger.dags.numbers(of.id))
    if not unknown:
        return
    held = ledger.raw_files.held(of.id)
    raw_path = ledger.campaigns.raw_path_of(of.campaigns[0].id)
    found = [f for f in found_in(folder, ledger.id) if f.plan.number in unknown]
    adopted = []
    for each in sorted(found, key=lambda f: f.plan.number, reverse=True):
        files = [file for node in each.plan.nodes for file in node.files]
        if not any(f.path in held and is_twice(f.lumis, held[f.path]) for f in files):
            for file in files:
                held[file.path] = held.get(file.path, EMPTY) | file.lumis
            whole = {file.path: file.whole for file in files}
            _add_files(ledger, raw_path, of.key.run, whole.values(), now)
            adopted.append(each)
    for each in reversed(adopted):
        _adopt_one(ledger, of, each, known, now)


def _adopt_one(
    ledger: Ledger, of: Reconstruction, found: FoundDag, known: Known, now: float
) -> None:
    """Adopt a DAG, with the campaigns that it works for and the ledger does not know."""
    folder = found.file.parents[1]
    mine = [campaign_in(folder, name, of.key.run) for name in found.plan.calibrations]
    remains = ReconstructionOnDisk(of.key, folder, of.campaigns[0].run_start, (found,), (), ())
    if unknown := _unknown(ledger, mine):
        raw_path = ledger.campaigns.raw_path_of(of.campaigns[0].id)
        _latch(ledger, remains, unknown, raw_path, known, now)
    if why := _why_not_of(_calibrations(ledger, of.id), found.plan):
        say(of.key, f"{found.file.parent} is not adopted: {why}", logging.ERROR)
        return
    _adopt(ledger, of.id, found, now)
    told = f"{found.file.parent} is adopted as {found.plan.label}: the ledger did not know it"
    say(of.key, told, logging.WARNING)
    _note_payloads(ledger, remains, mine)


def _replace_twice_counted(
    ledger: Ledger, campaign: Campaign, folder: Path, calibration: Calibration
) -> None:
    """Let a campaign be harvested again whose harvests did not look for overlap, and have some.

    Its ALCARECO are in `folder`.
    """
    made = made_in(folder, campaign.key.calibration)
    found = map(HarvestResult.find, made.glob(f"harvestJob*/{HARVEST_RECORD}"))
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


def _raw_path(remains: ReconstructionOnDisk, known: Known) -> str | None:
    """The folder of a reconstruction's RAW files: as configured, or as their paths tell."""
    key = remains.key
    if key.stream in known.shared_streams:
        return known.shared_streams[key.stream].raw_path
    if key.stream in known.calibrations:
        return known.stream_of(key.stream).raw_path
    folder = run_folder("", key.run)
    return next((p.partition(folder)[0] for p in remains.files if folder in p), None)
