"""The plots of a report as images, in the style of CMS.

Knows which plots there are and how they look; `drawings` knows what they show. matplotlib is
imported when a plot is wanted: it takes a second, and a node need not have it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condorloop.errors import CondorloopError
from condorloop.reports import constant_trends, figures
from condorloop.reports.report import Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class PlotsUnavailable(CondorloopError):
    """Plots cannot be made here; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot: the name of its file, what it shows in words, and who draws it."""

    name: str
    title: str
    draw: Callable[[Report], Figure]


def draw(report: Report, form: str, *, dark: bool = False) -> list[tuple[Plot, bytes]]:
    """Give the image of each plot, in a format such as ``png`` or ``svg``; none without data.

    Raises
    ------
    PlotsUnavailable
        matplotlib or mplhep is not installed.
    """
    shown = PLOTS if figures.with_payloads(report) else ()
    if any(each.quantities for each in report.constants):
        shown = (*shown, CONSTANTS)
    with style(dark):
        return [(plot, image_of(_labelled(plot.draw(report), report), form)) for plot in shown]


def _labelled(figure: Figure, report: Report) -> Figure:
    figures.label(figure, report)
    return figure


def image_of(figure: Figure, form: str) -> bytes:
    """Give a figure as an image; inside `style` only."""
    image = io.BytesIO()
    figure.savefig(image, format=form, dpi=80, metadata=_SAYING_NOTHING.get(form))
    return image.getvalue()


_SAYING_NOTHING: Mapping[str, dict[str, None]] = {
    "svg": dict.fromkeys(("Creator", "Date", "Format", "Type")),
    "pdf": {"CreationDate": None},
}
"""What keeps out of an image when and by what it was made."""

_INK = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
_PAPER = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")


@contextmanager
def style(dark: bool) -> Iterator[None]:
    """Draw in the style of CMS, on paper or on a dark screen; what was set before comes back.

    Raises
    ------
    PlotsUnavailable
        matplotlib or mplhep is not installed.
    """
    try:
        import matplotlib.style
        import mplhep
    except ImportError as error:
        raise PlotsUnavailable(
            f"plots need matplotlib and mplhep ({error}): pip install 'condorloop[report]'"
        ) from None
    ink, paper = ("#e4e8ec", "#191d23") if dark else ("#000000", "#ffffff")
    colors = dict.fromkeys(_INK, ink) | dict.fromkeys(_PAPER, paper)
    others = {"font.size": 18, "svg.hashsalt": "condorloop"}
    with matplotlib.style.context([mplhep.style.CMS, colors, others]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # in a name of others
        yield


PLOTS = (
    Plot("latency", "From LS end to the first payload that contains it", figures.distribution),
    Plot("time-split", "Where the time goes", figures.time_split),
    Plot("runs", "The latencies of each run", figures.runs),
    Plot("memory", "Memory used and asked for", figures.memory),
)
"""Every plot, in the order in which they are shown."""

CONSTANTS = Plot("constants", "The constants of each run", constant_trends.trends)
"""The plot that a report has where constants were asked for."""
