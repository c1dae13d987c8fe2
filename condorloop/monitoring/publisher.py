"""What people are shown after each cycle: ``status.json``, the page, metrics and messages.

Knows where each part of the state comes from, and that nothing of it may stop a cycle; it asks no
service and decides nothing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from condorloop.config.destinations import configured
from condorloop.config.loader import Config
from condorloop.ledger.queries.uploads import RecentLatencies
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey, MissedRun
from condorloop.model.problem import by_urgency
from condorloop.model.queue import HeldJob, QueuedDag, WaitingJob, WaitingScript
from condorloop.model.service import Service
from condorloop.model.status import CalibrationDestination, CampaignStatus, Status, jobs_in_queue
from condorloop.monitoring import status_page
from condorloop.monitoring.caches import RecentSummaries
from condorloop.monitoring.disk_watch import DiskWatch
from condorloop.monitoring.log_tail import Decisions
from condorloop.monitoring.notifications.announcer import Announcer
from condorloop.monitoring.problems.campaigns import (
    of_campaigns,
    of_errors,
    of_strangers,
    of_unconfigured,
)
from condorloop.monitoring.problems.confirmations import of_confirmations
from condorloop.monitoring.problems.disk import of_disk
from condorloop.monitoring.problems.holds import of_held_uploads, of_holds
from condorloop.monitoring.problems.missed_runs import of_missed
from condorloop.monitoring.problems.queue import (
    of_late,
    of_queue,
    of_room,
    of_scripts,
    of_waiting,
)
from condorloop.monitoring.problems.services import of_configuration, of_listing, of_services
from condorloop.monitoring.status_file import write
from condorloop.monitoring.ticket_watch import TicketWatch
from condorloop.policy.job_starts import waiting_since
from condorloop.policy.window import end_of, longest, serve_by

log = logging.getLogger(__name__)

LATENCIES_SHOWN = 3 * 86400.0
"""Seconds from a run's start for which the status has the latencies of its campaigns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleReport:
    """What a cycle has seen, apart from what it wrote into the ledger.

    Attributes
    ----------
    services
        Those that were asked.
    errors, not_cleaned
        What goes wrong with a campaign, and with removing its files.
    odd_lines
        What storage lists and nobody understands.
    dags, held_jobs, idle_dags
        The queue: DAGs, held jobs of theirs, and how many DAGs the schedd does not start.
    late_scripts
        Scripts of nodes that DAGMan has waited for for long.
    put_off
        How many DAGs wait for room under the site's own limit.
    stuck
        Jobs that have waited too long for a machine, one for all that wait as it does.
    not_archived
        Why no run is moved into an archive; empty if all is well.
    not_taken_up
        Why a configuration that was to be read anew is not used, and since when.
    strangers
        Directories of DAGs that the ledger does not know, and did not adopt.
    missed_runs
        Runs that should have been latched, and were not.
    """

    services: tuple[Service, ...]
    errors: Mapping[CampaignKey, str]
    not_cleaned: Mapping[CampaignKey, str]
    odd_lines: tuple[str, ...]
    dags: tuple[QueuedDag, ...]
    held_jobs: tuple[HeldJob, ...]
    idle_dags: int
    late_scripts: tuple[WaitingScript, ...] = ()
    put_off: int = 0
    stuck: tuple[WaitingJob, ...] = ()
    not_archived: str = ""
    not_taken_up: tuple[str, float | None] = ("", None)
    strangers: Mapping[CampaignKey, tuple[str, ...]] = field(default_factory=dict)
    missed_runs: tuple[MissedRun, ...] = ()


class Publisher:
    """Shows the state of a loop; `status` is what was shown last, None if nothing was yet."""

    def __init__(self, config: Config, ledger: Ledger) -> None:
        self.status: Status | None = None
        self._ledger = ledger
        self._disk = DiskWatch(config.site.work_dir, config.site.disk)
        self._tickets = TicketWatch()
        self._summaries = RecentSummaries()
        self._latencies = RecentLatencies()
        self._announcer: Announcer | None = None
        self._decisions = Decisions()
        logging.getLogger("condorloop").addHandler(self._decisions)

    def announce(self, config: Config) -> None:
        """From now on tell also those who do not ask: by metrics and messages, as configured.

        Raises
        ------
        LedgerError
            The ledger cannot be read.
        """
        self._announcer = Announcer(config.site, self._ledger.notifications)

    def close(self) -> None:
        """Show nothing more."""
        logging.getLogger("condorloop").removeHandler(self._decisions)
        if self._announcer:
            self._announcer.close()

    def look(self, config: Config, now: float) -> None:
        """Look at the disk and at tickets, if it is time to."""
        self._disk.look(now)
        self._tickets.look(config, now)

    def show(
        self,
        config: Config,
        seen: CycleReport,
        now: float,
        took: float,
        kept: Callable[[CampaignKey], Mapping[str, str]] = lambda _: {},
    ) -> None:
        """Write and tell the state as of `now`, after a cycle that `took` so many seconds.

        Parameters
        ----------
        kept
            Says what an open campaign keeps of an earlier configuration.

        Raises
        ------
        LedgerError
            The ledger cannot be read.
        """
        window = longest(config.calibrations)
        services = (*seen.services, self._ledger.status.conditions(now - window))
        campaigns = tuple(
            _completed(campaign, config, seen.dags, kept, now)
            for campaign in self._summaries.of(self._ledger, now - window)
        )
        self.status = Status(
            site=config.site.name,
            time=now,
            pid=os.getpid(),
            poll_interval=config.site.poll_interval,
            cycle_time=took,
            services=services,
            problems=by_urgency(
                (
                    *of_services(services),
                    *of_configuration(*seen.not_taken_up),
                    *of_errors(seen.errors),
                    *of_strangers(seen.strangers, campaigns),
                    *of_unconfigured(campaigns, config.calibrations),
                    *of_missed(seen.missed_runs),
                    *of_late(campaigns, seen.dags, now),
                    *of_listing(seen.odd_lines),
                    *of_room(seen.put_off, config.site.pool.max_dags),
                    *of_queue(seen.dags, seen.held_jobs, seen.idle_dags, campaigns),
                    *of_waiting(seen.stuck, seen.dags, campaigns),
                    *of_scripts(seen.late_scripts, now, campaigns),
                    *of_campaigns(campaigns),
                    *of_confirmations(campaigns, _confirm_within(config), now),
                    *of_holds(campaigns, self._ledger.campaigns.held_calibrations()),
                    *of_held_uploads(campaigns, self._ledger.campaigns.held_uploads()),
                    *of_disk(self._disk.warning, seen.not_cleaned, seen.not_archived),
                    *self._tickets.problems,
                )
            ),
            campaigns=campaigns,
            decisions=self._decisions.recent(),
            latencies=self._latencies.of(self._ledger.uploads, now - LATENCIES_SHOWN),
            waiting=waiting_since(seen.stuck),
            disk_free=self._disk.free_bytes,
            ticket_ends=self._tickets.ends_at,
            destinations=tuple(_destinations(config)),
            missed_runs=seen.missed_runs,
            reconstructions=tuple(
                replace(each, jobs=jobs_in_queue(each.key, seen.dags))
                for each in self._summaries.reconstructions
            ),
            confirm_within=_confirm_within(config),
        )
        try:
            write(config.site.work_dir, self.status)
            status_page.write(config.site.work_dir, self.status)
        except OSError as error:
            log.error("cannot write status.json: %s", error)
        if self._announcer:
            self._announcer.tell(self.status)


def _confirm_within(config: Config) -> float | None:
    conditions = config.site.conditions
    return conditions.confirm_within if conditions.conddb else None


def _destinations(config: Config) -> Iterator[CalibrationDestination]:
    for name, each in configured(config).items():
        to = each.destination
        yield CalibrationDestination(name, to.database, tuple(sorted(to.tags)), str(to.address))


def _completed(
    campaign: CampaignStatus,
    config: Config,
    dags: Iterable[QueuedDag],
    kept: Callable[[CampaignKey], Mapping[str, str]],
    now: float,
) -> CampaignStatus:
    """Add to a campaign what the ledger does not know: jobs, end of its window, its recipe."""
    return replace(
        campaign,
        jobs=jobs_in_queue(campaign.key, dags),
        window_ends=end_of(campaign, config.calibrations),
        serve_by=serve_by(now, campaign, config.calibrations),
        kept_recipe=kept(campaign.key) if campaign.state.open else {},
    )
