"""What has changed between two payloads, on the terminal.

Knows how `condorloop.history.payload_diff` is shown to people; it reads nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from rich.console import Group, RenderableType
from rich.text import Text

from condorloop.cli.views.table import Column, FittingTable
from condorloop.cli.views.terminal import text
from condorloop.history.payload_diff import Moved, PayloadDiff, QuantityDiff, SetDiff
from condorloop.text import plural

_ROWS = 40
"""Intervals of a table that are shown; of more, those that have changed."""
_NAMES = 20
"""Members of a set that are named."""


def diff_view(told: PayloadDiff) -> RenderableType:
    """Lay out the diff of two payloads."""
    head = f"{told.calibration}: from {told.before} to {told.after}"
    parts: list[RenderableType] = [text(head, "bold")]
    of_channels = [q for q in told.quantities if not q.intervals]
    of_intervals = [q for q in told.quantities if q.intervals]
    for quantity in of_channels:
        parts += _channels(quantity)
    for each in told.sets:
        parts += _set(each)
    if any(len(quantity.intervals) > 1 for quantity in of_intervals):
        parts += [text(_summary(quantity, "interval")) for quantity in of_intervals]
        parts += _intervals(of_intervals)
    else:
        parts += [text(_single(quantity)) for quantity in of_intervals]
    if len(parts) == 1:
        parts.append(text("nothing can be compared: no interval has both"))
    return Group(*parts)


def _summary(q: QuantityDiff, what: str) -> str:
    unit = f" {q.unit}" if q.unit else ""
    if not q.compared:
        return f"{q.name}: no {what} is in both"
    if not q.changed:
        said = f"{q.name}: {plural(q.compared, what)}, none changed"
    else:
        said = (
            f"{q.name}: {q.changed} of {plural(q.compared, what)} changed; mean change "
            f"{_signed(q.mean)}{unit}, spread {q.spread:.3g}{unit}, "
            f"largest {q.largest:.3g}{unit}"
        )
    others = [f"{plural(len(s), what)} {w}" for s, w in ((q.come, "come"), (q.gone, "gone")) if s]
    return "; ".join([said, *others])


def _single(q: QuantityDiff) -> str:
    """Say what became of a number of the only interval."""
    [each] = q.intervals
    unit = f" {q.unit}" if q.unit else ""
    if not each.change:
        return f"{q.name}: {_value(each.after)}{unit}, not changed"
    return (
        f"{q.name}: {_value(each.before)} before, {_value(each.after)} after{unit} "
        f"({_signed(each.change)})"
    )


def _channels(q: QuantityDiff) -> Iterator[RenderableType]:
    yield text(_summary(q, "channel"))
    if q.worst:
        yield FittingTable(q.worst, _moved(f"worst {len(q.worst)} of {q.name}"))
    for name, channels in (("come", q.come), ("gone", q.gone)):
        if channels:
            yield text(f"  {name}: {_listed(channels)}")


def _moved(title: str) -> list[Column[Moved]]:
    return [
        Column(title, lambda each: text(each.what)),
        Column("before", lambda each: text(_value(each.before)), right=True),
        Column("after", lambda each: text(_value(each.after)), right=True),
        Column("change", lambda each: text(_signed(each.change)), right=True),
    ]


def _set(each: SetDiff) -> Iterator[RenderableType]:
    yield text(f"{each.name}: {each.before} before, {each.after} after")
    if each.come:
        yield text(f"  come: {_listed(each.come)}", "yellow")
    if each.gone:
        yield text(f"  gone: {_listed(each.gone)}", "green")


def _listed(names: Sequence[str]) -> str:
    more = f" … and {len(names) - _NAMES} more: --json" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


@dataclass(frozen=True, slots=True)
class _Row:
    """An interval with what its quantities are and were."""

    what: str
    moved: dict[str, Moved]

    @property
    def changed(self) -> bool:
        return any(each.change for each in self.moved.values())


def _intervals(quantities: Sequence[QuantityDiff]) -> Iterator[RenderableType]:
    """A row an interval, a column a quantity: its value after, and the change."""
    rows: dict[str, dict[str, Moved]] = {}
    for quantity in quantities:
        for each in quantity.intervals:
            rows.setdefault(each.what, {})[quantity.name] = each
    every = [_Row(what, moved) for what, moved in rows.items()]
    shown = every if len(every) <= _ROWS else [row for row in every if row.changed]
    columns: list[Column[_Row]] = [Column("", lambda row: text(row.what))]
    for number, quantity in enumerate(quantities):
        name, unit = quantity.name, f" [{quantity.unit}]" if quantity.unit else ""
        columns += [
            Column(
                f"{name}{unit}",
                partial(_of, name=name, change=False),
                rank=2 * number,
                right=True,
            ),
            Column(
                "change",
                partial(_of, name=name, change=True),
                rank=2 * number,
                right=True,
            ),
        ]
    yield FittingTable(shown[:_ROWS], columns)
    if (more := len(every) - min(len(shown), _ROWS)) > 0:
        yield text(f"… and {plural(more, 'more interval')}: --json", "bright_black")


def _of(row: _Row, name: str, *, change: bool) -> Text:
    moved = row.moved.get(name)
    if moved is None:
        return text("-")
    if change:
        return text(_signed(moved.change) if moved.change else "")
    return text(_value(moved.after))


def _value(value: float) -> str:
    return f"{value:.6g}"


def _signed(value: float) -> str:
    return f"{value:+.0f}" if abs(value) >= 1000 else f"{value:+.3g}"
