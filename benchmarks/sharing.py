"""What ten calibrations of the express stream cost that share its RECO and ALCA, and in time.

Knows the simulation and the shipped calibrations; each that shares nothing has a stream of its own,
made by the same recipe from the same files.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.frame import Ask, Goal, Result, Table
from condorloop.config.loader import Config, load
from condorloop.config.shipped_files import shipped
from condorloop.model.enums import NodeKind
from condorloop.reports.tables import span
from condorloop.simulation.models import pool
from condorloop.simulation.models.pool import PoolModel
from condorloop.simulation.outcome import Outcome, to_json
from condorloop.simulation.settings import Setting, simulate

STREAM, CORES = "Express", 128

MOST_COST = 1.15
"""Core hours of all, at most, as a multiple of those of one calibration and nine more harvests."""

AMPLE = 100_000
"""Cores of a pool in which no job waits."""


def switched_on(folder: Path, *, shared: bool) -> Config:
    """Read the shipped calibrations of the stream, switched on, with it or with one for each."""
    own = folder / ("shared" if shared else "apart")
    source, streams = shipped("calibrationYAML"), own / "streams"
    streams.mkdir(parents=True)
    shutil.copy(source.parent / "ngtParameters.jsn", folder)
    recipe = (source / "streams" / f"{STREAM}.yaml").read_text(encoding="utf-8")
    for file in sorted(source.glob("*.yaml")):
        text = file.read_text(encoding="utf-8").replace("enabled: false", "enabled: true")
        if not re.search(rf"^stream: {STREAM}$", text, re.MULTILINE):
            continue
        stream = STREAM if shared else f"{STREAM}{file.stem}"
        _write(own / file.name, text.replace(f"stream: {STREAM}\n", f"stream: {stream}\n"))
        named = recipe.replace(f"stream_name: {STREAM}\n", f"stream_name: {stream}\n")
        _write(streams / f"{stream}.yaml", named)
    return load(shipped("sites") / "calibration-node.yaml", own)


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def alone(setting: Setting, name: str) -> Setting:
    """Give the same with one calibration, which has the stream for itself."""
    calibrations = {name: setting.config.calibrations[name]}
    return replace(setting, config=replace(setting.config, calibrations=calibrations))


def known_times(model: PoolModel) -> PoolModel:
    """Give the same pool with cores for all, in which no job fails and all takes its median."""
    steady = {"spread": 0.0}
    nodes = {kind: times.model_copy(update=steady) for kind, times in model.nodes.items()}
    overheads = {name: times.model_copy(update=steady) for name, times in model.overheads}
    return model.model_copy(
        update={
            "nodes": nodes,
            "overheads": model.overheads.model_copy(update=overheads),
            "failures": {},
            "slots": AMPLE,
        }
    )


def reco_jobs(outcome: Outcome) -> int:
    """How many RECO jobs there were."""
    return outcome.together.kinds[NodeKind.RECO].jobs


def harvest_hours(outcome: Outcome) -> float:
    """The core hours of harvests."""
    return outcome.together.kinds[NodeKind.HARVEST].core_hours


def measure(ask: Ask) -> Result:
    """Simulate two days with one stream for all, and with one for each."""
    goals, tables, data = simulated(ask)
    return Result("sharing", goals=goals, tables=tables, data=data)


def simulated(ask: Ask) -> tuple[Sequence[Goal], Sequence[Table], Mapping[str, Any]]:
    """Compare both by simulation."""
    model = pool.load(pool.default_model()).model_copy(update={"slots": CORES})
    together = switched_on(ask.folder, shared=True)
    days = 2.0 if ask.full else 0.2
    sharing = Setting(together, model, days=days)
    apart = replace(sharing, config=switched_on(ask.folder, shared=False))
    shared, unshared = simulate(sharing), simulate(apart)
    first, *others = (simulate(alone(sharing, name)) for name in together.calibrations)
    least = first.together.core_hours + sum(map(harvest_hours, others))
    cost = shared.together.core_hours / least
    undisturbed = known_times(model)
    jobs = [reco_jobs(simulate(replace(each, model=undisturbed))) for each in (sharing, apart)]
    number = len(together.calibrations)
    in_time = shared.together.share_in_window or 0.0
    goals = [
        Goal(
            f"RECO jobs are exactly 1/{number} of those without sharing, where no job fails or"
            " waits for cores, and all takes its median time",
            f"{jobs[0]} against {jobs[1]}",
            jobs[0] * number == jobs[1],
        ),
        Goal(
            f"core hours are at most {MOST_COST} times those of one calibration and"
            f" {number - 1} more harvests",
            f"{shared.together.core_hours:.0f} against {least:.0f}: {cost:.2f} times",
            cost <= MOST_COST if ask.full else None,
        ),
        Goal(
            f"every LS is in time on {CORES} cores",
            f"{in_time:.1%} of {shared.together.lumis} LS",
            in_time == 1.0 if ask.full else None,
        ),
    ]
    rows = {"one stream for all": shared, "one for each": unshared, "one calibration": first}
    table = Table(
        f"Simulated: {number} calibrations of express, {days:g} days, {CORES} cores",
        (
            "streams",
            "RECO jobs",
            "RECO core hours",
            "all core hours",
            "busy cores",
            "most DAGs",
            "LS end to payload, median",
            "worst",
            "in time",
        ),
        [(name, *_row(outcome)) for name, outcome in rows.items()],
    )
    data = {
        "reco_jobs_undisturbed": {"shared": jobs[0], "unshared": jobs[1]},
        "least_core_hours": least,
        **{name: to_json(outcome) for name, outcome in rows.items()},
    }
    return goals, [table], {"simulated": data}


def _row(outcome: Outcome) -> Sequence[str]:
    all_of = outcome.together
    spread = all_of.after_ls_end
    return (
        f"{reco_jobs(outcome)}",
        f"{all_of.kinds[NodeKind.RECO].core_hours:.0f}",
        f"{all_of.core_hours:.0f}",
        f"{outcome.busy:.0%}",
        f"{outcome.most_dags}",
        span(spread.median if spread else None),
        span(spread.worst if spread else None),
        f"{all_of.share_in_window or 0:.1%}",
    )
