"""Decide what to do next, from what is known and the clock.

Knows the rules of latching, batching, harvesting, rescuing and closing. It is pure: no input or
output, no clock of its own; the same input gives the same actions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from condorloop.calibration import Calibration
from condorloop.lumis import Lumis
from condorloop.model import (
    Campaign,
    CampaignKey,
    CampaignState,
    Dag,
    DagState,
    RawFile,
    Run,
    UploadOutcome,
)


@dataclass(frozen=True, slots=True)
class Latch:
    """Open a campaign."""

    key: CampaignKey
    run: Run
    reason: str


@dataclass(frozen=True, slots=True)
class SubmitBatch:
    """Put files into a new DAG and submit it."""

    campaign: Campaign
    files: tuple[RawFile, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class SubmitHarvest:
    """Submit a DAG of HARVEST and UPLOAD alone."""

    campaign: Campaign
    reason: str


@dataclass(frozen=True, slots=True)
class Rescue:
    """Submit a failed DAG again; only what failed runs again."""

    campaign: Campaign
    dag: Dag
    reason: str


@dataclass(frozen=True, slots=True)
class SetState:
    """Move a campaign to another state."""

    campaign: Campaign
    state: CampaignState
    reason: str


Action = Latch | SubmitBatch | SubmitHarvest | Rescue | SetState


def decide(
    now: float,
    runs: Iterable[Run],
    known: frozenset[CampaignKey],
    campaigns: Sequence[Campaign],
    calibrations: Mapping[str, Calibration],
) -> list[Action]:
    """Decide what is to be done.

    Parameters
    ----------
    now
        Seconds since the epoch.
    runs
        What OMS says of recent runs; empty when it did not answer.
    known
        The campaigns of these runs that were ever latched: none is latched twice.
    campaigns
        Those with work to do, in the order in which they are to be served: the open ones, and
        closed ones for which a file showed up within the window.
    calibrations
        The configured calibrations by name.

    Returns
    -------
    list of Action
        In the order in which they are to be carried out, each with its reason.
    """
    actions: list[Action] = []
    for run in sorted(runs, key=lambda r: r.number):
        for name, calibration in calibrations.items():
            key = CampaignKey(name, run.number)
            if key not in known and (reason := _why_latch(now, run, calibration)):
                actions.append(Latch(key, run, reason))
    for campaign in campaigns:
        if campaign.key.calibration in calibrations:
            configured = calibrations[campaign.key.calibration]
            actions += _decide_campaign(now, campaign, configured)
    return actions


def _decide_campaign(now: float, campaign: Campaign, calibration: Calibration) -> list[Action]:
    if not campaign.state.open:
        if not campaign.waiting:
            return []
        showed_up = f"{len(campaign.waiting)} new files showed up after closing"
        return [SetState(campaign, CampaignState.ACTIVE, showed_up)]
    if rescues := list(_rescues(now, campaign, calibration)):
        return rescues
    if reason := _why_batch(now, campaign, calibration):
        files = tuple(w.file for w in campaign.waiting)
        return [SubmitBatch(campaign, files, reason)]
    if reason := _why_harvest(campaign, calibration):
        return [SubmitHarvest(campaign, reason)]
    if campaign.state is CampaignState.ACTIVE:
        if reason := why_closing(now, campaign, calibration):
            return [SetState(campaign, CampaignState.CLOSING, reason)]
    elif state := _final_state(now, campaign, calibration):
        return [SetState(campaign, *state)]
    return []


def _rescues(now: float, campaign: Campaign, calibration: Calibration) -> Iterator[Action]:
    room = calibration.batching.max_active_dags - sum(d.in_flight for d in campaign.dags)
    for dag in campaign.dags:
        if room > 0 and (reason := _why_rescue(now, dag, calibration)):
            room -= 1
            yield Rescue(campaign, dag, reason)


def why_not_latch(now: float, run: Run, calibration: Calibration) -> str | None:
    """Say what keeps a run from being latched; None if nothing does."""
    reco = calibration.reco
    age = now - run.start
    if run.fill_type != reco.filltype:
        return f"fill type {run.fill_type!r}, not {reco.filltype!r}"
    if run.l1_hlt_mode != reco.l1hltmode:
        return f"L1/HLT mode {run.l1_hlt_mode!r}, not {reco.l1hltmode!r}"
    if reco.stable_beam and not run.stable_beam:
        return "no stable beams"
    if age > calibration.closing.buffer:
        return f"started {age / 3600:.1f} h ago, outside the buffer"
    if run.end is not None and (run.last_ls or 0) < reco.min_ls:
        return f"ended with {run.last_ls or 0} LS, fewer than {reco.min_ls}"
    return None


def _why_latch(now: float, run: Run, calibration: Calibration) -> str | None:
    if why_not_latch(now, run, calibration):
        return None
    if run.end is None:
        return f"{run.fill_type} {run.l1_hlt_mode}, running"
    return f"{run.fill_type} {run.l1_hlt_mode}, ended with {run.last_ls} LS"


def _why_batch(now: float, campaign: Campaign, calibration: Calibration) -> str | None:
    batching = calibration.batching
    running = sum(d.in_flight for d in campaign.dags)
    if not campaign.waiting or running >= batching.max_active_dags:
        return None
    files = len(campaign.waiting)
    waited = now - min(w.since for w in campaign.waiting)
    if not running:
        return f"{files} new files and no DAG in flight"
    if files >= batching.full_dag:
        return f"{files} new files fill a DAG"
    if waited >= batching.batch_window:
        return f"{files} new files, the first {waited:.0f} s ago"
    if campaign.run_end is not None and not campaign.probing:
        return f"{files} new files and the run has ended"
    return None


def _why_harvest(campaign: Campaign, calibration: Calibration) -> str | None:
    """Say why complete ALCARECO need a harvest DAG: nobody has read them or is going to.

    A harvest DAG that failed before it could choose its inputs will read them when it is rescued;
    after its last rescue only ALCARECO that came later are worth another one.
    """
    if sum(d.in_flight for d in campaign.dags) >= calibration.batching.max_active_dags:
        return None
    left = dict(campaign.unharvested)
    for dag in campaign.dags:
        started = dag.harvest_inputs
        if started is None and _will_harvest(dag, calibration):
            return None
        if started is not None:
            left = {job: at for job, at in left.items() if job not in started}
        elif dag.batch is None:
            left = {job: at for job, at in left.items() if at > (dag.ended_at or 0.0)}
    if not left:
        return None
    return f"{len(left)} complete ALCARECO that no HARVEST has read or will read"


def _will_harvest(dag: Dag, calibration: Calibration) -> bool:
    """Whether a HARVEST that has not started will do so by itself."""
    if dag.in_flight:
        return not dag.failed_nodes
    return dag.batch is None and can_rescue(dag, calibration)


def rescue_wait(dag: Dag, calibration: Calibration) -> float:
    """How long a failed DAG waits for its next rescue, in seconds; it doubles each time."""
    return float(calibration.rescues.wait * 2**dag.rescues)


def can_rescue(dag: Dag, calibration: Calibration) -> bool:
    """Whether the submitter will run a failed DAG again by itself."""
    return (
        dag.state is DagState.FAILED
        and dag.rescues < calibration.rescues.max_rescues
        and dag.upload is not UploadOutcome.REFUSED
    )


def _why_rescue(now: float, dag: Dag, calibration: Calibration) -> str | None:
    if not can_rescue(dag, calibration) or dag.ended_at is None:
        return None
    wait = rescue_wait(dag, calibration)
    if now < dag.ended_at + wait:
        return None
    failed = ", ".join(dag.failed_nodes) or "it ended without a result"
    return f"failed ({failed}) {wait:.0f} s ago, rescue {dag.rescues + 1}"


def why_closing(now: float, campaign: Campaign, calibration: Calibration) -> str | None:
    """Say why no more files are to be expected; None if they are.

    Quiet counts only up to the last time that storage answered: silence of an outage is no quiet.
    """
    closing = calibration.closing
    if now >= campaign.run_start + closing.buffer:
        return f"the window of {closing.buffer / 3600:g} h is over"
    if campaign.run_end is None or campaign.listed_at is None or campaign.probing:
        return None
    quiet = campaign.listed_at - max(campaign.last_new_at, campaign.run_end)
    whole = Lumis.span(1, campaign.last_ls or 0)
    if whole.ranges and not whole - campaign.seen and quiet >= closing.quiet_time:
        return f"the run has ended, every LS is covered, nothing new for {quiet:.0f} s"
    if quiet >= closing.settle_time:
        return f"the run has ended, nothing new for {quiet:.0f} s"
    return None


def missing_lumis(campaign: Campaign) -> Lumis:
    """The lumisections of the run that are in no harvest."""
    last = max(campaign.last_ls or 0, campaign.seen.last)
    return Lumis.span(1, last) - campaign.harvested


def _final_state(
    now: float, campaign: Campaign, calibration: Calibration
) -> tuple[CampaignState, str] | None:
    over = now >= campaign.run_start + calibration.closing.buffer
    if any(d.in_flight or can_rescue(d, calibration) for d in campaign.dags):
        return None
    if campaign.waiting or (campaign.probing and not over):
        return None
    if not campaign.dag_count and over:
        return CampaignState.EXPIRED, "the window ended before anything was done"
    missing = missing_lumis(campaign)
    total = max(campaign.last_ls or 0, campaign.seen.last)
    named = f"{len(missing)} of {total} LS missing" + (f" ({missing})" if missing.ranges else "")
    if campaign.harvested.ranges and not campaign.in_payload.ranges:
        named += "; no payload"
    failed = [f"{d.label} {n}" for d in campaign.dags for n in d.failed_nodes or ("no result",)]
    if failed:
        return CampaignState.INCOMPLETE, f"failed: {', '.join(failed)}; {named}"
    if not total or len(missing) > calibration.closing.tolerance * total:
        return CampaignState.INCOMPLETE, named
    return CampaignState.COMPLETE, named
