"""Tables that fit the terminal: where it is narrow, columns are left out and named.

Knows widths; knows nothing of what is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

Row = TypeVar("Row")
GAP = 2
"""Characters between two columns."""


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column: what it shows of a row, and when it is left out: the highest `rank` first, 0 never.

    A column that shows nothing of any row is left out without a word, unless its rank is 0.
    """

    title: str
    cell: Callable[[Row], Text]
    rank: int = 0
    right: bool = False


@dataclass(frozen=True, slots=True)
class _Drawn:
    title: str
    cells: tuple[Text, ...]
    rank: int
    right: bool

    @property
    def width(self) -> int:
        return max(len(self.title), *(cell.cell_len for cell in self.cells), 0)


class FittingTable:
    """A table of rows that are never folded; it names the columns that it has no room for."""

    def __init__(self, rows: Iterable[Row], columns: Sequence[Column[Row]]) -> None:
        all_rows = list(rows)
        drawn = (_Drawn(c.title, tuple(map(c.cell, all_rows)), c.rank, c.right) for c in columns)
        self._columns = [c for c in drawn if not c.rank or any(x.plain for x in c.cells)]

    def fitting(self, width: int) -> tuple[list[str], list[str]]:
        """The titles of the columns that fit a width side by side, and of those that do not."""
        kept, left_out = self._fitting(width)
        return [c.title for c in kept], [c.title for c in left_out]

    def _fitting(self, width: int) -> tuple[list[_Drawn], list[_Drawn]]:
        kept = list(self._columns)
        left_out: list[_Drawn] = []
        while sum(c.width for c in kept) + GAP * (len(kept) - 1) > width:
            least = max(kept, key=lambda c: c.rank)
            if not least.rank:
                break
            kept.remove(least)
            left_out.insert(0, least)
        return kept, left_out

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        kept, left_out = self._fitting(options.max_width)
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        for column in kept:
            table.add_column(
                column.title,
                justify="right" if column.right else "left",
                no_wrap=True,
                overflow="ellipsis",
            )
        for row in zip(*(c.cells for c in kept), strict=True):
            table.add_row(*row)
        yield table
        if left_out:
            names = ", ".join(c.title for c in left_out)
            yield Text(f"(a wider terminal shows: {names})", style="bright_black")
