"""When a payload that was not sent yet is sent: its turn has come, or nobody holds it any more.

Knows which payload of a campaign is worth sending, and what keeps it; it is pure. Whether the order
of a destination lets it go is asked of a function that it is given.
"""

from __future__ import annotations

from collections.abc import Callable

from condorloop.config.calibration import Calibration
from condorloop.config.tuning import Uploads
from condorloop.model.campaign import Campaign, Dag, Unsent
from condorloop.model.enums import (
    CampaignState,
    DagState,
    HeldFor,
    Synchronisation,
    UploadOutcome,
    Verdict,
)
from condorloop.policy.rescue import can_rescue, to_quarantine
from condorloop.policy.upload_order import Order, order_of, why_turn
from condorloop.rundir.layout import harvest_name

MayGo = Callable[[float, Campaign, Unsent], str | None]
"""Says why the turn of a pending payload has come; None if it has not."""

PAUSE = 30.0
"""Seconds between two tries to send a payload that was not sent: what keeps it may not be known."""


def best_unsent(campaign: Campaign) -> Unsent | None:
    """Give the one payload of a campaign that is worth sending; None if there is none.

    What holds fewer LS than the payload in the database is not, and neither is what another one
    that waits is better than.
    """
    best = max(campaign.unsent, key=_rank, default=None)
    if best is None or len(best.holds.lumis) < len(campaign.in_payload):
        return None
    return best


def awaited(campaign: Campaign) -> Unsent | None:
    """Give the payload that a campaign waits for; None if it waits for none.

    What was rejected is waited for no more, and neither is what a person has put another payload
    in the place of. Where a better one was rejected, a lesser one is sent if a person approves it.
    """
    worth = [u for u in campaign.unsent if len(u.holds.lumis) >= len(campaign.in_payload)]
    left = [u for u in worth if not is_rejected(u) and not _gives_way(campaign, u)]
    best = max(left, key=_rank, default=None)
    if best is None or (best != max(worth, key=_rank) and _wants_a_person(best)):
        return None
    return best


def _gives_way(campaign: Campaign, unsent: Unsent) -> bool:
    """Whether a payload is not sent because a person has put another one back."""
    return unsent.held_for is HeldFor.RESTORED and bool(campaign.restored)


def _rank(unsent: Unsent) -> tuple[int, int, int]:
    return unsent.rank


def _wants_a_person(unsent: Unsent) -> bool:
    return unsent.held_for is HeldFor.GATE and unsent.decided is None


def is_rejected(unsent: Unsent) -> bool:
    """Whether the gate or a person does not want a payload sent; the person's word is the last."""
    if unsent.decided is not None:
        return unsent.decided is Verdict.REJECTED
    return unsent.held_for is HeldFor.REJECTED


def unanswered(campaign: Campaign) -> Dag | None:
    """Give a batch's DAG whose UPLOAD got no answer, and that is not rescued for it."""
    if campaign.uploads_held_by:
        return None
    failed = (UploadOutcome.NO_ANSWER, UploadOutcome.FAILED)
    dags = (d for d in campaign.dags if d.made and d.state is DagState.FAILED)
    return next((d for d in dags if d.upload in failed), None)


def why_upload(
    now: float, campaign: Campaign, may_go: MayGo | None = None
) -> tuple[Unsent, str] | None:
    """Say which payload is due to be sent by an upload DAG, and why; None if none is.

    Parameters
    ----------
    may_go
        Says of a pending payload why its turn has come; `turn_of` an unknown calibration if None.
    """
    unsent = awaited(campaign)
    if unsent is None or campaign.uploads_held_by or now < unsent.answered_at + PAUSE:
        return None
    if any(dag.harvest == unsent.harvest for dag in campaign.dags):
        return None  # it is on its way, or failed: that is answered by a rescue
    why = _why(now, campaign, unsent, may_go or turn_of(None))
    return (unsent, f"{harvest_name(unsent.harvest)}: {why}") if why else None


def turn_of(calibration: Calibration | None) -> MayGo:
    """Give what says why the turn of a calibration's pending payload has come.

    What is not configured, and a tag that is of another synchronisation than is configured, is
    taken to be appended to: the UPLOAD found that some tag has an order.
    """
    synchronisation = Synchronisation.OFFLINE if appends(calibration) else Synchronisation.HLT
    order_wait = (calibration.uploads if calibration else Uploads()).order_wait

    def may_go(now: float, campaign: Campaign, unsent: Unsent) -> str | None:
        return why_turn(
            now,
            synchronisation=synchronisation,
            last=_is_last(now, campaign, unsent, calibration, order_wait),
            pending_since=unsent.answered_at,
            older=campaign.older_open,
            order_wait=order_wait,
        )

    return may_go


def appends(calibration: Calibration | None) -> bool:
    """Whether payloads of a calibration that wait for their turn go by run number."""
    records = calibration.harvest.records if calibration else ()
    orders = {order_of(record.synchronisation) for record in records if record.synchronisation}
    return orders != {Order.MOVES_UP}


def _is_last(
    now: float,
    campaign: Campaign,
    unsent: Unsent,
    calibration: Calibration | None,
    order_wait: float,
) -> bool:
    """Whether no later payload of the run is to come.

    ALCARECO that no harvest reads, and DAGs that are run again, are not waited for for ever.
    """
    if campaign.state is CampaignState.ACTIVE:
        return False
    if any(dag.in_flight and dag.sends is None for dag in campaign.dags):
        return False
    is_run_again = calibration is not None and any(
        can_rescue(now, campaign, dag, calibration) or to_quarantine(campaign, dag, calibration)
        for dag in campaign.dags
        if dag.sends is None
    )
    more = bool(campaign.unharvested or campaign.again) or is_run_again
    return not more or now >= unsent.answered_at + order_wait


def _why(now: float, campaign: Campaign, unsent: Unsent, may_go: MayGo) -> str | None:
    if unsent.outcome is UploadOutcome.PENDING:
        return may_go(now, campaign, unsent)
    if unsent.held_for in (HeldFor.PERSON, None):  # None: its UPLOAD ended before it said
        return "uploads are not held any more"
    if unsent.held_for is HeldFor.RESTORED:
        return "the payload that was put back may be replaced"
    return "approved" if unsent.decided is Verdict.APPROVED else None


def what_keeps(campaign: Campaign, unsent: Unsent) -> str:
    """Say in words what a payload that was not sent waits for."""
    name = harvest_name(unsent.harvest)
    if is_rejected(unsent):
        return f"{name} is rejected: {unsent.answer}"
    if campaign.uploads_held_by:
        return f"{name} is not uploaded: {campaign.uploads_held_by} holds uploads"
    if unsent.outcome is UploadOutcome.PENDING:
        return f"{name} waits for its turn: {unsent.answer}"
    return f"{name} is held: {unsent.answer}"
