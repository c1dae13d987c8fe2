"""A report as one HTML page that needs nothing but itself: no script, nothing from other hosts.

Knows how tables and plots get into the page; what they hold is `report_tables` and `plots`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from condorloop.monitoring.status_page import template
from condorloop.reports import plots
from condorloop.reports.report import Report
from condorloop.reports.tables import heading, tables


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot on the page, for a light and for a dark screen: URIs that hold the images."""

    title: str
    light: str
    dark: str


def render(report: Report) -> str:
    """Give the page.

    Raises
    ------
    PlotsUnavailable
        matplotlib or mplhep is not installed.
    """
    light, dark = (
        [(plot, _uri(image)) for plot, image in plots.draw(report, "svg", dark=on_dark)]
        for on_dark in (False, True)
    )
    pictures = [Picture(p.title, on, off) for (p, on), (_, off) in zip(light, dark, strict=True)]
    page = template("report.html.j2")
    return page.render(heading=heading(report), pictures=pictures, tables=tables(report))


def _uri(image: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(image).decode()}"
