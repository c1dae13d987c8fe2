"""The outside world as the submitter asks it, and the real one of a site.

Knows what a world must be able to do; a simulated one does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from condorloop.config.site import Site
from condorloop.dagman.logs.dag_outcome import HistoryEnd
from condorloop.dagman.schedd.client import Schedd
from condorloop.model.campaign import Run
from condorloop.model.queue import JobSelector, Queued, Waits
from condorloop.services.oms import Oms
from condorloop.services.storage import Contents, Storage
from condorloop.services.tag_readings import MakeReader, Reading, TagReadings


class RunSource(Protocol):
    """What tells of runs; see `condorloop.services.oms.Oms`."""

    def runs(self, since: float) -> list[Run]:
        """All runs that started since."""

    def luminosity(self, run: int, after: int = 0) -> Mapping[int, float]:
        """What was recorded in lumisections of a run after one, in 1/pb."""


class FileStore(Protocol):
    """What lists RAW files and probes them; see `condorloop.services.storage.Storage`."""

    def list_run(self, stream: str, run: int) -> Mapping[str, int]:
        """The RAW files of a run: path to size in bytes; nobody changes what was given."""

    def odd_lines(self, stream: str, run: int) -> tuple[str, ...]:
        """What the last listing of a run had that is no file and no folder."""

    def start_probe(self, path: str) -> None:
        """Probe a file in the background, unless that is under way."""

    def probed(self) -> Mapping[str, Contents]:
        """The results of probes that have ended and were not forgotten."""

    def forget(self, path: str) -> None:
        """Forget the result of a probe: it was written down."""

    @property
    def probing(self) -> int:
        """How many probes are under way, or ended and not forgotten."""

    def close(self) -> None:
        """Start no more probes, and end those that run."""


class JobQueue(Protocol):
    """What runs DAGs; see `condorloop.dagman.schedd.client.Schedd`."""

    def queued(self) -> Queued:
        """What is in the queue."""

    def waits(self, longer: float) -> Waits:
        """Which node jobs have waited longer than so many seconds, and why."""

    def count_jobs(self, dag_id: str) -> int:
        """Ask how many jobs of a DAG's nodes are in the queue."""

    def submit(self, dag_file: Path, batch_name: str) -> int:
        """Submit a DAG, from its newest rescue file if it has one; return its cluster id."""

    def remove(self, cluster: int, why: str) -> None:
        """Take a DAG out of the queue."""

    def hold(self, jobs: JobSelector, why: str) -> int:
        """Put jobs on hold, and say how many."""

    def release(self, jobs: JobSelector, why: str) -> int:
        """Release jobs that are on hold, and say how many."""

    def history(self, cluster: int, after: float = 0.0) -> HistoryEnd | None:
        """How a DAG that has left the queue ended; None if history does not know."""

    def close(self) -> None:
        """Let go of the pool."""


class TagSource(Protocol):
    """What reads destinations back; see `condorloop.services.tag_readings.TagReadings`."""

    def start(self, database: str, tag: str, auth_path: Path | None) -> bool:
        """Begin to read a destination in the background; False if one is being read already."""

    def taken(self) -> list[Reading]:
        """What was read since this was asked last."""

    def close(self) -> None:
        """Begin no more."""


class NoTags:
    """Reads nothing back."""

    def start(self, database: str, tag: str, auth_path: Path | None) -> bool:
        """Begin nothing."""
        return False

    def taken(self) -> list[Reading]:
        """Nothing was read."""
        return []

    def close(self) -> None:
        """There is nothing to end."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The services that the loop asks."""

    oms: RunSource
    storage: FileStore
    pool: JobQueue
    tags: TagSource = field(default_factory=NoTags)

    @classmethod
    def from_site(
        cls,
        site: Site,
        environment: Callable[[], Mapping[str, str]],
        on_probed: Callable[[], None],
        tag_reader: MakeReader = lambda _: None,
    ) -> Ports:
        """The real world of a site.

        Parameters
        ----------
        environment
            Gives the CMSSW environment for the probes.
        on_probed
            Called from another thread whenever a probe has ended.
        tag_reader
            Gives what reads tags back; it is called in another thread.
        """
        storage = Storage(site.storage, environment, on_probed)
        tags = TagReadings(tag_reader)
        return cls(Oms(site.oms), storage, Schedd(site.pool, site.name), tags)

    def close(self) -> None:
        """Start nothing more."""
        self.tags.close()
        self.storage.close()
        self.pool.close()
