"""Streams on the terminal: the command lines of RECO and ALCA, and what each calibration adds.

Knows how they are shown to people, with priorities and costs; how they are composed is decided
elsewhere.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from condorloop.config.calibration import Calibration
from condorloop.config.loader import Config
from condorloop.config.sharing import reconstructed_twice
from condorloop.config.stream import STREAM_NODES
from condorloop.dagman.cmsdriver import Options, alca_options, reco_options
from condorloop.history.costs import Cost, StreamCosts
from condorloop.model.enums import NodeKind
from condorloop.text import plural

_AN_EVENT, _A_JOB = "core seconds an event", "core seconds a job"
_NO_COSTS = StreamCosts()


def stream_lines(config: Config, costs: Mapping[str, StreamCosts]) -> Iterator[str]:
    """Say of each stream that calibrations share what its RECO and ALCA are called with.

    And who goes first, and of all streams what their jobs have cost, as far as that is known.
    """
    for name in config.calibrations:
        if known := costs.get(name):
            took = [*_costs_of_stream(known), *_costs_of_harvest(known, name)]
            yield from (f"{name}: {each}" for each in took)
    for name in config.shared_streams:
        sharing = _sharing(config, name)
        stream = config.stream_of(sharing[0].name)
        known = costs.get(name, _NO_COSTS)
        yield f"stream {name}: {stream.raw_path}, priority {stream.priority}"
        yield f"  RECO: {_typed('expressStep2', reco_options(stream, config.parameters))}"
        yield f"  ALCA: {_typed('expressStep3', alca_options(stream, config.parameters))}"
        yield from (f"  {each}" for each in _costs_of_stream(known))
        for calibration in sharing:
            yield f"  {calibration.name} needs {_needs(calibration)}"
            standing = [f"priority {calibration.priority}"]
            standing += _costs_of_harvest(known, calibration.name)
            yield f"  {calibration.name} has {', '.join(standing)}"
    for double in reconstructed_twice(config.streams.values()):
        names = " and ".join(double.streams)
        yield f"{names} reconstruct the same RAW files; they could share that as one stream"
        for key, said in double.differences.items():
            told = ", ".join(f"{value} ({of})" for of, value in said.items())
            yield f"  they differ in {key}: {told}"
    if config.switched_off:
        yield f"switched off (enabled: false): {', '.join(sorted(config.switched_off))}"


def _costs_of_stream(costs: StreamCosts) -> Iterator[str]:
    for kind in STREAM_NODES:
        if cost := costs.per_event.get(kind):
            yield f"{kind} took {_cost(cost, _AN_EVENT)}"


def _costs_of_harvest(costs: StreamCosts, calibration: str) -> Iterator[str]:
    if cost := costs.harvest.get(calibration):
        yield f"{NodeKind.HARVEST} took {_cost(cost, _A_JOB)}"


def _cost(cost: Cost, unit: str) -> str:
    return f"{cost.core_seconds:.3g} {unit} (median of {plural(cost.jobs, 'job')})"


def streams_json(config: Config, costs: Mapping[str, StreamCosts]) -> dict[str, Any]:
    """Give the streams as ``condorloop validate --json`` prints them, by name."""
    return {
        name: {
            "path": stream.raw_path,
            "calibrations": [c.name for c in _sharing(config, name)],
            "reco": _typed("expressStep2", reco_options(stream, config.parameters)),
            "alca": _typed("expressStep3", alca_options(stream, config.parameters)),
            "priority": stream.priority,
            "priorities": {c.name: c.priority for c in _sharing(config, name)},
            "core_seconds_per_event": _costs_json(costs.get(name, _NO_COSTS).per_event),
            "core_seconds_per_harvest": _costs_json(costs.get(name, _NO_COSTS).harvest),
        }
        for name, stream in config.streams.items()
    }


def _costs_json(costs: Mapping[Any, Cost]) -> dict[str, Any]:
    return {str(of): {"median": cost.core_seconds, "jobs": cost.jobs} for of, cost in costs.items()}


def _sharing(config: Config, stream: str) -> list[Calibration]:
    found = [c for c in config.calibrations.values() if c.stream_name == stream]
    return sorted(found, key=lambda c: c.name)


def _needs(calibration: Calibration) -> str:
    needs = calibration.additions
    changes = sum(
        map(len, (needs.reco_customise, needs.reco_mods, needs.alca_customise, needs.alca_mods))
    )
    said = f"{', '.join(needs.skims)} of RECO, {', '.join(needs.producers)} of ALCA"
    return f"{said}, and changes their configurations ({changes})" if changes else said


def _typed(name: str, options: Options) -> str:
    words = ["cmsDriver.py", name, *(word for pair in options for word in pair if word)]
    return shlex.join(words)
