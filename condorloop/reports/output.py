"""A report as files: which there are in a format, and where they go.

Knows formats and names of files; what stands in them is made elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from condorloop.reports import csv_tables, html_page, plots
from condorloop.reports.report import Report, to_json
from condorloop.rundir.durable import write_whole

FORMATS = ("csv", "json", "html")
IMAGES = ("png", "pdf")


def texts(report: Report, form: str) -> dict[str, str]:
    """Give the files of one of `FORMATS` by name, first the one that can stand for all.

    Raises
    ------
    PlotsUnavailable
        The format needs plots, and what draws them is not installed.
    """
    if form == "csv":
        return {f"{name}.csv": text for name, text in csv_tables.tables(report).items()}
    if form == "json":
        return {"report.json": json.dumps(to_json(report), indent=1) + "\n"}
    return {"report.html": html_page.render(report)}


def write(files: Mapping[str, str], output: Path) -> list[Path]:
    """Write all files into a folder, or the first one to a file; give what was written.

    What is no folder yet is one if its name has no ending.

    Raises
    ------
    OSError
        They cannot be written.
    """
    if output.is_dir() or not output.suffix:
        output.mkdir(parents=True, exist_ok=True)
        written = {output / name: text for name, text in files.items()}
    else:
        written = {output: next(iter(files.values()))}
    for path, text in written.items():
        write_whole(path, text)
    return list(written)


def write_plots(report: Report, folder: Path) -> list[Path]:
    """Write every plot into a folder, in each of `IMAGES`; give what was written.

    Raises
    ------
    PlotsUnavailable
        What draws plots is not installed.
    OSError
        They cannot be written.
    """
    images = {
        folder / f"{plot.name}.{form}": image
        for form in IMAGES
        for plot, image in plots.draw(report, form)
    }
    folder.mkdir(parents=True, exist_ok=True)
    for path, image in images.items():
        path.write_bytes(image)
    return sorted(images)
