"""What each plot of a report shows.

Knows what of a report goes where in a figure; `plots` knows how figures look and are asked for.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from condorloop.model.enums import NodeKind
from condorloop.reports.report import CalibrationReport, CampaignReport, Report, Spread
from condorloop.reports.tables import PART_WORDS, span
from condorloop.reports.time_breakdown import Part
from condorloop.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

LABEL = "NGT demonstrator"
"""What stands beside CMS's name."""

MANY = 1000
"""Points from which on they are drawn as pixels even in a vector format, and curves are thinned."""

STANDARD = "#9c9ca1"
"""The colour of the standard loop's figures."""


def new_figure(rows: int, height: float) -> tuple[Figure, Sequence[Axes]]:
    """Make a figure of so many rows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, height), layout="constrained")
    return figure, list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])


def label(figure: Figure, report: Report) -> None:
    """Put CMS's label and what the report is of over a figure that is drawn.

    mplhep sets the words after ``CMS`` by a share of the width that the axes have: that must be
    the one that they keep.
    """
    import mplhep

    figure.draw_without_rendering()
    day = datetime.fromtimestamp(report.time, UTC).date()
    right = f"{verbatim(report.site)}, {day}"
    mplhep.cms.label(text=LABEL, data=True, rlabel=right, loc=0, ax=figure.axes[0])


def verbatim(text: str) -> str:
    """Give a text of others so that nothing in it is a formula."""
    return plain(text).replace("$", r"\$")


def with_payloads(report: Report) -> list[CalibrationReport]:
    """The calibrations that have brought anything into the database."""
    return [c for c in report.calibrations if c.after_ls_end]


_FEW_TICKS = (1, 3, 10, 30, 60, 180, 600, 1800, 3600, 3 * 3600, 8 * 3600, 86400, 3 * 86400)
_TICKS = (
    1,
    2,
    3,
    5,
    7,
    10,
    15,
    20,
    25,
    30,
    40,
    50,
    60,
    120,
    180,
    300,
    420,
    600,
    900,
    1200,
    1500,
    1800,
    2400,
    3000,
    *(h * 3600 for h in (1, 2, 3, 4, 5, 6, 8, 12, 18, 24, 36, 48, 72)),
)


def durations(axis: Axis) -> None:
    """Let a logarithmic axis tell durations, from seconds to days."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = axis.get_view_interval()
    few = [float(tick) for tick in _FEW_TICKS if low <= tick <= high]
    many = [float(tick) for tick in _TICKS if low <= tick <= high]
    axis.set_major_locator(FixedLocator(few if len(few) > 3 else many))
    axis.set_major_formatter(FuncFormatter(lambda seconds, _: _tick(seconds)))
    axis.set_minor_locator(NullLocator())


def _tick(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def distribution(report: Report) -> Figure:
    """How the latencies of lumisections spread, and how many are in the database by when."""
    figure, (upper, lower) = new_figure(2, 9.5)
    having = with_payloads(report)
    shortest = max(1.0, min(min(c.delays) for c in having))
    longest = max(2 * shortest, max(max(c.delays) for c in having))
    bins = 40
    edges = [shortest * (longest / shortest) ** (n / bins) for n in range(bins + 1)]
    for number, c in enumerate(having):
        delays = sorted(min(max(d, shortest), longest) for d in c.delays)
        weights = [100 / len(delays)] * len(delays)
        color = f"C{number}"
        label = f"{verbatim(c.calibration)}: {_spread(c)}"
        upper.hist(
            delays, edges, weights=weights, histtype="step", color=color, lw=2.5, label=label
        )
        thinned = delays[:: len(delays) // MANY + 1]
        shares = [100 * bisect_right(delays, d) / len(delays) for d in thinned]
        lower.step([*thinned, longest], [*shares, 100], where="post", color=color, lw=2.5)
    lower.set_xscale("log")
    lower.set_xlim(shortest / 1.1, longest * 1.1)
    durations(lower.xaxis)
    upper.set_ylabel("LS [%]")
    upper.set_ylim(0, upper.get_ylim()[1] * (1.1 + 0.13 * len(having)))
    upper.legend(loc="upper left")
    lower.set_ylabel("LS in a payload [%]")
    lower.set_ylim(0, 105)
    lower.set_xlabel("from LS end to the first payload with it")
    return figure


def _spread(c: CalibrationReport) -> str:
    spread = c.after_ls_end
    return f"median {span(spread.median)}, 90 % {span(spread.p90)}" if spread else ""


_PART_COLORS: Mapping[Part, str] = {
    Part.FILE: "#94a4a2",
    Part.BATCHING: "#717581",
    Part.START: "#e76300",
    Part.QUEUE: "#ffa90e",
    Part.RECO: "#3f90da",
    Part.ALCA: "#92dadd",
    Part.HARVEST: "#832db6",
    Part.UPLOAD: "#a96b59",
    Part.RETRIES: "#bd1f01",
    Part.BETWEEN: "#b9ac70",
}
"""The ten colours that CMS recommends for stacks."""


def time_split(report: Report) -> Figure:
    """Where the mean time of a lumisection goes, for each calibration."""
    having = with_payloads(report)
    figure, [axes] = new_figure(1, 3.6 + 0.9 * len(having))
    longest = max(sum(c.parts.values()) for c in having)
    size, unit = next(((s, u) for s, u in _UNITS if longest >= 2 * s), (1.0, "s"))
    names = [verbatim(c.calibration) for c in having]
    reached = [0.0] * len(having)
    for part in Part:
        widths = [c.parts[part] / size for c in having]
        if any(widths):
            axes.barh(names, widths, 0.6, reached, color=_PART_COLORS[part], label=PART_WORDS[part])
            reached = [a + b for a, b in zip(reached, widths, strict=True)]
    for row, width in enumerate(reached):
        axes.text(width, row, f" {span(width * size)}", va="center", size="small")
    axes.set_xlim(0, 1.15 * max(reached))
    axes.invert_yaxis()
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set_xlabel(f"mean from LS end to upload [{unit}]")
    figure.legend(loc="outside lower center", ncols=4)
    return figure


_UNITS = ((3600.0, "h"), (60.0, "min"))


def runs(report: Report) -> Figure:
    """What each run's latencies were, beside the window and the standard loop's figures."""
    figure, rows = new_figure(3, 13)
    per_lumi, after_end, after_start = rows
    starts = [m.run_start for m in report.campaigns]
    beside = max(60.0, max(starts) - min(starts)) / max(100, 2 * len(starts))
    for number, c in enumerate(having := with_payloads(report)):
        mine = [m for m in report.campaigns if m.calibration == c.calibration]
        style: dict[str, Any] = {"color": f"C{number}", "marker": "osD^v"[number % 5], "ls": ""}
        style["ms"] = min(8.0, max(2.0, 60 / math.sqrt(len(mine) + 1)))
        style |= {"rasterized": True, "alpha": 0.5} if len(mine) > MANY else {}
        aside = beside * (number - (len(having) - 1) / 2)
        known = [(m, s) for m in mine if (s := m.after_ls_end)]
        medians = [max(1.0, s.median) for _, s in known]
        up = [max(0.0, s.worst - m) for (_, s), m in zip(known, medians, strict=True)]
        at = [_when(m, aside) for m, _ in known]
        bars = [[0.0] * len(up), up] if len(mine) <= MANY else None
        per_lumi.errorbar(at, medians, bars, **style)
        for axes, told in (
            (after_end, [(m, m.after_run_end) for m in mine]),
            (after_start, [(m, m.after_run_start) for m in mine]),
        ):
            points = [(_when(m, aside), max(1.0, v)) for m, v in told if v is not None]
            days, values = [day for day, _ in points], [value for _, value in points]
            label = verbatim(c.calibration) if axes is after_start else ""
            axes.plot(days, values, label=label, **style)
    _lines(report, after_end, after_start)
    words = ("LS end to upload", "run end to last upload", "run start to last upload")
    for axes, word in zip(rows, words, strict=True):
        axes.set_yscale("log")
        axes.set_ylabel(word)
        axes.margins(y=0.15)
        durations(axes.yaxis)
    dates(after_start.xaxis)
    after_start.set_xlabel("start of the run (UTC)")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _lines(report: Report, after_end: Axes, after_start: Axes) -> None:
    """Draw the window, and the figures of the standard loop."""
    by_run = (m for m in report.campaigns if not m.by_lumi)
    for window in sorted({m.window_ends - m.run_start for m in by_run}):
        after_start.axhline(window, color=_ink(), lw=2, label=f"window, {span(window)}")
    standard = report.standard
    end, start = standard.after_run_end, standard.after_run_start
    after_end.axhline(end, color=STANDARD, lw=2, ls="--")
    label = f"standard loop, {span(end)} and {span(start)}"
    after_start.axhline(start, color=STANDARD, lw=2, ls="--", label=label)


def _ink() -> str:
    """The colour of what is written."""
    from matplotlib import rcParams

    return str(rcParams["text.color"])


def _when(campaign: CampaignReport, aside: float) -> float:
    """The start of a run in days, moved aside: calibrations of a run would hide each other."""
    return (campaign.run_start + aside) / 86400


def dates(axis: Axis) -> None:
    """Let an axis of days tell dates and times."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=2, maxticks=6)  # type: ignore[no-untyped-call]
    axis.set_major_locator(locator)
    axis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axis.get_offset_text().set(x=0, ha="left")


def memory(report: Report) -> Figure:
    """What memory the jobs used, median and worst, against what they asked for."""
    figure, [axes] = new_figure(1, 7)
    known = {k for c in report.calibrations for k in NodeKind if _used_and_asked(c, k)}
    kinds = [kind for kind in NodeKind if kind in known]
    having = [c for c in report.calibrations if any(_used_and_asked(c, k) for k in kinds)]
    width = 0.8 / max(1, len(having))
    for number, c in enumerate(having):
        drawn = [(p, m) for p, k in enumerate(kinds) if (m := _used_and_asked(c, k))]
        at = [place + (number + 0.5) * width - 0.4 for place, _ in drawn]
        medians = [used.median for _, (used, _) in drawn]
        up = [used.worst - used.median for _, (used, _) in drawn]
        axes.bar(at, medians, 0.8 * width, color=f"C{number}", label=verbatim(c.calibration))
        axes.errorbar(at, medians, [[0.0] * len(up), up], color="0.5", ls="", capsize=6, lw=2)
        asked = [asked.median for _, (_, asked) in drawn]
        left, right = [a - width / 2 for a in at], [a + width / 2 for a in at]
        label = "" if number else "asked for"
        axes.hlines(asked, left, right, color=_ink(), lw=3, label=label)
    axes.set_xticks(range(len(kinds)), kinds)
    axes.tick_params(axis="x", which="both", bottom=False, top=False)
    axes.set_ylabel("memory [MB], median to worst")
    axes.set_ylim(0, 1.1 * axes.get_ylim()[1])
    if having:
        figure.legend(loc="outside lower center", ncols=4)
    return figure


def _used_and_asked(c: CalibrationReport, kind: NodeKind) -> tuple[Spread, Spread] | None:
    for node in c.nodes:
        if node.kind is kind and node.memory_used and node.memory_asked:
            return node.memory_used, node.memory_asked
    return None
