"""RAW files as the loop finds them: listed at a poll, then probed, so many at a time.

Knows listings and probes, as `condorloop.cycle.intake` does; decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from heapq import heapreplace
from random import Random

from condorloop.config.stream import Stream
from condorloop.model.campaign import RawFile
from condorloop.simulation.models.data_taking import SimulatedRun
from condorloop.simulation.models.events import Engine
from condorloop.simulation.models.outages import Outages, OutageTarget
from condorloop.simulation.models.pool import StreamModel
from condorloop.simulation.models.raw_files import ComingFile, coming, dataset
from condorloop.simulation.models.sampling import Duration
from condorloop.simulation.polls import Polls


@dataclass(slots=True)
class FilesOfRun:
    """The files of a path of one run: how many are being probed, and which were found good.

    `last_new_at` is when the last of them was listed, None before the first; `on_probe` is called
    when a probe has ended. That a file is listed only makes the planner wait: nobody is told.
    """

    probing: int = 0
    last_new_at: float | None = None
    found: list[tuple[RawFile, float]] = field(default_factory=list)
    on_probe: list[Callable[[], None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SimulatedStorage:
    """What storage holds, how long a probe of it takes, and when it does not answer.

    `data` says how many times as much data there is, `probes_at_once` how many probes.
    """

    streams: Mapping[str, StreamModel]
    probe: Duration
    probes_at_once: int
    outages: Outages
    data: float
    seed: int


class SimulatedIntake:
    """Finds the RAW files of the runs that are watched.

    Parameters
    ----------
    cycle
        Called when the last of the probes that are under way has ended.
    """

    def __init__(
        self,
        engine: Engine,
        polls: Polls,
        storage: SimulatedStorage,
        random: Random,
        cycle: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._polls = polls
        self._storage = storage
        self._random = random
        self._cycle = cycle
        self._free_at = [0.0] * storage.probes_at_once
        self._under_way = 0
        self._ended: list[tuple[FilesOfRun, ComingFile]] = []
        self._watched: dict[tuple[str, int], FilesOfRun] = {}

    def watch(self, stream: Stream, run: SimulatedRun, until: float) -> FilesOfRun:
        """Look for the files of a run that a stream reads, up to a time; once for each path."""
        watched = self._watched.get((stream.raw_path, run.number))
        if watched is None:
            watched = self._watched[stream.raw_path, run.number] = FilesOfRun()
            storage, name = self._storage, dataset(stream)
            for file in coming(storage.streams[name], name, run, storage.data, storage.seed):
                listed = self._polls.answered(OutageTarget.EOS, file.time)
                if listed < until:
                    self._polls.see(listed, self._list, watched, file)
        return watched

    def take_probes(self) -> None:
        """Learn what the probes have found that have ended."""
        ended, self._ended = self._ended, []
        for files, coming_file in ended:
            files.probing -= 1
            if coming_file.good:
                files.found.append((coming_file.file, self._engine.now))
            for tell in files.on_probe:
                tell()

    def _list(self, files: FilesOfRun, coming_file: ComingFile) -> None:
        files.probing += 1
        files.last_new_at = self._engine.now
        self._probe(files, coming_file)

    def _probe(self, files: FilesOfRun, coming_file: ComingFile) -> None:
        """Probe a file as soon as there is a probe to spare."""
        now = self._engine.now
        end = max(now, self._free_at[0]) + self._storage.probe.draw(self._random)
        heapreplace(self._free_at, end)
        self._under_way += 1
        self._engine.at(end, self._probed, files, coming_file, now)

    def _probed(self, files: FilesOfRun, coming_file: ComingFile, begun: float) -> None:
        """A probe ends; the loop looks when all have. One that got no answer is repeated."""
        now = self._engine.now
        self._under_way -= 1
        if self._storage.outages.within(OutageTarget.EOS, begun, now) is None:
            self._ended.append((files, coming_file))
        else:
            again = self._polls.answered(OutageTarget.EOS, now)
            self._engine.at(again, self._probe, files, coming_file)
        if self._ended and not self._under_way:
            self._cycle()
        elif self._ended:
            self._polls.see(now, lambda: None)
