"""The PRE script of HARVEST: which ALCARECO it reads."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from pathlib import Path

from condorloop.model.enums import NodeKind
from condorloop.node import attempts
from condorloop.node.manifest import DagContext, NodeError
from condorloop.node.root_file import why_not_whole
from condorloop.rundir.durable import remove_unfinished, write_lines
from condorloop.rundir.layout import INPUTS, LEFT_OUT
from condorloop.rundir.witness import Witness

BLAMES_TO_LEAVE_OUT = 2
"""So many failed attempts of HARVEST must blame an ALCARECO before it is left out."""


_ALCARECO = re.compile(r"apJob\d+")


def choose_inputs(dag: DagContext) -> list[str]:
    """Link all complete ALCARECO of the campaign into ``inputs/``, and list them.

    One that is gone, cut, or was blamed for failed attempts is left out and named. The list is
    written last: it says that HARVEST has started, and with what.

    Raises
    ------
    NodeError
        There is none to harvest.
    """
    folder = dag.directory / "inputs"
    dag.set_aside(dag.directory / NodeKind.HARVEST)
    if folder.exists():
        shutil.rmtree(folder)
    chosen, left_out = [], []
    root = dag.manifest["alca"]["root"]
    told = attempts.read(dag.directory, NodeKind.HARVEST)
    blames = Counter(blamed for attempt in told for blamed in set(attempt.blames))
    for path in sorted(dag.run_dir.glob(f"apJob*/{dag.manifest['alca']['witness']}")):
        name = path.parent.name
        if not _ALCARECO.fullmatch(name):
            continue
        target = folder / name / root
        target.parent.mkdir(parents=True)
        if reason := _why_not_harvest(dag, path, target, blames[name]):
            print(f"left out: {name}: {reason}")
            left_out.append(name)
        else:
            chosen.append(f"{name}/{root}")
    if not chosen:
        raise NodeError("no complete ALCARECO to harvest")
    for name, lines in ((LEFT_OUT, left_out), (INPUTS, chosen)):
        remove_unfinished(dag.directory / name)
        write_lines(dag.directory / name, lines)
    return chosen


def _why_not_harvest(dag: DagContext, witness: Path, target: Path, blames: int) -> str | None:
    """Link an ALCARECO, or say why it cannot be used; trouble that is not its own is raised."""
    told = Witness.read(witness)
    if told is None or told.dag_id.partition("/")[0] != dag.owner:
        return "its witness is damaged, or another ledger's"
    if blames >= BLAMES_TO_LEAVE_OUT:
        return f"it was blamed for {blames} failed attempts"
    source = witness.parent / target.name
    try:
        if reason := why_not_whole(source):
            return f"{source.name}: {reason}"
        os.link(source, target)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        if isinstance(error, PermissionError) and os.access(source, os.R_OK):
            raise  # a file system that takes no links
        return f"{source.name}: {error.strerror}"
    return None
