"""Problems of runs that should have been latched, and were not; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from condorloop.model.campaign import MissedRun
from condorloop.model.problem import Problem, ProblemKind


def of_missed(runs: Iterable[MissedRun]) -> Iterator[Problem]:
    """Name the runs that calibrations have missed, those of one reason once."""
    alike: dict[tuple[int, str, str], list[str]] = {}
    for missed in runs:
        alike.setdefault((missed.run, missed.reason, missed.key), []).append(missed.calibration)
    for (run, reason, key), names in alike.items():
        bare_text = f"not latched: {reason}; what to latch is {key} in the YAML"
        yield Problem(
            ProblemKind.NOT_LATCHED,
            f"run {run}: {', '.join(sorted(names))}: {bare_text}",
            "condorloop validate",
            run=run,
            bare_text=bare_text,
            calibrations=tuple(sorted(names)),
        )
