"""What campaigns leave on the disk, and when it may go.

Knows the rules of retention; it is pure: no files, no clock of its own. What a campaign of a shared
stream has of its own are its harvests: their logs, and the run directory of its calibration. All
else is in the run directory of the stream, and goes when none of its campaigns needs it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from condorloop.config.tuning import Retention
from condorloop.model.campaign import ClosedCampaign
from condorloop.model.enums import Artifact


def goes_at(settled: ClosedCampaign, retention: Retention, window: float) -> dict[Artifact, float]:
    """Say when each thing may go; what is missing is kept, or is removed already.

    Parameters
    ----------
    window
        The longest buffer of any calibration, in seconds.
    """
    if settled.state.open or settled.busy or Artifact.RUNS in settled.cleaned:
        return {}
    over = settled.window_from + window
    return {
        kept: max(over, settled.closed_at + age)
        for kept, age in _ages(retention).items()
        if kept not in settled.cleaned
    }


def due(
    now: float, settled: ClosedCampaign, retention: Retention, window: float
) -> tuple[Artifact, ...]:
    """Say what goes now; the whole run directory alone if that is due."""
    found = [kept for kept, at in goes_at(settled, retention, window).items() if at <= now]
    return (Artifact.RUNS,) if Artifact.RUNS in found else tuple(found)


@dataclass(frozen=True, slots=True)
class Removal:
    """What goes of campaigns that share a stream.

    Attributes
    ----------
    of
        The campaigns of which it is gone then.
    own
        Whether it is what these have in their own run directories.
    shared
        Whether it is what is in the run directory of the stream.
    """

    kept: Artifact
    of: tuple[ClosedCampaign, ...]
    own: bool = False
    shared: bool = False


_SHARED = (Artifact.RECO, Artifact.ALCARECO, Artifact.DAGS)
"""What is in the run directory of a shared stream alone."""

OWN = (Artifact.LOGS, Artifact.RUNS)
"""What is in that of each of its calibrations, too."""


def shared_goes_at(
    campaigns: Sequence[ClosedCampaign], retentions: Mapping[str, Retention], window: float
) -> dict[Artifact, float]:
    """Say when each thing may go that is in the run directory of a shared stream.

    It is after the longest of the times that its calibrations have for it. The run directory itself
    goes with the last of theirs. What is missing is kept, or is removed already.

    Parameters
    ----------
    campaigns
        All campaigns of a reconstruction.
    retentions
        By calibration, of those that are configured.
    window
        The longest buffer of any calibration, in seconds.
    """
    if any(c.state.open or c.busy for c in campaigns):
        return {}
    over = max(c.window_from for c in campaigns) + window
    ages = [(c, _ages(retentions[c.key.calibration])) for c in campaigns if _has(c, retentions)]
    at = {}
    for kept in Artifact:
        times = [c.closed_at + of_campaign[kept] for c, of_campaign in ages if kept in of_campaign]
        left = _left(kept, campaigns, retentions)
        stays = kept is Artifact.RUNS and len(left) > len(_wanting(kept, campaigns, retentions))
        if times and left and not stays:
            at[kept] = max(over, *times)
    return at


def shared_due(
    now: float,
    campaigns: Sequence[ClosedCampaign],
    retentions: Mapping[str, Retention],
    window: float,
) -> tuple[Removal, ...]:
    """Say what goes now of campaigns that share a stream; takes what `shared_goes_at` takes.

    What the stream has goes with what the last of the campaigns has of its own.
    """
    at = shared_goes_at(campaigns, retentions, window)
    gone = [
        Removal(kept, tuple(_left(kept, campaigns, retentions)), shared=True)
        for kept in _SHARED
        if at.get(kept, math.inf) <= now
    ]
    for kept in OWN:
        gone += _own_due(now, kept, campaigns, retentions, window, at.get(kept, math.inf))
    if any(each.shared and each.kept is Artifact.RUNS for each in gone):
        return tuple(each for each in gone if each.kept is Artifact.RUNS)
    return tuple(gone)


def _own_due(
    now: float,
    kept: Artifact,
    campaigns: Sequence[ClosedCampaign],
    retentions: Mapping[str, Retention],
    window: float,
    shared_at: float,
) -> Iterator[Removal]:
    wanting = _wanting(kept, campaigns, retentions)
    ripe = [
        c
        for c in wanting
        if goes_at(c, retentions[c.key.calibration], window).get(kept, math.inf) <= now
    ]
    last = ripe[-1:] if len(ripe) == len(_left(kept, campaigns, retentions)) else []
    for campaign in ripe[: len(ripe) - len(last)]:
        yield Removal(kept, (campaign,), own=True)
    for campaign in last if shared_at <= now else ():
        yield Removal(kept, (campaign,), own=True, shared=True)


def _left(
    kept: Artifact, campaigns: Sequence[ClosedCampaign], retentions: Mapping[str, Retention]
) -> list[ClosedCampaign]:
    """The campaigns that still have something; of logs those that ever lose them."""
    if kept is Artifact.LOGS:
        return _wanting(kept, campaigns, retentions)
    left = [c for c in campaigns if Artifact.RUNS not in c.cleaned]
    return left if any(kept not in c.cleaned for c in left) else []


def _wanting(
    kept: Artifact, campaigns: Sequence[ClosedCampaign], retentions: Mapping[str, Retention]
) -> list[ClosedCampaign]:
    """The campaigns that have something which goes at some time."""
    return [
        c
        for c in campaigns
        if _has(c, retentions)
        and kept in _ages(retentions[c.key.calibration])
        and c.cleaned.isdisjoint((kept, Artifact.RUNS))
    ]


def _has(campaign: ClosedCampaign, retentions: Mapping[str, Retention]) -> bool:
    return campaign.key.calibration in retentions


def _ages(retention: Retention) -> Mapping[Artifact, float]:
    ages = {
        Artifact.RECO: retention.reco,
        Artifact.ALCARECO: retention.alcareco,
        Artifact.LOGS: retention.logs,
        Artifact.DAGS: retention.dags,
        Artifact.RUNS: retention.runs,
    }
    return {kept: age for kept, age in ages.items() if age is not None}


def is_configured(retention: Retention) -> bool:
    """Whether anything ever goes."""
    return bool(_ages(retention))
