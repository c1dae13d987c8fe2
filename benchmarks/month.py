"""A month of data taking on a clock of its own, in which nothing goes wrong and all is fast.

Knows how OMS, storage and a pool answer whose DAGs are done a poll after their submission; the
submitter, its ledger and all that it writes are real.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.counting import NOW, UndisturbedPool, configured
from condorloop.cycle.ports import Ports
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey, Run
from condorloop.model.enums import UploadOutcome
from condorloop.model.lumis import Lumis
from condorloop.model.queue import Queued, QueuedDag
from condorloop.rundir.durable import write_whole
from condorloop.rundir.layout import LEDGER, MANIFEST, alcareco_name
from condorloop.rundir.records.harvest import HarvestResult, Iov
from condorloop.rundir.records.manifest import Manifest
from condorloop.rundir.records.record import Record
from condorloop.rundir.records.upload import UploadResult
from condorloop.rundir.records.witness import Witness
from condorloop.services.edm_file_util import Contents
from condorloop.services.xrdfs import run_folder
from condorloop.submitter import build_submitter

DAY = 86_400.0
POLL = 300.0
"""Seconds between two cycles: thirty times what it is, and as much less work."""

RUNS_A_DAY, LASTS, FILES, LUMIS_A_FILE = 9, 5400.0, 24, 5


@dataclass(frozen=True, slots=True)
class TakenRun:
    """A run of the month, with a file of each stream every few minutes."""

    number: int
    start: float

    def told(self, now: float) -> Run:
        """As OMS tells it."""
        over = now > self.start + LASTS
        end, last = (self.start + LASTS, FILES * LUMIS_A_FILE) if over else (None, None)
        return Run(self.number, 1, self.start, end, last, "PROTONS", "collisions2026", True)

    def files(self, stream: str, now: float) -> Iterator[str]:
        """The RAW files that have come."""
        come = int((now - self.start) / (LASTS / FILES))
        folder = f"{run_folder(stream, self.number)}/00000"
        return (f"{folder}/{i:04d}.root" for i in range(max(0, min(come, FILES))))


class Month:
    """A loop and its world; `live` lets days go by."""

    def __init__(self, folder: Path, days: int) -> None:
        self.now = NOW
        self._end = NOW + days * DAY
        self._config = configured(folder)
        every = DAY / RUNS_A_DAY
        numbers = range(days * RUNS_A_DAY)
        self.runs = {400_000 + i: TakenRun(400_000 + i, NOW + i * every) for i in numbers}
        self.ledger = Ledger(self._config.site.work_dir / LEDGER)
        world = Ports(_Oms(self), _Storage(self), _Pool(self, self._config.site.work_dir))
        self._submitter = build_submitter(self._config, self.ledger, lambda: self.now, world)

    def live(self) -> Iterator[float]:
        """Let the month go by; give the days that are over, at the end of each."""
        days = 0
        while self.now < self._end:
            self._submitter.cycle()
            self.now += POLL
            if self.now - NOW >= (days + 1) * DAY:
                days += 1
                yield days
        self._submitter.close()
        self.ledger.close()


class _Oms:
    def __init__(self, month: Month) -> None:
        self._month = month

    def runs(self, since: float) -> list[Run]:
        """All runs that started since."""
        now = self._month.now
        return [r.told(now) for r in self._month.runs.values() if since <= r.start <= now]

    def luminosity(self, run: int, after: int = 0) -> Mapping[int, float]:
        """No calibration counts it."""
        raise AssertionError(run, after)


class _Storage:
    def __init__(self, month: Month) -> None:
        self._month = month
        self._probes: dict[str, Contents] = {}

    def list_run(self, stream: str, run: int) -> Mapping[str, int]:
        """The RAW files of a run."""
        return dict.fromkeys(self._month.runs[run].files(stream, self._month.now), 10**9)

    def odd_lines(self, stream: str, run: int) -> tuple[str, ...]:
        """Nothing is odd."""
        return ()

    def start_probe(self, path: str) -> None:
        """Probe a file, at once."""
        *_, millions, thousands, ones, _, name = path.split("/")
        first = int(name.removesuffix(".root")) * LUMIS_A_FILE + 1
        lumis = range(first, first + LUMIS_A_FILE)
        run = int(millions + thousands + ones)
        self._probes[path] = Contents({run: dict.fromkeys(lumis, 1000)})

    def probed(self) -> Mapping[str, Contents]:
        """The results of probes."""
        return dict(self._probes)

    def forget(self, path: str) -> None:
        """Forget a result."""
        self._probes.pop(path, None)

    @property
    def probing(self) -> int:
        """How many results wait."""
        return len(self._probes)

    def close(self) -> None:
        """Nothing runs."""


class _Pool(UndisturbedPool):
    def __init__(self, month: Month, work_dir: Path) -> None:
        self._month = month
        self._work_dir = work_dir
        self._clusters = 0
        self._queue: dict[str, QueuedDag] = {}
        self._files: dict[str, Path] = {}

    def queued(self) -> Queued:
        """What is in the queue; what was in it before is done."""
        for dag_id, file in self._files.items():
            self._done(self._queue.pop(dag_id), file)
        self._files.clear()
        told = Queued(dict(self._queue))
        self._files = {dag_id: self._file_of(dag) for dag_id, dag in self._queue.items()}
        return told

    def count_jobs(self, dag_id: str) -> int:
        """The jobs of a DAG's nodes that are in the queue."""
        return 0

    def _file_of(self, dag: QueuedDag) -> Path:
        runs = self._work_dir / dag.key.calibration / f"run{dag.key.run}"
        return runs / f"dag{dag.number:03d}" / f"run{dag.key.run}_dag{dag.number:03d}.dag"

    def submit(self, dag_file: Path, batch_name: str) -> int:
        """Take a DAG."""
        told = Manifest.read(dag_file.parent / MANIFEST)
        self._clusters += 1
        key = CampaignKey(told.stream, told.run)
        dag = QueuedDag(told.id, key, told.dag, self._clusters, None, {}, stream=told.stream)
        self._queue[dag.id] = dag
        return dag.cluster

    def _done(self, dag: QueuedDag, file: Path) -> None:
        """Leave what a DAG leaves whose nodes all succeed."""
        runs, now = file.parent.parent, self._month.now
        rows = self._month.ledger.connection.rows(
            "SELECT node.*, dag.lumis AS holds FROM node JOIN dag ON dag.id = dag_id"
            " WHERE cluster = ? ORDER BY kind = 'UPLOAD', kind = 'HARVEST', kind = 'ALCA'",
            dag.cluster,
        )
        for row in rows:
            path = runs / row["witness"]
            path.parent.mkdir(exist_ok=True)
            if row["kind"] in ("RECO", "ALCA"):
                Witness(row["name"], dag.id, Lumis.parse(row["holds"]), 1000, ()).write(path)
                os.utime(path, (now, now))
            else:
                self._record(row["reconstruction_id"], dag, row["kind"]).write(path)
        _write_json(Path(f"{file}.metrics"), {"dagman_id": str(dag.cluster), "exitcode": 0})

    def _record(self, reconstruction: int, dag: QueuedDag, kind: str) -> Record:
        now = self._month.now
        if kind == "UPLOAD":
            return UploadResult(outcome=UploadOutcome.UPLOADED, answer="taken", time=now)
        rows = self._month.ledger.connection.rows(
            "SELECT job, dag.lumis FROM node JOIN dag ON dag.id = dag_id"
            " WHERE node.reconstruction_id = ? AND kind = 'ALCA' AND number <= ?",
            reconstruction,
            dag.number,
        )
        return HarvestResult(
            dag_id=dag.id,
            inputs=tuple(alcareco_name(row["job"]) for row in rows),
            left_out={},
            overlaps=(),
            lumis=Lumis.union(Lumis.parse(row["lumis"]) for row in rows),
            events=1000 * len(rows),
            iovs=(Iov("Tag_v1", dag.key.run, f"{dag.cluster:040x}"),),
            time=now,
        )


def _write_json(path: Path, told: Mapping[str, object]) -> None:
    write_whole(path, json.dumps(told))
