"""The state of the loop on a whole screen: what matters most of it, and the last decisions.

Knows how many lines there are, and what of `condorloop.model.status` is left out first where they
are few: it says of how many. It reads and decides nothing. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

from condorloop.cli.views.problems import problem_lines
from condorloop.cli.views.status import Shown, campaign_table, grouped, head
from condorloop.cli.views.terminal import clock, text
from condorloop.model.status import CampaignStatus, Decision, Status

LEVEL_STYLES = {"warning": "yellow", "error": "red", "critical": "bold red"}
"""How a line of the log looks."""

_FEW = 2
"""How many problems of one kind are shown of a campaign."""


@dataclass(frozen=True, slots=True)
class ScreenSize:
    """How many lines of a screen each part gets."""

    problems: int
    campaigns: int
    decisions: int


def room(lines: int, wanted: ScreenSize) -> ScreenSize:
    """Share out lines: problems come first, then campaigns; decisions get a fifth in any case.

    Nobody gets more than is `wanted`, all together get no more than `lines`, and all get what is
    wanted if there is room for it.
    """
    kept = min(wanted.decisions, lines // 5)
    problems = min(wanted.problems, max(lines // 2, lines - wanted.campaigns - kept))
    campaigns = min(wanted.campaigns, lines - problems - kept)
    return ScreenSize(problems, campaigns, min(wanted.decisions, lines - problems - campaigns))


@dataclass(frozen=True, slots=True)
class WatchView:
    """A screen full of the loop's state.

    Parameters
    ----------
    status
        The state, or why there is none.
    now
        What ages are counted to, seconds since the epoch.
    submitter
        Who runs; None if nobody does.
    """

    status: Status | str
    now: float
    submitter: str | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or console.height
        folded = options.update(height=None)

        def drawn(*views: RenderableType) -> list[list[Segment]]:
            return console.render_lines(Group(*views), folded, pad=False) if views else []

        if isinstance(self.status, str):
            lines = drawn(text(self.status, "yellow"))
        else:
            lines = drawn(*head(self.status, self.now, self.submitter))
            wrong, campaigns, told = _parts(self.status, self.now)
            problems = [drawn(*each) for each in wrong]
            size = len(drawn(campaign_table(campaigns, self.now)))
            wanted = ScreenSize(sum(map(len, problems)), size + 1, len(told) + 1)
            share = room(max(height - 1 - len(lines), 0), wanted)
            fit = _fitting(problems, share.problems)
            lines += [line for problem in problems[:fit] for line in problem]
            if fit < len(problems) and share.problems:
                count = len(self.status.problems)
                lines += drawn(_cut(f"  … {count} problems in all: condorloop status", "red"))
            lines += drawn(*_campaigns(campaigns, self.now, share.campaigns, size))
            lines += drawn(*_decisions(told, self.now, height - 1 - len(lines)))
        lines = [*lines, *([] for _ in range(height))][: height - 1]
        lines += drawn(_cut("q or Ctrl-C ends; times are UTC", "bright_black"))
        for line in lines[:-1]:
            yield from line
            yield Segment.line()
        yield from lines[-1]


def _parts(
    status: Status, now: float
) -> tuple[list[tuple[Text, ...]], list[Shown], tuple[Decision, ...]]:
    """What is shown, in the order of its importance: open campaigns and newer runs come first."""
    campaigns = sorted(status.campaigns, key=lambda c: (not c.state.open, -c.run, c.calibration))
    wrong = [(_one_line(p[0]), *p[1:]) for p in problem_lines(status.problems, now, _FEW)]
    return wrong, grouped(campaigns, status.reconstructions), status.decisions


def _one_line(line: Text) -> Text:
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _cut(said: str, style: str = "") -> Text:
    return _one_line(text(said, style))


def _fitting(problems: Sequence[Sequence[object]], lines: int) -> int:
    """How many problems fit, with a line that says how many there are if not all do."""
    ends = list(accumulate(map(len, problems)))
    if not ends or ends[-1] <= lines:
        return len(problems)
    return sum(end < lines for end in ends)


def _campaigns(
    campaigns: Sequence[Shown], now: float, lines: int, size: int
) -> list[RenderableType]:
    """An empty line, and the campaigns that fit; if not all do, how many more there are."""
    if size + 1 <= lines:
        return [Text(), campaign_table(campaigns, now)]
    around = size - len(campaigns) + 2
    shown = max(lines - around, 0)
    rest = [row for row in campaigns[shown:] if isinstance(row, CampaignStatus)]
    still_open = sum(c.state.open for c in rest)
    more = _cut(f"… {len(rest)} more campaigns, {still_open} of them open: condorloop status")
    if not shown:
        return [more] if lines else []
    return [Text(), campaign_table(campaigns[:shown], now), more]


def _decisions(told: Sequence[Decision], now: float, lines: int) -> list[Text]:
    """An empty line, and the last lines of the log that fit."""
    if lines < 2:
        return []
    return [Text(), *(_decision(each, now) for each in told[-(lines - 1) :])]


def _decision(decision: Decision, now: float) -> Text:
    said = f"{clock(decision.time, now)} {decision.text}"
    return _cut(said, LEVEL_STYLES.get(decision.level, ""))
