"""What a campaign leaves on the disk, and when it may go.

Knows the rules of retention; it is pure: no files, no clock of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

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
