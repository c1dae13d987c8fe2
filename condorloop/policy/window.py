"""The window of a campaign: how long its payload is of use, and work on it is begun.

Knows the end of the window and what moves it. It is pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from condorloop.config.calibration import Calibration, Closing
from condorloop.model.campaign import Campaign, CampaignKey, Run

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
    """The longest time, in seconds from its start, for which a run is of interest."""
    return max((c.closing.buffer for c in calibrations.values()), default=Closing().buffer)


def may_be_latched(now: float, run: Run, calibration: Calibration) -> bool:
    """Whether a run is young enough for a campaign."""
    return now - run.start <= calibration.closing.buffer


def window_end(run_start: float, asked_at: float | None, closing: Closing) -> float:
    """When the window of a run ends that a person asked for again at a time, if at all."""
    own = run_start + closing.buffer
    return own if asked_at is None else max(own, asked_at + AGAIN)


def end_of(
    key: CampaignKey,
    run_start: float,
    asked_at: float | None,
    calibrations: Mapping[str, Calibration],
) -> float:
    """When the window of a campaign ends by what is configured; see `window_end`."""
    return window_end(run_start, asked_at, closing_rules(key, calibrations))


def ends_at(campaign: Campaign, closing: Closing) -> float:
    """When the window of a campaign ends, in seconds since the epoch."""
    return window_end(campaign.run_start, campaign.asked_at, closing)


def is_open_again(now: float, campaign: Campaign, closing: Closing) -> bool:
    """Whether the window is open only because a person asked for the campaign."""
    return campaign.run_start + closing.buffer <= now < ends_at(campaign, closing)


def is_over(now: float, campaign: Campaign, closing: Closing) -> bool:
    """Whether the window of a campaign has ended: nothing that comes from then on is taken up."""
    return now >= ends_at(campaign, closing)


def is_past(now: float, campaign: Campaign, closing: Closing) -> bool:
    """Whether nothing at all is begun any more for a campaign, nor waited for."""
    return now >= ends_at(campaign, closing) + LAST_CALL
