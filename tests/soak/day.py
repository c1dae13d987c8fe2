"""A simulated day of a calibration node: the world, a submitter in it, and what befalls both.

The submitter, the ledger and what runs on the access point are real; see `tests.soak`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from unittest.mock import patch

from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket

from condorloop import conditions, finishing, uploading
from condorloop import ledger as ledger_module
from condorloop.cmssw import CmsswError
from condorloop.config import Config, load
from condorloop.dagman import render
from condorloop.interruption import Stopped
from condorloop.ledger import Ledger, LedgerDamaged, LedgerError
from condorloop.ledger_file import LEDGER
from condorloop.ledger_requests import Requests
from condorloop.ledger_summary import LedgerSummary
from condorloop.lumis import EMPTY, Lumis
from condorloop.model import HELD_BY_PERSON, CampaignKey, RequestKind
from condorloop.recovery import open_ledger
from condorloop.rundir import MANIFEST, read_json
from condorloop.submitter import Submitter
from condorloop.world import World
from tests.soak.detector import SimulatedOms, runs_of_a_day
from tests.soak.jobs import Jobs
from tests.soak.pool import SimulatedPool
from tests.soak.promises import Promises
from tests.soak.service import SimulatedService
from tests.soak.storage import SimulatedFiles, SimulatedStorage, files_of_a_run
from tests.soak.story import Agenda, Violation, hours
from tests.soak.tripwire import Killed, Tripwire, armed, unwatched
from tests.soak.weather import ALL, Weather

START = 1_790_000_000.0
TOP = Path(__file__).resolve().parents[2]
SITE = """
name: soak
work_dir: {folder}/work
oms: {{url: "http://127.0.0.1:1/agg/api"}}
storage: {{url: "root://127.0.0.1:2/"}}
cmssw: {{setup: {folder}/cmsset_default.sh}}
conditions: {{auth_path: {folder}}}
defaults: {{closing: {{buffer: {buffer} h}}}}
"""
SPANS = {"TestEnablesEcalHcal": (10, 60), "ExpressPhysics": (2, 5)}
POLL = (9.0, 25.0)


class Day:
    """A day.

    Parameters
    ----------
    seed
        The same seed gives the same day.
    length
        In hours; after it, what is under way comes to an end without faults.
    folder
        Where everything is written.
    kinds
        The kinds of faults that may come.
    """

    def __init__(
        self, seed: int, length: float, folder: Path, kinds: frozenset[str] = ALL
    ) -> None:
        self._rng = Random(f"{seed} day")
        self.agenda = Agenda(START)
        self._folder = folder
        self._end = START + length * 3600
        self._config = self._configure(self._rng.choice((2, 4, 8)))
        self._weather = Weather(self.agenda, Random(f"{seed} weather"), kinds)
        self._wire = Tripwire(f"{folder}/work", Random(f"{seed} wire"), self._weather)
        runs = list(runs_of_a_day(Random(f"{seed} runs"), START, length * 3600))
        self._oms = SimulatedOms(self.agenda, Random(f"{seed} oms"), self._weather, runs)
        rng = Random(f"{seed} files")
        streams = sorted({c.stream_path for c in self._config.calibrations.values()})
        files = [
            file
            for run in runs
            for stream in streams
            for file in files_of_a_run(rng, run, stream, _spans(stream), "files" in kinds)
        ]
        self._storage = SimulatedStorage(self.agenda, self._weather, files)
        self._service = SimulatedService(self.agenda, Random(f"{seed} service"), self._weather)
        self._promises = Promises(
            self.agenda, self._config, runs, self._oms, self._storage, self._service
        )
        jobs = Jobs(self.agenda, Random(f"{seed} jobs"), self._storage)
        self._pool = SimulatedPool(
            *(self.agenda, Random(f"{seed} pool"), self._weather, jobs, self._wire, self._promises)
        )
        self._probes = Random(f"{seed} probes")
        self._submitter: Submitter | None = None
        self._ledger: Ledger | None = None
        self._starts = 0
        self._calm_since = self._end
        self._to_come = ""
        self._looks = False
        self.cycles = 0
        self.runs = len(runs)
        self.files = len(files)

    def _configure(self, buffer: int) -> Config:
        self._folder.mkdir(parents=True, exist_ok=True)
        site = self._folder / "site.yaml"
        site.write_text(SITE.format(folder=self._folder, buffer=buffer))
        netrc = self._folder / ".netrc"
        netrc.write_text("machine ConditionUploader login soak password soak\n")
        netrc.chmod(0o600)
        config = load(site, TOP / "calibrationYAML")
        config.site.work_dir.mkdir()
        return config

    @property
    def _path(self) -> Path:
        return self._config.site.work_dir / LEDGER

    def run(self) -> str:
        """Let the day go by; return the digest of its story.

        Raises
        ------
        Violation
            A promise was broken.
        """
        with self._stand_ins(), armed(self._wire):
            self._weather.forecast(START, self._end)
            for at, what in self._weather.moments(START, self._end):
                self.agenda.at(at, lambda what=what: self._befall(what))
            self._start()
            self._operate()
            self.agenda.go_on_until(self._end)
            self.agenda.tell("the faults are over")
            self._come_to_an_end()
        return self.agenda.story.digest

    def _come_to_an_end(self) -> None:
        """Wait until all is closed; ask for everything again; wait again."""
        buffers = [c.closing.buffer for c in self._config.calibrations.values()]
        last = self._end + max(buffers) + 4 * 3600
        for _ in range(3):
            quiet = 0
            while quiet < 3 and self.agenda.now < last:
                self.agenda.go_on_until(self.agenda.now + 300)
                busy = self._pool.queue or self._promises.open_or_missing()
                quiet = 0 if busy or self._submitter is None else quiet + 1
            self._operate(everything=True)
            self.agenda.go_on_until(self.agenda.now + 600)
        while (self._pool.queue or self._promises.open_or_missing()) and self.agenda.now < last:
            self.agenda.go_on_until(self.agenda.now + 300)
        if self._ledger is None:
            raise Violation("no submitter runs at the end of the day")
        self._promises.at_the_end(self._ledger, self._calm_since)
        self._close()

    def _start(self) -> None:
        """Start a submitter, as the command does; killed while it starts, it is started again."""
        if self._submitter is not None:
            return
        self._starts += 1
        self._calm_since = max(self._calm_since, self.agenda.now)
        self.agenda.tell("the submitter starts")
        try:
            with self._wire.deadly(self._rng.randint(1, 40) if self._rng.random() < 0.1 else 0):
                now = self.agenda.now
                self._ledger = open_ledger(self._path, self._config.calibrations, now)
        except Killed:
            self.agenda.tell("killed while it starts")
            self._start_later()
            return
        except (LedgerError, OSError) as error:
            self._tell(f"it cannot start: {error}")
            self._start_later()
            return
        files = SimulatedFiles(self.agenda, self._probes, self._storage, self._look_soon)
        world = World(self._oms, files, self._pool.schedd())
        self._submitter = Submitter(self._config, self._ledger, self.agenda, world)
        self._poll(self._starts)

    def _start_later(self) -> None:
        self.agenda.after(10 * 60 ** self._rng.random(), self._start)

    def _close(self) -> None:
        if self._submitter:
            self._submitter.close()
        if self._ledger:
            with unwatched():
                self._ledger.close()
        self._submitter = self._ledger = None

    def _poll(self, start: int) -> None:
        if self._submitter is not None and start == self._starts:
            self._cycle(poll=True)
            if self._submitter is not None:
                self.agenda.after(self._rng.uniform(*POLL), lambda: self._poll(start))

    def _look_soon(self) -> None:
        if not self._looks:
            self._looks = True
            self.agenda.after(2.0, self._look)

    def _look(self) -> None:
        self._looks = False
        if self._submitter is not None:
            self._cycle(poll=False)

    def _cycle(self, *, poll: bool) -> None:
        """Make a cycle as `Submitter.run` does."""
        submitter, ledger = self._submitter, self._ledger
        assert submitter
        assert ledger
        self.cycles += 1
        what, self._to_come = self._to_come, ""
        effects = self._rng.randint(1, 30) if what else 0
        then = submitter.stop if what == "stop" else None
        try:
            with self._wire.deadly(effects, then):
                submitter.cycle(poll=poll)
        except (Killed, Stopped) as end:
            self.agenda.tell(f"the submitter ends: {type(end).__name__}")
            self._close()
            self._start_later()
            return
        except LedgerDamaged as error:
            self._tell(f"the submitter ends: {error}")
            self._close()
            self._start_later()
            return
        except LedgerError as error:
            self._tell(f"the ledger cannot be used: {error}")
            return
        except Violation:
            raise
        except Exception as error:
            raise Violation(f"the submitter dies of {error!r}") from error
        if what:
            self._to_come = what  # the cycle made fewer effects
        if poll:
            failed = {
                "OMS": self._oms.failed_at,
                "EOS": self._storage.failed_at,
                "schedd": self._pool.failed_at,
            }
            self._promises.polled(ledger, {} if self._wire.full else failed)

    def _befall(self, what: str) -> None:
        """Let a fault of a moment come."""
        dags = list(self._pool.queue.values())
        dag = self._rng.choice(dags) if dags else None
        match what:
            case "crash" | "stop":
                self._to_come = what
            case "pause":
                self._close()
                self.agenda.after(self._rng.uniform(600, 3 * 3600), self._start)
            case "delete the ledger" | "damage the ledger":
                self._befall_ledger(what)
            case "delete a run directory":
                self._delete_run_directory()
                return
            case _ if dag is None:
                return
            case "hold a DAG":
                dag.hold_dag(HELD_BY_PERSON)
                self._later(dag.release_dag)
            case "hold a job" if jobs := [j for j in dag.jobs if j.state == "idle"]:
                job = self._rng.choice(jobs)
                dag.hold(job, HELD_BY_PERSON)
                self._later(lambda: dag.release(job))
            case "remove a DAG":
                self._pool.remove(dag, "via condor_rm (by user alice)")
            case "DAGMan is killed" if dag.held_code is None:
                dag.hold_dag(0)
                self.agenda.after(self._rng.uniform(20, 120), dag.release_dag)
            case "DAGMan vanishes":
                dag.leave()
            case "delete a DAG's directory":
                manifest = read_json(dag.file.parent / MANIFEST)
                self._promises.dag_directory_deleted(dag, manifest)
                with unwatched():
                    shutil.rmtree(dag.file.parent, ignore_errors=True)
        self.agenda.tell(f"-- {what}" + (f": {dag.name}" if dag else ""))

    def _later(self, release: Callable[[], None]) -> None:
        """Let a person come back to what was held."""
        at = self.agenda.now + self._rng.uniform(60, 3600)
        self._calm_since = max(self._calm_since, at)
        self.agenda.at(at, release)

    def _befall_ledger(self, what: str) -> None:
        """Delete the ledger under a submitter, or damage it while none runs."""
        parts = [p for p in sorted(self._path.parent.glob(f"{LEDGER}*")) if "." not in p.name[14:]]
        if what == "damage the ledger":
            self._close()
            if self._path.exists():
                with unwatched(), self._path.open("r+b") as file:
                    size = self._path.stat().st_size
                    file.seek(self._rng.choice((0, self._rng.randrange(size) // 4096 * 4096)))
                    file.write(self._rng.randbytes(4096))
            self._start_later()
        else:
            with unwatched():
                for part in parts if self._rng.random() < 0.5 else [self._path]:
                    part.unlink(missing_ok=True)
        self._promises.ledger_lost()

    def _delete_run_directory(self) -> None:
        folders = sorted(self._config.site.work_dir.glob("*/run*"))
        keys = [k for f in folders if (k := self._promises.open_campaign(f)) is not None]
        if not keys:
            return
        key = self._rng.choice(keys)
        self.agenda.tell(f"-- delete a run directory: {key}")
        self._promises.run_directory_deleted(key, self._uploaded(key))
        with unwatched():
            shutil.rmtree(self._config.site.work_dir / key.calibration / f"run{key.run}")

    def _uploaded(self, key: CampaignKey) -> Lumis:
        """What the ledger knows of a campaign's last payload."""
        try:
            with unwatched(), LedgerSummary(self._path) as ledger:
                found = {s.key: s.in_payload for s in ledger.summaries(0.0)}
        except LedgerError:
            return EMPTY
        return found.get(key, EMPTY)

    def _operate(self, everything: bool = False) -> None:
        """Be the operator: look at status.json, and ask for what failed."""
        if not everything and self.agenda.now < self._end:
            self.agenda.after(self._rng.uniform(1200, 5400), self._operate)
        status = read_json(self._config.site.work_dir / "status.json")
        for campaign in status.get("campaigns", []):
            troubled = campaign["failed_nodes"] or campaign["removed"] or campaign["quarantined"]
            if (troubled or campaign["state"] == "incomplete") and self._path.exists():
                if everything or self._rng.random() < 0.5:
                    self._ask(campaign["run"], everything or self._rng.random() < 0.5)

    def _ask(self, run: int, everything: bool) -> None:
        try:
            with unwatched(), Requests(self._path) as requests:
                requests.ask(
                    RequestKind.RESUBMIT,
                    run,
                    None,
                    node=None,
                    everything=everything,
                    made_by="alice",
                    now=self.agenda.now,
                )
        except LedgerError:
            return
        self.agenda.tell(f"-- run {run} is asked for again")
        self._promises.resubmitted(run)

    def _tell(self, text: str) -> None:
        plain = text.replace(str(self._folder), "").replace(f".{os.getpid()}", ".pid")
        self.agenda.tell(plain)

    @contextlib.contextmanager
    def _stand_ins(self) -> Iterator[None]:
        """Put the simulated world in the place of the real one, for as long as the day lasts."""
        ids = Random(f"{self._rng.random()} ids")
        clock = SimpleNamespace(time=self.agenda, monotonic=self.agenda, sleep=_sleepless)
        uuids = SimpleNamespace(uuid4=lambda: SimpleNamespace(hex=f"{ids.getrandbits(128):032x}"))
        compiled = _Compiled()
        cwd, umask = Path.cwd(), os.umask(0o002)
        logger = logging.getLogger("condorloop")
        before = logger.level, logger.propagate, logger.handlers
        logger.setLevel(logging.INFO)
        logger.propagate, logger.handlers = False, [_Listener(self._heard)]
        try:
            with (
                patch.object(finishing, "time", clock),
                patch.object(uploading, "time", clock),
                patch.object(conditions, "processes", self._service),
                patch.object(uploading.Cmssw, "environment", self._environment),
                patch.object(ledger_module, "uuid", uuids),
                patch.object(render, "Environment", partial(Environment, bytecode_cache=compiled)),
            ):
                yield
        finally:
            logger.setLevel(before[0])
            logger.propagate, logger.handlers = before[1], before[2]
            os.chdir(cwd)
            os.umask(umask)
            self._close()

    def _environment(self, timeout: float = 300.0) -> dict[str, str]:
        if self._weather["CVMFS is down"]:
            raise CmsswError("CMSSW cannot be entered")
        return {}

    def _heard(self, message: str) -> None:
        self._tell(f"says {message}")
        self._promises.said(message)

    def __str__(self) -> str:
        now = hours(self.agenda.now - START)
        return (
            f"{self.runs} runs, {self.files} RAW files, {self.cycles} cycles, {self._starts} starts,"
            f" {self.agenda.story.told} events, {now} h"
        )


class _Listener(logging.Handler):
    """Hears what the submitter logs; what it raises is not swallowed."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        super().__init__()
        self._hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        self._hear(record.getMessage())


class _Compiled(BytecodeCache):
    """Keeps compiled templates from one DAG to the next: they are half of what a day costs."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._known:
            bucket.bytecode_from_string(self._known[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key] = bucket.bytecode_to_string()


def _sleepless(seconds: float) -> None:
    raise Violation(f"something sleeps for {seconds} s")


def _spans(stream: str) -> tuple[int, int]:
    return next(span for name, span in SPANS.items() if f"/{name}/" in stream)
