"""The submitter: one cycle is observe, decide, act.

Knows the order of things: what is observed goes into the ledger, the planner decides from the
ledger, each action is in the ledger before and after its effect. A service that does not answer
changes nothing.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from condorloop.config.loader import Config
from condorloop.config.stream import Stream
from condorloop.cycle.archiver import Archiver
from condorloop.cycle.campaign_state import set_state
from condorloop.cycle.cleaner import Cleaner
from condorloop.cycle.confirmation import Confirmations
from condorloop.cycle.intake import Intake
from condorloop.cycle.isolation import Isolation
from condorloop.cycle.latcher import Latcher
from condorloop.cycle.launcher import Launcher
from condorloop.cycle.ports import Ports, RunSource
from condorloop.cycle.reload import ConfigReload
from condorloop.cycle.settings import Settings
from condorloop.cycle.tracker import Tracker
from condorloop.dagman import destination_memory
from condorloop.dagman.plan import plan_batch, plan_harvest, plan_upload
from condorloop.dagman.render import Renderer
from condorloop.ledger.health.trial import SQLITE
from condorloop.ledger.store import Ledger, LedgerDamaged, LedgerError
from condorloop.model.campaign import Batch, Campaign, CampaignKey, Reconstruction, Run
from condorloop.model.request import Request
from condorloop.model.service import Service
from condorloop.monitoring.publisher import CycleReport, Publisher
from condorloop.policy import planner, window
from condorloop.policy.dag_limits import share, until_late
from condorloop.policy.planner import (
    Action,
    Latch,
    Rescue,
    SetState,
    SubmitBatch,
    SubmitHarvest,
    SubmitUpload,
)
from condorloop.policy.splitting import RECENT_JOBS, event_time
from condorloop.policy.window import AGAIN
from condorloop.requests.context import Context
from condorloop.requests.handler import RequestHandler
from condorloop.runtime import logs
from condorloop.runtime.logs import say
from condorloop.runtime.shutdown import Shutdown, Stopped
from condorloop.runtime.systemd import SystemdNotifier
from condorloop.runtime.wakeup import Wakeup
from condorloop.text import one_line, plural

TIME_TO_SUBMIT = 0.8
"""The part of the poll interval after which no more DAGs are put into the queue until the next."""

log = logging.getLogger(__name__)


def build_submitter(
    config: Config,
    ledger: Ledger,
    clock: Callable[[], float] = time.time,
    ports: Ports | None = None,
    runs: RunSource | None = None,
) -> Submitter:
    """Put the parts of one loop over all calibrations of a site together.

    Parameters
    ----------
    config
        What was configured.
    ledger
        Open for writing.
    clock
        Gives seconds since the epoch.
    ports
        The services to ask; the site's own if None.
    runs
        What tells of runs in the place of OMS; OMS if None.
    """
    settings = Settings(config, ledger.id)
    wakeup, isolation, cleaner = Wakeup(), Isolation(), Cleaner(ledger)
    shutdown = Shutdown(wakeup)
    ports = ports or Ports.from_site(
        config.site, lambda: settings.cmssw, wakeup.ring, settings.tag_reader
    )
    if runs is not None:
        ports = replace(ports, oms=runs)
    launcher = Launcher(ledger, settings, ports.pool, shutdown)
    tracker = Tracker(ledger, settings, ports.pool, launcher, shutdown, isolation)
    context = Context(
        ledger, settings, launcher, ports.pool, shutdown, cleaner, lambda: tracker.queue.values()
    )
    return Submitter(
        settings=settings,
        ledger=ledger,
        clock=clock,
        ports=ports,
        wakeup=wakeup,
        shutdown=shutdown,
        isolation=isolation,
        latcher=Latcher(ports.oms, ledger, shutdown),
        intake=Intake(ports.storage, ledger, shutdown, config.site.storage.listings_at_once),
        launcher=launcher,
        tracker=tracker,
        request_handler=RequestHandler(context, isolation),
        cleaner=cleaner,
        archiver=Archiver(ledger),
        confirmations=Confirmations(ledger, settings, ports.tags),
        publisher=Publisher(config, ledger),
        systemd=SystemdNotifier.from_environment(os.environ),
    )


@dataclass(eq=False, kw_only=True)
class Submitter:
    """One loop over all calibrations of a site; `build_submitter` makes it."""

    settings: Settings
    ledger: Ledger
    clock: Callable[[], float]
    ports: Ports
    wakeup: Wakeup
    shutdown: Shutdown
    isolation: Isolation
    latcher: Latcher
    intake: Intake
    launcher: Launcher
    tracker: Tracker
    request_handler: RequestHandler
    cleaner: Cleaner
    archiver: Archiver
    confirmations: Confirmations
    publisher: Publisher
    systemd: SystemdNotifier

    def __post_init__(self) -> None:
        self._reload = ConfigReload()
        self._ledger_service = Service("ledger", trouble="cannot write")
        self._service = Service("condorloop", trouble="internal error")
        self._put_off = 0
        self._polled_at = 0.0
        self._of_campaign: dict[int, Reconstruction] = {}

    @property
    def _config(self) -> Config:
        return self.settings.config

    @property
    def _renderer(self) -> Renderer:
        return self.settings.renderer

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Cycle until `stop` is called: at every poll, and at once when probes have ended.

        Parameters
        ----------
        until
            Asked before each cycle whether there is nothing more to do.

        Raises
        ------
        LedgerDamaged
            The ledger cannot be gone on with; a new start rebuilds it.
        """
        calibrations = ", ".join(self._config.calibrations)
        name = self._config.site.name
        log.info("condorloop starts at site %s with SQLite %s: %s", name, SQLITE, calibrations)
        destination_memory.tell(self._config)
        self._tell_kept()
        self.publisher.announce(self._config)
        next_poll = time.monotonic()
        while not self.shutdown.wished and not until():
            poll = time.monotonic() >= next_poll
            if poll:
                next_poll = time.monotonic() + self._config.site.poll_interval
            try:
                self.take_up_configuration()
                if self.attempt(poll=poll):
                    self.systemd.cycled(self.publisher.status)
            except Stopped:
                break
            if not self.shutdown.wished:
                self.wakeup.wait(next_poll - time.monotonic())
        self.systemd.stopping()
        log.info("condorloop stops; submitted DAGs continue")

    def once(self) -> None:
        """Make one whole pass: what is new is probed and acted on before it returns."""
        destination_memory.tell(self._config)
        try:
            self.cycle()
            self.intake.settle(self.clock, self.wakeup)
            self.cycle()
        except Stopped:
            log.info("condorloop stops; submitted DAGs continue")

    def handle_requests(self) -> None:
        """Carry out requests, and nothing else: no run is latched, no DAG planned."""
        now = self.clock()
        self.ledger.connection.check_in_place()
        self.tracker.observe(self._reconstructions(now), now)
        self._handle_requests(now)
        self._show(now)

    def stop(self) -> None:
        """End after the cycle that is under way; from any thread."""
        self.shutdown.wish()

    def interrupt(self, *signal: object) -> None:
        """End within a moment, whoever is waited for; a signal handler of the main thread."""
        self.shutdown.interrupt(*signal)

    def reload(self, read: Callable[[], Config]) -> None:
        """Read the configuration anew before the next cycle; safe in a signal handler.

        DAGs in the queue stay what they are. A configuration that cannot be used changes
        nothing, and neither does one of another site: that takes a new start.
        """
        self._reload.wish(read)
        self.wakeup.ring()

    def take_up_configuration(self) -> None:
        """Go on with the configuration that was to be read, if there is one that can be used."""
        if not self._reload.wished:
            return
        self.systemd.reloading()
        now = self.clock()
        config = self._reload.take_up(
            self._config, now, lambda read: destination_memory.take_up(self.ledger, read, now)
        )
        if config is None:
            return
        self.settings.replace(config)
        logs.follow(config.calibrations)
        destination_memory.tell(config)
        self._tell_kept()

    def force_configuration(self) -> None:
        """Let the present configuration count for the open campaigns, too: a person wants it.

        Raises
        ------
        LedgerError
            The ledger cannot be read.
        """
        for key in self._open_campaigns():
            with self.isolation.one_campaign_only(key):
                for change, words in self.settings.take_present(key).items():
                    say(key, f"{change} was {words}; what is configured counts from here on")

    def _tell_kept(self) -> None:
        """Log which open campaigns keep what of an earlier configuration."""
        for key in self._open_campaigns():
            kept = self.settings.kept_if_readable(key)
            for change, words in kept.items():
                say(key, f"keeps {change} {words} until it closes; --now changes it")

    def _open_campaigns(self) -> list[CampaignKey]:
        campaigns = map(self.ledger.campaigns.open_of, self._config.calibrations)
        return [campaign.key for some in campaigns for campaign in some]

    def _reconstructions(self, now: float) -> list[Reconstruction]:
        """The reconstructions whose campaigns have work to do."""
        since, asked = now - self._window, now - AGAIN
        return self.ledger.campaigns.reconstructions(self.intake.listed, since, asked)

    @property
    def _window(self) -> float:
        return window.longest(self._config.calibrations)

    def close(self) -> None:
        """Start nothing more."""
        self.publisher.close()
        self.intake.close()
        self.ports.close()

    def attempt(self, *, poll: bool = True) -> bool:
        """Make a cycle; one that cannot be written down is a service that fails for a while.

        So is the loop itself when a mistake in it cuts a cycle short: the next one is made all the
        same.

        Returns
        -------
        bool
            Whether no mistake cut it short.

        Raises
        ------
        LedgerDamaged
            The ledger cannot be gone on with.
        """
        try:
            self.cycle(poll=poll)
            self._ledger_service.good(self.clock())
            self._service.good(self.clock())
        except LedgerDamaged:
            raise
        except LedgerError as error:
            self._ledger_service.failed(error, self.clock())
            with suppress(LedgerError):
                self._show(self.clock())
        except Exception as error:
            self._service.failed(f"{type(error).__name__}: {error}", self.clock())
            log.debug("a cycle was cut short", exc_info=True)
            with suppress(Exception):
                self._show(self.clock())
            return False
        return True

    def cycle(self, *, poll: bool = True) -> None:
        """Observe, decide, act; once.

        Without `poll` the outside world is not asked: only probes that have ended are looked at.
        """
        now = self.clock()
        self.ledger.connection.check_in_place()
        self.intake.take_probes(now)
        if poll:
            self._polled_at = now
            self.isolation.forget()
        runs = self._poll(now) if poll else []
        self._handle_requests(now)
        known = self.ledger.campaigns.known(runs[0].number) if runs else frozenset()
        self.latcher.say_why_not(self._config, now, runs, known)
        calibrations = self._config.calibrations
        found = self.latcher.luminosity.given_to(self._reconstructions(now), calibrations)
        wanted: list[Action] = [*planner.decide_latches(now, runs, known, calibrations)]
        for reconstruction in found:
            with self.isolation.one_campaign_only(reconstruction.campaigns[0].key):
                wanted += planner.decide_reconstruction(now, reconstruction, calibrations)
        most = self._config.site.pool.max_dags
        shared = share(wanted, found, most, self._config.priorities)
        self._put_off = shared.put_off
        self._of_campaign = {c.id: of for of in found for c in of.campaigns}
        self._carry_out(shared.actions, now)
        if poll:
            self.confirmations.look(now)
            self.cleaner.tidy(self._config, now)
            self.archiver.tidy(self._config, now)
            self.publisher.look(self._config, now)
            self._show(now)

    def _handle_requests(self, now: float) -> None:
        for request in self.ledger.requests.waiting():
            try:
                self.request_handler.handle(request, now)
            except LedgerError:
                raise
            except Exception as error:
                refused = one_line(f"cannot be done: {type(error).__name__}: {error}")
                log.error("%s of run %d, requested by %s, %s", *_named(request), refused)
                self.ledger.requests.answer(request.id, False, refused, now)

    def _poll(self, now: float) -> list[Run]:
        """Ask OMS, storage and schedd; what they say goes into the ledger."""
        runs = self.latcher.observe(self._config, now)
        self.intake.observe(self.ledger.raw_files.watched(now - self._window, now - AGAIN), now)
        self.tracker.observe(self._reconstructions(now), now)
        return runs

    def _carry_out(self, actions: Sequence[Action], now: float) -> None:
        enough = self._polled_at + TIME_TO_SUBMIT * self._config.site.poll_interval
        left = len(actions)
        for action in until_late(actions, lambda: self.clock() > enough):
            self._act(action, now)
            left -= 1
        if left:
            log.info("deferring %s to the next poll: submissions are slow", plural(left, "DAG"))

    def _act(self, action: Action, now: float) -> None:
        key = action.key if isinstance(action, Latch) else action.campaign.key
        with self.isolation.one_campaign_only(key):
            match action:
                case Latch(run=run, reason=reason):
                    self.latcher.latch(self.settings, key, run, reason, now)
                case SubmitBatch():
                    self._submit_batch(action, now)
                case SubmitHarvest(campaign=campaign, reason=reason):
                    number, _, _ = self._next_numbers(campaign)
                    plan = plan_harvest(campaign.reconstruction, key.calibration, number)
                    self.launcher.carry_out([campaign], plan, reason, now)
                case SubmitUpload(campaign=campaign, reason=reason, turn=turn, piece=piece):
                    number, _, _ = self._next_numbers(campaign)
                    made_from = campaign.reconstruction
                    plan = plan_upload(made_from, key.calibration, number, action.harvest)
                    self.launcher.carry_out([campaign], plan, reason, now, turn=turn, piece=piece)
                case Rescue(campaign=campaign, dag=dag, reason=reason, without=without):
                    of, out = self._of_campaign[campaign.id], action.taken_out
                    self.launcher.rescue(of, dag, reason, without, now, taken_out=out)
                case SetState(campaign=campaign, state=state, reason=reason):
                    renderer = self.settings.renderer_of(key)
                    set_state(self.ledger, renderer, campaign, state, reason, now)

    def _submit_batch(self, action: SubmitBatch, now: float) -> None:
        """Plan a batch, with the recipes that the campaigns keep."""
        campaign = action.campaign
        number, batch, job = self._next_numbers(campaign)
        campaigns = [campaign, *(c for c in action.harvested_for if c.id != campaign.id)]
        config = self.settings.renderer_for(c.key for c in campaigns).config
        stream = config.stream_of(campaign.key.calibration)
        plan = plan_batch(
            campaign.reconstruction,
            stream,
            Batch(batch, action.files),
            number,
            job,
            made_for=action.made_for,
            harvested_for=sorted(c.key.calibration for c in action.harvested_for),
            event_time=self._event_time(stream),
            again_for=action.again_for,
        )
        self.launcher.carry_out(campaigns, plan, action.reason, now)

    def _event_time(self, stream: Stream) -> float | None:
        """The seconds that RECO takes per event, if a job's time counts."""
        if stream.batching.time_per_job is None:
            return None
        return event_time(self.ledger.times.reco_jobs(stream.name, RECENT_JOBS))

    def _next_numbers(self, campaign: Campaign) -> tuple[int, int, int]:
        return self.launcher.next_numbers(campaign, self.tracker.queue.values())

    def _show(self, now: float) -> None:
        tracker = self.tracker
        seen = CycleReport(
            services=(
                self.latcher.service,
                self.intake.service,
                tracker.service,
                self.intake.probing,
                self.launcher.service,
                self._ledger_service,
                self._service,
            ),
            errors=self.isolation.errors,
            not_cleaned=self.cleaner.errors,
            not_archived=self.archiver.error,
            odd_lines=tuple(self.intake.odd_lines()),
            dags=tuple(tracker.queue.values()),
            held_jobs=tracker.held_jobs,
            idle_dags=tracker.idle_dags(now),
            late_scripts=tracker.late_scripts,
            put_off=self._put_off,
            strangers=tracker.strangers(),
            stuck=tracker.starts.stuck,
            not_taken_up=self._reload.refused,
            missed_runs=self.latcher.missed(self._config, now),
        )
        took, kept = self.clock() - now, self.settings.kept_if_readable
        self.publisher.show(self._config, seen, now, took, kept)


def _named(request: Request) -> tuple[str, int, str]:
    return request.kind, request.run, request.made_by
