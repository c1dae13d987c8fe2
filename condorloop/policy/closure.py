"""When a campaign is over, and what it has come to.

Knows when no more files are to be expected, what is still waited for, and which lumisections may
be missing. It is pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from condorloop.config.calibration import Calibration
from condorloop.config.tuning import Closing
from condorloop.model.campaign import Campaign, Dag
from condorloop.model.enums import CampaignState, DagState
from condorloop.model.lumi_fates import last_lumi, without_payload
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.policy.rescue import can_rescue, guilty_inputs
from condorloop.policy.uploads import awaited, best_unsent, unanswered, what_keeps
from condorloop.policy.window import is_open_again, is_over, is_past


def why_closing(now: float, campaign: Campaign, closing: Closing) -> str | None:
    """Say why no more files are to be expected; None if they are.

    Quiet counts only up to the last time that storage answered: silence of an outage is no quiet.
    """
    if is_over(now, campaign, closing):
        return f"the window of {closing.buffer / 3600:g} h is over"
    waits = campaign.waiting or campaign.again
    if is_open_again(now, campaign, closing) and not campaign.probing and not waits:
        return "nothing is left to begin of what was asked for"
    if campaign.run_end is None or campaign.listed_at is None or campaign.probing:
        return None
    quiet = campaign.listed_at - max(campaign.last_new_at, campaign.run_end)
    whole = Lumis.span(1, campaign.last_ls or 0)
    if whole.ranges and not whole - campaign.seen and quiet >= closing.quiet_time:
        return f"the run has ended, every LS is covered, nothing new for {quiet:.0f} s"
    if quiet >= closing.settle_time:
        return f"the run has ended, nothing new for {quiet:.0f} s"
    return None


def is_settled(
    now: float, campaign: Campaign, closing: Closing, calibration: Calibration | None
) -> bool:
    """Whether nothing of a campaign is under way any more that is worth waiting for.

    What does not come to an end by itself is waited for until the window ends, and anything else
    only until `is_past`. A `calibration` that is not configured has no rescues to come.
    """
    if is_past(now, campaign, closing):
        return True
    if is_over(now, campaign, closing):
        return not any(_moves(campaign, dag) for dag in campaign.dags)
    if campaign.waiting or campaign.again or campaign.probing:
        return False
    if any(dag.in_flight for dag in campaign.dags):
        return False
    if awaited(campaign) or unanswered(campaign):
        return False
    return calibration is None or not any(
        can_rescue(now, campaign, dag, calibration) or guilty_inputs(dag, calibration)
        for dag in campaign.dags
    )


def _moves(campaign: Campaign, dag: Dag) -> bool:
    """Whether a DAG will come to an end by itself; a held campaign submits none."""
    return dag.moves and not (campaign.held_by and dag.state is DagState.PLANNED)


def missing_lumis(campaign: Campaign) -> Lumis:
    """The lumisections of the run that are in no payload."""
    return without_payload(_last(campaign), campaign.in_payload)


def _named(campaign: Campaign, missing: Lumis, total: int) -> str:
    """Name what is in no payload, and what of that was harvested."""
    harvested = missing & campaign.harvested
    named = f"{len(missing)} of {total} LS missing{_in_brackets(missing)}"
    if harvested == missing != EMPTY:
        named += ", all of them harvested"
    elif harvested != EMPTY:
        named += f", {len(harvested)} of them harvested{_in_brackets(harvested)}"
        if not campaign.in_payload:
            holes = missing - harvested
            named += f", {len(holes)} not{_in_brackets(holes)}"
    return named


def _overtaken(campaign: Campaign, total: int) -> str:
    """Say that a younger run's payload is in force, and what is not harvested besides."""
    missing = without_payload(total, campaign.harvested)
    named = f"superseded by run {campaign.overtaken_by}"
    named += f": the payload of {len(campaign.harvested)} LS was not uploaded"
    if campaign.in_payload.ranges:
        named += f", one of {len(campaign.in_payload)} LS was before"
    if missing:
        named += f"; {len(missing)} of {total} LS missing{_in_brackets(missing)}"
    return named


def _in_brackets(lumis: Lumis) -> str:
    return f" ({lumis})" if lumis.ranges else ""


def _names(paths: Iterable[str]) -> str:
    return ", ".join(path.rpartition("/")[2] for path in paths)


def _last(campaign: Campaign) -> int:
    return last_lumi(campaign.last_ls, campaign.seen)


def verdict(now: float, campaign: Campaign, closing: Closing) -> tuple[CampaignState, str]:
    """Say which state a campaign is closed in, and why."""
    if not campaign.dag_count and is_over(now, campaign, closing):
        return CampaignState.EXPIRED, "the window ended before anything was done"
    missing, total = missing_lumis(campaign), _last(campaign)
    if campaign.overtaken_by:
        named = _overtaken(campaign, total)
    else:
        named = _named(campaign, missing, total)
    if not_made := campaign.not_made & missing:
        named += f"; LS {not_made} were reconstructed without it"
    if campaign.quarantined:
        named += f"; quarantined: {_names(campaign.quarantined)}"
    if campaign.set_back:
        named += f"; cannot be read yet: {_names(campaign.set_back)}"
    if campaign.no_payload:
        last = "the last harvest made " if campaign.in_payload else ""
        named += f"; {last}no payload: {campaign.no_payload}"
    elif campaign.harvested and not (
        campaign.in_payload or campaign.overtaken_by or campaign.restored
    ):
        named += "; no payload was uploaded"
    if campaign.restored:
        named += f"; {campaign.restored}"
    unsent = best_unsent(campaign)
    if unsent is not None:
        named += f"; {what_keeps(campaign, unsent)}"
    if unfinished := [
        f"{d.label} {what}" for d in campaign.dags for what in _unfinished(campaign, d)
    ]:
        return CampaignState.INCOMPLETE, f"{', '.join(unfinished)}; {named}"
    return _judged(campaign, missing, total, closing.tolerance), named


def _judged(campaign: Campaign, missing: Lumis, total: int, tolerance: float) -> CampaignState:
    """The state of a campaign with nothing left undone: complete only with a payload in force."""
    most = tolerance * total
    if campaign.overtaken_by or not total or best_unsent(campaign):
        return CampaignState.INCOMPLETE
    if campaign.in_payload:
        return CampaignState.COMPLETE if len(missing) <= most else CampaignState.INCOMPLETE
    covered = len(without_payload(total, campaign.harvested)) <= most
    made_none = campaign.no_payload is not None and covered
    return CampaignState.NO_PAYLOAD if made_none else CampaignState.INCOMPLETE


def _unfinished(campaign: Campaign, dag: Dag) -> Iterable[str]:
    """What a closed campaign's DAG has left undone, in words."""
    if dag.state is DagState.REMOVED:
        return (f"removed by {dag.removed_by}",)
    if dag.state is DagState.LOST:
        return ()
    if dag.held or (dag.state is DagState.PLANNED and campaign.held_by):
        return ("held",)
    if dag.in_flight:
        return ("not submitted" if dag.state is DagState.PLANNED else "not at its end",)
    return tuple(f"{n} failed" for n in dag.failed_nodes) or ("failed without a result",)
