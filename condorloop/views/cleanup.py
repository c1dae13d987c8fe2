"""What campaigns have left on the disk, on the terminal.

Knows how `condorloop.cleaning.Inventory` is shown to people; it looks at no disk.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from condorloop.amounts import duration, size
from condorloop.cleaning import Inventory, Leaving, going
from condorloop.disk import DiskSpace
from condorloop.model import Kept
from condorloop.views.status import CAMPAIGN_STYLES
from condorloop.views.terminal import age, text

_TITLES = {Kept.RUNS: "all"}
KEEPS_ALL = (
    "No retention is configured, and all is kept: give the section retention in a calibration's "
    "YAML file, or in the site file's defaults."
)


def cleanup_view(
    found: Sequence[Inventory], space: DiskSpace | None, now: float, *, keeps_all: bool
) -> RenderableType:
    """Lay out what there is of each campaign, what goes now, and when the rest goes."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("run", "calibration", "state", "closed"):
        table.add_column(title, no_wrap=True)
    for kept in Kept:
        table.add_column(_TITLES.get(kept, kept), justify="right")
    for each in found:
        table.add_row(
            text(str(each.key.run)),
            text(each.key.calibration),
            text(each.state, CAMPAIGN_STYLES[each.state]),
            text("" if each.closed_at is None else f"{age(each.closed_at, now)} ago"),
            *(_cell(each.leavings.get(kept), now) for kept in Kept),
        )
    sums = [f"goes now: {going(found)}"] + ([f"disk: {space}"] if space else [])
    return Group(table, text("; ".join(sums)), *([text(KEEPS_ALL)] if keeps_all else []))


def _cell(leaving: Leaving | None, now: float) -> Text:
    if leaving is None:
        return text("")
    if leaving.goes_now:
        return text(f"{size(leaving.size.bytes)} now", "bold yellow")
    if leaving.goes_at is None:
        return text(size(leaving.size.bytes))
    return text(f"{size(leaving.size.bytes)} in {duration(max(0.0, leaving.goes_at - now))}")
