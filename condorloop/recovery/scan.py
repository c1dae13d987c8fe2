"""What run directories tell of reconstructions and campaigns, when nothing else does.

Knows manifests, witnesses and run directories; knows nothing of the ledger. The run directory of a
stream that calibrations share is no campaign's: its DAGs, and what is kept in the calibrations' own
run directories, tell which campaigns are made from it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path

from condorloop.config.loader import Known
from condorloop.dagman.adoption import sources_of
from condorloop.dagman.plan import DagPlan, Node
from condorloop.dagman.replan import plan_of
from condorloop.dagman.run_configuration import stream_in
from condorloop.model.campaign import CampaignKey, RawFile, ReconstructionKey
from condorloop.model.enums import NodeKind
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.node.holdings import NO_WITNESSES
from condorloop.policy.raw_overlap import Overlap, youngest
from condorloop.rundir.layout import (
    MANIFEST,
    RUN_END,
    RUN_START,
    alcareco_job,
    dag_dir,
    dag_file,
    made_in,
    run_dir,
)
from condorloop.rundir.records.manifest import Manifest
from condorloop.rundir.records.record import RecordError
from condorloop.rundir.records.witness import Witness
from condorloop.rundir.work_dir import check_dag_folder
from condorloop.runtime.ownership import Untrusted

log = logging.getLogger(__name__)

UNKNOWN_SIZE = -1
"""The size of a RAW file that was read, and of which nobody has told how large it was."""

_RUN = re.compile(r"run([0-9]{1,9})")
_BATCH = re.compile(r"_b([0-9]+)_[0-9]+")

TakenOut = Mapping[str, frozenset[str]]
"""The calibrations that a DAG makes nothing more for: the ALCA nodes that had made it before."""


@dataclass(frozen=True, slots=True)
class FoundDag:
    """A DAG that has its directory: the ledger that made it, its plan and DAG description.

    `uploaded` are the LS and events of the best payload that the ledger knew of then, by
    calibration.
    """

    owner: str
    plan: DagPlan
    file: Path
    written_at: float
    uploaded: Mapping[str, tuple[Lumis, int]]
    taken_out: TakenOut


@dataclass(frozen=True, slots=True)
class LostDag:
    """A DAG whose directory is gone and whose ALCARECO are not: only the nodes that left those."""

    plan: DagPlan
    taken_out: TakenOut


@dataclass(frozen=True, slots=True)
class CampaignOnDisk:
    """What is left of one campaign's own run directory.

    `start` is when the run began, `closed_at` when the campaign was closed, None if it was not;
    seconds since the epoch.
    """

    key: CampaignKey
    folder: Path
    start: float | None
    closed_at: float | None


@dataclass(frozen=True, slots=True)
class ReconstructionOnDisk:
    """What is left of one reconstruction: of its own run directory, and of its campaigns.

    `told_start` is when the run began, as its own run directory tells.
    """

    key: ReconstructionKey
    folder: Path
    told_start: float | None
    dags: tuple[FoundDag, ...]
    lost: tuple[LostDag, ...]
    campaigns: tuple[CampaignOnDisk, ...] = ()

    @property
    def start(self) -> float | None:
        """When its run began, in seconds since the epoch; None if nothing tells."""
        told = (self.told_start, *(c.start for c in self.campaigns))
        written = min((f.written_at for f in self.dags), default=None)
        return next((start for start in told if start is not None), written)

    @property
    def recoverable(self) -> list[CampaignOnDisk]:
        """Its campaigns, but for those that were closed where nothing is left of any DAG."""
        return [c for c in self.campaigns if self.plans or not c.closed_at]

    @property
    def all_dags(self) -> list[FoundDag | LostDag]:
        """Its DAGs in the order of their numbers."""
        return sorted((*self.lost, *self.dags), key=lambda dag: dag.plan.number)

    @property
    def plans(self) -> list[DagPlan]:
        """What its DAGs were planned to do, in the order of their numbers."""
        return [dag.plan for dag in self.all_dags]

    @property
    def is_shared(self) -> bool:
        """Whether its DAGs tell that calibrations share its stream."""
        return any(plan.is_shared for plan in self.plans)

    @property
    def files(self) -> dict[str, RawFile]:
        """The RAW files that its DAGs read, by path."""
        return {f.path: f.whole for plan in self.plans for node in plan.nodes for f in node.files}

    @property
    def overlaps(self) -> Mapping[str, Overlap]:
        """The ALCARECO that have RAW files which younger DAGs have, too, as `sources_of` names."""
        return youngest(source for plan in self.plans for source in sources_of(plan)).left_out

    def uploaded(self, calibration: str) -> tuple[Lumis, int]:
        """The LS and events of a calibration's best payload that is known to be in the database."""
        told = (f.uploaded[calibration] for f in self.dags if calibration in f.uploaded)
        return max(told, key=lambda u: (len(u[0]), u[1]), default=(EMPTY, 0))


def owner_of(work_dir: Path) -> str | None:
    """The id of the ledger that wrote the newest DAG; None if there is no DAG."""
    manifests = filter(_is_ours, work_dir.glob(f"*/run*/dag*/{MANIFEST}"))
    read = ((path, Manifest.find(path)) for path in manifests)
    told = ((path.stat().st_mtime, _owner(found.id)) for path, found in read if found)
    return max((t for t in told if t[1]), default=(0.0, None))[1]


def run_folders(work_dir: Path) -> list[tuple[CampaignKey, Path]]:
    """The run directories, in the order of runs; that of a shared stream is no campaign's."""
    folders = ((_run_of(folder), folder) for folder in work_dir.glob("*/run*"))
    ordered = sorted((run, folder) for run, folder in folders if run)
    return [(CampaignKey(folder.parent.name, run), folder) for run, folder in ordered]


def on_disk(
    folders: Iterable[tuple[CampaignKey, Path]], owner: str | None, known: Known
) -> Iterator[ReconstructionOnDisk]:
    """Read what is left of the reconstructions of the ledger `owner`, in the order of runs.

    Parameters
    ----------
    folders
        All run directories of each of some runs, as `run_folders` gives them.
    """
    for run, of_run in groupby(folders, key=lambda each: each[0].run):
        found = {
            key.calibration: remains_in(ReconstructionKey(key.calibration, run), folder, owner)
            for key, folder in of_run
        }
        work_dir = next(iter(found.values())).folder.parent.parent
        streams = _streams(found, known)
        for stream in sorted(set(streams.values())):
            key = ReconstructionKey(stream, run)
            of = found.get(stream)
            if of is None:
                of = ReconstructionOnDisk(key, run_dir(work_dir, stream, run), None, (), ())
            mine = sorted(name for name, made_from in streams.items() if made_from == stream)
            yield replace(of, campaigns=tuple(campaign_in(of.folder, n, run) for n in mine))


def _streams(found: Mapping[str, ReconstructionOnDisk], known: Known) -> dict[str, str]:
    """Say of which stream each calibration of a run is that has a campaign.

    What DAGs tell counts before what is kept in run directories, and that before what is
    configured. That a DAG made an ALCARECO for a calibration does not tell that it has a campaign:
    its run may not have qualified.
    """
    streams = {name: name for name, of in found.items() if of.plans and not of.is_shared}
    shared = {name: of for name, of in found.items() if of.is_shared}
    for stream, of in shared.items():
        for calibration in (c for plan in of.plans for c in plan.calibrations):
            streams.setdefault(calibration, stream)
    left = [name for name in found if name not in streams and name not in shared]
    kept = {name: stream_in(found[name].folder) for name in left}
    for name, told in kept.items():
        if told is not None:
            streams[name] = told or name
        elif name in known.calibrations:
            streams[name] = known.calibrations[name].stream_name
        elif name not in known.shared_streams and name not in kept.values():
            streams[name] = name
    return streams


def campaign_in(made_from: Path, calibration: str, run: int) -> CampaignOnDisk:
    """Read what is left of a campaign whose DAGs are in a run directory."""
    folder = made_in(made_from, calibration)
    start, closed_at = _time_in(folder / RUN_START), _time_in(folder / RUN_END)
    return CampaignOnDisk(CampaignKey(calibration, run), folder, start, closed_at)


def remains_in(key: ReconstructionKey, folder: Path, owner: str | None) -> ReconstructionOnDisk:
    """Read what is left in one run directory of DAGs of the ledger `owner`."""
    found = found_in(folder, owner)
    numbers = {f.plan.number for f in found}
    return ReconstructionOnDisk(
        key=key,
        folder=folder,
        told_start=_time_in(folder / RUN_START),
        dags=tuple(found),
        lost=tuple(_lost(key, folder, owner, numbers)),
    )


def found_in(folder: Path, owner: str | None) -> list[FoundDag]:
    """Read the DAGs of the ledger `owner` that have their directory in a run directory."""
    manifests = filter(_is_ours, folder.glob(f"dag*/{MANIFEST}"))
    found = [f for f in map(_found, manifests) if f and f.owner == owner]
    return sorted(found, key=lambda f: f.plan.number)


def dag_in(folder: Path, number: int, owner: str | None) -> FoundDag | None:
    """Read one DAG of the ledger `owner` in a run directory; None if it cannot be taken up."""
    manifest = dag_dir(folder, number) / MANIFEST
    found = _found(manifest) if manifest.exists() and _is_ours(manifest) else None
    return found if found and found.owner == owner else None


def _is_ours(manifest: Path) -> bool:
    """Whether no other account could have written a DAG's directory."""
    folder = manifest.parent
    try:
        check_dag_folder(folder.parents[2], folder)
    except Untrusted as error:
        log.error("%s is not recovered: %s", folder, error)
        return False
    return True


def _owner(dag_id: str) -> str:
    return dag_id.partition("/")[0]


def _run_of(folder: Path) -> int | None:
    match = _RUN.fullmatch(folder.name)
    return int(match[1]) if match and folder.is_dir() else None


def _time_in(file: Path) -> float | None:
    try:
        text = file.read_text(encoding="utf-8").strip()
        return datetime.fromisoformat(text).timestamp()
    except (OSError, ValueError):
        return None


def _found(manifest: Path) -> FoundDag | None:
    try:
        told = Manifest.read(manifest)
    except (RecordError, OSError) as error:
        log.error("%s is not recovered: %s", manifest.parent, error)
        return None
    plan = plan_of(told)
    file = dag_file(manifest.parent.parent, plan.number)
    if not file.exists():
        return None
    runs = manifest.parent.parent
    whose = (runs.parent.name, _run_of(runs))
    if manifest.parent != file.parent or whose != (plan.key.stream, plan.key.run):
        label = f"{plan.key} {plan.label}"
        log.error("%s is not recovered: its manifest is of %s", manifest.parent, label)
        return None
    uploaded = {name: own.uploaded for name, own in told.settings.items()}
    taken_out = _taken_out(told, plan, runs)
    return FoundDag(_owner(told.id), plan, file, manifest.stat().st_mtime, uploaded, taken_out)


def _taken_out(told: Manifest, plan: DagPlan, runs: Path) -> TakenOut:
    """Say what a DAG that calibrations share made for those that it makes nothing more for."""
    if not plan.is_shared or plan.batch is None:
        return {}
    made: dict[str, set[str]] = {n.calibration: set() for n in plan.nodes if n.calibration}
    for node in plan.of_kind(NodeKind.ALCA):
        witness = Witness.find(runs / node.witness)
        if witness and witness.dag_id == told.id:
            for calibration in witness.made_for:
                made.setdefault(calibration, set()).add(node.name)
    return {name: frozenset(nodes) for name, nodes in made.items() if name not in told.made_for}


def _lost(
    key: ReconstructionKey, folder: Path, owner: str | None, known: set[int]
) -> Iterator[LostDag]:
    """Put together the plans of DAGs that are known by their witnesses only."""
    recos = {path.name: made for path, made in _witnesses(folder.glob("run*"))}
    by_number: dict[int, list[Node]] = {}
    made_for: dict[int, dict[str, frozenset[str]]] = {}
    for path, made in _witnesses(folder.glob("apJob*/*")):
        number = _number(made, owner)
        if number is None or number in known:
            continue
        if nodes := _alca_and_recos(path, made, recos):
            by_number.setdefault(number, []).extend(nodes)
            theirs = made_for.setdefault(number, {})
            for name in made.made_for or (key.stream,):
                theirs[name] = theirs.get(name, frozenset()) | {made.node}
        else:
            log.error("%s is not recovered: its record does not name its inputs", path.parent)
    for number, found in sorted(by_number.items()):
        theirs = made_for[number]
        plan = DagPlan(key, number, _batch(found), tuple(found), tuple(theirs))
        alca = {node.name for node in plan.of_kind(NodeKind.ALCA)}
        yield LostDag(plan, {name: made for name, made in theirs.items() if made != alca})


def _witnesses(paths: Iterable[Path]) -> Iterator[tuple[Path, Witness]]:
    for path in sorted(paths):
        if path.is_file() and path.suffix not in NO_WITNESSES and (made := Witness.find(path)):
            yield path, made


def _number(witness: Witness, owner: str | None) -> int | None:
    if _owner(witness.dag_id) != owner:
        return None
    number = witness.dag_id.rpartition("/")[2]
    return int(number) if number.isdecimal() else None


def _alca_and_recos(
    path: Path, witness: Witness, recos: Mapping[str, Witness]
) -> list[Node] | None:
    """The nodes that made an ALCARECO; None if the witness of one is gone."""
    parents = []
    for output in witness.files:
        name = next((n for n in recos if n.startswith(output)), None)
        if name is None:
            return None
        made = recos[name]
        raw = tuple(RawFile(p, UNKNOWN_SIZE, made.lumis, 0) for p in made.files)
        parents.append(Node(made.node, NodeKind.RECO, (), output, name, made.lumis, raw))
    try:
        job = alcareco_job(path.parent.name)
    except ValueError:
        return None
    return [
        *parents,
        Node(
            name=witness.node,
            kind=NodeKind.ALCA,
            parents=tuple(p.name for p in parents),
            output=path.parent.name,
            witness=f"{path.parent.name}/{path.name}",
            lumis=witness.lumis,
            inputs=witness.files,
            job=job,
        ),
    ]


def _batch(nodes: Iterable[Node]) -> int | None:
    found = (_BATCH.search(node.output) for node in nodes)
    return next((int(match[1]) for match in found if match), None)
