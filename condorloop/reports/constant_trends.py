"""The trend of constants over runs, as a figure.

Knows how a report's constants are drawn; `plots` knows how figures look and are asked for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from condorloop.reports.figures import dates, verbatim
from condorloop.reports.report import Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 16
"""Panels of the figure; of more quantities, the first are drawn."""


def trends(report: Report) -> Figure:
    """Draw mean and spread of each quantity over the starts of runs, one panel a quantity."""
    from matplotlib.figure import Figure

    names = dict.fromkeys(
        (each.calibration, q.name, q.unit) for each in report.constants for q in each.quantities
    )
    wanted = list(names)[:MOST]
    columns = 1 if len(wanted) < 4 else 2
    rows = math.ceil(len(wanted) / columns)
    figure = Figure(figsize=(8.5 * columns, 2.8 * rows + 1.8), layout="constrained")
    panels = list(figure.subplots(rows, columns, sharex=True, squeeze=False).flat)
    for spare in panels[len(wanted) :]:
        spare.set_visible(False)
    colors = {c: f"C{n}" for n, c in enumerate(dict.fromkeys(name for name, _, _ in wanted))}
    for axes, (calibration, name, unit) in zip(panels, wanted, strict=False):
        points = [
            (each.run_start / 86400, q.mean, q.spread)
            for each in report.constants
            if each.calibration == calibration
            for q in each.quantities
            if (q.name, q.unit) == (name, unit)
        ]
        days, means, spreads = zip(*points, strict=True)
        axes.errorbar(days, means, spreads, fmt="o", ms=5, capsize=4, color=colors[calibration])
        axes.set_ylabel(verbatim(f"{name} [{unit}]" if unit else name))
        axes.margins(x=0.08, y=0.2)
        axes.text(
            0.02, 0.95, verbatim(calibration), transform=axes.transAxes, va="top", fontsize="small"
        )
    for axes in panels[max(0, len(wanted) - columns) : len(wanted)]:
        dates(axes.xaxis)
        axes.xaxis.set_tick_params(labelbottom=True)
        axes.set_xlabel("start of the run (UTC)")
    return figure
