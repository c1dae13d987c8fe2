"""A report on the terminal, and other tables like its own.

Knows how the tables of `condorloop.reports.tables` are laid out; what stands in them is theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from rich.console import Group, RenderableType
from rich.text import Text

from condorloop.cli.views.table import Column, FittingTable
from condorloop.cli.views.terminal import text
from condorloop.reports.report import Report
from condorloop.reports.tables import ReportTable, heading, tables


def report_view(report: Report) -> RenderableType:
    """Lay out a report."""
    return tables_view(heading(report), tables(report))


def tables_view(title: str, tables: Iterable[ReportTable]) -> RenderableType:
    """Lay out tables below a title."""
    parts: list[RenderableType] = [text(title)]
    for table in tables:
        parts += [Text(), text(table.title, "bold"), _table(table)]
        if table.note:
            parts.append(text(table.note, "bright_black"))
    return Group(*parts)


def _table(table: ReportTable) -> FittingTable:
    return FittingTable(
        table.rows,
        [
            Column(
                title,
                partial(_cell, at),
                rank=max(0, at - table.names + 1),
                right=at >= table.names,
            )
            for at, title in enumerate(table.columns)
        ],
    )


def _cell(at: int, row: tuple[str, ...]) -> Text:
    return text(row[at])
