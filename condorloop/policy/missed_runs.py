"""Which runs should have been latched and were not, and why.

Knows what keeps a collision run from being latched that a person would want, and what is normal:
cosmics, no beam, short runs, runs of other calibrations. It is pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from condorloop.config.calibration import Calibration
from condorloop.config.run_selection import RunSelection, kinds_in_words
from condorloop.model.campaign import CampaignKey, MissedRun, Run
from condorloop.policy.window import may_be_latched
from condorloop.text import shown

WHILE_TAKEN = 900.0
"""Seconds from a run's start for which what OMS tells of it may still change."""

ONCE_ENDED = 300.0
"""Seconds from a run's end for the same."""

LONG = 500
"""Lumisections of a run of collisions without stable beams that are no wait for them: 3.2 h."""


def missed_runs(
    now: float,
    runs: Sequence[Run],
    known: frozenset[CampaignKey],
    calibrations: Mapping[str, Calibration],
) -> Iterator[MissedRun]:
    """Give the runs that should have been latched, each with the calibration that missed it.

    Parameters
    ----------
    runs
        What OMS last told of recent runs.
    known
        The campaigns of these runs that were ever latched: they are not missed.
    """
    selected = [c.runs for c in calibrations.values()]
    for run in sorted(runs, key=lambda r: r.number):
        for name, calibration in calibrations.items():
            if CampaignKey(name, run.number) in known or not _is_judged(now, run, calibration):
                continue
            if told := _why(run, calibration, selected):
                yield MissedRun(run.number, name, *told)


def _is_judged(now: float, run: Run, calibration: Calibration) -> bool:
    """Whether a run's data are of use, there are enough, and OMS has had time to tell of it."""
    if not may_be_latched(now, run, calibration):
        return False
    if run.end is None:
        return now >= run.start + WHILE_TAKEN
    return now >= run.end + ONCE_ENDED and (run.last_ls or 0) >= calibration.runs.min_ls


def _why(
    run: Run, calibration: Calibration, selected: Collection[RunSelection]
) -> tuple[str, str] | None:
    """Say why a run was missed, and which key of the YAML decides it; None if that is normal.

    A run of a kind that is `selected` is one of the calibrations that want it.
    """
    wanted, lumis = calibration.runs, run.last_ls or 0
    fill, mode = run.fill_type in wanted.fill_types, run.l1_hlt_mode in wanted.modes
    if fill and mode:
        if run.stable_beam or not wanted.stable_beam or lumis < LONG:
            return None
        reason = f"a matching fill and L1/HLT mode and {lumis} LS, but no stable beams"
        return reason, "step_2_config.stable_beam"
    if not run.stable_beam or any(s.matches(run.fill_type, run.l1_hlt_mode) for s in selected):
        return None
    if fill and run.l1_hlt_mode not in calibration.latching.ignored_modes:
        told = _not_as_wanted("l1_hlt_mode", run.l1_hlt_mode, wanted.modes)
        return f"stable beams and a matching fill, but {told}", "step_2_config.l1hltmode"
    if mode:
        told = _not_as_wanted("fill_type_runtime", run.fill_type, wanted.fill_types)
        return f"stable beams and a matching L1/HLT mode, but {told}", "step_2_config.filltype"
    return None


def _not_as_wanted(what: str, told: str | None, wanted: tuple[str | None, ...]) -> str:
    if told is None:
        return f"OMS tells no {what}"
    return f"{what} is {shown(told)}, not {kinds_in_words(wanted)}"
