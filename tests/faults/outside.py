"""A submitter that runs beside a test, and storage in which a test meddles at a chosen moment."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from condorloop.cycle.ports import FileStore, JobQueue, Ports
from condorloop.dagman.logs.dag_outcome import HistoryEnd
from condorloop.model.lumis import Lumis
from condorloop.model.queue import Queued, Waits
from condorloop.recovery.rebuild import open_ledger
from condorloop.runtime import logs
from condorloop.services.edm_file_util import Contents
from condorloop.submitter import Submitter, build_submitter
from condorloop.testbed.scenario.raw_files import Stream, write_raw_file
from condorloop.testbed.truth import Truth
from condorloop.testbed.verify import Appeared, appeared
from tests.loop import Loop, Played

Meddler = Callable[[], None]


@contextmanager
def running(
    loop: Loop,
    *,
    clock: Callable[[], float] = time.time,
    around: Callable[[Ports], Ports] = lambda world: world,
) -> Iterator[None]:
    """Run the submitter in a thread of this process; what ends it wrongly is raised here.

    Parameters
    ----------
    clock
        The submitter's.
    around
        Gives the world that it sees from the real one.
    """
    config = loop.config()
    loop.work_dir.mkdir(exist_ok=True)
    logs.start(loop.work_dir, config.calibrations)
    made: list[Submitter] = []

    def run() -> None:
        file = loop.work_dir / "condorloop.db"
        with open_ledger(file, config, clock()) as ledger:
            site = config.site
            world = Ports.from_site(
                site, lambda: submitter.settings.cmssw, lambda: submitter.wakeup.ring()
            )
            submitter = build_submitter(config, ledger, clock, around(world))
            made.append(submitter)
            try:
                submitter.run()
            finally:
                submitter.close()

    with ThreadPoolExecutor(1) as pool:
        ran = pool.submit(run)
        try:
            loop.wait(lambda: bool(made), lambda: not ran.done())
            yield
        finally:
            for submitter in made:
                submitter.stop()
        ran.result()


class MeddledFiles:
    """Storage where something happens to a file, once, at a point of its life.

    Parameters
    ----------
    files
        The real one.
    before_probe, when_good
        What happens by the file's name: when it has been listed and is about to be probed; when
        the submitter has heard what is in it.
    """

    def __init__(
        self,
        files: FileStore,
        before_probe: Mapping[str, Meddler],
        when_good: Mapping[str, Meddler],
    ) -> None:
        self._files = files
        self._before_probe = dict(before_probe)
        self._when_good = dict(when_good)

    def list_run(self, stream: str, run: int) -> Mapping[str, int]:
        """As storage does."""
        return self._files.list_run(stream, run)

    def odd_lines(self, stream: str, run: int) -> tuple[str, ...]:
        """As storage does."""
        return self._files.odd_lines(stream, run)

    def start_probe(self, path: str) -> None:
        """Meddle, then probe."""
        _once(self._before_probe, path)
        self._files.start_probe(path)

    def probed(self) -> Mapping[str, Contents]:
        """As storage does."""
        return self._files.probed()

    def forget(self, path: str) -> None:
        """Forget, then meddle."""
        self._files.forget(path)
        _once(self._when_good, path)

    @property
    def probing(self) -> int:
        """As storage does."""
        return self._files.probing

    def close(self) -> None:
        """As storage does."""
        self._files.close()


class MeddledPool:
    """A schedd before which something happens to the files of a DAG that is about to be submitted.

    Parameters
    ----------
    pool
        The real one.
    in_dag
        What happens by the file's name.
    """

    def __init__(self, pool: JobQueue, in_dag: Mapping[str, Meddler]) -> None:
        self._pool = pool
        self._in_dag = dict(in_dag)

    def queued(self) -> Queued:
        """As the schedd does."""
        return self._pool.queued()

    def waits(self, longer: float) -> Waits:
        """As the schedd does."""
        return self._pool.waits(longer)

    def count_jobs(self, dag_id: str) -> int:
        """As the schedd does."""
        return self._pool.count_jobs(dag_id)

    def submit(self, dag_file: Path, batch_name: str) -> int:
        """Meddle, then submit."""
        manifest = json.loads((dag_file.parent / "manifest.json").read_text())
        for file in manifest["files"]:
            _once(self._in_dag, file["path"])
        return self._pool.submit(dag_file, batch_name)

    def remove(self, cluster: int, why: str) -> None:
        """As the schedd does."""
        self._pool.remove(cluster, why)

    def history(self, cluster: int, after: float = 0.0) -> HistoryEnd | None:
        """As the schedd does."""
        return self._pool.history(cluster, after)

    def close(self) -> None:
        """As the schedd does."""
        self._pool.close()


def _once(happens: dict[str, Meddler], path: str) -> None:
    if meddle := happens.pop(path.rpartition("/")[2], None):
        meddle()


def problems(loop: Loop) -> str:
    """What status.json says is wrong, as one text."""
    return "\n".join(loop.problems())


def note_change(loop: Loop, path: str, change: str, *, good: bool) -> None:
    """Put on the player's record what a test did to a file, as the player does itself."""
    line = {"time": time.time(), "path": path, "change": change, "good": good}
    with (loop.stack.folder / "appeared.jsonl").open("a") as record:
        record.write(json.dumps(line) + "\n")


def files_of(loop: Loop, run: int) -> dict[int, Appeared]:
    """The files of a run that have appeared, by their first lumisection."""
    record = appeared(loop.stack.folder / "appeared.jsonl")
    return {f.lumis.first: f for f in record if f.run == run}


def appears(loop: Loop, play: Played, run: int, ls: int, name: str) -> None:
    """Let the file of a lumisection of TestEnablesEcalHcal appear, whenever a test likes.

    Another file of the run must have appeared; it is put beside that.
    """
    other = next(iter(files_of(loop, run).values()))
    path = str(Path(other.path).with_name(name))
    lumis, truth = Lumis.of([ls]), Truth(play.scenario.seed)
    write_raw_file(loop.stack.xrootd.localroot / path[1:], Stream.ECAL, run, lumis, truth)
    known = {"path": path, "run": run, "stream": Stream.ECAL.value, "ls": str(lumis)}
    with (loop.stack.folder / "appeared.jsonl").open("a") as record:
        record.write(json.dumps({**known, "time": time.time(), "fault": None}) + "\n")
