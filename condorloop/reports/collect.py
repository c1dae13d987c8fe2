"""Making a report: campaign by campaign, from the ledger and from the logs of DAGs in flight.

Knows where a report's facts are and what of them goes where; `totals` adds up, `report` is what
comes out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from pathlib import Path

from condorloop.config.loader import Known
from condorloop.config.tuning import Closing
from condorloop.dagman.logs.job_events import jobs_of
from condorloop.ledger.archive import archives
from condorloop.model.campaign import ReconstructionKey
from condorloop.model.enums import UploadOutcome
from condorloop.model.jobs import JobRecord
from condorloop.policy.window import leaves_at, window_end
from condorloop.reports.campaign_data import LedgerReport, ReportedCampaign
from condorloop.reports.period import Period
from condorloop.reports.report import (
    CalibrationReport,
    CampaignReport,
    Report,
    Spread,
    StreamReport,
)
from condorloop.reports.statistics import Totals
from condorloop.reports.time_breakdown import CampaignFacts, LumiTimeline
from condorloop.rundir.layout import LEDGER, dag_file, run_dir


def gather(config: Known, only: Collection[str], period: Period, now: float) -> Report:
    """Report on the runs of a period.

    Parameters
    ----------
    only
        The calibrations whose campaigns it is about; all that the ledger has, if empty.

    Raises
    ------
    LedgerError
        The ledger cannot be read.
    """
    work_dir = config.site.work_dir
    reporter = Reporter({name: c.closing.buffer for name, c in config.calibrations.items()})
    with LedgerReport(work_dir / LEDGER) as here:
        for archive in reversed(archives(here.path).values()):
            with LedgerReport(archive) as ledger:
                for campaign in ledger.reported(period, only):
                    if not here.campaigns.has(campaign.key):
                        _add(reporter, ledger, campaign, work_dir)
        for campaign in here.reported(period, only):
            _add(reporter, here, campaign, work_dir)
    return reporter.report(config.site.name, now, period)


def _add(
    reporter: Reporter, ledger: LedgerReport, campaign: ReportedCampaign, work_dir: Path
) -> None:
    runs = run_dir(work_dir, campaign.reconstruction.name, campaign.key.run)
    reporter.add(campaign, ledger.facts(campaign, partial(_jobs_in_flight, runs)))


def _jobs_in_flight(runs: Path, number: int) -> tuple[JobRecord, ...]:
    return jobs_of(dag_file(runs, number))


class Reporter:
    """Sums up campaigns, one after the other; it keeps no facts of those that it has seen.

    Parameters
    ----------
    buffers
        The seconds from a run's start for which its data wait, by calibration; one that is not
        configured any more has the usual ones.
    """

    def __init__(self, buffers: Mapping[str, float]) -> None:
        self._buffers = buffers
        self._campaigns: list[CampaignReport] = []
        self._totals: dict[str, Totals] = defaultdict(Totals)
        self._shared: dict[ReconstructionKey, Totals] = {}
        self._sharing: dict[str, set[str]] = defaultdict(set)

    def add(self, campaign: ReportedCampaign, facts: CampaignFacts) -> None:
        """Take a campaign in."""
        name, totals = campaign.key.calibration, Totals()
        closing = Closing(buffer=self._buffers.get(name, Closing().buffer))
        window_ends = window_end(campaign.window_from, None, closing)

        by_lumi, start = campaign.by_lumi, campaign.run_start

        def in_time(way: LumiTimeline) -> bool:
            own = leaves_at(start, way.lumi, closing) if by_lumi else window_ends
            return way.uploaded_at <= own

        totals.add(facts, in_time)
        times = [u.time for u in facts.uploads]
        last, end = max(times, default=None), campaign.run_end
        all_in_time = last is not None and last <= window_ends
        if by_lumi:
            all_in_time = 0 < len(totals.delays) == totals.in_window
        use = totals.kinds()
        self._campaigns.append(
            CampaignReport(
                calibration=name,
                run=campaign.key.run,
                fill=campaign.fill,
                state=campaign.state,
                run_start=campaign.run_start,
                run_end=campaign.run_end,
                by_lumi=by_lumi,
                window_ends=window_ends,
                in_window=all_in_time,
                lumis_good=len(campaign.seen),
                lumis_in_payload=len(campaign.in_payload),
                lumis_in_window=totals.in_window,
                payloads={o: facts.outcomes.get(o, 0) for o in UploadOutcome},
                last_upload_at=last,
                after_run_start=last - campaign.run_start if last and end else None,
                after_run_end=last - end if last and end else None,
                after_ls_end=Spread.of(totals.delays),
                parts=totals.mean_parts(),
                jobs=sum(k.jobs for k in use),
                retries=sum(k.retries for k in use),
                failed=sum(k.failed for k in use),
                cpu_hours=sum(k.cpu_hours for k in use),
                wall_hours=sum(k.wall_hours for k in use),
                destinations=campaign.destinations,
            )
        )
        self._totals[name].join(totals)
        if campaign.shares:
            self._sharing[campaign.stream].add(name)
            if campaign.reconstruction not in self._shared:
                self._shared[campaign.reconstruction] = of_all = Totals()
                of_all.add_shared(facts)

    def report(self, site: str, now: float, period: Period) -> Report:
        """Give what all campaigns came to."""
        return Report(
            site=site,
            time=now,
            since=period.since,
            until=period.until,
            first_run=period.first,
            last_run=period.last,
            calibrations=tuple(self._calibration(name) for name in sorted(self._totals)),
            campaigns=tuple(sorted(self._campaigns, key=lambda c: (c.run, c.calibration))),
            streams=tuple(self._stream(name) for name in sorted(self._sharing)),
        )

    def _stream(self, name: str) -> StreamReport:
        mine = [totals for key, totals in self._shared.items() if key.stream == name]
        together = Totals()
        for totals in mine:
            together.join(totals)
        return StreamReport(
            stream=name,
            calibrations=tuple(sorted(self._sharing[name])),
            reconstructions=len(mine),
            nodes=together.kinds(),
        )

    def _calibration(self, name: str) -> CalibrationReport:
        totals = self._totals[name]
        mine = [c for c in self._campaigns if c.calibration == name]
        closed = [c for c in mine if not c.state.open]
        return CalibrationReport(
            calibration=name,
            campaigns=len(mine),
            closed=len(closed),
            in_window=sum(c.in_window for c in closed),
            lumis_good=sum(c.lumis_good for c in mine),
            lumis_in_payload=sum(c.lumis_in_payload for c in mine),
            lumis_in_window=totals.in_window,
            payloads={o: sum(c.payloads[o] for c in mine) for o in UploadOutcome},
            after_ls_end=Spread.of(totals.delays),
            after_run_end=Spread.of(_known(c.after_run_end for c in closed)),
            after_run_start=Spread.of(_known(c.after_run_start for c in closed)),
            parts=totals.mean_parts(),
            nodes=totals.kinds(),
            delays=totals.delays,
        )


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
