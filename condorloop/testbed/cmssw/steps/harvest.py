"""Constants from sums: pure functions from the lumisections of one run to payloads.

None is a normal result: too few events.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condorloop.testbed import means
from condorloop.testbed.cmssw.io.root_file import Columns
from condorloop.testbed.cmssw.steps import beam_spot
from condorloop.testbed.cmssw.steps.beam_spot import Spot
from condorloop.testbed.means import TooFew
from condorloop.testbed.truth import (
    HIT_EFFICIENCY,
    MIN_CHANNEL_ENTRIES,
    MIN_HIT_EFFICIENCY_EVENTS,
    MIN_PIXEL_EVENTS,
    MIN_STRIP_EVENTS,
    MIN_VERTICES,
)

_DEAD = 0.1
_NOISY = 3.0
"""A strip module is bad when its rate is so many times the median of all."""

LUMI_BLOCK = 50
"""Lumisections of one IOV of luminosity corrections (``approxLumiBlockSize``)."""

Counts = dict[int, tuple[int, int]]
"""Events and distinct events by lumisection."""
Found = Iterator[tuple[int, Any, Sequence[int]]]
"""Of each payload: the lumisection from which it holds, the constants, and the lumisections that
they were made of; 0 and none for the whole run."""


def count_events(events: Columns, run: int) -> Counts:
    """Count the events that went in, and how many different ones, in each lumisection of a run."""
    here = events["run"] == run
    pairs = np.stack([events["luminosityBlock"][here].astype(np.uint64), events["event"][here]])
    distinct = np.unique(pairs, axis=1)
    numbers, counts = np.unique(pairs[0], return_counts=True)
    _, distinct_counts = np.unique(distinct[0], return_counts=True)
    rows = zip(numbers.tolist(), counts.tolist(), distinct_counts.tolist(), strict=True)
    return {ls: (count, different) for ls, count, different in rows}


def payloads(record: str, run: int, lumis: Columns, counts: Counts) -> dict[int, bytes]:
    """Make a run's payloads.

    Parameters
    ----------
    record
        What to make: a record's name (`workflows.Record`).
    run
        The run; all of `lumis` belong to it.
    lumis
        One row a lumisection: ``luminosityBlock`` and the sums of `products`.
    counts
        Of all lumisections in `lumis`.

    Returns
    -------
    dict of int to bytes
        By the lumisection from which it holds, 0 for the whole run. The data are JSON: the
        constants, the run, and the lumisections with their `Counts`.
    """
    return {
        ls: json.dumps(
            {
                "constants": constants,
                "lumisections": {str(each): counts[each] for each in sorted(made_of or counts)},
                "run": run,
            },
            sort_keys=True,
        ).encode()
        for ls, constants, made_of in _HARVESTERS[record](lumis)
    }


def _pedestals(lumis: Columns) -> Found:
    entries, total, squares = (
        lumis[name].sum(axis=0, dtype=np.float64) for name in ("entries", "sum", "squares")
    )
    enough = np.flatnonzero(entries >= MIN_CHANNEL_ENTRIES)
    if not len(enough):
        return
    mean = total[enough] / entries[enough]
    rms = _spread(entries[enough], mean, squares[enough])
    constants = {
        str(channel): {"entries": int(count), "mean": round(m, 6), "rms": round(r, 6)}
        for channel, count, m, r in zip(
            enough.tolist(), entries[enough].tolist(), mean.tolist(), rms.tolist(), strict=True
        )
    }
    yield 0, constants, ()


def _bad_modules(lumis: Columns) -> Found:
    events = int(lumis["events"].sum())
    if events < MIN_STRIP_EVENTS:
        return
    rate = lumis["clusters"].sum(axis=0) / events
    usual = float(np.median(rate))
    constants = {
        "dead": np.flatnonzero(rate < _DEAD * usual).tolist(),
        "noisy": np.flatnonzero(rate > _NOISY * usual).tolist(),
        "events": events,
    }
    yield 0, constants, ()


def _inefficient_modules(lumis: Columns) -> Found:
    clusters = lumis["clusters"].sum(axis=0)
    if not clusters.any():
        return
    judged = int(lumis["events"].sum()) >= MIN_HIT_EFFICIENCY_EVENTS
    bad = np.flatnonzero(clusters < _DEAD * float(np.median(clusters))).tolist()
    yield 0, {"of": HIT_EFFICIENCY, "inefficient": bad if judged else []}, ()


def lacking(record: str, lumis: Columns) -> dict[int, int]:
    """Give the structures that a record's harvester leaves out, with what they have."""
    if record not in means.MEANS:
        return {}
    return means.lacking(record, lumis["clusters"].sum(axis=0).astype(np.float64))


def too_few(record: str, lumis: Columns) -> TooFew | None:
    """Say what a record lacks of the statistics; None where its harvester does not count them."""
    if record in means.MEANS:
        found = _means(record, lumis)
        return found if isinstance(found, TooFew) else None
    return TooFew(int(lumis["events"].sum())) if "events" in lumis else None


def _means(record: str, lumis: Columns) -> dict[str, Any] | TooFew:
    clusters = lumis["clusters"].sum(axis=0).astype(np.float64)
    return means.constants(record, int(lumis["events"].sum()), clusters)


def _means_by_run(record: str) -> Callable[[Columns], Found]:
    def harvester(lumis: Columns) -> Found:
        found = _means(record, lumis)
        if not isinstance(found, TooFew):
            yield 0, found, ()

    return harvester


def _luminosity(lumis: Columns) -> Found:
    """Make a correction for each block of lumisections; the blocks are nearly equal."""
    order = np.argsort(lumis["luminosityBlock"])
    for rows in np.array_split(order, max(1, -(-len(order) // LUMI_BLOCK))):
        block = {name: values[rows] for name, values in lumis.items()}
        found = _means("LumiCorrectionsRcd", block)
        if not isinstance(found, TooFew):
            members = block["luminosityBlock"].tolist()
            yield members[0], found, members


def _beam_spots_by_lumi(lumis: Columns) -> Found:
    for spots in beam_spot.joined(_fitted(lumis)):
        yield spots[0].ls, _beam_spot(spots), [each.ls for each in spots]


def _beam_spot_by_run(lumis: Columns) -> Found:
    if spots := _fitted(lumis):
        yield 0, _beam_spot(spots), [each.ls for each in spots]


def _beam_spot(spots: Sequence[Spot]) -> dict[str, Any]:
    spot = beam_spot.mean(spots)
    return {
        "vertices": spot.vertices,
        **dict(zip("xyz", spot.centre, strict=True)),
        **{f"sigma_{axis}": value for axis, value in zip("xyz", spot.width, strict=True)},
    }


def _bad_pixels(kind: str) -> Callable[[Columns], Found]:
    """Give the harvester of a record of the pixel's bad modules.

    As in CMSSW's SiPixelStatusHarvester, IOVs follow the statistics, and a run that has too few
    in all is one IOV in which nothing is known to be bad.
    """

    def harvester(lumis: Columns) -> Found:
        dead = _dead_pixels(lumis)
        bad = {"prompt": dead, "stuckTBM": _stuck(dead), "other": dead - _stuck(dead)}[kind]
        constants = {"kind": kind, "bad": sorted(bad)}
        if kind == "stuckTBM":
            yield int(lumis["luminosityBlock"].min()), constants, ()
            return
        for members in _by_statistics(lumis):
            yield members[0], constants, members

    return harvester


def _dead_pixels(lumis: Columns) -> frozenset[int]:
    events = int(lumis["events"].sum())
    if events < MIN_PIXEL_EVENTS:
        return frozenset()
    rate = lumis["clusters"].sum(axis=0) / events
    return frozenset(np.flatnonzero(rate < _DEAD * float(np.median(rate))).tolist())


def _stuck(dead: frozenset[int]) -> frozenset[int]:
    return frozenset(module for module in dead if module % 2)


def _by_statistics(lumis: Columns) -> list[list[int]]:
    """Share out lumisections: as many an IOV as have the statistics, the rest to the last one."""
    iovs: list[list[int]] = [[]]
    events = 0
    for at in np.argsort(lumis["luminosityBlock"]).tolist():
        if events >= MIN_PIXEL_EVENTS:
            iovs.append([])
            events = 0
        iovs[-1].append(int(lumis["luminosityBlock"][at]))
        events += int(lumis["events"][at])
    if events < MIN_PIXEL_EVENTS and len(iovs) > 1:
        last = iovs.pop()
        iovs[-1] += last
    return iovs


def _fitted(lumis: Columns) -> list[Spot]:
    """Give the beam spot of each lumisection that has the statistics, by rising number."""
    enough = np.flatnonzero(lumis["vertices"] >= MIN_VERTICES)
    enough = enough[np.argsort(lumis["luminosityBlock"][enough])]
    vertices = lumis["vertices"][enough].astype(np.float64)[:, np.newaxis]
    centre = lumis["sum"][enough] / vertices
    width = _spread(vertices, centre, lumis["squares"][enough])
    rows = zip(
        lumis["luminosityBlock"][enough].tolist(),
        lumis["vertices"][enough].tolist(),
        centre.tolist(),
        width.tolist(),
        strict=True,
    )
    return [Spot(ls, int(count), (*c,), (*w,)) for ls, count, c, w in rows]


def _spread(
    count: NDArray[np.float64], mean: NDArray[np.float64], squares: NDArray[np.float64]
) -> NDArray[np.float64]:
    variance = (squares - count * mean * mean) / (count - 1)
    spread: NDArray[np.float64] = np.sqrt(np.maximum(variance, 0.0))
    return spread


_HARVESTERS: Mapping[str, Callable[[Columns], Found]] = {
    **{record: _means_by_run(record) for record in means.MEANS},
    "LumiCorrectionsRcd": _luminosity,
    HIT_EFFICIENCY: _inefficient_modules,
    "EcalPedestalsRcd": _pedestals,
    "SiStripBadStripRcd": _bad_modules,
    "BeamSpotObjectsRcdByRun": _beam_spot_by_run,
    "BeamSpotObjectsRcdByLumi": _beam_spots_by_lumi,
    "BeamSpotObjectsRcdHPByRun": _beam_spot_by_run,
    "BeamSpotObjectsRcdHPByLumi": _beam_spots_by_lumi,
    "SiPixelQualityFromDbRcd_prompt": _bad_pixels("prompt"),
    "SiPixelQualityFromDbRcd_stuckTBM": _bad_pixels("stuckTBM"),
    "SiPixelQualityFromDbRcd_other": _bad_pixels("other"),
}
"""By record."""
