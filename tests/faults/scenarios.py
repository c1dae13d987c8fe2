"""Scenarios for tests of faults: one run, quick, with what a test wants to go wrong."""

from __future__ import annotations

from typing import Any

LAYOUT = {"TestEnablesEcalHcal": {"ls_per_file": 4}, "ExpressPhysics": {"files_per_ls": 2}}


def run_of(
    run: int,
    calibrations: list[str],
    *faults: dict[str, Any],
    lumisections: int = 12,
    every: float = 0.2,
    end_after: float | str = 0.5,
    layout: dict[str, Any] | None = None,
    **of_run: Any,
) -> dict[str, Any]:
    """One run of so many lumisections, one `every` so many seconds.

    Parameters
    ----------
    faults
        Of services and jobs, as a scenario has them.
    of_run
        More keys of the run, such as `files`.
    """
    the_run = {
        "run": run,
        "calibrations": calibrations,
        "start_offset": 0,
        "lumisections": {"count": lumisections, "every": every},
        "end_after": end_after,
        **of_run,
    }
    return {
        "seed": run,
        "layout": LAYOUT if layout is None else layout,
        "runs": [the_run],
        "faults": list(faults),
    }


def job_fault(
    mode: str, run: int, step: str, calibration: str = "EcalPedestals", **more: Any
) -> dict[str, Any]:
    """A fault of cmsRun in a step of one run."""
    fault = {"target": "cmsrun", "mode": mode, "calibration": calibration, "run": run}
    return {**fault, "step": step, "at": 0, **more}
