"""Constants that are a mean of clusters: the simple physics of most workflows of the testbed.

A structure of a detector (an APV, a half barrel, a Roman pot) is one or more modules. Its constant
is its mean number of clusters in an event, times a scale that is the record's own. So a payload of
another record's constants, of another run's data or of too few events is found out.

Minimum statistics are CMSSW's thresholds, scaled to the testbed's events:

- ``NClustersForTagProd`` of the gains: 8e5 clusters instead of 8e8. ``GoodFracForTagProd`` is 0.95
  instead of 0.98, because 4 of the 96 modules are dead. ``minNrEntries``, 25, is the true one.
- ``minHitsCut`` of the pixel's Lorentz angles: 1000 and 100 clusters a module instead of 10 000
  and 1000.
- ``minNRecords`` of the alignment: 2500 instead of 25 000, one for each event and skim.
- ``minEntries`` of the PPS timing, 100, is the true one. As CMSSW's, the harvesters of the PPS
  write a payload even if no structure has enough.

Uncertain, as no source shows one: the minimum of the strip's Lorentz angle, of the PPS alignment
and of the luminosity. Knows arrays of rates and sums; knows nothing of files, runs and jobs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SIGMAS = 6.0
"""Disagreements start here: by chance, one in 5e8 comparisons."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Means:
    """How a record's constants follow from the clusters.

    Attributes
    ----------
    object_type
        The C++ class of the payloads.
    scale
        The constant of one cluster an event.
    structures
        How many there are; 0 for the modules themselves.
    skims
        How many skims an event goes in by.
    least
        A structure with fewer clusters keeps its old value, and is not in the payload.
    counted, minimum
        Below so many events or clusters in all there is no payload.
    good_fraction
        The part of the structures that must have the least.
    always
        Whether there is a payload even if no structure has the least.
    """

    object_type: str
    scale: float
    structures: int = 0
    skims: int = 1
    least: int = 1
    counted: Literal["events", "clusters"] = "events"
    minimum: int = 0
    good_fraction: float = 0.0
    always: bool = False

    def by_structure(self, of_modules: Array) -> tuple[Array, int]:
        """Add up what modules have; give the sums and the number of modules in each."""
        structures = self.structures or len(of_modules)
        each = of_modules.reshape(structures, -1)
        return each.sum(axis=1), each.shape[1]


_GAINS = Means(
    "SiStripApvGain", 1.0, least=25, counted="clusters", minimum=800_000, good_fraction=0.95
)

MEANS: Mapping[str, Means] = {
    "SiStripApvGainRcd": _GAINS,
    "SiStripApvGainRcdAAG": _GAINS,
    "SiStripLorentzAngleRcd": Means("SiStripLorentzAngle", 0.05, least=100),
    "SiPixelLorentzAngleRcd": Means("SiPixelLorentzAngle", 0.4, least=1000),
    "SiPixelLorentzAngleRcdMCS": Means("SiPixelLorentzAngle", 0.3, least=100),
    "TrackerAlignmentRcd": Means("Alignments", 10.0, structures=6, minimum=2500),
    "TrackerAlignmentHGRcd": Means("Alignments", 20.0, minimum=2500),
    "TrackerAlignmentHGCombinedRcd": Means("Alignments", 30.0, skims=2, minimum=2500),
    "TrackerAlignmentHLTHGCombinedRcd": Means("Alignments", 40.0, skims=2, minimum=2500),
    "LumiCorrectionsRcd": Means("LumiCorrections", 1.0, structures=1),
    "PPSTimingCalibrationRcd": Means(
        "PPSTimingCalibration", 0.01, structures=24, least=100, always=True
    ),
    "CTPPSRPAlignmentCorrectionsDataRcd": Means(
        "CTPPSRPAlignmentCorrectionsData", 5.0, structures=12, always=True
    ),
}
"""By record."""


@dataclass(frozen=True, slots=True)
class TooFew:
    """Why there are no constants: what was counted, or the part of the structures that is good."""

    count: int
    good_fraction: float | None = None


def constants(record: str, events: int, clusters: Array) -> dict[str, Any] | TooFew:
    """Make a record's constants.

    Parameters
    ----------
    record
        One of `MEANS`.
    events
        How many went in, by all skims together.
    clusters
        Their clusters, one element a module.

    Returns
    -------
    dict or TooFew
        The record's name as ``of``; by the number of the structure its ``value``, and the
        ``entries`` (events) that it is made of.
    """
    means = MEANS[record]
    sums, width = means.by_structure(clusters)
    counted = events if means.counted == "events" else int(clusters.sum())
    good = np.flatnonzero(sums >= means.least).tolist()
    if not means.always and (counted < max(means.minimum, 1) or not good):
        return TooFew(counted)
    if len(good) < means.good_fraction * len(sums):
        return TooFew(counted, len(good) / len(sums))
    values = {
        str(i): {"value": round(means.scale * sums[i] / (events * width), 8), "entries": events}
        for i in good
    }
    return {"of": record, **values}


def lacking(record: str, clusters: Array) -> dict[int, int]:
    """Give the clusters of the structures that have too few of them, by their number."""
    sums, _ = MEANS[record].by_structure(clusters)
    return {i: int(count) for i, count in enumerate(sums) if count < MEANS[record].least}


def faults(found: Mapping[str, Any], events: int, rate: Array) -> Iterator[str]:
    """Say where constants disagree with the truth.

    Parameters
    ----------
    found
        As `constants` gives them.
    events
        How many the lumisections of the payload have.
    rate
        The true mean number of clusters in an event, one element a module.
    """
    means = MEANS[found["of"]]
    entries = events * means.skims
    rates, width = means.by_structure(rate)
    for i, expected in enumerate((rates / width).tolist()):
        constant = found.get(str(i))
        clusters = expected * entries * width
        if constant is None:
            if clusters - SIGMAS * math.sqrt(clusters) > means.least:
                yield f"structure {i} has no constant from {entries} events"
        elif constant["entries"] != entries:
            yield f"structure {i} counts {constant['entries']} entries in {entries} events"
        else:
            error = means.scale * math.sqrt(max(expected, 1 / entries) / (entries * width))
            deviation = abs(constant["value"] - means.scale * expected) / error
            if not deviation <= SIGMAS:  # a value that is not a number disagrees too
                yield (
                    f"structure {i}: value is {constant['value']:.6g}, "
                    f"expected {means.scale * expected:.6g} ({deviation:.0f} sigma)"
                )
