"""What a campaign leaves on the disk, and when it may go.

Knows the rules of retention; it is pure: no files, no clock of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from condorloop.config.calibration import Retention
from condorloop.model.campaign import Settled
from condorloop.model.enums import Kept


def goes_at(settled: Settled, retention: Retention, window: float) -> dict[Kept, float]:
    """Say when each thing may go; what is missing is kept, or is removed already.

    Parameters
    ----------
    window
        The longest time, in seconds from its start, for which any calibration uses a run.
    """
    if settled.state.open or settled.busy or Kept.RUNS in settled.cleaned:
        return {}
    over = settled.run_start + window
    return {
        kept: max(over, settled.closed_at + age)
        for kept, age in _ages(retention).items()
        if kept not in settled.cleaned
    }


def due(now: float, settled: Settled, retention: Retention, window: float) -> tuple[Kept, ...]:
    """Say what goes now; the whole run directory alone if that is due."""
    found = [kept for kept, at in goes_at(settled, retention, window).items() if at <= now]
    return (Kept.RUNS,) if Kept.RUNS in found else tuple(found)


def _ages(retention: Retention) -> Mapping[Kept, float]:
    ages = {
        Kept.RECO: retention.reco,
        Kept.ALCARECO: retention.alcareco,
        Kept.LOGS: retention.logs,
        Kept.DAGS: retention.dags,
        Kept.RUNS: retention.runs,
    }
    return {kept: age for kept, age in ages.items() if age is not None}


def is_configured(retention: Retention) -> bool:
    """Whether anything ever goes."""
    return bool(_ages(retention))
