"""Streams on the terminal: the command lines of RECO and ALCA, and what each calibration adds.

Knows how they are shown to people; how they are composed is decided elsewhere.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from condorloop.config.calibration import Calibration
from condorloop.config.loader import Config
from condorloop.config.sharing import reconstructed_twice
from condorloop.dagman.cmsdriver import Options, alca_options, reco_options


def stream_lines(config: Config) -> Iterator[str]:
    """Say of each stream that calibrations share what its RECO and ALCA are called with."""
    for name in config.shared_streams:
        sharing = _sharing(config, name)
        stream = config.stream_of(sharing[0].name)
        yield f"stream {name}: {stream.raw_path}"
        yield f"  RECO: {_typed('expressStep2', reco_options(stream, config.parameters))}"
        yield f"  ALCA: {_typed('expressStep3', alca_options(stream, config.parameters))}"
        for calibration in sharing:
            yield f"  {calibration.name} needs {_needs(calibration)}"
    for double in reconstructed_twice(config.streams.values()):
        names = " and ".join(double.streams)
        yield f"{names} reconstruct the same RAW files; they could share that as one stream"
        for key, said in double.differences.items():
            told = ", ".join(f"{value} ({of})" for of, value in said.items())
            yield f"  they differ in {key}: {told}"
    if config.switched_off:
        yield f"switched off (enabled: false): {', '.join(sorted(config.switched_off))}"


def streams_json(config: Config) -> dict[str, Any]:
    """Give the streams as ``condorloop validate --json`` prints them, by name."""
    return {
        name: {
            "path": stream.raw_path,
            "calibrations": [c.name for c in _sharing(config, name)],
            "reco": _typed("expressStep2", reco_options(stream, config.parameters)),
            "alca": _typed("expressStep3", alca_options(stream, config.parameters)),
        }
        for name, stream in config.streams.items()
    }


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
