"""The constants that the testbed puts into its data, and whether a payload agrees with them.

Everything is a pure function of (seed, run, lumisection). The constants of one run differ from
those of the next by much more than their statistical errors, so that a payload built from
another run's data is found out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condorloop.model.lumis import Lumis
from condorloop.testbed import means
from condorloop.testbed.detectors import N_CHANNELS, N_MODULES
from condorloop.testbed.means import SIGMAS

MIN_CHANNEL_ENTRIES = 100
"""An ECAL channel with fewer entries keeps its old value (CMSSW's ECALpedestalPCLHarvester)."""
MIN_STRIP_EVENTS = 10_000
"""Below, CMSSW makes no SiStrip payload."""
MIN_PIXEL_EVENTS = 5_000
"""Below, the pixel's modules are not judged."""
MIN_HIT_EFFICIENCY_EVENTS = 2_000
"""Below, no module is judged by its hit efficiency. CMSSW's own limit is not known."""
MIN_VERTICES = 50
"""Below, a lumisection has no beam spot."""

HIT_EFFICIENCY = "SiStripBadStripFromHitEffRcd"
"""The record of the strip modules that are found bad by their hit efficiency."""

_SILENT_CHANNELS = 3
_DEAD_MODULES = 4
_NOISY_MODULES = 3
_NOISY_FACTOR = 10.0
_STRETCH = 33  # lumisections for which the beams stay as they are
_BEAM_RADIUS = 0.01  # cm, the circle on which they are moved between stretches
_BEAM_TURN = 2.4  # radians: moved by 0.019 cm, which is 400 errors of a mean, and seldom back
_BEAM_DRIFT = 1e-5  # cm a lumisection, a fifth of an error

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pedestals:
    """The ECAL of one run, in ADC counts; arrays have one element a channel."""

    mean: NDArray[np.float64]
    noise: NDArray[np.float64]
    silent: frozenset[int]
    """Channels that never give a sample."""


@dataclass(frozen=True, slots=True)
class StripModules:
    """The strip tracker of one run."""

    rate: NDArray[np.float64]
    """Mean number of clusters in an event, one element a module."""
    dead: frozenset[int]
    noisy: frozenset[int]


@dataclass(frozen=True, slots=True)
class BeamSpot:
    """The beam spot of one lumisection in cm: centre and width in x, y, z."""

    centre: tuple[float, float, float]
    width: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Truth:
    """What the simulated detector is like.

    Parameters
    ----------
    seed
        The scenario's; the same seed gives the same data and constants.
    """

    seed: int = 1

    def pedestals(self, run: int) -> Pedestals:
        """Give the ECAL pedestals (near 200), noises (1 to 3) and silent channels of a run."""
        detector = np.random.default_rng([self.seed, 1])
        mean = detector.normal(200.0, 6.0, N_CHANNELS)
        noise = detector.uniform(1.0, 3.0, N_CHANNELS)
        silent = detector.choice(N_CHANNELS, _SILENT_CHANNELS, replace=False)
        drift = np.random.default_rng([self.seed, run, 1]).normal(0.0, 1.5, N_CHANNELS)
        return Pedestals(mean + drift, noise, frozenset(silent.tolist()))

    def strip_modules(self, run: int) -> StripModules:
        """Give the cluster rates of a run's strip modules, and which of them are bad."""
        rate = np.random.default_rng([self.seed, 2]).uniform(0.3, 0.7, N_MODULES)
        chosen = np.random.default_rng([self.seed, run, 2]).permutation(N_MODULES).tolist()
        dead = chosen[:_DEAD_MODULES]
        noisy = chosen[_DEAD_MODULES : _DEAD_MODULES + _NOISY_MODULES]
        rate[dead] = 0.0
        rate[noisy] *= _NOISY_FACTOR
        return StripModules(rate, frozenset(dead), frozenset(noisy))

    def beam_spot(self, run: int, lumisection: int) -> BeamSpot:
        """Give the beam spot of a lumisection.

        It drifts by less than the error of a mean for 33 lumisections, then it is elsewhere.
        """
        phase, way = np.random.default_rng([self.seed, run, 3]).uniform(0, 2 * math.pi, 2)
        stretch, within = divmod(lumisection + int(_STRETCH * phase), _STRETCH)
        angle = phase + _BEAM_TURN * stretch
        x = 0.17 + _BEAM_RADIUS * math.cos(angle) + _BEAM_DRIFT * within * math.cos(way)
        y = -0.18 + _BEAM_RADIUS * math.sin(angle) + _BEAM_DRIFT * within * math.sin(way)
        return BeamSpot((x, y, 0.3 * math.sin(phase)), (0.0015, 0.0013, 3.6))

    def mean_beam_spot(self, run: int, weights: Mapping[int, float]) -> BeamSpot:
        """Give the mean over lumisections, each with its weight; the widths are those of one."""
        spots = [self.beam_spot(run, ls) for ls in weights]
        centres = np.array([spot.centre for spot in spots])
        x, y, z = np.average(centres, axis=0, weights=list(weights.values())).tolist()
        return BeamSpot((x, y, z), spots[0].width)


def compare(object_type: str, payloads: Payload | Sequence[Payload], truth: Truth) -> list[str]:
    """Say in words where payloads disagree with the truth.

    Parameters
    ----------
    object_type
        The C++ class of the payloads, such as ``EcalPedestals``.
    payloads
        The data of one or more payloads: ``constants``, ``lumisections`` and ``run``.
    truth
        What the data were made from.

    Returns
    -------
    list of str
        Empty if all constants are within `SIGMAS` statistical errors, none is missing that the
        statistics allow, and none was made without data.

    Raises
    ------
    ValueError
        No such object type.
    """
    if object_type not in _COMPARISONS:
        raise ValueError(f"no truth for {object_type!r}: expected one of {sorted(_COMPARISONS)}")
    check = _COMPARISONS[object_type]
    each = [payloads] if isinstance(payloads, Mapping) else payloads
    return [f"run {p['run']}: {words}" for p in each for words in check(p, truth)]


def counted_twice(payloads: Iterable[Payload]) -> Lumis:
    """Give the lumisections of which some event went in more than once."""
    return Lumis.of(
        {
            int(ls)
            for payload in payloads
            for ls, (events, distinct) in payload["lumisections"].items()
            if events != distinct
        }
    )


def _compare_pedestals(payload: Payload, truth: Truth) -> Iterator[str]:
    expected = truth.pedestals(payload["run"])
    events = sum(counts[0] for counts in payload["lumisections"].values())
    constants = payload["constants"]
    for channel in range(N_CHANNELS):
        found = constants.get(str(channel))
        if channel in expected.silent:
            if found is not None:
                yield f"channel {channel} gives no samples, but has constants"
        elif found is None:
            if events >= MIN_CHANNEL_ENTRIES:
                yield f"channel {channel} has no constants from {events} events"
        elif found["entries"] != events:
            yield f"channel {channel} counts {found['entries']} entries in {events} events"
        else:
            noise = math.hypot(expected.noise[channel], math.sqrt(1 / 12))  # ADC counts are whole
            mean_error = noise / math.sqrt(events)
            yield from _off("mean", channel, found["mean"], expected.mean[channel], mean_error)
            yield from _off("rms", channel, found["rms"], noise, mean_error / math.sqrt(2))


def _compare_strip(payload: Payload, truth: Truth) -> Iterator[str]:
    expected = truth.strip_modules(payload["run"])
    constants = payload["constants"]
    kinds = {"dead": expected.dead, "noisy": expected.noisy}
    if constants.get("of") == HIT_EFFICIENCY:
        events = sum(counts[0] for counts in payload["lumisections"].values())
        judged = events >= MIN_HIT_EFFICIENCY_EVENTS
        kinds = {"inefficient": expected.dead if judged else frozenset()}
    for kind, bad in kinds.items():
        found = frozenset(constants[kind])
        for module in sorted(bad - found):
            yield f"module {module} is {kind}, but not marked so"
        for module in sorted(found - bad):
            yield f"module {module} is marked {kind}, but is not"


def _compare_pixel(payload: Payload, truth: Truth) -> Iterator[str]:
    dead = truth.strip_modules(payload["run"]).dead
    kind, found = payload["constants"]["kind"], frozenset(payload["constants"]["bad"])
    stuck = frozenset(module for module in dead if module % 2)
    bad = {"prompt": dead, "stuckTBM": stuck, "other": dead - stuck}[kind]
    events = sum(counts[0] for counts in payload["lumisections"].values())
    if found != bad and (found or events >= MIN_PIXEL_EVENTS):
        yield f"{kind} modules {sorted(found)}, expected {sorted(bad)}"


def _compare_means(object_type: str) -> Callable[[Payload, Truth], Iterator[str]]:
    def comparison(payload: Payload, truth: Truth) -> Iterator[str]:
        record = payload["constants"]["of"]
        if means.MEANS[record].object_type != object_type:
            yield f"constants of {record} in a payload of {object_type}"
            return
        events = sum(counts[0] for counts in payload["lumisections"].values())
        rate = truth.strip_modules(payload["run"]).rate
        yield from means.faults(payload["constants"], events, rate)

    return comparison


def _compare_beam_spot(payload: Payload, truth: Truth) -> Iterator[str]:
    constants = payload["constants"]
    vertices = constants["vertices"]
    if vertices < MIN_VERTICES:
        yield f"a beam spot from {vertices} vertices"
        return
    events = {int(ls): counts[0] for ls, counts in payload["lumisections"].items()}
    if sum(events.values()) != vertices:
        yield f"a beam spot from {vertices} vertices, with {sum(events.values())} events"
        return
    where = f"LS {Lumis.of(events)}"
    expected = truth.mean_beam_spot(payload["run"], events)
    for axis, centre, width in zip("xyz", expected.centre, expected.width, strict=True):
        error = width / math.sqrt(vertices)
        yield from _off(axis, where, constants[axis], centre, error)
        found = constants[f"sigma_{axis}"]
        yield from _off(f"sigma_{axis}", where, found, width, error / math.sqrt(2))


def _off(what: str, where: int | str, found: float, expected: float, error: float) -> Iterator[str]:
    place = f"channel {where}" if isinstance(where, int) else where
    deviation = abs(found - expected) / error
    if not deviation <= SIGMAS:  # a value that is not a number disagrees too
        yield f"{place}: {what} is {found:.6g}, expected {expected:.6g} ({deviation:.0f} sigma)"


_COMPARISONS: Mapping[str, Callable[[Payload, Truth], Iterator[str]]] = {
    "EcalPedestals": _compare_pedestals,
    "SiStripBadStrip": _compare_strip,
    "BeamSpotObjects": _compare_beam_spot,
    "SiPixelQuality": _compare_pixel,
    **{kind: _compare_means(kind) for kind in {m.object_type for m in means.MEANS.values()}},
}
