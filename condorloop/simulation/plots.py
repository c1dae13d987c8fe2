"""The plots of a study: latency against cost, how latencies spread, and how they go with time.

Knows what of a study goes where in a figure; how figures look, `condorloop.reports` knows.
"""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from condorloop.reports import plots
from condorloop.reports.figures import LABEL, MANY, durations, verbatim
from condorloop.reports.output import IMAGES
from condorloop.simulation.outcome import CalibrationOutcome, Outcome
from condorloop.simulation.study import Row, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVES = 10
"""How many curves a figure has at most: so many colours CMS recommends."""


def write(study: Study, folder: Path) -> list[Path]:
    """Write every plot into a folder, as PNG and PDF; give what was written.

    Raises
    ------
    PlotsUnavailable
        What draws plots is not installed.
    OSError
        They cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with plots.style(dark=False):
        for name, draw in _PLOTS.items():
            if not any(row.outcome.together.after_ls_end for row in study.rows):
                continue
            for form in IMAGES:
                written.append(folder / f"{name}.{form}")
                written[-1].write_bytes(plots.image_of(draw(study), form))
    return written


def _figure(study: Study) -> tuple[Figure, Axes]:
    import mplhep
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7.5), layout="constrained")
    axes = figure.subplots()
    of = verbatim(study.of)
    mplhep.cms.label(text=LABEL, data=False, rlabel=of, loc=0, ax=axes)
    return figure, axes


@dataclass(frozen=True, slots=True)
class _Curve:
    label: str
    of: CalibrationOutcome


def _curves(study: Study) -> Iterator[_Curve]:
    """What is compared: the values that vary, or else the calibrations."""
    if study.keys:
        made = [_Curve(_name(row), row.outcome.together) for row in study.rows]
    else:
        made = [_Curve(c.calibration, c) for c in study.rows[0].outcome.calibrations]
    yield from (c for c in made[:CURVES] if c.of.after_ls_end)


def _name(row: Row) -> str:
    return ", ".join(row.changed.values())


_COSTS: dict[str, Callable[[Outcome], float]] = {
    "cores of the pool": lambda outcome: outcome.slots,
    "busy cores, mean": lambda outcome: outcome.busy * outcome.slots,
    "ALCARECO read by harvests": lambda outcome: outcome.together.harvested_files,
    "DAGs": lambda outcome: outcome.together.dags,
}


def cost(study: Study) -> Figure:
    """Latency against that cost which what varies changes most."""
    figure, axes = _figure(study)
    name = max(_COSTS, key=lambda name: _growth([_COSTS[name](r.outcome) for r in study.rows]))
    of = _COSTS[name]
    names = [c.calibration for c in study.rows[0].outcome.calibrations]
    for number, calibration in enumerate(names):
        spreads = [(of(r.outcome), r.outcome.calibrations[number].after_ls_end) for r in study.rows]
        points = [(x, s.median, s.p90) for x, s in spreads if s]
        xs, medians, p90s = zip(*points, strict=True) if points else ((), (), ())
        color, label = f"C{number}", f"{verbatim(calibration)}, median"
        axes.plot(xs, medians, "o-", color=color, lw=2.5, ms=9, label=label)
        axes.plot(xs, p90s, "^:", color=color, lw=2, ms=8, label="90 %")
    axes.set_yscale("log")
    _room_above(axes, len(names))
    durations(axes.yaxis)
    for row in study.rows if study.keys else ():
        axes.annotate(
            verbatim(_name(row)),
            (of(row.outcome), 0.02),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
            rotation=90,
            fontsize=14,
            color="0.4",
        )
    varied = f"; each {verbatim(', '.join(study.keys))}" if study.keys else ""
    axes.set_xlabel(f"{name}{varied}")
    axes.set_ylabel("from LS end to payload")
    axes.legend(loc="upper right", ncols=min(3, len(names)), fontsize=15)
    return figure


def _growth(values: Sequence[float]) -> float:
    return max(values) / min(values) if min(values) > 0 else 1.0


def _room_above(axes: Axes, rows: int) -> None:
    low, high = axes.get_ylim()
    axes.set_ylim(low / 1.5, high * (high / low) ** (0.15 + 0.08 * rows))


def spread(study: Study) -> Figure:
    """The part of the lumisections that is in a payload so long after its end."""
    figure, axes = _figure(study)
    for number, curve in enumerate(_curves(study)):
        delays = sorted(curve.of.delays)
        thinned = delays[:: len(delays) // MANY + 1]
        shares = [100 * bisect_right(delays, d) / len(delays) for d in thinned]
        axes.step(thinned, shares, where="post", color=f"C{number}", lw=2.5, label=curve.label)
    axes.set_xscale("log")
    durations(axes.xaxis)
    axes.set_ylim(0, 105)
    axes.set_xlabel("from LS end to payload")
    axes.set_ylabel("LS in a payload [%]")
    _legend(study, axes, "upper left")
    return figure


def timeline(study: Study) -> Figure:
    """How latencies go with time: the median of the lumisections that ended together."""
    figure, axes = _figure(study)
    hours = max(row.outcome.seconds for row in study.rows) / 3600
    unit, width = ("days", 86400.0) if hours > 24 * 40 else ("hours", 3600.0)
    for number, curve in enumerate(_curves(study)):
        times, medians = _binned(curve.of, width / 4)
        axes.plot(times, medians, "o", color=f"C{number}", ms=5, label=curve.label)
    axes.set_yscale("log")
    durations(axes.yaxis)
    axes.set_xlabel(f"end of the LS [{unit}]")
    axes.set_ylabel("from LS end to payload, median")
    _legend(study, axes, "best")
    return figure


def _binned(of: CalibrationOutcome, width: float) -> tuple[Sequence[float], Sequence[float]]:
    bins: dict[int, list[float]] = defaultdict(list)
    for end, delay in zip(of.ends, of.delays, strict=True):
        bins[int(end / width)].append(delay)
    unit = 4 * width
    return [(b + 0.5) * width / unit for b in sorted(bins)], [
        statistics.median(bins[b]) for b in sorted(bins)
    ]


def _legend(study: Study, axes: Axes, place: Literal["best", "upper left"]) -> None:
    title = verbatim(", ".join(study.keys))
    axes.legend(loc=place, title=title, fontsize=16, title_fontsize=16)


_PLOTS: dict[str, Callable[[Study], Figure]] = {
    "latency-and-cost": cost,
    "latencies": spread,
    "latency-in-time": timeline,
}
