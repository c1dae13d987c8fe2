"""The state of the loop as data: what ``status.json`` holds and every view shows.

Knows the fields of ``status.json``; it talks to nothing and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from condorloop.lumis import Lumis
from condorloop.model import CampaignKey, CampaignSummary, HeldJob, QueuedDag, UploadOutcome
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
    held_jobs: tuple[HeldJob, ...] = ()
    idle_dags: int = 0
    odd_lines: tuple[str, ...] = ()
    errors: Mapping[CampaignKey, str] = field(default_factory=dict)

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
    for key, error in status.errors.items():
        yield f"{key}: cannot go on: {error}"
    for line in status.odd_lines:
        yield f"storage lists what nobody understands: {line}"
    yield from _of_the_queue(status)
    bad = {p: (c.key.run, e) for c in status.campaigns for p, e in c.bad_files.items()}
    for path, (run, error) in bad.items():
        yield f"run {run}: bad file {path.rpartition('/')[2]}: {error}"
    for campaign in status.campaigns:
        yield from _of_campaign(campaign)


def _of_the_queue(status: Status) -> Iterable[str]:
    names = {dag.id: f"{dag.key}: DAG {dag.number}" for dag in status.dags}
    for dag in status.dags:
        if dag.hold_reason:
            yield f"{names[dag.id]} (job {dag.cluster}) is held: {dag.hold_reason}"
    told = set()
    for job in status.held_jobs:
        told.add(job.dag_id)
        whose = names.get(job.dag_id, job.dag_id)
        yield f"{whose} {job.node} (job {job.job_id}) is held: {job.reason}"
    for dag in status.dags:
        if dag.id not in told and (held := dag.counts.get("JobsHeld")):
            yield f"{names[dag.id]} has {held} held jobs; see condor_q -hold"
    if status.idle_dags:
        yield f"DAGs that the schedd does not start, for its limit is reached: {status.idle_dags}"


def _of_campaign(campaign: CampaignSummary) -> Iterable[str]:
    key = campaign.key
    for node in campaign.failed_nodes:
        error = campaign.errors.get(node)
        yield f"{key}: {node} failed" + (f": {error}" if error else "")
    for dag, who in campaign.removed.items():
        yield f"{key}: {dag} was removed by {who}; condorloop resubmit {key.run} runs it again"
    for path in campaign.quarantined:
        yield f"{key}: {path.rpartition('/')[2]} is quarantined: it kept failing"
    for name in campaign.left_out:
        yield f"{key}: {name} was left out of the harvest: it cannot be used"
    for node, lumis in campaign.lacking.items():
        yield f"{key}: {node} did not read LS {lumis} of its input"
    if campaign.last_outcome in _BAD_UPLOADS:
        yield f"{key}: upload {campaign.last_outcome}: {campaign.last_answer}"


_BAD_UPLOADS = (UploadOutcome.REFUSED, UploadOutcome.NO_ANSWER, UploadOutcome.FAILED)


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
        "errors": dict(campaign.errors),
        "removed": dict(campaign.removed),
        "quarantined": list(campaign.quarantined),
        "lacking": dict(campaign.lacking),
        "left_out": list(campaign.left_out),
        "uploads": campaign.uploads,
        "last_upload_at": campaign.last_upload_at,
        "last_outcome": campaign.last_outcome,
        "last_answer": campaign.last_answer,
    }
