"""RECO, ALCA and UPLOAD nodes whose job exited 0: what is whole takes its place, then its witness.

Knows what a node of each kind leaves, and in which order it is moved and vouched for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from condorloop.model.lumis import Lumis
from condorloop.node.dag_context import DagContext, NodeError
from condorloop.node.job_output.job_report import JobReport
from condorloop.node.job_output.returned_files import (
    lacking_of,
    report_of,
    require_whole,
    take_place,
)
from condorloop.rundir.durable import remove_unfinished, sync_files, sync_folder
from condorloop.rundir.layout import UPLOAD_RECORD
from condorloop.rundir.records.manifest import ManifestNode
from condorloop.rundir.records.witness import Witness


def reco(dag: DagContext, name: str, node: ManifestNode) -> None:
    """Move the RECO output and what came with it, then write its witness; raises as `alca`."""
    made, output = dag.directory / name, node.output
    report = report_of(dag, made)
    moved = dag.run_dir / f"{output}.root"  # by a step that was cut short
    root = made / moved.name
    whole = moved if moved.exists() and not root.exists() else root
    require_whole(made, whole)
    sync_files([whole])
    for ending in (".py", ".log", ".root"):
        if (made / f"{output}{ending}").exists():
            (made / f"{output}{ending}").replace(dag.run_dir / f"{output}{ending}")
    sync_folder(dag.run_dir)
    lacking = lacking_of(name, node.lumis, report)
    read = _witness(dag, name, report, node.files, lacking)
    remove_unfinished(dag.run_dir / node.witness)
    read.write(dag.run_dir / node.witness)


def alca(dag: DagContext, name: str, node: ManifestNode) -> None:
    """Write the witness of an ALCARECO beside it, then move both into the run directory.

    Raises
    ------
    NodeError
        What the job left is not what it should be.
    OSError
        It cannot be moved.
    """
    made = dag.directory / name
    sync_files(_require_products(dag, made))
    report = report_of(dag, made)
    lacking = lacking_of(name, _lumis_of_reco(dag, node.inputs), report)
    read = _witness(dag, name, report, node.inputs, lacking)
    witness = made / Path(node.witness).name
    remove_unfinished(witness)
    read.write(witness)
    take_place(dag, name, node)


def upload(dag: DagContext, node: ManifestNode) -> None:
    """Let the record of an UPLOAD stand where its node looks for it.

    Raises
    ------
    NodeError
        There is none, or it says that the upload is not over.
    """
    from condorloop.rundir.records.upload import UploadResult

    result = UploadResult.load(dag.made_dir / node.output / UPLOAD_RECORD)
    if result is None or result.outcome.open:
        raise NodeError(f"{node.output}/{UPLOAD_RECORD}: not written")
    witness = dag.made_dir / node.witness
    if witness != dag.made_dir / node.output / UPLOAD_RECORD:  # it sent another DAG's payload
        remove_unfinished(witness)
        result.write(witness)


def _witness(
    dag: DagContext, name: str, report: JobReport, files: tuple[str, ...], lacking: Lumis
) -> Witness:
    """What a job of this DAG read; where calibrations share its output, what made it, too."""
    read = Witness(name, dag.id, report.lumis, report.events, files, lacking)
    manifest = dag.manifest
    if not manifest.is_shared:
        return read
    return replace(
        read,
        made_for=tuple(manifest.made_for),
        recipe=manifest.recipe,
        release=manifest.release,
        global_tag=manifest.global_tag,
    )


def _require_products(dag: DagContext, made: Path) -> list[Path]:
    """Make sure that an ALCA made what each calibration needs, and give the files.

    Raises
    ------
    NodeError
        One is missing or damaged; in a shared stream it names the calibrations.
    """
    products = dag.manifest.made_for
    lacking: dict[str, str] = {}
    for calibration, product in products.items():
        try:
            require_whole(made, made / product.root)
        except NodeError as error:
            if not dag.manifest.is_shared:
                raise
            lacking[calibration] = str(error)
    if lacking:
        words = "; ".join(f"{calibration}: {why}" for calibration, why in lacking.items())
        raise NodeError(words, tuple(lacking))
    return sorted({made / product.root for product in products.values()})


def _lumis_of_reco(dag: DagContext, names: Iterable[str]) -> Lumis:
    witnesses = {node.output: node.witness for node in dag.manifest.nodes.values()}
    read = [Witness.load(dag.run_dir / witnesses[name]) for name in names if name in witnesses]
    return Lumis.union(witness.lumis for witness in read if witness)
