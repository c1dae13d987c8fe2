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
from condorloop.rundir.layout import INPUTS, LEFT_OUT, is_alcareco
from condorloop.rundir.records import attempts
from condorloop.rundir.records.harvest import LeftOut
from condorloop.rundir.records.witness import Witness

BLAMES_TO_LEAVE_OUT = 2
"""So many failed attempts of HARVEST must blame an ALCARECO before it is left out."""


def choose_inputs(dag: DagContext) -> list[str]:
    """Link all complete ALCARECO of the campaign into ``inputs/``, and list them.

    One that is gone, cut, or was blamed for failed attempts is left out and named, and so is one
    that has a RAW file which is in another one, or of which nothing tells its RAW files. The list
    is written last: it says that HARVEST has started, and with what.

    Raises
    ------
    NodeError
        There is none to harvest.
    """
    folder = dag.directory / "inputs"
    dag.set_aside(dag.directory / NodeKind.HARVEST)
    if folder.exists():
        shutil.rmtree(folder)
    sources, left_out = _usable(dag, folder)
    choice = choose(sources)
    overlaps = {name: str(overlap) for name, overlap in choice.left_out.items()}
    for name, reason in sorted((left_out | overlaps).items()):
        print(f"left out: {name}: {reason}")
        shutil.rmtree(folder / name)
    if not choice.chosen:
        raise NodeError("no complete ALCARECO to harvest")
    chosen = [f"{name}/{dag.manifest.alca_root}" for name in choice.chosen]
    for file in (LEFT_OUT, INPUTS):
        remove_unfinished(dag.directory / file)
    LeftOut(left_out, overlaps).write(dag.directory / LEFT_OUT)
    write_lines(dag.directory / INPUTS, chosen)
    return chosen


def _usable(dag: DagContext, folder: Path) -> tuple[list[Source], dict[str, str]]:
    """Link each complete ALCARECO into a folder that can be used; say why others cannot."""
    holdings = Holdings(dag.run_dir)
    told = attempts.read(dag.directory, NodeKind.HARVEST)
    blames = Counter(blamed for attempt in told for blamed in set(attempt.blames))
    sources, left_out = [], {}
    for witness in sorted(dag.run_dir.glob(f"apJob*/{dag.manifest.alca_witness}")):
        name = witness.parent.name
        if not is_alcareco(name):
            continue
        target = folder / name / dag.manifest.alca_root
        target.parent.mkdir(parents=True)
        try:
            source = _source(dag, witness, holdings)
            if blames[name] >= BLAMES_TO_LEAVE_OUT:
                raise Unusable(f"it was blamed for {blames[name]} failed attempts")
            _link(witness.with_name(target.name), target)
        except Unusable as error:
            left_out[name] = str(error)
        else:
            sources.append(source)
    return sources, left_out


def _source(dag: DagContext, witness: Path, holdings: Holdings) -> Source:
    """Say what an ALCARECO was made from."""
    told = Witness.load(witness)
    if told is None or told.dag_id.partition("/")[0] != dag.owner:
        raise Unusable("its witness is damaged, or another ledger's")
    return holdings.source(witness.parent.name, told)


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
