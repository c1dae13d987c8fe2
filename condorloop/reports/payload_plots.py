"""Plots of constants in the style of CMS: maps of the detector, and trends over lumisections.

Knows what of constants is drawn how; `plots` knows how images look and are written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from condorloop.model.constants import Constants, IovConstants, Place
from condorloop.model.lumis import LAST_LS
from condorloop.policy.constants_change import CHANGE
from condorloop.reports.figures import LABEL, verbatim
from condorloop.reports.plots import image_of, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_AXES: Mapping[str, tuple[str, str]] = {
    "EB": (r"i$\phi$", r"i$\eta$"),
    "EE-": ("ix", "iy"),
    "EE+": ("ix", "iy"),
}
"""The titles of the axes of a part's map."""
_BARREL = "EB"
"""Its map has iphi to the right and ieta upwards, as CMS draws it: its first coordinate is y."""
_MARKERS = "sD^vXP"
_HEAD = 0.14
"""The part of a map's height that is added for the part's name."""


@dataclass(frozen=True, slots=True)
class NamedImage:
    """An image, and a name and an ending for its file."""

    name: str
    form: str
    image: bytes


@dataclass(frozen=True, slots=True)
class Titled:
    """Constants of a run, with the words that stand over their plots."""

    constants: Constants
    title: str


def draw(payloads: Sequence[Titled], forms: Sequence[str]) -> list[NamedImage]:
    """Draw all that constants have to show, each in formats such as ``png`` and ``pdf``.

    Maps show the last of the payloads, trends all of them.

    Raises
    ------
    PlotsUnavailable
        matplotlib or mplhep is not installed.
    """
    found = []
    with style(dark=False):
        for name, figure in _figures(payloads):
            _label(figure, payloads[-1].title)
            found += [NamedImage(_file_name(name), form, image_of(figure, form)) for form in forms]
    return found


def _file_name(name: str) -> str:
    """What of the name of a quantity a file is called by."""
    return "".join(c if c.isalnum() or c in "_+.-" else "-" for c in name)


def _label(figure: Figure, title: str) -> None:
    """Put CMS's label over the first panel, and what is shown over the last one of that row."""
    import mplhep

    figure.draw_without_rendering()
    first = figure.axes[0]
    mplhep.cms.label(text=LABEL, data=True, rlabel="", loc=0, ax=first, fontsize=20)
    top = first.get_position().y1
    panels = [a for a in figure.axes if a.get_subplotspec() and a.get_visible()]
    last = max(
        (a for a in panels if a.get_position().y1 > top - 0.02), key=lambda a: a.get_position().x1
    )
    words = last.text(
        1.0, 1.005, verbatim(title), transform=last.transAxes, ha="right", va="bottom", fontsize=17
    )
    words.set_in_layout(False)  # it may be wider than its panel


def _figures(payloads: Sequence[Titled]) -> Iterator[tuple[str, Figure]]:
    last = payloads[-1].constants
    if last.iovs and last.places:
        iov = last.iovs[-1]
        for name, values in iov.channels.items():
            yield name, map_of_values(last, name, values)
        if any(iov.sets.values()):
            yield "sets", map_of_sets(last, iov.sets)
    numbers = dict.fromkeys(n for p in payloads for iov in p.constants.iovs for n in iov.numbers)
    if numbers and any(len(p.constants.iovs) > 1 for p in payloads):
        yield "trend", trend(payloads, list(numbers))


def _parts(places: Iterable[Place]) -> list[str]:
    """The parts of the detector, as they are drawn from left to right."""
    parts = dict.fromkeys(place.part for place in places)
    order = ["EE-", "EB", "EE+"]
    return sorted(parts, key=lambda part: order.index(part) if part in order else -1)


def _grid(parts: Sequence[str]) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    columns = min(len(parts), 3) if len(parts) != 4 else 2
    rows = math.ceil(len(parts) / columns)
    wide = [2.0 if part == _BARREL else 1.0 for part in parts[:columns]]
    size = (4.6 * sum(wide) + 2.2, 4.8 * rows + 1.2)
    figure = Figure(figsize=size, layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False, width_ratios=wide).flat)
    for spare in axes[len(parts) :]:
        spare.set_visible(False)
    return figure, axes[: len(parts)]


def _xy(place: Place) -> tuple[int, int]:
    return (place.y, place.x) if place.part == _BARREL else (place.x, place.y)


def map_of_values(constants: Constants, name: str, values: Mapping[str, float]) -> Figure:
    """Draw a map of a quantity, one panel a part of the detector, in one scale of colours."""
    placed = [(constants.places[c], v) for c, v in values.items() if c in constants.places]
    parts = _parts(place for place, _ in placed)
    figure, panels = _grid(parts)
    lowest, highest = _range([value for _, value in placed])
    colors = "viridis"
    if name.startswith(CHANGE):
        highest = max(abs(lowest), abs(highest))
        lowest, colors = -highest, "RdBu_r"
    image: Any = None
    for axes, part in zip(panels, parts, strict=True):
        here = [(*_xy(place), value) for place, value in placed if place.part == part]
        image = _panel(axes, part, here, (lowest, highest), colors)
    unit = constants.units.get(name, "")
    bar = figure.colorbar(image, ax=panels, pad=0.02, extend="both")
    bar.set_label(verbatim(f"{name} [{unit}]" if unit else name))
    return figure


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The range of colours: from the 1st to the 99th percentile, so that few do not hide all.

    Where these are alike, it is that of all values.
    """
    ordered = sorted(values)
    cut = len(ordered) // 100
    for lowest, highest in ((ordered[cut], ordered[-1 - cut]), (ordered[0], ordered[-1])):
        if highest > lowest:
            return lowest, highest
    return ordered[0] - 0.5, ordered[0] + 0.5


def _panel(
    axes: Axes,
    part: str,
    here: Sequence[tuple[int, int, float]],
    limits: tuple[float, float],
    colors: str,
) -> Any:
    import numpy as np

    xs, ys = [x for x, _, _ in here], [y for _, y, _ in here]
    x0, y0 = min(xs), min(ys)
    grid = np.full((max(ys) - y0 + 1, max(xs) - x0 + 1), np.nan)
    for x, y, value in here:
        grid[y - y0, x - x0] = value
    edges = (x0 - 0.5, max(xs) + 0.5, y0 - 0.5, max(ys) + 0.5)
    shown = axes.imshow(
        grid,
        origin="lower",
        extent=edges,
        aspect="auto",
        interpolation="nearest",
        vmin=limits[0],
        vmax=limits[1],
        cmap=colors,
    )
    _titles(axes, part)
    return shown


def _titles(axes: Axes, part: str) -> None:
    from matplotlib.ticker import MaxNLocator

    x, y = _AXES.get(part, ("x", "y"))
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, integer=True))
    axes.minorticks_off()
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + _HEAD * (high - low))
    axes.text(0.04, 0.965, verbatim(part), transform=axes.transAxes, va="top", weight="bold")


def map_of_sets(constants: Constants, sets: Mapping[str, frozenset[str]]) -> Figure:
    """Draw where the members of sets, such as bad modules, are among all channels."""
    parts = _parts(constants.places.values())
    figure, panels = _grid(parts)
    for axes, part in zip(panels, parts, strict=True):
        here = {c: _xy(place) for c, place in constants.places.items() if place.part == part}
        axes.plot(*_columns(here.values()), "s", color="#dadde1", ms=9, mew=0, label="others")
        for number, (name, members) in enumerate(sets.items()):
            bad = [here[c] for c in members if c in here]
            axes.plot(
                *_columns(bad),
                _MARKERS[number % len(_MARKERS)],
                color=f"C{number}",
                ms=11,
                label=verbatim(f"{name} ({len(members)})"),
            )
        axes.margins(0.12)
        _titles(axes, part)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _columns(points: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    listed = list(points)
    return [x for x, _ in listed], [y for _, y in listed]


def trend(payloads: Sequence[Titled], numbers: Sequence[str]) -> Figure:
    """Draw numbers of IOVs over lumisections, one panel a number; runs follow each other."""
    from matplotlib.figure import Figure

    names = _pairs(numbers)
    columns = 2 if len(names) > 3 else 1
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(8.0 * columns + 2, 2.9 * rows + 1.6), layout="constrained")
    panels = list(figure.subplots(rows, columns, sharex=True, squeeze=False).flat)
    for spare in panels[len(names) :]:
        spare.set_visible(False)
    runs = _laid_out(payloads)
    for axes, name in zip(panels, names, strict=False):
        for number, run in enumerate(runs):
            xs, ys = run.steps(name)
            axes.step(xs, ys, where="post", color=f"C{number % 10}", lw=2)
        unit = next((u for p in payloads if (u := p.constants.units.get(name))), "")
        axes.set_ylabel(verbatim(f"{name} [{unit}]" if unit else name))
        axes.margins(y=0.15)
        axes.ticklabel_format(axis="y", useOffset=False, style="plain")
        for run in runs[1:]:
            axes.axvline(run.start, color="#9c9ca1", lw=1, ls=":")
    _name_runs(panels[:1], runs)
    for axes in panels[len(names) - columns : len(names)]:
        axes.set_xlabel("LS" if len(runs) == 1 else "LS, run after run")
        axes.xaxis.set_tick_params(labelbottom=True)
    return figure


def _pairs(numbers: Sequence[str]) -> list[str]:
    """Put a width beside its position, and what has no such neighbour last.

    >>> _pairs(["x", "y", "vertices", "sigma_x", "sigma_y"])
    ['x', 'sigma_x', 'y', 'sigma_y', 'vertices']
    """
    paired = [n for name in numbers if f"sigma_{name}" in numbers for n in (name, f"sigma_{name}")]
    return [*paired, *(name for name in numbers if name not in paired)]


@dataclass(frozen=True, slots=True)
class _Run:
    """The IOVs of a run, laid out from `start` on; `length` is in lumisections."""

    run: int
    start: int
    length: int
    iovs: tuple[IovConstants, ...]

    def steps(self, name: str) -> tuple[list[float], list[float]]:
        known = [
            (self.start + (i.since & LAST_LS), i.numbers[name])
            for i in self.iovs
            if name in i.numbers
        ]
        if not known:
            return [], []
        end = (self.start + self.length, known[-1][1])
        return [float(x) for x, _ in (*known, end)], [y for _, y in (*known, end)]


def _laid_out(payloads: Sequence[Titled]) -> list[_Run]:
    by_run: dict[int, dict[int, IovConstants]] = {}
    for payload in payloads:
        for iov in payload.constants.iovs:
            by_run.setdefault(iov.since >> 32, {})[iov.since] = iov
    found: list[_Run] = []
    start = 0
    for run in sorted(by_run):
        iovs = tuple(by_run[run][since] for since in sorted(by_run[run]))
        last = iovs[-1].since & LAST_LS
        length = last + max(1, last // 20)
        found.append(_Run(run, start, length, iovs))
        start += length
    return found


def _name_runs(panels: Sequence[Axes], runs: Sequence[_Run]) -> None:
    if len(runs) < 2:
        return
    for axes in panels:
        for run in runs:
            axes.annotate(
                str(run.run),
                (run.start + run.length / 2, 0.97),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="top",
                fontsize="x-small",
            )
