"""What run directories tell of campaigns, when nothing else does.

Knows manifests, witnesses and run directories; knows nothing of the ledger.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from condorloop.dagman.adoption import sources_of
from condorloop.dagman.plan import DagPlan, Node
from condorloop.dagman.replan import plan_of
from condorloop.model.campaign import CampaignKey, RawFile, ReconstructionKey
from condorloop.model.enums import NodeKind
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.node.holdings import NO_WITNESSES
from condorloop.policy.raw_overlap import Overlap, youngest
from condorloop.rundir.layout import MANIFEST, RUN_END, RUN_START, alcareco_job, dag_file
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


@dataclass(frozen=True, slots=True)
class CampaignOnDisk:
    """What is left of one campaign.

    `lost` are the plans of DAGs whose directories are gone and whose ALCARECO are not: only the
    nodes that left those. `start` is when the run began, `closed_at` when the campaign was closed,
    None if it was not; seconds since the epoch.
    """

    key: CampaignKey
    folder: Path
    start: float | None
    closed_at: float | None
    dags: tuple[FoundDag, ...]
    lost: tuple[DagPlan, ...]

    @property
    def plans(self) -> list[DagPlan]:
        """What its DAGs were planned to do, in the order of their numbers."""
        plans = [*self.lost, *(found.plan for found in self.dags)]
        return sorted(plans, key=lambda plan: plan.number)

    @property
    def files(self) -> dict[str, RawFile]:
        """The RAW files that its DAGs read, by path."""
        return {f.path: f.whole for plan in self.plans for node in plan.nodes for f in node.files}

    @property
    def overlaps(self) -> Mapping[str, Overlap]:
        """The ALCARECO that have RAW files which younger DAGs have, too, as `sources_of` names."""
        return youngest(source for plan in self.plans for source in sources_of(plan)).left_out

    @property
    def uploaded(self) -> tuple[Lumis, int]:
        """The LS and events of the best payload that is known to be in the database."""
        told = (of for found in self.dags for of in found.uploaded.values())
        return max(told, key=lambda u: (len(u[0]), u[1]), default=(EMPTY, 0))


def owner_of(work_dir: Path) -> str | None:
    """The id of the ledger that wrote the newest DAG; None if there is no DAG."""
    manifests = filter(_is_ours, work_dir.glob(f"*/run*/dag*/{MANIFEST}"))
    read = ((path, Manifest.find(path)) for path in manifests)
    told = ((path.stat().st_mtime, _owner(found.id)) for path, found in read if found)
    return max((t for t in told if t[1]), default=(0.0, None))[1]


def campaigns_on_disk(work_dir: Path, owner: str | None) -> Iterator[CampaignOnDisk]:
    """Read what is left of each campaign of the ledger `owner`, in the order of runs."""
    for key, folder in run_folders(work_dir):
        yield remains_in(key, folder, owner)


def run_folders(work_dir: Path) -> list[tuple[CampaignKey, Path]]:
    """The run directories, in the order of runs."""
    folders = ((_run_of(folder), folder) for folder in work_dir.glob("*/run*"))
    ordered = sorted((run, folder) for run, folder in folders if run)
    return [(CampaignKey(folder.parent.name, run), folder) for run, folder in ordered]


def remains_in(key: CampaignKey, folder: Path, owner: str | None) -> CampaignOnDisk:
    """Read what is left of one campaign of the ledger `owner` in its run directory."""
    found = found_in(folder, owner)
    numbers = {f.plan.number for f in found}
    return CampaignOnDisk(
        key=key,
        folder=folder,
        start=_time_in(folder / RUN_START),
        closed_at=_time_in(folder / RUN_END),
        dags=tuple(found),
        lost=tuple(_lost(key, folder, owner, numbers)),
    )


def found_in(folder: Path, owner: str | None) -> list[FoundDag]:
    """Read the DAGs of the ledger `owner` that have their directory in a run directory."""
    manifests = filter(_is_ours, folder.glob(f"dag*/{MANIFEST}"))
    found = [f for f in map(_found, manifests) if f and f.owner == owner]
    return sorted(found, key=lambda f: f.plan.number)


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
    return FoundDag(_owner(told.id), plan, file, manifest.stat().st_mtime, uploaded)


def _lost(key: CampaignKey, folder: Path, owner: str | None, known: set[int]) -> Iterator[DagPlan]:
    """Put together the plans of DAGs that are known by their witnesses only."""
    recos = {path.name: made for path, made in _witnesses(folder.glob("run*"))}
    by_number: dict[int, list[Node]] = {}
    for path, made in _witnesses(folder.glob("apJob*/*")):
        number = _number(made, owner)
        if number is None or number in known:
            continue
        if nodes := _alca_and_recos(path, made, recos):
            by_number.setdefault(number, []).extend(nodes)
        else:
            log.error("%s is not recovered: its record does not name its inputs", path.parent)
    made_from = ReconstructionKey(key.calibration, key.run)
    for number, found in sorted(by_number.items()):
        yield DagPlan(made_from, number, _batch(found), tuple(found))


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
