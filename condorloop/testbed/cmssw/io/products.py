"""The sums a lumisection that RECO makes of its events.

ECAL: for each channel the number of samples, their sum and the sum of their squares. Strip and
pixel: events, and clusters of each module; the testbed's pixel detector has the strips' clusters.
Beam spot: vertices, and for each axis the sum of their positions and of the squares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from condorloop.testbed.cmssw.io.root_file import Columns


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a producer makes its sums.

    Attributes
    ----------
    branches
        What it reads of each event.
    terms
        Gives for each event what is to be summed, by the name of the sum.
    """

    branches: tuple[str, ...]
    terms: Callable[[Columns], Columns]


def _pedestal_terms(events: Columns) -> Columns:
    adc = events["adc"]
    wide = adc.astype(np.uint64)
    # 0 means that the channel was not read out
    return {"entries": (adc > 0).astype(np.uint8), "sum": wide, "squares": wide * wide}


def _strip_terms(events: Columns) -> Columns:
    hits = events["hits"]
    return {"events": np.ones(len(hits), np.uint8), "clusters": hits}


def _vertex_terms(events: Columns) -> Columns:
    position = np.stack([events[axis] for axis in ("vx", "vy", "vz")], axis=1).astype(np.float64)
    count = np.ones(len(position), np.uint8)
    return {"vertices": count, "sum": position, "squares": position * position}


RECIPES: Mapping[str, Recipe] = {
    "EcalTestPulsesRaw": Recipe(("adc",), _pedestal_terms),
    "SiStripCalZeroBias": Recipe(("hits",), _strip_terms),
    "SiPixelCalZeroBias": Recipe(("hits",), _strip_terms),
    "TkAlMinBias": Recipe(("vx", "vy", "vz"), _vertex_terms),
}
"""By the name of the producer (`workflows.Workflow.producer`)."""
