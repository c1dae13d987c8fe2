"""The RAW files of a run as storage gets them.

Knows how a stream is cut into files and when they come; knows nothing of who looks for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from condorloop.config.stream import Stream
from condorloop.model.campaign import RawFile
from condorloop.model.lumis import Lumis
from condorloop.simulation.models.data_taking import SimulatedRun
from condorloop.simulation.models.pool import StreamModel


@dataclass(frozen=True, slots=True)
class ComingFile:
    """A RAW file, when storage lists it, and whether it can be used."""

    file: RawFile
    time: float
    good: bool


def dataset(stream: Stream) -> str:
    """Name the primary dataset whose RAW files a stream is made of."""
    return stream.raw_path.split("/")[-3]


def coming(
    stream: StreamModel, name: str, run: SimulatedRun, data: float, seed: int
) -> list[ComingFile]:
    """Give the files of a stream of one run, in the order in which they come.

    Parameters
    ----------
    data
        How many times as much data there is: in more files, not in larger ones.
    seed
        The same files come for the same seed, whatever else is simulated.
    """
    random = Random(f"{seed} {run.number} {name}")
    return sorted(_coming(stream, name, run, data, random), key=lambda c: c.time)


def _coming(
    stream: StreamModel, name: str, run: SimulatedRun, data: float, random: Random
) -> Iterator[ComingFile]:
    delay = stream.delay.duration()
    parts = math.ceil(data)
    for first in range(1, run.lumis + 1, stream.lumis_per_file):
        last = min(run.lumis, first + stream.lumis_per_file - 1)
        whole = last - first + 1 == stream.lumis_per_file
        ready = run.end_of(last) if whole else run.end
        lumis = Lumis.span(first, last)
        events = round(stream.events_per_lumi * len(lumis) * data / parts)
        for part in range(parts):
            file = RawFile(f"{name}/{run.number}/{first:05d}-{part:03d}.root", 0, lumis, events)
            yield ComingFile(file, ready + delay.draw(random), random.random() >= stream.bad)
