"""What a report needs of the ledger, one campaign at a time.

Knows in which tables a campaign's way through the loop is written down; sums up nothing. A campaign
costs what it has done, and one of a run before the period costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from condorloop.ledger.store import LedgerReader
from condorloop.model.campaign import CampaignKey, OfStream, window_from
from condorloop.model.enums import CampaignState, DagState, NodeKind, UploadOutcome
from condorloop.model.jobs import JobRecord
from condorloop.model.latency import RunTimes
from condorloop.model.lumi_fates import last_lumi
from condorloop.model.lumis import Lumis
from condorloop.policy.by_destination import PayloadUpload, in_force
from condorloop.reports.period import Period
from condorloop.reports.report import DestinationReport
from condorloop.reports.time_breakdown import CampaignFacts, FileFacts, NodeFacts
from condorloop.rundir.layout import harvest_name

_IN_FLIGHT = (DagState.PLANNED, DagState.ACTIVE)


@dataclass(frozen=True, slots=True)
class ReportedCampaign(OfStream):
    """A campaign as a report finds it in the ledger."""

    id: int
    reconstruction_id: int
    key: CampaignKey
    fill: int | None
    state: CampaignState
    run_start: float
    run_end: float | None
    last_ls: int | None
    seen: Lumis
    in_payload: Lumis
    by_lumi: bool = False
    destinations: tuple[DestinationReport, ...] = ()
    stream: str = ""

    @property
    def window_from(self) -> float:
        """From when the buffer counts for it."""
        last = last_lumi(self.last_ls, self.seen)
        return window_from(self.run_start, self.run_end, last, by_lumi=self.by_lumi)


class LedgerReport(LedgerReader):
    """A ledger that can be reported on."""

    def reported(
        self, period: Period, calibrations: Collection[str] = ()
    ) -> Iterator[ReportedCampaign]:
        """Give the campaigns of a period that are in this file, older runs first.

        Parameters
        ----------
        calibrations
            Whose campaigns; of all if empty.
        """
        rows = self.times.campaigns(period.since, period.until, period.first, period.last)
        for row in rows:
            if not calibrations or row["calibration"] in calibrations:
                yield self._reported(row["id"])

    def _reported(self, campaign_id: int) -> ReportedCampaign:
        row = self.times.campaign(campaign_id)
        return ReportedCampaign(
            id=campaign_id,
            reconstruction_id=row["reconstruction_id"],
            key=CampaignKey(row["calibration"], row["run"]),
            fill=row["fill"],
            state=CampaignState(row["state"]),
            run_start=row["run_start"],
            run_end=row["run_end"],
            last_ls=row["last_ls"],
            seen=Lumis.parse(row["seen"]),
            in_payload=Lumis.parse(row["in_payload"]),
            by_lumi=bool(row["by_lumi"]),
            destinations=tuple(self._destinations(campaign_id)),
            stream=row["stream"],
        )

    def _destinations(self, campaign_id: int) -> Iterator[DestinationReport]:
        rows = {row["number"]: row for row in self.times.outcomes(campaign_id)}
        uploads = [
            PayloadUpload(
                number,
                row["outcome"] == UploadOutcome.UPLOADED,
                row["answered_at"],
                self.payloads.destinations(row["id"]),
            )
            for number, row in rows.items()
        ]
        for (database, tag), number in sorted(in_force(uploads).items()):
            yield DestinationReport(
                database=database,
                tag=tag,
                harvest="" if number is None else harvest_name(number),
                lumis=0 if number is None else len(Lumis.parse(rows[number]["lumis"])),
            )

    def facts(
        self, campaign: ReportedCampaign, jobs_in_flight: Callable[[int], Iterable[JobRecord]]
    ) -> CampaignFacts:
        """Give what is known, at one moment, of a campaign's files, nodes, jobs and payloads.

        Parameters
        ----------
        jobs_in_flight
            Gives the jobs of the DAG of a number that has not ended: the ledger has them later.
        """
        with self.times.at_one_moment():
            return self._facts(campaign, jobs_in_flight)

    def _facts(
        self, campaign: ReportedCampaign, jobs_in_flight: Callable[[int], Iterable[JobRecord]]
    ) -> CampaignFacts:
        mine = campaign.reconstruction_id
        over = campaign.run_end is not None and campaign.last_ls
        seen = {} if over else self.uploads.first_seen(mine)
        jobs, submitted = {}, {}
        for dag in self.times.dags(mine, campaign.id):
            of_dag = {job.job_id: job for job in self.dags.jobs(dag["id"])}
            if dag["state"] in _IN_FLIGHT:
                of_dag |= {job.job_id: job for job in jobs_in_flight(dag["number"])}
            jobs[dag["id"]] = list(of_dag.values())
            submitted[dag["id"]] = dag["submitted_at"]
        payloads = self.times.outcomes(campaign.id)
        return CampaignFacts(
            times=RunTimes(campaign.run_start, campaign.run_end, campaign.last_ls, seen),
            files=self._files_of(campaign),
            nodes=self._nodes_of(campaign),
            jobs=jobs,
            submitted=submitted,
            inputs={p["dag_id"]: self.payloads.inputs(p["id"]) for p in payloads},
            uploads=self.uploads.of(campaign.id),
            outcomes=Counter(UploadOutcome(p["outcome"]) for p in payloads if p["outcome"]),
        )

    def _files_of(self, campaign: ReportedCampaign) -> list[FileFacts]:
        rows = self.times.files(campaign.reconstruction_id, campaign.id)
        return [
            FileFacts(Lumis.parse(r["lumis"]), r["seen_at"], r["dag_id"], r["node"] or "")
            for r in rows
        ]

    def _nodes_of(self, campaign: ReportedCampaign) -> list[NodeFacts]:
        rows = self.times.nodes(campaign.reconstruction_id, campaign.id)
        return [
            NodeFacts(
                r["dag_id"],
                r["name"],
                NodeKind(r["kind"]),
                r["child"],
                r["job"],
                r["done_at"],
                shared=campaign.shares and r["campaign_id"] is None,
            )
            for r in rows
        ]
