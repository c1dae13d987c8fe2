"""The submitter: one cycle is observe, decide, act.

Knows the order of things: what is observed goes into the ledger, the planner decides from the
ledger, each action is in the ledger before and after its effect. A service that does not answer
changes nothing.
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from condorloop import planner
from condorloop.bell import Bell
from condorloop.cmssw import Cmssw
from condorloop.config import Config
from condorloop.dagman.plan import plan_batch, plan_harvest
from condorloop.dagman.render import Renderer
from condorloop.dagman.schedd import Schedd
from condorloop.intake import Intake
from condorloop.isolation import one_campaign_only
from condorloop.ledger import Ledger, LedgerError
from condorloop.logs import say
from condorloop.model import Batch, Campaign, CampaignKey, CampaignState, Run
from condorloop.oms import Oms, OmsUnavailable
from condorloop.planner import Action, Latch, Rescue, SetState, SubmitBatch, SubmitHarvest
from condorloop.rundir import write_json, write_lines, write_whole
from condorloop.services import Service
from condorloop.status import Status
from condorloop.tracker import Tracker

log = logging.getLogger(__name__)


class AlreadyRunning(Exception):
    """Another submitter works on this work_dir; the message names it."""


@contextmanager
def sole_submitter(work_dir: Path) -> Iterator[None]:
    """Hold the lock of a work_dir; the system lets go of it when the process ends.

    Raises
    ------
    AlreadyRunning
        Another process holds it.
    """
    path = work_dir / "condorloop.lock"
    with path.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise AlreadyRunning(f"{path}: a submitter is running: {holder}") from None
        since = datetime.now(UTC).isoformat(timespec="seconds")
        lock.truncate(0)
        lock.write(f"host {socket.gethostname()}, pid {os.getpid()}, since {since}\n")
        lock.flush()
        yield


def running_submitter(work_dir: Path) -> str | None:
    """Say which submitter holds the lock of a work_dir; None if none does."""
    path = work_dir / "condorloop.lock"
    try:
        with path.open(encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read().strip()
    except OSError:
        pass
    return None


class Submitter:
    """One loop over all calibrations of a site.

    Parameters
    ----------
    config
        What was configured.
    ledger
        Open for writing.
    clock
        Gives seconds since the epoch.
    """

    def __init__(
        self, config: Config, ledger: Ledger, clock: Callable[[], float] = time.time
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._clock = clock
        self._bell = Bell()
        self._renderer = Renderer(config, config.site.work_dir, ledger.id)
        self._oms = Oms(config.site.oms)
        self._oms_service = Service("OMS")
        self._ledger_service = Service("ledger")
        self._intake = Intake(config.site.storage, ledger, lambda: self._cmssw, self._bell)
        self._tracker = Tracker(ledger, self._renderer, Schedd(config.site.pool, config.site.name))
        self._not_latched: dict[CampaignKey, str] = {}
        self._window = max(c.closing.buffer for c in config.calibrations.values())
        self._stopping = False

    @cached_property
    def _cmssw(self) -> Mapping[str, str]:
        return Cmssw.of(self._config).environment()

    def run(self) -> None:
        """Cycle until `stop` is called: at every poll, and at once when probes have ended."""
        calibrations = ", ".join(self._config.calibrations)
        log.info("condorloop starts at site %s: %s", self._config.site.name, calibrations)
        next_poll = time.monotonic()
        while not self._stopping:
            poll = time.monotonic() >= next_poll
            if poll:
                next_poll = time.monotonic() + self._config.site.poll_interval
            try:
                self.cycle(poll=poll)
                self._ledger_service.good(self._clock())
            except LedgerError as error:
                self._ledger_service.failed(error, self._clock())
            if not self._stopping:
                self._bell.wait(next_poll - time.monotonic())
        log.info("condorloop stops; DAGs that were submitted go on")

    def once(self) -> None:
        """Make one whole pass: what is new is probed and acted on before it returns."""
        self.cycle()
        self._intake.settle(self._clock)
        self.cycle()

    def stop(self) -> None:
        """End after the cycle that is under way; safe in a signal handler."""
        self._stopping = True
        self._bell.ring()

    def close(self) -> None:
        """Start nothing more."""
        self._intake.close()

    def cycle(self, *, poll: bool = True) -> None:
        """Observe, decide, act; once.

        Without `poll` the outside world is not asked: only probes that have ended are looked at.
        """
        now = self._clock()
        self._intake.take_probes(now)
        runs = self._poll(now) if poll else []
        known = self._ledger.known(runs[0].number) if runs else frozenset()
        self._say_why_not_latched(now, runs, known)
        campaigns = self._ledger.campaigns(self._intake.listed)
        for action in planner.decide(now, runs, known, campaigns, self._config.calibrations):
            self._act(action, now)
        if poll:
            self._write_status(now)

    def _poll(self, now: float) -> list[Run]:
        """Ask OMS, storage and schedd; what they say goes into the ledger."""
        runs = self._observe_oms(now)
        self._intake.observe(self._ledger.watched(now - self._window), now)
        self._tracker.observe(self._ledger.campaigns(self._intake.listed), now)
        return runs

    def _observe_oms(self, now: float) -> list[Run]:
        try:
            runs = self._oms.runs(now - self._window, self._ledger.open_runs())
        except OmsUnavailable as error:
            self._oms_service.failed(error, now)
            return []
        self._oms_service.good(now)
        self._ledger.update_runs(runs)
        return runs

    def _say_why_not_latched(
        self, now: float, runs: list[Run], known: frozenset[CampaignKey]
    ) -> None:
        for run in runs:
            for name, calibration in self._config.calibrations.items():
                key = CampaignKey(name, run.number)
                reason = planner.why_not_latch(now, run, calibration)
                if reason and key not in known and self._not_latched.get(key) != reason:
                    say(key, f"not latched: {reason}")
                    self._not_latched[key] = reason

    def _act(self, action: Action, now: float) -> None:
        key = action.key if isinstance(action, Latch) else action.campaign.key
        with one_campaign_only(key):
            match action:
                case Latch(run=run, reason=reason):
                    self._latch(key, run, reason, now)
                case SubmitBatch(campaign=campaign, files=files, reason=reason):
                    number, batch, job = self._ledger.next_numbers(campaign.id)
                    calibration = self._config.calibrations[key.calibration]
                    plan = plan_batch(key, calibration, Batch(batch, files), number, job)
                    self._tracker.carry_out(campaign, plan, reason, now)
                case SubmitHarvest(campaign=campaign, reason=reason):
                    number, _, _ = self._ledger.next_numbers(campaign.id)
                    self._tracker.carry_out(campaign, plan_harvest(key, number), reason, now)
                case Rescue(dag=dag, reason=reason):
                    self._tracker.rescue(key, dag, reason, now)
                case SetState(campaign=campaign, state=state, reason=reason):
                    self._set_state(campaign, state, reason, now)

    def _latch(self, key: CampaignKey, run: Run, reason: str, now: float) -> None:
        folder = self._renderer.run_dir(key)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "runStart.log", _iso(run.start))
        stream = self._config.calibrations[key.calibration].stream_path
        self._ledger.latch(key, stream, run, reason, now)
        say(key, f"latched: {reason}")

    def _set_state(self, campaign: Campaign, state: CampaignState, reason: str, now: float) -> None:
        if state.open:
            (self._renderer.run_dir(campaign.key) / "runEnd.log").unlink(missing_ok=True)
        else:
            self._write_closing_records(campaign, now)
        self._ledger.set_state(campaign.id, state, reason, now)
        level = logging.WARNING if state is CampaignState.INCOMPLETE else logging.INFO
        say(campaign.key, f"{state}: {reason}", level)

    def _write_closing_records(self, campaign: Campaign, now: float) -> None:
        runs = self._renderer.run_dir(campaign.key)
        runs.mkdir(parents=True, exist_ok=True)
        done = self._ledger.processed(campaign.id)
        root = self._config.calibrations[campaign.key.calibration].harvest.root_filename
        write_lines(runs / "allLSProcessed.log", done.raw_files)
        write_lines(runs / "expectedOutputs.log", (f"file:{n}.root" for n in done.expected))
        write_lines(runs / "allStep2FilesProcessed.log", (f"{n}.root" for n in done.reco))
        write_lines(runs / "allStep3FilesProcessed.log", (f"{n}/{root}" for n in done.alcareco))
        write_whole(runs / "runEnd.log", _iso(now))

    def _write_status(self, now: float) -> None:
        status = Status(
            site=self._config.site.name,
            time=now,
            pid=os.getpid(),
            services=(
                *(self._oms_service, self._intake.service, self._tracker.service),
                *(self._intake.probing, self._tracker.submission, self._ledger_service),
            ),
            campaigns=tuple(self._ledger.summaries(since=now - self._window)),
            dags=tuple(self._tracker.queue.values()),
        )
        try:
            write_json(self._config.site.work_dir / "status.json", status.to_json())
        except OSError as error:
            log.error("status.json cannot be written: %s", error)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
