"""Which directories of DAGs are a ledger's, and which numbers are free for others.

Knows manifests and the names in a run directory; it changes nothing. A directory is the ledger's if
its manifest names the same nodes and RAW files as the ledger does: an older copy of a ledger gives
numbers again that a younger one has given.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from condorloop.dagman.plan import DagPlan
from condorloop.model.enums import NodeKind
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.policy.raw_overlap import Source
from condorloop.rundir.layout import MANIFEST, dag_dir
from condorloop.rundir.records.manifest import Manifest
from condorloop.rundir.records.record import RecordError

Inputs = Mapping[tuple[str, str], frozenset[str]]
"""The RAW files that nodes read, by their name and the name of their output."""

_DAG = re.compile(r"dag([0-9]{3,9})")
_TAKEN = re.compile(r"(?:dag|harvestJob)([0-9]{3,9})")
_ALCARECO = re.compile(r"apJob([0-9]{3,9})")
_RECO = re.compile(r"run[0-9]+_.*_b([0-9]{3,9})_[0-9]{4}")


def why_not_of_ledger(folder: Path, dag_id: str, inputs: Inputs | None) -> str:
    """Say why a directory is not that of a DAG; empty if it is, or has no manifest that tells.

    Parameters
    ----------
    dag_id
        The DAG's `CondorloopId`.
    inputs
        What the ledger says that its nodes read; None if that may have changed since.
    """
    try:
        manifest = Manifest.read(folder / MANIFEST)
    except RecordError as error:
        return str(error) if error.key else ""
    except OSError:
        return ""
    if manifest.id != dag_id:
        return f"its manifest is of {manifest.id}"
    if inputs is None:
        return ""
    told = {(name, node.output): frozenset(node.files) for name, node in manifest.nodes.items()}
    return "" if told == inputs else "its manifest names other RAW files than the ledger"


def unknown_dags(runs: Path, known: Collection[int]) -> list[int]:
    """The numbers of the DAGs that have a directory, but for those that are `known`."""
    found = (_DAG.fullmatch(path.name) for path in runs.glob("dag*"))
    return sorted({int(match[1]) for match in found if match} - set(known))


def sources_of(plan: DagPlan) -> Iterator[Source]:
    """What the ALCARECO of a DAG are made from, as planned; named as `source_name` does."""
    recos = {node.name: node for node in plan.of_kind(NodeKind.RECO)}
    for node in plan.of_kind(NodeKind.ALCA):
        files = [file for name in node.parents if name in recos for file in recos[name].files]
        raw_files: dict[str, Lumis] = {}
        for file in files:
            raw_files[file.path] = raw_files.get(file.path, EMPTY) | file.lumis
        events = sum(file.events for file in files)
        name = source_name(plan.number, node.output)
        yield Source(name, plan.number, node.lumis, events, raw_files)


def source_name(number: int, alcareco: str) -> str:
    """How an ALCARECO is called among those of several DAGs, which may share its name.

    >>> source_name(3, "apJob007")
    'dag003/apJob007'
    """
    return str(dag_dir(Path(), number) / alcareco)


def free_numbers(
    runs: Path, dag: int, batch: int, job: int, made_in: Iterable[Path] = ()
) -> tuple[int, int, int]:
    """The DAG, batch and ALCARECO numbers to give, from these on, that nothing on the disk has.

    What a DAG that the ledger does not know is going to make has its number, too.

    Parameters
    ----------
    made_in
        The other run directories in which HARVEST nodes leave what they make.

    Raises
    ------
    OSError
        The run directory cannot be read.
    """
    names = [path.name for path in runs.iterdir()] if runs.is_dir() else []
    for number in _numbers(_DAG, names):
        if number >= dag:
            names += _outputs(Manifest.find(dag_dir(runs, number) / MANIFEST))
    harvests = [path.name for folder in made_in for path in folder.glob("harvestJob*")]
    return (
        _after(dag, _numbers(_TAKEN, [*names, *harvests])),
        _after(batch, _numbers(_RECO, names)),
        _after(job, _numbers(_ALCARECO, names)),
    )


def _outputs(manifest: Manifest | None) -> list[str]:
    return [node.output for node in manifest.nodes.values()] if manifest else []


def _numbers(pattern: re.Pattern[str], names: Iterable[str]) -> list[int]:
    return [int(match[1]) for name in names if (match := pattern.match(name))]


def _after(first: int, taken: Iterable[int]) -> int:
    return max(first, 1 + max(taken, default=-1))
