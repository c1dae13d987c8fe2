"""Small simulations that the tests of the twin build on: a pool, a stream, some runs."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from condorloop.config.loader import Config
from condorloop.simulation.models import pool
from condorloop.simulation.models.data_taking import SimulatedRun
from condorloop.simulation.models.pool import Overheads, PoolModel
from condorloop.simulation.settings import Setting
from tests.unit.examples import config

EVERY = 20.0
STREAMS = {
    "TestEnablesEcalHcal": {"lumis_per_file": 2, "events_per_lumi": 10, "delay": {"median": 5}},
    "ExpressPhysics": {"lumis_per_file": 1, "events_per_lumi": 10, "delay": {"median": 5}},
}
STEADY: dict[str, Any] = {
    "slots": 64,
    "overheads": {name: {"median": 2} for name in Overheads.model_fields},
    "nodes": {
        "RECO": {"fixed": 60, "per_file": 20},
        "ALCA": {"fixed": 30},
        "HARVEST": {"fixed": 20, "per_input": 1},
        "UPLOAD": {"fixed": 5},
    },
    "streams": STREAMS,
    "beams": {
        "season": "200 d",
        "fill": {"median": "9 h"},
        "turnaround": {"median": "5 h"},
        "stop": {"median": "48 h"},
        "short_runs": 0.5,
        "short_run": 12,
        "long_run": 100,
        "gap": {"median": "1 min"},
    },
}
"""A pool in which everything takes a known time, and nothing fails."""


@cache
def configured() -> Config:
    """The shipped calibrations at a small site."""
    with tempfile.TemporaryDirectory() as folder:
        return config(Path(folder))


def run(number: int, start: float, lumis: int) -> SimulatedRun:
    """A run with stable beams from its start on."""
    end = start + lumis * EVERY
    return SimulatedRun(number, 1, start, lumis, end, EVERY, start)


def varying(spread: float, **changes: Any) -> PoolModel:
    """The same pool, in which jobs take now longer and now shorter."""
    nodes = {kind: {**times, "spread": spread} for kind, times in STEADY["nodes"].items()}
    return PoolModel.model_validate({**STEADY, "nodes": nodes, **changes})


def setting(*runs: SimulatedRun, only: str = "", model: PoolModel | None = None) -> Setting:
    """What is simulated: of all calibrations, or of one."""
    loaded = configured()
    if only:
        loaded = replace(loaded, calibrations={only: loaded.calibrations[only]})
    return Setting(loaded, model or PoolModel.model_validate(STEADY), runs=runs)


def shipped() -> PoolModel:
    """The model that ships with condorloop."""
    return pool.load(pool.default_model())
