"""A run's lumisections as a bar of characters: what became of them, at a glance.

Knows the states of lumisections and how wide the terminal is; reads nothing. A character stands
for as many LS as it must. The bar shows what became of most of them; a mark below shows what went
wrong with any of them, however few.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from condorloop.cli.views.terminal import shortened
from condorloop.model.lumi_fates import LumiState
from condorloop.model.lumis import Lumis

LUMI_STYLES: Mapping[LumiState, str] = {
    LumiState.IN_PAYLOAD: "green",
    LumiState.HARVESTED: "bright_blue",
    LumiState.IN_WORK: "cyan",
    LumiState.GOOD: "white",
    LumiState.NOT_MADE: "bright_magenta",
    LumiState.FAILED: "red",
    LumiState.BAD_FILE: "magenta",
    LumiState.AWAITED: "bright_black",
    LumiState.MISSING: "yellow",
}
"""How a lumisection's state looks on the terminal, wherever it is shown."""

SYMBOLS: Mapping[LumiState, str] = {
    LumiState.IN_PAYLOAD: "█",
    LumiState.HARVESTED: "▓",
    LumiState.IN_WORK: "▒",
    LumiState.GOOD: "░",
    LumiState.NOT_MADE: "N",
    LumiState.FAILED: "F",
    LumiState.BAD_FILE: "B",
    LumiState.AWAITED: "·",
    LumiState.MISSING: "M",
}
ASCII: Mapping[LumiState, str] = {
    **SYMBOLS,
    LumiState.IN_PAYLOAD: "#",
    LumiState.HARVESTED: "h",
    LumiState.IN_WORK: "w",
    LumiState.GOOD: "g",
    LumiState.AWAITED: ".",
}
"""What stands for each state where the terminal has no more than ASCII."""

WRONG = (LumiState.FAILED, LumiState.BAD_FILE, LumiState.NOT_MADE, LumiState.MISSING)
"""What is marked, the worst first."""

WIDEST = 120
"""Characters of a bar, at most: more is not easier to read."""

_TICK = 8
"""How many characters the ruler leaves to a number, at least."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A character of the bar: its lumisections, what most of them are, the worst wrong of them.

    `mark` is None if nothing is wrong with any, or if the bar itself shows what is.
    """

    first: int
    last: int
    state: LumiState
    mark: LumiState | None


def cells(fates: Mapping[LumiState, Lumis], width: int) -> tuple[Cell, ...]:
    """Cut a run's lumisections into cells of as few as fit, at most `width` of them.

    Of states that are equally many in a cell, the one that is worse is its state.
    """
    last = max((lumis.last for lumis in fates.values()), default=0)
    each = max(1, -(-last // max(width, 1)))
    found: list[dict[LumiState, int]] = [{} for _ in range(-(-last // each))]
    for state, lumis in fates.items():
        for first, end in lumis.ranges:
            for number in range((first - 1) // each, (end - 1) // each + 1):
                within = min(end, (number + 1) * each) - max(first, number * each + 1) + 1
                found[number][state] = found[number].get(state, 0) + within
    return tuple(
        _cell(number * each + 1, min((number + 1) * each, last), counts)
        for number, counts in enumerate(found)
    )


def _cell(first: int, last: int, counts: Mapping[LumiState, int]) -> Cell:
    order = list(LumiState)
    state = max(counts, key=lambda s: (counts[s], s in WRONG, order.index(s)))
    mark = next((s for s in WRONG if counts.get(s)), None)
    return Cell(first, last, state, None if mark is state else mark)


def ruler(last: int, each: int, width: int) -> str:
    """Give the numbers of lumisections below a bar: each begins below the character of its LS."""
    step = next(s for s in _round_numbers() if s >= each * _TICK)
    line = "1"
    for number in range(step, last + 1, step):
        at = (number - 1) // each
        if at > len(line) and at + len(str(number)) <= max(width, 1):
            line = line.ljust(at) + str(number)
    return line


def _round_numbers() -> Iterator[int]:
    size = 1
    while True:
        yield from (size, 2 * size, 5 * size)
        size *= 10


def bar(
    fates: Mapping[LumiState, Lumis], width: int, *, ascii_only: bool = False
) -> tuple[Text, ...]:
    """Draw the lines of a bar: the lumisections, what is wrong with some of them, a ruler."""
    drawn = cells(fates, width)
    if not drawn:
        return (Text("no lumisection is known yet"),)
    symbols = ASCII if ascii_only else SYMBOLS
    lines = [_line([c.state for c in drawn], symbols)]
    if any(c.mark for c in drawn):
        lines.append(_line([c.mark for c in drawn], symbols))
    each = drawn[0].last - drawn[0].first + 1
    lines.append(Text(ruler(drawn[-1].last, each, width), style="bright_black"))
    return tuple(lines)


def _line(
    states: list[LumiState | None] | list[LumiState], symbols: Mapping[LumiState, str]
) -> Text:
    line = Text()
    for state, same in groupby(states):
        count = len(list(same))
        line.append((symbols[state] if state else " ") * count, LUMI_STYLES[state] if state else "")
    line.rstrip()
    return line


def legend(
    fates: Mapping[LumiState, Lumis], width: int, *, ascii_only: bool = False, whole: bool = False
) -> tuple[Text, ...]:
    """Say what the characters mean: for each state how many lumisections, and which.

    Parameters
    ----------
    whole
        Name every range, however long the line.
    """
    symbols = ASCII if ascii_only else SYMBOLS
    digits = max((len(str(len(lumis))) for lumis in fates.values()), default=1)
    lines = []
    for state in (s for s in LumiState if fates.get(s)):
        said = f" {state:<10} {len(fates[state]):>{digits}} LS  "
        ranges = str(fates[state])
        line = Text(symbols[state], style=LUMI_STYLES[state], overflow="fold")
        line.append(said, LUMI_STYLES[state])
        line.append(ranges if whole else shortened(ranges, max(width - len(said) - 1, 8)))
        lines.append(line)
    return tuple(lines)


@dataclass(frozen=True, slots=True)
class LumiBar:
    """A bar with its legend, as wide as the terminal has room; `whole` names every range."""

    fates: Mapping[LumiState, Lumis]
    whole: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, plain = min(options.max_width, WIDEST), options.ascii_only
        yield from bar(self.fates, width, ascii_only=plain)
        drawn = cells(self.fates, width)
        if drawn and (each := drawn[0].last - drawn[0].first + 1) > 1:
            most = "what most of them are, and below it the worst that is wrong with any"
            yield Text(f"one character is {each} LS: {most}", style="bright_black")
        yield from legend(self.fates, width, ascii_only=plain, whole=self.whole)
