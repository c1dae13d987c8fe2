"""The sums a lumisection that RECO makes of its events, for each skim.

ECAL: for each channel the number of samples, their sum and the sum of their squares. Trackers,
luminosity and PPS: events, and clusters of each module; all of the testbed's detectors have the
clusters of the strips. Vertices: their number, and for each axis the sum of their positions and of
the squares. A skim of the testbed takes every event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from condorloop.testbed.cmssw.io.root_file import Columns
from condorloop.testbed.detectors import N_CHANNELS, N_MODULES


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a skim makes its sums.

    Attributes
    ----------
    branches
        What it reads of each event.
    terms
        Gives for each event what is to be summed, by the name of the sum.
    with_skim
        The skim that must run in the same job, or it makes none.
    """

    branches: tuple[str, ...]
    terms: Callable[[Columns], Columns]
    with_skim: str = ""

    def nothing(self, lumis: int) -> Columns:
        """Give the sums of lumisections of which no event was taken."""
        no_event = {name: np.zeros((0, *_SHAPES[name]), np.uint16) for name in self.branches}
        return {
            name: np.zeros((lumis, *values.shape[1:]), np.uint64)
            for name, values in self.terms(no_event).items()
        }


_SHAPES: Mapping[str, tuple[int, ...]] = {
    "adc": (N_CHANNELS,),
    "hits": (N_MODULES,),
    **dict.fromkeys(("vx", "vy", "vz"), ()),
}


def _pedestal_terms(events: Columns) -> Columns:
    adc = events["adc"]
    wide = adc.astype(np.uint64)
    # 0 means that the channel was not read out
    return {"entries": (adc > 0).astype(np.uint8), "sum": wide, "squares": wide * wide}


def _cluster_terms(events: Columns) -> Columns:
    hits = events["hits"]
    return {"events": np.ones(len(hits), np.uint8), "clusters": hits}


def _vertex_terms(events: Columns) -> Columns:
    position = np.stack([events[axis] for axis in ("vx", "vy", "vz")], axis=1).astype(np.float64)
    count = np.ones(len(position), np.uint8)
    return {"vertices": count, "sum": position, "squares": position * position}


def _track_terms(events: Columns) -> Columns:
    return {**_cluster_terms(events), **_vertex_terms(events)}


_VERTEX = ("vx", "vy", "vz")

OF_PRODUCER: Mapping[str, Recipe] = {
    "clusters": Recipe(("hits",), _cluster_terms),
    "vertices": Recipe(_VERTEX, _vertex_terms),
    "pedestals": Recipe(("adc",), _pedestal_terms),
}
"""What a producer takes of the sums of its skims (`workflow.Workflow.sums`)."""

_OF_SKIM: Mapping[str, Recipe] = {
    "EcalTestPulsesRaw": OF_PRODUCER["pedestals"],
    "TkAlMinBias": Recipe(("hits", *_VERTEX), _track_terms),
    # it converts the histograms that the other one fills
    "SiStripPCLHistos": Recipe(("hits",), _cluster_terms, with_skim="SiStripCalZeroBias"),
}


def recipe_of(skim: str) -> Recipe:
    """Give the recipe of a skim (`workflows.SKIMS`)."""
    return _OF_SKIM.get(skim, OF_PRODUCER["clusters"])
