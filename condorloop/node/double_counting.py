"""Which payloads count a RAW file twice: they give way to any payload that does not.

Knows the records of harvests, and the witnesses of what they read. A record that tells which
ALCARECO were left out for overlap is of a harvest that counts nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from condorloop.node.holdings import Holdings, Unusable
from condorloop.policy.overlap import Source, choose
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import HARVEST_RECORD
from condorloop.rundir.witness import Witness


def why_twice(run_dir: Path, witness: str, record: Mapping[str, Any]) -> str:
    """Say what a harvest counts twice; empty if it counts nothing twice, or nothing tells.

    Parameters
    ----------
    witness
        What the witness of an ALCARECO is called in its directory.
    record
        What the harvest tells of itself.

    Raises
    ------
    OSError
        The run directory cannot be read.
    """
    names = record.get("inputs")
    if "overlaps" in record or not isinstance(names, list):
        return ""
    left_out = choose(_sources(run_dir, witness, map(str, names))).left_out
    return next((f"{name}: {overlap}" for name, overlap in left_out.items()), "")


def counts_twice(run_dir: Path, witness: str, payload: Mapping[str, Any]) -> bool:
    """Whether a payload, known by its LS and events, is of a harvest that counts twice.

    Raises
    ------
    OSError
        The run directory cannot be read.
    """
    told = (payload.get("lumis"), payload.get("events"))
    records = map(read_json, sorted(run_dir.glob(f"harvestJob*/{HARVEST_RECORD}")))
    same = (r for r in records if (r.get("lumis"), r.get("events")) == told)
    return any(why_twice(run_dir, witness, record) for record in same)


def _sources(run_dir: Path, witness: str, names: Iterator[str]) -> Iterator[Source]:
    holdings = Holdings(run_dir)
    for name in names:
        if told := Witness.read(run_dir / name / witness):
            try:
                yield holdings.source(name, told)
            except Unusable:
                continue
