"""What campaigns have left on the disk, on the terminal.

Knows how `condorloop.cycle.cleaner.Inventory` is shown to people; it looks at no disk.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from condorloop.cli.views.status import CAMPAIGN_STYLES
from condorloop.cli.views.table import Column, FittingTable
from condorloop.cli.views.terminal import age, text
from condorloop.cycle.cleaner import ArtifactUsage, Inventory, going
from condorloop.model.enums import Artifact
from condorloop.runtime.disk_space import DiskSpace
from condorloop.text import duration, size

_TITLES = {Artifact.RUNS: "all"}
KEEPS_ALL = (
    "No retention is configured, and all is kept: give the section retention in a calibration's "
    "YAML file, or in the site file's defaults."
)


def cleanup_view(
    found: Sequence[Inventory], space: DiskSpace | None, now: float, *, keeps_all: bool
) -> RenderableType:
    """Lay out what there is of each campaign, what goes now, and when the rest goes."""
    columns: list[Column[Inventory]] = [
        Column("run", lambda each: text(str(each.key.run))),
        Column("calibration", lambda each: text(each.key.name)),
        Column("state", _state, 2),
        Column("closed", lambda each: text(_closed(each, now)), 1),
        *(_column(kept, now) for kept in Artifact),
    ]
    table = FittingTable(found, columns)
    sums = [f"goes now: {going(found)}"] + ([f"disk: {space}"] if space else [])
    return Group(table, text("; ".join(sums)), *([text(KEEPS_ALL)] if keeps_all else []))


def _state(each: Inventory) -> Text:
    """The state of a campaign; of the run directory of a shared stream that it is one."""
    if each.state is None:
        return text("stream", "dim")
    return text(each.state, CAMPAIGN_STYLES[each.state])


def _closed(each: Inventory, now: float) -> str:
    return "" if each.closed_at is None else f"{age(each.closed_at, now)} ago"


def _column(kept: Artifact, now: float) -> Column[Inventory]:
    title = _TITLES.get(kept, kept)
    return Column(title, lambda each: _cell(each.leavings.get(kept), now), right=True)


def _cell(leaving: ArtifactUsage | None, now: float) -> Text:
    if leaving is None:
        return text("")
    if leaving.goes_now:
        return text(f"{size(leaving.size.bytes)} now", "bold yellow")
    if leaving.goes_at is None:
        return text(size(leaving.size.bytes))
    return text(f"{size(leaving.size.bytes)} in {duration(max(0.0, leaving.goes_at - now))}")
