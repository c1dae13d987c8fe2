"""Which payloads count a RAW file twice: they give way to any payload that does not.

Knows the records of harvests, and the witnesses of what they read. A record that tells which
ALCARECO were left out for overlap is of a harvest that counts nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from condorloop.model.lumis import Lumis
from condorloop.node.holdings import Holdings, Unusable
from condorloop.policy.raw_overlap import Source, choose
from condorloop.rundir.layout import HARVEST_RECORD
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.witness import Witness


def why_twice(run_dir: Path, witness: str, record: HarvestResult) -> str:
    """Say what a harvest counts twice; empty if it counts nothing twice, or nothing tells.

    Parameters
    ----------
    run_dir
        The run directory that has the ALCARECO.
    witness
        What the witness of an ALCARECO is called in its directory.
    record
        What the harvest tells of itself.

    Raises
    ------
    OSError
        The run directory cannot be read.
    """
    if record.overlaps is not None:
        return ""
    left_out = choose(_sources(run_dir, witness, record.inputs)).left_out
    return next((f"{name}: {overlap}" for name, overlap in left_out.items()), "")


def counts_twice(run_dir: Path, made_dir: Path, witness: str, payload: tuple[Lumis, int]) -> bool:
    """Whether a payload, known by its LS and events, is of a harvest that counts twice.

    Parameters
    ----------
    run_dir, witness
        As `why_twice` takes them.
    made_dir
        The run directory that has the harvests.

    Raises
    ------
    OSError
        The run directory cannot be read.
    """
    records = map(HarvestResult.find, sorted(made_dir.glob(f"harvestJob*/{HARVEST_RECORD}")))
    same = (r for r in records if r and (r.lumis, r.events) == payload)
    return any(why_twice(run_dir, witness, record) for record in same)


def _sources(run_dir: Path, witness: str, names: Iterable[str]) -> Iterator[Source]:
    holdings = Holdings(run_dir)
    for name in names:
        if told := Witness.find(run_dir / name / witness):
            try:
                yield holdings.source(name, told)
            except Unusable:
                continue
