"""When the planner is to be asked again although nothing has happened.

Knows which of a campaign's times the planner compares with the clock, so that it need not be asked
at every poll; it decides nothing. A test asks at every poll and compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from condorloop.config.calibration import Calibration
from condorloop.model.campaign import Campaign
from condorloop.model.enums import DagState
from condorloop.model.lumis import Lumis
from condorloop.policy import piece_due
from condorloop.policy.harvest import SERVED_BEFORE
from condorloop.policy.planner import FOR_PROBES
from condorloop.policy.rescue import rescue_wait
from condorloop.policy.window import LAST_CALL, ends_at, leaves_at, still_in_buffer

NEVER = float("inf")


def due(
    now: float,
    campaign: Campaign,
    calibration: Calibration,
    listing: Callable[[float], float],
) -> float:
    """Give the next time at which the clock alone may change what the planner decides.

    Parameters
    ----------
    listing
        When storage is listed next, from a time on.
    """
    times = _times(now, campaign, calibration, listing)
    return min((time for time in times if time > now), default=NEVER)


def _times(
    now: float,
    campaign: Campaign,
    calibration: Calibration,
    listing: Callable[[float], float],
) -> Iterator[float]:
    closing = calibration.closing
    yield ends_at(campaign, closing)
    yield ends_at(campaign, closing) + LAST_CALL
    if campaign.waiting:
        first = min(w.since for w in campaign.waiting)
        yield first + calibration.batching.batch_window
        if campaign.probing:
            yield first + FOR_PROBES
    for made in campaign.unharvested.values():
        yield made.done_at + calibration.harvesting.longest_wait
    if campaign.by_lumi:
        unharvested = Lumis.union(made.holds.lumis for made in campaign.unharvested.values())
        later = still_in_buffer(now + SERVED_BEFORE, campaign.run_start, closing)
        if new := (unharvested - campaign.in_payload) & later:
            yield leaves_at(campaign.run_start, new.first, closing) - SERVED_BEFORE + 1e-3
    yield from piece_due.times(now, campaign, calibration)
    for dag in campaign.dags:
        if dag.state is DagState.FAILED and dag.ended_at is not None:
            yield dag.ended_at + rescue_wait(dag, calibration)
            yield listing(dag.ended_at + 1e-3)
    if campaign.run_end is not None:
        quiet_since = max(campaign.last_new_at, campaign.run_end)
        yield listing(quiet_since + closing.quiet_time)
        yield listing(quiet_since + closing.settle_time)
