"""A simulated day of a calibration node: the world, a submitter in it, and what befalls both.

The submitter, the ledger and what runs on the access point are real; see `tests.soak`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import yaml

from condorloop.config.destinations import DestinationChanged
from condorloop.config.loader import Config, load
from condorloop.cycle.ports import Ports
from condorloop.dagman import destination_memory
from condorloop.ledger.store import Ledger, LedgerDamaged, LedgerError, LedgerReader
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import TimeType
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.model.queue import HELD_BY_PERSON
from condorloop.recovery.rebuild import open_ledger
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import LEDGER, MANIFEST
from condorloop.runtime.shutdown import Stopped
from condorloop.services.cmssw import CmsswError
from condorloop.submitter import Submitter, build_submitter
from condorloop.testbed import calibrations
from tests.soak.detector import SimulatedOms, runs_of_a_day
from tests.soak.jobs import JobSelector
from tests.soak.operator import Operator
from tests.soak.pool import SimulatedPool
from tests.soak.promises import Promises
from tests.soak.service import SimulatedService
from tests.soak.stage import stand_ins
from tests.soak.storage import SimulatedFiles, SimulatedStorage, files_of_a_run
from tests.soak.story import Agenda, Violation, hours
from tests.soak.tags import SimulatedTags
from tests.soak.tripwire import Killed, Tripwire, armed, unwatched
from tests.soak.weather import ALL, BAD_FILES, Weather

START = 1_790_000_000.0
TOP = Path(__file__).resolve().parents[2]
SITE = """
name: soak
work_dir: {folder}/work
oms: {{url: "http://127.0.0.1:1/agg/api"}}
storage: {{url: "root://127.0.0.1:2/"}}
cmssw: {{setup: {folder}/cmsset_default.sh}}
conditions: {{auth_path: {folder}}}
pool: {{start_within: 6 min}}
defaults:
  closing: {{buffer: {buffer} h}}
  harvesting: {{statistic: {statistic}}}
  batching: {{events_per_job: {events_per_job}}}
"""
SPANS = {"TestEnablesEcalHcal": (10, 60), "ExpressPhysics": (2, 5)}
STATISTICS = ("lumisections", "lumisections", "events", "luminosity")
EVENTS_PER_JOB = ("null", "null", 6000, 40_000)
"""What a RECO job reads at most; RAW files have 4000 to 120 000."""
SYNCHRONISATIONS = ("any", "any", "hlt", "express", "prompt", "pcl", "offline")
"""Of the tags of a day, each."""
TIME_TYPES = (TimeType.RUN, TimeType.RUN, TimeType.LUMI)
"""Of tags whose payloads are by run as they are shipped."""
LAGS = (0.0, 0.0, 3600.0, 14400.0)
"""So many seconds after its start a run begins for those who read the tags of a day."""
POLL = (9.0, 25.0)
QUIET_LOOKS = 5
"""Every 5 minutes it is looked whether all is closed: an operator who looks every 10 has looked."""


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
        self, seed: int, length: float, folder: Path, kinds: frozenset[str] = ALL | BAD_FILES
    ) -> None:
        self._rng = Random(f"{seed} day")
        self.agenda = Agenda(START)
        self._folder = folder
        self._end = START + length * 3600
        self._config = self._configure(
            Random(f"{seed} tags"),
            buffer=self._rng.choice((2, 4, 8)),
            statistic=Random(f"{seed} statistic").choice(STATISTICS),
            events_per_job=Random(f"{seed} events").choice(EVENTS_PER_JOB),
        )
        self._weather = Weather(self.agenda, Random(f"{seed} weather"), kinds)
        self._wire = Tripwire(f"{folder}/work", Random(f"{seed} wire"), self._weather)
        runs = list(runs_of_a_day(Random(f"{seed} runs"), START, length * 3600))
        self._oms = SimulatedOms(self.agenda, Random(f"{seed} oms"), self._weather, runs)
        rng = Random(f"{seed} files")
        streams = sorted({s.raw_path for s in self._config.streams.values()})
        files = [
            file
            for run in runs
            for stream in streams
            for file in files_of_a_run(rng, run, stream, _spans(stream), kinds >= BAD_FILES)
        ]
        self._storage = SimulatedStorage(self.agenda, self._weather, files)
        lag = Random(f"{seed} lag").choice(LAGS)
        tags = SimulatedTags(self.agenda, self._config.calibrations, runs, lag)
        rng = Random(f"{seed} service")
        self._service = SimulatedService(self.agenda, rng, self._weather, tags)
        self._promises = Promises(
            self.agenda, self._config, runs, self._oms, self._storage, self._service
        )
        jobs = JobSelector(self.agenda, Random(f"{seed} jobs"), self._storage)
        self._pool = SimulatedPool(
            self.agenda, Random(f"{seed} pool"), self._weather, jobs, self._wire, self._promises
        )
        self._probes = Random(f"{seed} probes")
        self._thorough = Random(f"{seed} operator").random() < 0.5
        self._submitter: Submitter | None = None
        self._ledger: Ledger | None = None
        self._starts = 0
        self._calm_since = self._end
        self._to_come = ""
        self._looks = False
        self._away = 0
        self._elsewhere = self._configure_elsewhere()
        self._wants_elsewhere = False
        self._is_remembered = False
        self.cycles = 0
        self.runs = len(runs)
        self.files = len(files)

    def _configure(self, tags: Random, **settings: object) -> Config:
        self._folder.mkdir(parents=True, exist_ok=True)
        site = self._folder / "site.yaml"
        site.write_text(SITE.format(folder=self._folder, **settings))
        netrc = self._folder / ".netrc"
        netrc.write_text("machine ConditionUploader login soak password soak\n")
        netrc.chmod(0o600)
        folder = calibrations.write(self._folder / "calibrationYAML")
        for metadata in _upload_metadata(folder):
            metadata["synchronisation"] = tags.choice(SYNCHRONISATIONS)
            if tags.choice(TIME_TYPES) is TimeType.LUMI:
                metadata["since"] = "iov"
        config = load(site, folder)
        config.site.work_dir.mkdir()
        return config

    def _configure_elsewhere(self) -> Config:
        """Give what a person has who takes the wrong folder: the same, with other tags."""
        folder = self._folder / "elsewhere" / "calibrationYAML"
        shutil.copytree(self._folder / "calibrationYAML", folder)
        shutil.copy(self._folder / "ngtParameters.jsn", folder.parent)
        for metadata in _upload_metadata(folder):
            tags = metadata["destinationTags"].items()
            metadata["destinationTags"] = {f"{tag}_elsewhere": told for tag, told in tags}
        return load(self._folder / "site.yaml", folder)

    @property
    def payloads(self) -> int:
        """How many payloads the conditions service took."""
        return sum(map(len, self._service.taken.values()))

    @property
    def stands_told(self) -> int:
        """At how many polls it was told that jobs do not start."""
        return self._promises.stands_told

    @property
    def faults(self) -> int:
        """How many faults that last for a while have begun."""
        return self._weather.begun

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
        work_dir = self._config.site.work_dir
        ids = Random(f"{self._rng.random()} ids")
        stands_in = stand_ins(self.agenda, self._service, ids, self._environment, self._heard)
        with stands_in, armed(self._wire), contextlib.ExitStack() as at_the_end:
            at_the_end.callback(self._close)
            self._weather.forecast(START, self._end)
            for at, what in self._weather.moments(START, self._end):
                self.agenda.at(at, partial(self._befall, what))
            self._start()
            Operator(
                self.agenda,
                self._rng,
                work_dir,
                self._promises,
                lambda: self._submitter is not None,
                self._end,
                self._released,
                thorough=self._thorough,
            ).look()
            self.agenda.go_on_until(self._end)
            self.agenda.tell("the faults are over")
            self._come_to_an_end()
        return self.agenda.story.digest

    def _come_to_an_end(self) -> None:
        """Wait until all is closed, and nobody asks for anything any more."""
        buffers = [c.closing.buffer for c in self._config.calibrations.values()]
        last = self._end + max(buffers) + 4 * 3600
        quiet = 0
        while quiet < QUIET_LOOKS and self.agenda.now < last:
            self.agenda.go_on_until(self.agenda.now + 300)
            busy = self._pool.queue or self._promises.open_or_missing() or not self._submitter
            quiet = 0 if busy else quiet + 1
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
        elsewhere = self._wants_elsewhere and self._remembers_destinations()
        self._wants_elsewhere = False
        config = self._elsewhere if elsewhere else self._config
        self.agenda.tell(f"the submitter starts{' with another folder' if elsewhere else ''}")
        try:
            with self._wire.deadly(self._rng.randint(1, 40) if self._rng.random() < 0.1 else 0):
                self._open_ledger(config)
        except Killed:
            self.agenda.tell("killed while it starts")
            self._close()
            self._start_later()
            return
        except (LedgerError, OSError, DestinationChanged) as error:
            self._tell(f"it cannot start: {error}")
            self._close()
            self._start_later()
            return
        self._is_remembered = True
        assert self._ledger
        files = SimulatedFiles(self.agenda, self._probes, self._storage, self._look_soon)
        world = Ports(self._oms, files, self._pool.schedd())
        self._submitter = build_submitter(config, self._ledger, self.agenda, world)
        self._poll(self._starts)

    def _open_ledger(self, config: Config) -> None:
        """Open the ledger, unless payloads would go elsewhere than before: nobody accepts that."""
        now = self.agenda.now
        destination_memory.check(config, lambda _: False)
        self._ledger = open_ledger(self._path, config, now)
        destination_memory.take_up(self._ledger, config, now)

    def _remembers_destinations(self) -> bool:
        """Whether the ledger, or something else, can tell where payloads of all calibrations go."""
        folders = (self._config.site.work_dir / name for name in self._config.calibrations)
        written = (any(folder.glob(f"run*/dag*/{MANIFEST}")) for folder in folders)
        return self._is_remembered or all(written)

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
                self.agenda.after(self._rng.uniform(*POLL), partial(self._poll, start))

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
                if poll:
                    submitter.take_up_configuration()
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
            self._promises.jobs_start(self._pool, self._weather)

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
            case "put an older ledger back":
                self._keep_ledger()
                return
            case "start with another folder":
                self._wants_elsewhere = True
                self._close()
                self._start_later()
            case "reload another folder" if self._submitter:
                self._submitter.reload(lambda: self._elsewhere)
                self.agenda.after(self._rng.uniform(60, 3600), self._reload)
            case "delete a run directory" | "move a run directory away":
                self._take_run_directory(what)
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

    def _released(self) -> None:
        """What a person held goes on from now."""
        self._calm_since = max(self._calm_since, self.agenda.now)

    def _later(self, release: Callable[[], None]) -> None:
        """Let a person come back to what was held."""
        at = self.agenda.now + self._rng.uniform(60, 3600)
        self._calm_since = max(self._calm_since, at)
        self.agenda.at(at, release)

    def _befall_ledger(self, what: str) -> None:
        """Delete the ledger under a submitter, or damage it while none runs."""
        parts = [self._path.with_name(LEDGER + part) for part in ("", "-wal", "-shm")]
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
        self._is_remembered = False
        self._promises.ledger_lost()

    def _reload(self) -> None:
        """Have the right folder read again."""
        if self._submitter:
            self._submitter.reload(lambda: self._config)

    def _keep_ledger(self) -> None:
        """Make a copy of the ledger as it is, to be put back later."""
        kept = self._folder / f"kept{self.agenda.now:.0f}.db"
        with unwatched(), closing(sqlite3.connect(kept)) as copy:
            try:
                with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as ledger:
                    ledger.backup(copy)
                whole = copy.execute("PRAGMA quick_check").fetchone() == ("ok",)
            except sqlite3.Error:
                return
        if whole:
            self.agenda.tell("-- the ledger is copied")
            at = min(self.agenda.now + 60 * 90 ** self._rng.random(), self._end)
            self.agenda.at(at, partial(self._put_back, kept))

    def _put_back(self, kept: Path) -> None:
        """Put an older ledger back, as a person does who believes that the present one is lost."""
        self.agenda.tell("-- an older ledger is put back")
        self._close()
        with unwatched():
            for part in ("-wal", "-shm"):
                self._path.with_name(LEDGER + part).unlink(missing_ok=True)
            shutil.copy(kept, self._path)
            with LedgerReader(kept) as ledger:
                self._promises.older_ledger(ledger)
        self._start_later()

    def _take_run_directory(self, what: str) -> None:
        """Delete a run directory, or move it away: then what it had comes back later."""
        folders = sorted(self._config.site.work_dir.glob("*/run*"))
        keys = [k for f in folders if (k := self._promises.open_campaign(f)) is not None]
        if not keys:
            return
        key = self._rng.choice(keys)
        self.agenda.tell(f"-- {what}: {key}")
        self._promises.run_directory_deleted(key, self._uploaded(key))
        folder = self._config.site.work_dir / key.calibration / f"run{key.run}"
        with unwatched():
            if what == "delete a run directory":
                shutil.rmtree(folder)
                return
            self._away += 1
            away = self._folder / f"away{self._away}"
            folder.rename(away)
        self._promises.run_directory_moved(key)
        seconds = 3 * 200 ** self._rng.random()
        self.agenda.after(seconds, partial(self._bring_back, key, away, folder))

    def _bring_back(self, key: CampaignKey, away: Path, folder: Path) -> None:
        """Let come back what was moved away, beside what was made in its place."""
        self.agenda.tell(f"-- it comes back: {key}")
        with unwatched():
            folder.mkdir(exist_ok=True)
            for part in sorted(away.iterdir()):
                if not (folder / part.name).exists():
                    part.rename(folder / part.name)
            shutil.rmtree(away)

    def _uploaded(self, key: CampaignKey) -> Lumis:
        """What the ledger knows of a campaign's last payload."""
        try:
            with unwatched(), LedgerReader(self._path) as ledger:
                found = {s.key: s.lumis.in_payload for s in ledger.status.summaries(0.0)}
        except LedgerError:
            return EMPTY
        return found.get(key, EMPTY)

    def _tell(self, text: str) -> None:
        plain = text.replace(str(self._folder), "").replace(f".{os.getpid()}", ".pid")
        self.agenda.tell(plain)

    def _environment(self) -> dict[str, str]:
        if self._weather["CVMFS is down"]:
            raise CmsswError("CMSSW cannot be entered")
        return {}

    def _heard(self, message: str) -> None:
        self._tell(f"says {message}")
        self._promises.said(message)

    def __str__(self) -> str:
        now = hours(self.agenda.now - START)
        return (
            f"{self.runs} runs, {self.files} RAW files, {self.cycles} cycles, {self._starts} starts"
            f" of the submitter, {self.faults} lasting faults, {self.payloads} payloads,"
            f" {self.stands_told} polls at which jobs did not start,"
            f" {self.agenda.story.told} events, {now} h"
        )


def _upload_metadata(folder: Path) -> Iterator[dict[str, Any]]:
    """What each calibration of a folder says of its destination; changes of it are written."""
    for file in sorted(folder.glob("*.yaml")):
        data = yaml.safe_load(file.read_text())
        yield data["step_4_config"]["upload_metadata"]
        file.write_text(yaml.safe_dump(data))


def _spans(stream: str) -> tuple[int, int]:
    return next(span for name, span in SPANS.items() if f"/{name}/" in stream)
