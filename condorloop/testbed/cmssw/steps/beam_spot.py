"""The beam spots of lumisections joined into IOVs, as CMSSW's beam spot manager joins them.

Source: ``createWeightedPayloads`` in Calibration/TkAlCaRecoProducers/src/AlcaBeamSpotManager.cc of
CMSSW, for the output base ``lumibased``. What follows from it, and is so here:

- Up to 20 lumisections are one IOV, and 21 where the data end just then.
- An IOV ends where the next lumisection's spot is elsewhere. A move up in x or y by itself does
  not end it, as the difference is compared with its sign; two moves the same way do.
- A hole ends no IOV: only lumisections with a spot are looked at, and the neighbour is the next
  of those. So the borders of all IOVs behind a lumisection depend on whether it is there.
- One or two lumisections are not joined.

Knows spots and their errors; knows nothing of files, runs and sums.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

MOST_LUMIS = 20
_MIN_MOVE = 0.0025  # cm
_MOVE_SIGMAS = 3.5
_WIDTH_SIGMAS = 5.0

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Spot:
    """The beam spot of a lumisection, in cm: centre and width in x, y and z."""

    ls: int
    vertices: int
    centre: Vector
    width: Vector

    def centre_error(self, axis: int) -> float:
        """Give the error of the centre."""
        return self.width[axis] / math.sqrt(self.vertices)

    def width_error(self, axis: int) -> float:
        """Give the error of the width."""
        return self.width[axis] / math.sqrt(2 * self.vertices)


def joined(spots: Sequence[Spot]) -> list[list[Spot]]:
    """Share out spots among IOVs.

    Parameters
    ----------
    spots
        By rising lumisection; of each of them there is one.

    Returns
    -------
    list of list of Spot
        Each IOV's, in their order; an IOV holds from its first one's lumisection.
    """
    if len(spots) <= 2:
        return [[spot] for spot in spots]
    iovs: list[list[Spot]] = [[]]
    last = len(spots) - 2
    for at, (here, following) in enumerate(pairwise(spots)):
        iovs[-1].append(here)
        moved = _has_moved(here, following, spots[at + 2] if at < last else None)
        if at == last:
            if moved:
                iovs.append([])
            iovs[-1].append(following)
        elif moved or len(iovs[-1]) == MOST_LUMIS:
            iovs.append([])
    return iovs


def mean(spots: Sequence[Spot]) -> Spot:
    """Give the spot of an IOV: the mean, each lumisection weighted by its number of vertices.

    CMSSW weights by the inverse squares of the errors, which is the same for equal widths.
    """
    vertices = sum(spot.vertices for spot in spots)

    def weighted(vectors: Iterator[Vector]) -> Vector:
        pairs = list(zip(spots, vectors, strict=True))
        x, y, z = (sum(s.vertices * v[axis] for s, v in pairs) / vertices for axis in range(3))
        return x, y, z

    centre = weighted(spot.centre for spot in spots)
    return Spot(spots[0].ls, vertices, centre, weighted(spot.width for spot in spots))


def _has_moved(here: Spot, following: Spot, third: Spot | None) -> bool:
    return (
        any(_crosses(axis, here, following, third) for axis in (0, 1))
        or _z_crosses(here, following)
        or any(_width_crosses(axis, here, following, third) for axis in (0, 1))
        or _width_significance(2, here, following) > _WIDTH_SIGMAS
    )


def _crosses(axis: int, here: Spot, following: Spot, third: Spot | None) -> bool:
    limit = max(here.width[axis] / 2, _MIN_MOVE)
    move = here.centre[axis] - following.centre[axis]
    error = math.hypot(here.centre_error(axis), following.centre_error(axis))
    moved = abs(move) > _MOVE_SIGMAS * error and move >= limit
    if third is None:
        return moved
    onward = following.centre[axis] - third.centre[axis]
    if not moved:
        return move * onward > 0 and abs(move + onward) >= limit
    return not _comes_back(move, onward)


def _z_crosses(here: Spot, following: Spot) -> bool:
    move = abs(here.centre[2] - following.centre[2])
    error = math.hypot(here.centre_error(2), following.centre_error(2))
    return move > _MOVE_SIGMAS * error and move >= here.width[2] / 2


def _width_crosses(axis: int, here: Spot, following: Spot, third: Spot | None) -> bool:
    if third is None or _width_significance(axis, here, following) <= _WIDTH_SIGMAS:
        return False
    change = here.width[axis] - following.width[axis]
    return not _comes_back(change, following.width[axis] - third.width[axis])


def _width_significance(axis: int, here: Spot, following: Spot) -> float:
    error = math.hypot(here.width_error(axis), following.width_error(axis))
    change = abs(here.width[axis] - following.width[axis])
    return change / error if error else math.inf


def _comes_back(move: float, onward: float) -> bool:
    """Tell whether the lumisection between is alone: the third is where the first was."""
    return move * onward < 0 and 0.33 < abs(move / onward) < 3
