"""What the shell completes: runs and calibrations of a site.

Knows where they are written down. What cannot be read completes nothing; nothing is raised and
nobody is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from condorloop.config.loader import Known
from condorloop.monitoring.status_file import STATUS
from condorloop.rundir.durable import read_json


def runs(load: Callable[[], Known]) -> dict[str, str]:
    """Give the runs of the last days, the newest first, each with what there is of it.

    Parameters
    ----------
    load
        Reads the configuration.
    """
    found: dict[int, list[str]] = {}
    with suppress(Exception):
        for campaign in read_json(load().site.work_dir / STATUS)["campaigns"]:
            what = f"{campaign['calibration']} {campaign['state']}"
            found.setdefault(int(campaign["run"]), []).append(what)
    return {str(run): ", ".join(found[run]) for run in sorted(found, reverse=True)}


def calibrations(load: Callable[[], Known]) -> list[str]:
    """Name the calibrations that are configured."""
    with suppress(Exception):
        return sorted(load().calibrations)
    return []
