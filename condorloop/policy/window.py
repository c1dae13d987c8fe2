"""The window of a campaign: how long its payload is of use, and work on it is begun.

Knows the end of the window and what moves it. A payload by run is of use until the run's first
lumisection leaves the buffer; one by lumisection until the last one does, and each has a window of
its own. It is pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from condorloop.config.calibration import Calibration
from condorloop.config.tuning import Closing
from condorloop.model.campaign import Campaign, CampaignKey, Run
from condorloop.model.latency import LUMISECTION
from condorloop.model.lumis import LAST_LS, Lumis
from condorloop.model.status import CampaignStatus

LAST_CALL = 3600.0
"""Seconds after a window in which what was in hand at its end is still finished."""

AGAIN = 7200.0
"""Seconds for which a person's request opens the window of a campaign again."""


def closing_rules(key: CampaignKey, calibrations: Mapping[str, Calibration]) -> Closing:
    """The closing rules of a campaign: its calibration's.

    If that is not configured, the defaults with the longest window of those that are.
    """
    if configured := calibrations.get(key.calibration):
        return configured.closing
    return Closing(buffer=longest(calibrations))


def longest(calibrations: Mapping[str, Calibration]) -> float:
    """The longest buffer, in seconds: for so long data are of interest."""
    return max((c.closing.buffer for c in calibrations.values()), default=Closing().buffer)


def may_be_latched(now: float, run: Run, calibration: Calibration) -> bool:
    """Whether a run is young enough for a campaign."""
    return now - run.start <= calibration.closing.buffer


def window_end(window_from: float, asked_at: float | None, closing: Closing) -> float:
    """When a window ends that counts from a time, of a campaign that was asked for again, if so."""
    own = window_from + closing.buffer
    return own if asked_at is None else max(own, asked_at + AGAIN)


def end_of(campaign: CampaignStatus, calibrations: Mapping[str, Calibration]) -> float:
    """When the window of a campaign ends by what is configured; see `window_end`."""
    closing = closing_rules(campaign.key, calibrations)
    return window_end(campaign.window_from, campaign.asked_at, closing)


def leaves_at(run_start: float, lumi: int, closing: Closing) -> float:
    """When a lumisection leaves the buffer, in seconds since the epoch."""
    return run_start + (lumi - 1) * LUMISECTION + closing.buffer


def still_in_buffer(now: float, run_start: float, closing: Closing) -> Lumis:
    """The lumisections that leave the buffer after now, and those to come."""
    gone = math.floor((now - run_start - closing.buffer) / LUMISECTION) + 1
    return Lumis.span(max(gone + 1, 1), LAST_LS)


def leaving(now: float, within: float, run_start: float, closing: Closing) -> Lumis:
    """The lumisections that leave the buffer within so many seconds from now."""
    later = still_in_buffer(now + within, run_start, closing)
    return still_in_buffer(now, run_start, closing) - later


def serve_by(
    now: float, campaign: CampaignStatus, calibrations: Mapping[str, Calibration]
) -> float | None:
    """When the next lumisection that is in no payload leaves the buffer; None if none will."""
    closing, missing = closing_rules(campaign.key, calibrations), campaign.lumis.missing
    if not campaign.by_lumi:
        return end_of(campaign, calibrations) if missing else None
    still = missing & still_in_buffer(now, campaign.run_start, closing)
    return leaves_at(campaign.run_start, still.first, closing) if still else None


def ends_at(campaign: Campaign, closing: Closing) -> float:
    """When the window of a campaign ends, in seconds since the epoch."""
    return window_end(campaign.window_from, campaign.asked_at, closing)


def is_open_again(now: float, campaign: Campaign, closing: Closing) -> bool:
    """Whether the window is open only because a person asked for the campaign."""
    return campaign.window_from + closing.buffer <= now < ends_at(campaign, closing)


def is_over(now: float, campaign: Campaign, closing: Closing) -> bool:
    """Whether the window of a campaign has ended: nothing that comes from then on is taken up."""
    return now >= ends_at(campaign, closing)


def is_past(now: float, campaign: Campaign, closing: Closing) -> bool:
    """Whether nothing at all is begun any more for a campaign, nor waited for."""
    return now >= ends_at(campaign, closing) + LAST_CALL
