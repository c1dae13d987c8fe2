"""The PRE script of HARVEST: which ALCARECO it reads."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

from condorloop.model.enums import NodeKind
from condorloop.node.dag_context import DagContext, NodeError
from condorloop.node.holdings import Holdings, Unusable
from condorloop.node.job_output.root_file import why_not_whole
from condorloop.policy.raw_overlap import Source, choose
from condorloop.rundir.durable import remove_unfinished, write_lines
from condorloop.rundir.layout import INPUT_FILES, INPUTS, LEFT_OUT, is_alcareco
from condorloop.rundir.records import attempts
from condorloop.rundir.records.harvest import LeftOut
from condorloop.rundir.records.witness import Witness

BLAMES_TO_LEAVE_OUT = 2
"""So many failed attempts of HARVEST must blame an ALCARECO before it is left out."""


def choose_inputs(dag: DagContext, name: str = NodeKind.HARVEST) -> list[str]:
    """Link all complete ALCARECO of the campaign into ``inputs/``, and list them.

    In a stream that calibrations share these are those that were made for this one. One that is
    gone, cut, of another release or global tag than the DAG's, or was blamed for failed attempts is
    left out and named, and so is one that has a RAW file which is in another one, or of which
    nothing tells its RAW files. The list is written last: it says that HARVEST has started, and
    with what.

    Raises
    ------
    NodeError
        There is none to harvest.
    """
    dag = dag.at(name)
    folder = dag.inputs_dir / INPUT_FILES
    if not dag.inputs_dir.is_dir():
        dag.inputs_dir.mkdir()
    dag.set_aside(dag.directory / name)
    if folder.exists():
        shutil.rmtree(folder)
    sources, left_out = _usable(dag, folder)
    choice = choose(sources)
    overlaps = {name: str(overlap) for name, overlap in choice.left_out.items()}
    for each, reason in sorted((left_out | overlaps).items()):
        print(f"left out: {each}: {reason}")
        shutil.rmtree(folder / each)
    if not choice.chosen:
        raise NodeError("no complete ALCARECO to harvest")
    chosen = [f"{each}/{dag.settings.alca_root}" for each in choice.chosen]
    for file in (LEFT_OUT, INPUTS):
        remove_unfinished(dag.inputs_dir / file)
    LeftOut(left_out, overlaps).write(dag.inputs_dir / LEFT_OUT)
    write_lines(dag.inputs_dir / INPUTS, chosen)
    return chosen


def _usable(dag: DagContext, folder: Path) -> tuple[list[Source], dict[str, str]]:
    """Link each complete ALCARECO into a folder that can be used; say why others cannot."""
    holdings = Holdings(dag.run_dir)
    failed = attempts.read(dag.directory, dag.name)
    blames = Counter(blamed for attempt in failed for blamed in set(attempt.blames))
    sources, left_out = [], {}
    for witness in sorted(dag.run_dir.glob(f"apJob*/{dag.settings.alca_witness}")):
        name = witness.parent.name
        told = Witness.load(witness)
        if not is_alcareco(name) or (told and not _is_for(dag, told)):
            continue
        target = folder / name / dag.settings.alca_root
        target.parent.mkdir(parents=True)
        try:
            source = _source(dag, name, told, holdings)
            if blames[name] >= BLAMES_TO_LEAVE_OUT:
                raise Unusable(f"it was blamed for {blames[name]} failed attempts")
            _link(witness.with_name(target.name), target)
        except Unusable as error:
            left_out[name] = str(error)
        else:
            sources.append(source)
    return sources, left_out


def _is_for(dag: DagContext, told: Witness) -> bool:
    """Whether an ALCARECO was made for the calibration; where nobody tells, it may have been."""
    shared = dag.manifest.is_shared and told.made_for
    return not shared or dag.calibration in told.made_for


def _source(dag: DagContext, name: str, told: Witness | None, holdings: Holdings) -> Source:
    """Say what an ALCARECO was made from."""
    if told is None or told.dag_id.partition("/")[0] != dag.owner:
        raise Unusable("its witness is damaged, or another ledger's")
    if dag.manifest.is_shared:
        _require_software(dag, told)
    return holdings.source(name, told)


def _require_software(dag: DagContext, told: Witness) -> None:
    """Make sure that an ALCARECO was made with the release and the global tag of the DAG."""
    if not told.made_for:
        raise Unusable("its witness does not tell which calibrations it was made for")
    manifest = dag.manifest
    if told.release != manifest.release:
        raise Unusable(f"it was made with {told.release}, not {manifest.release}")
    if told.global_tag != manifest.global_tag:
        raise Unusable(f"it was made with {told.global_tag}, not {manifest.global_tag}")


def _link(source: Path, target: Path) -> None:
    """Link an ALCARECO; trouble that is not its own is raised as it is."""
    try:
        if reason := why_not_whole(source):
            raise Unusable(f"{source.name}: {reason}")
        os.link(source, target)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        if isinstance(error, PermissionError) and os.access(source, os.R_OK):
            raise  # a file system that takes no links
        raise Unusable(f"{source.name}: {error.strerror}") from error
