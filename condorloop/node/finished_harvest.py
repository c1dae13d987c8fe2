"""HARVEST nodes whose job exited 0: the payload and its record take their place.

Knows what a harvest leaves and what its record says; the payload's tags are `uploads`' part.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from condorloop.model.lumis import EMPTY, Lumis
from condorloop.node.dag_context import DagContext, NodeError
from condorloop.node.job_output import no_payload
from condorloop.node.job_output.payload_db import PayloadError
from condorloop.node.job_output.payload_db import iovs as iovs_in
from condorloop.node.job_output.printed import log_of
from condorloop.node.job_output.returned_files import (
    lacking_of,
    listed,
    report_of,
    require,
    take_place,
)
from condorloop.node.uploads import payload_tags
from condorloop.rundir.durable import remove_unfinished, sync_files, write_lines
from condorloop.rundir.layout import HARVEST_RECORD, INPUTS, LEFT_OUT, PAYLOAD_DB
from condorloop.rundir.records.harvest import HarvestResult, Iov, LeftOut
from condorloop.rundir.records.manifest import ManifestNode
from condorloop.rundir.records.record import RecordError
from condorloop.rundir.records.witness import Witness


def harvest(dag: DagContext, name: str, node: ManifestNode) -> None:
    """Move the payload, its metadata and its record into the run directory.

    Raises
    ------
    NodeError
        What the job left is not what it should be.
    OSError
        It cannot be moved.
    """
    made = dag.directory / name
    report = report_of(dag, made)
    inputs = (dag.inputs_dir / INPUTS).read_text(encoding="utf-8").splitlines()
    not_chosen = _not_chosen(dag)
    read = [_witness_of(dag, each) for each in inputs]
    iovs = _payload(made)
    unnamed = _name_destinations(dag, made, iovs) if iovs else ()
    for tag in unnamed:
        print(f"{name}: tag {tag} of the payload file goes nowhere: no inputTag names it")
    write_lines(made / INPUTS, inputs)
    known = Lumis.union(w.lumis for w in read)
    lacking = lacking_of(name, known, report) if report.lumis else EMPTY
    result = HarvestResult(
        dag_id=dag.id,
        inputs=tuple(Path(each).parent.name for each in inputs),
        left_out={**not_chosen.unusable, **not_chosen.overlaps},
        overlaps=tuple(not_chosen.overlaps),
        lumis=known - lacking,
        events=(report.events if lacking else 0) or sum(w.events for w in read),
        lacking=lacking,
        iovs=tuple(iovs),
        no_payload=None if iovs else no_payload.reason(log_of(dag, name)),
        time=time.time(),
        unnamed=unnamed,
    )
    for leftover in (INPUTS, HARVEST_RECORD):
        remove_unfinished(made / leftover)
    result.write(made / HARVEST_RECORD)
    take_place(dag, name, node)


def _name_destinations(dag: DagContext, made: Path, iovs: list[Iov]) -> tuple[str, ...]:
    """Write a payload file for each upload, with its metadata; return the tags that go nowhere."""
    metadata = [payload_tags.metadata_of(u, iovs, dag.run) for u in dag.settings.uploads]
    unnamed = payload_tags.unnamed(dag.settings.uploads, iovs)
    files = [made / upload.final_db_name for upload in dag.settings.uploads]
    for upload, file, told in zip(dag.settings.uploads, files, metadata, strict=True):
        shutil.copy(made / PAYLOAD_DB, file)
        remove_unfinished(made / upload.metadata_filename)
        told.write(made / upload.metadata_filename)
    sync_files([made / PAYLOAD_DB, *files])
    return unnamed


def _not_chosen(dag: DagContext) -> LeftOut:
    """The ALCARECO that are not among the inputs.

    Where that is not told, the inputs were chosen without looking for overlap: they are chosen
    again when the node is tried again.
    """
    try:
        return LeftOut.read(dag.inputs_dir / LEFT_OUT)
    except RecordError as error:
        raise NodeError(f"{LEFT_OUT}: does not tell whether the inputs overlap") from error


def _witness_of(dag: DagContext, chosen: str) -> Witness:
    path = dag.run_dir / Path(chosen).parent / dag.settings.alca_witness
    witness = Witness.load(path)
    if witness is None:
        raise NodeError(f"{path}: the witness of an input is gone or damaged")
    return witness


def _payload(made: Path) -> list[Iov]:
    """The IOVs of the payload that this attempt made; none if it made none."""
    file, told = made / PAYLOAD_DB, listed(made)
    if told is not None and file.name not in told:
        file.unlink(missing_ok=True)
    if file.exists():
        require(made, file)
    try:
        return iovs_in(file)
    except PayloadError as error:
        raise NodeError(str(error)) from error
