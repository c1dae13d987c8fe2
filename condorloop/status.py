"""The state of the loop as data: what ``status.json`` holds and every view shows.

Knows the fields of ``status.json``; it talks to nothing and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from condorloop.lumis import Lumis
from condorloop.model import CampaignSummary, QueuedDag, UploadOutcome
from condorloop.services import Service

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Status:
    """All that is shown of the loop at one time."""

    site: str
    time: float
    pid: int
    services: tuple[Service, ...]
    campaigns: tuple[CampaignSummary, ...]
    dags: tuple[QueuedDag, ...]

    def to_json(self) -> dict[str, Any]:
        """Write as the object that ``status.json`` holds."""
        return {
            "schema": SCHEMA,
            "site": self.site,
            "time": self.time,
            "pid": self.pid,
            "services": [
                {
                    "name": s.name,
                    "answered_at": s.answered_at,
                    "error": s.error,
                    "failing_since": s.failing_since,
                }
                for s in self.services
            ],
            "problems": list(problems(self)),
            "campaigns": [_campaign(c, self._jobs(c)) for c in self.campaigns],
        }

    def _jobs(self, campaign: CampaignSummary) -> dict[str, int]:
        """The node jobs of a campaign in the queue, by state."""
        counts = [d.counts for d in self.dags if d.key == campaign.key]
        states = ("Idle", "Running", "Held")
        return {s.lower(): sum(c.get(f"Jobs{s}", 0) for c in counts) for s in states}


def problems(status: Status) -> Iterable[str]:
    """Say what is wrong, the services first; nothing if all is well."""
    for service in status.services:
        if service.error:
            yield f"{service.name} does not answer: {service.error}"
    for dag in status.dags:
        if dag.hold_reason:
            yield f"{dag.key}: DAG {dag.number} (job {dag.cluster}) is held: {dag.hold_reason}"
        if held := dag.counts.get("JobsHeld"):
            yield f"{dag.key}: {held} jobs of DAG {dag.number} are held; see condor_q -hold"
    bad = {p: (c.key.run, e) for c in status.campaigns for p, e in c.bad_files.items()}
    for path, (run, error) in bad.items():
        yield f"run {run}: bad file {path.rpartition('/')[2]}: {error}"
    for campaign in status.campaigns:
        for node in campaign.failed_nodes:
            yield f"{campaign.key}: {node} failed"
        if campaign.last_outcome in (UploadOutcome.REFUSED, UploadOutcome.FAILED):
            yield f"{campaign.key}: upload {campaign.last_outcome}: {campaign.last_answer}"


def _campaign(campaign: CampaignSummary, jobs: Mapping[str, int]) -> dict[str, Any]:
    last = max(campaign.last_ls or 0, campaign.seen.last)
    return {
        "calibration": campaign.key.calibration,
        "run": campaign.key.run,
        "fill": campaign.fill,
        "state": campaign.state,
        "reason": campaign.reason,
        "run_start": campaign.run_start,
        "run_end": campaign.run_end,
        "last_ls": campaign.last_ls,
        "lumis": {
            "seen": str(campaign.seen),
            "harvested": str(campaign.harvested),
            "in_payload": str(campaign.in_payload),
            "missing": str(Lumis.span(1, last) - campaign.in_payload),
        },
        "files": dict(campaign.files),
        "bad_files": dict(campaign.bad_files),
        "dags": dict(campaign.dags),
        "jobs": dict(jobs),
        "failed_nodes": list(campaign.failed_nodes),
        "uploads": campaign.uploads,
        "last_upload_at": campaign.last_upload_at,
        "last_outcome": campaign.last_outcome,
        "last_answer": campaign.last_answer,
    }
