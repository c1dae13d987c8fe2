"""When a piece of a payload by lumisection goes up, to tags that take a run once.

Knows the buffer: a piece is due when a lumisection of it leaves the buffer soon. Which IOVs are in
it is `condorloop.policy.pieces`'. It is pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from condorloop.config.calibration import Calibration
from condorloop.config.tuning import Closing
from condorloop.model.campaign import Campaign, Dag, Unsent
from condorloop.model.enums import UploadOutcome
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.policy.uploads import PAUSE, appends, awaited
from condorloop.policy.window import leaves_at, leaving, still_in_buffer
from condorloop.rundir.layout import harvest_name

BEFORE = 3600.0
"""Seconds before a lumisection leaves the buffer at which the piece with it is due."""

SHARE = 8
"""Of a buffer shorter than 8 h, a piece is due one part of so many before."""

AGAIN = 300.0
"""Seconds between two pieces of one payload: of what is settled, the submitter knows no more than
the UPLOAD, which may have found nothing."""


@dataclass(frozen=True, slots=True)
class DuePiece:
    """A piece that is due, of which payload, and why.

    `gone` is the last lumisection that is awaited no more: from here on it comes too late.
    """

    unsent: Unsent
    gone: int
    reason: str


def before(closing: Closing) -> float:
    """Say how long before a lumisection leaves the buffer the piece with it is due, in seconds."""
    return min(BEFORE, closing.buffer / SHARE)


def last_gone(now: float, campaign: Campaign, closing: Closing) -> int:
    """The last lumisection that leaves the buffer before another harvest has it; 0 if none does.

    One that lacks would keep all that is behind it until it is too late for that, too.
    """
    later = still_in_buffer(now + before(closing) / 2, campaign.run_start, closing)
    return later.first - 1


def why_piece(now: float, campaign: Campaign, calibration: Calibration) -> DuePiece | None:
    """Say which payload a piece is due of, and why; None if none is.

    In tags that are appended to it waits for older runs as long as a whole payload does. After a
    refusal, which is final, none is due: the rest of the run is asked for once, at its end.
    """
    unsent = awaited(campaign)
    if unsent is None or unsent.outcome is not UploadOutcome.PENDING or not campaign.by_lumi:
        return None
    if campaign.uploads_held_by or (unsent.in_pieces and now < unsent.answered_at + AGAIN):
        return None
    if any(d.harvest == unsent.harvest or _keeps(d) for d in campaign.dags):
        return None
    closing = calibration.closing
    soon = unserved(campaign, unsent) & leaving(now, before(closing), campaign.run_start, closing)
    gone = last_gone(now, campaign, closing)
    if soon == EMPTY or campaign.in_payload.last + 1 not in _known(unsent, gone):
        return None
    if campaign.older_open and appends(calibration):
        first = min(u.answered_at for u in campaign.unsent)
        if now < first + calibration.uploads.order_wait:
            return None
    words = f"LS {soon} leave the buffer within {before(closing) / 60:g} min"
    return DuePiece(unsent, gone, f"{harvest_name(unsent.harvest)}: a piece, {words}")


def unserved(campaign: Campaign, unsent: Unsent) -> Lumis:
    """The lumisections of a payload that lie behind what was sent: no others go up in pieces."""
    return unsent.holds.lumis - Lumis.span(1, campaign.in_payload.last)


def times(now: float, campaign: Campaign, calibration: Calibration) -> Iterator[float]:
    """Give times at which the clock alone may make a pending payload, or a piece of it, due."""
    unsent, closing = awaited(campaign), calibration.closing
    if unsent is None:
        return
    yield unsent.answered_at + PAUSE
    yield unsent.answered_at + AGAIN
    yield unsent.answered_at + calibration.uploads.order_wait
    yield min(u.answered_at for u in campaign.unsent) + calibration.uploads.order_wait
    if not campaign.by_lumi:
        return
    margin = before(closing)
    lacking = Lumis.span(1, unsent.holds.lumis.last) - unsent.holds.lumis
    for lumis, within in ((unserved(campaign, unsent), margin), (lacking, margin / 2)):
        later = lumis & still_in_buffer(now + within, campaign.run_start, closing)
        if later != EMPTY:
            yield leaves_at(campaign.run_start, later.first, closing) - within + 1e-3


def _keeps(dag: Dag) -> bool:
    """Whether an upload DAG is under way, or was refused."""
    return dag.sends is not None and (dag.in_flight or dag.upload is UploadOutcome.REFUSED)


def _known(unsent: Unsent, gone: int) -> Lumis:
    """The lumisections of a payload, and those that are awaited no more."""
    return unsent.holds.lumis | Lumis.span(1, gone)
