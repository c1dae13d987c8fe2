"""A submitter in a world where nothing is new, and what one cycle of it asks and costs.

Knows how a site is made up of files that a loop has left; everything that is asked is counted.
"""

from __future__ import annotations

import builtins
import io
import os
import shlex
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.filled import SIZE, FilledRun, Filler, fill_archives
from condorloop.config.loader import Config, load
from condorloop.config.shipped_files import shipped
from condorloop.cycle.ports import Ports
from condorloop.dagman.logs.dag_outcome import HistoryEnd
from condorloop.dagman.logs.job_events import nodes_log
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey, Run
from condorloop.model.queue import JobSelector, Queued, QueuedDag, Waits
from condorloop.recovery.rebuild import open_ledger
from condorloop.rundir.layout import LEDGER, RUN_START, dag_file, run_dir
from condorloop.services.storage import Storage
from condorloop.submitter import build_submitter

NOW = 1_790_000_000.0

_SITE = """
name: counting
work_dir: {folder}/work
oms: {{url: "http://127.0.0.1:1/agg/api"}}
storage: {{url: "root://127.0.0.1:2/", xrdfs: "{folder}/xrdfs"}}
cmssw: {{setup: {folder}/cmsset_default.sh}}
"""


@dataclass(slots=True)
class Cost:
    """What a cycle cost: CPU seconds of this process, and how often it did what."""

    cpu: float = 0.0
    wall: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)


class Place:
    """A work_dir with a ledger of some runs, and the loop that goes on from there.

    Parameters
    ----------
    folder
        Where all is written.
    runs
        What the ledger knows; storage lists the same, and the queue has the DAGs that are active.
    archived
        Runs that are in archives.
    """

    def __init__(
        self, folder: Path, runs: Collection[FilledRun], archived: Collection[FilledRun] = ()
    ) -> None:
        self.now = NOW
        self.counts: Counter[str] = Counter()
        self.config = configured(folder)
        self.path = self.config.site.work_dir / LEDGER
        Filler(self.path, self.config).fill(runs)
        fill_archives(self.path, self.config, archived)
        for run in runs:
            for stream in {s.raw_path for s in self.config.streams.values()}:
                _list(folder, run, stream)
        with Ledger(self.path) as ledger:
            self._queue = dict(_queued(self.config, ledger.id, runs))
        self._runs = [_run(run) for run in runs]
        self.open()

    def open(self) -> None:
        """Start the loop."""
        self.ledger = open_ledger(self.path, self.config, self.now)
        storage = _Listings(self.config.site.storage, dict)
        storage.counts = self.counts
        world = Ports(_Oms(self), storage, _Pool(self))
        self.submitter = build_submitter(self.config, self.ledger, lambda: self.now, world)

    def close(self) -> None:
        """End the loop."""
        self.submitter.close()
        self.ledger.close()

    def cycle(self) -> Cost:
        """Make a cycle, ten seconds after the last one, and say what it cost.

        Counting costs, too: what takes long is measured by `measure`.
        """
        self.now += 10.0
        self.counts.clear()
        with self._counted():
            self.submitter.cycle()
        return Cost(counts=Counter(self.counts))

    def measure(self) -> Cost:
        """Make a cycle, ten seconds after the last one, and say how long it took."""
        self.now += 10.0
        cpu, wall = time.process_time(), time.perf_counter()
        self.submitter.cycle()
        return Cost(time.process_time() - cpu, time.perf_counter() - wall)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count the SQL statements and rows, the files that are opened, and the folders listed."""
        counts, connection = self.counts, self.ledger.connection
        rows = connection.rows

        def counted_rows(sql: str, *values: object) -> list[sqlite3.Row]:
            found = rows(sql, *values)
            counts["SQL rows"] += len(found)
            return found

        def counted(real: Callable[..., Any], name: str) -> Callable[..., Any]:
            def call(*given: object, **named: object) -> Any:
                counts[name] += 1
                return real(*given, **named)

            return call

        def statement(_: str) -> None:
            counts["SQL statements"] += 1

        opens = counted(io.open, "files opened")
        connection.sqlite.set_trace_callback(statement)
        try:
            with (
                patch.object(connection, "rows", counted_rows),
                patch.object(builtins, "open", opens),
                patch.object(io, "open", opens),
                patch.object(os, "open", counted(os.open, "files opened")),
                patch.object(os, "scandir", counted(os.scandir, "folders listed")),
                patch.object(os, "stat", counted(os.stat, "files looked at")),
            ):
                yield
        finally:
            connection.sqlite.set_trace_callback(None)


def runs_of(files: int, dags: int) -> list[FilledRun]:
    """Give runs of the last hours with so many RAW files and so many DAGs in the queue in all.

    A run has three campaigns of at most four DAGs each; all but the last have ended, as OMS says.
    """
    runs = max(1, -(-dags // 12))
    left = dags
    found = []
    for i in range(runs):
        of_run = min(left, 12)
        left -= of_run
        start = NOW - 3600.0 - 60.0 * (runs - i)
        found.append(FilledRun(400_000 + i, start, None, files // (2 * runs), max(1, of_run // 3)))
    return found


def configured(folder: Path) -> Config:
    """Write a site whose storage is in this folder, and read it."""
    (folder / "work").mkdir(parents=True)
    site = folder / "site.yaml"
    site.write_text(_SITE.format(folder=folder))
    xrdfs = folder / "xrdfs"
    lists = f'exec cat {shlex.quote(str(folder))}/listings/"$(echo "$5" | tr / _)"'
    xrdfs.write_text(f"#!/bin/sh\n{lists}\n")
    xrdfs.chmod(0o755)
    (folder / "listings").mkdir()
    return load(site, shipped("calibrationYAML"))


def _list(folder: Path, run: FilledRun, stream: str) -> None:
    """Write what `xrdfs` is to print of a run."""
    paths = list(run.paths(stream))
    lines = [f"-rw-r--r-- cms zh {SIZE} 2026-09-21 14:13:20 {path}\n" for path in paths]
    name = paths[0].rsplit("/", 2)[0] if paths else ""
    (folder / "listings" / name.replace("/", "_")).write_text("".join(lines))


def _queued(
    config: Config, ledger_id: str, runs: Collection[FilledRun]
) -> Iterator[tuple[str, QueuedDag]]:
    """Give the DAGs in the queue; their directories are made."""
    for run in runs:
        for name in config.calibrations:
            key = CampaignKey(name, run.number)
            folder = run_dir(config.site.work_dir, name, run.number)
            folder.mkdir(parents=True)
            (folder / RUN_START).write_text("")
    with Ledger(config.site.work_dir / LEDGER) as ledger:
        rows = ledger.connection.rows(
            "SELECT dag.*, calibration, campaign.run FROM dag"
            " JOIN campaign ON campaign.reconstruction_id = dag.reconstruction_id"
            " WHERE dag.state = 'active'"
        )
    for row in rows:
        key = CampaignKey(row["calibration"], row["run"])
        file = dag_file(run_dir(config.site.work_dir, key.calibration, key.run), row["number"])
        file.parent.mkdir()
        file.write_text("")
        nodes_log(file).write_text("")
        counts = {"NodesTotal": 15, "NodesDone": 0, "JobsRunning": 10}
        dag_id = f"{ledger_id}/{key.calibration}/{key.run}/{row['number']}"
        yield dag_id, QueuedDag(dag_id, key, row["number"], row["cluster"], None, counts)


def _run(run: FilledRun) -> Run:
    last = None if run.end is None else 1200
    told = ("PROTONS", "collisions2026", True)
    return Run(run.number, 10900, run.start, run.end, last, *told)


class _Oms:
    def __init__(self, place: Place) -> None:
        self._place = place

    def runs(self, since: float) -> list[Run]:
        """All runs that started since."""
        self._place.counts["OMS requests"] += 1
        return [run for run in self._place._runs if run.start >= since]

    def luminosity(self, run: int, after: int = 0) -> Mapping[int, float]:
        """No calibration counts it."""
        raise AssertionError(run, after)


class _Listings(Storage):
    """Real storage over an `xrdfs` that prints what was written down."""

    counts: Counter[str]

    def list_run(self, stream: str, run: int) -> Mapping[str, int]:
        """List a run."""
        self.counts["storage listings"] += 1
        return super().list_run(stream, run)


class UndisturbedPool:
    """A pool in which nobody holds, releases or removes anything, and history is not asked."""

    def waits(self, longer: float) -> Waits:
        """No job waits for long."""
        raise AssertionError(longer)

    def remove(self, cluster: int, why: str) -> None:
        """Nobody removes anything."""
        raise AssertionError(why)

    def hold(self, jobs: JobSelector, why: str) -> int:
        """Nobody holds anything."""
        raise AssertionError(why)

    def release(self, jobs: JobSelector, why: str) -> int:
        """Nothing is held."""
        raise AssertionError(why)

    def history(self, cluster: int, after: float = 0.0) -> HistoryEnd | None:
        """All that ends leaves its own word."""
        raise AssertionError(cluster)

    def close(self) -> None:
        """Nothing is open."""


class _Pool(UndisturbedPool):
    def __init__(self, place: Place) -> None:
        self._place = place

    def queued(self) -> Queued:
        """The DAGs in the queue; no job is held."""
        self._place.counts["schedd queries"] += 1
        return Queued(self._place._queue)

    def count_jobs(self, dag_id: str) -> int:
        """The jobs of a DAG's nodes that are in the queue."""
        self._place.counts["schedd queries"] += 1
        return self._place._queue[dag_id].counts.get("NodesQueued", 0)

    def submit(self, dag_file: Path, batch_name: str) -> int:
        """Nothing is new."""
        raise AssertionError(dag_file)
