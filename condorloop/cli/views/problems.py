"""Problems on the terminal: what is wrong, and below it what to type.

Knows how a `condorloop.model.status.Problem` is shown to people; it decides nothing. Of many
problems of one kind only a few are shown, and how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.text import Text

from condorloop.cli.views.terminal import age, text
from condorloop.model.problem import Problem

FEW = 3
"""How many problems of one kind are shown of a campaign."""


def few_of_each(problems: Iterable[Problem], most: int = FEW) -> Iterator[Problem | str]:
    """Give the first of each kind, in the order that they are in, and how many more there are."""
    for _, same in groupby(problems, key=lambda p: (p.kind, p.calibration, p.stream, p.run)):
        of_a_kind = list(same)
        few = of_a_kind if len(of_a_kind) <= most + 1 else of_a_kind[:most]
        yield from few
        if more := len(of_a_kind) - len(few):
            run = f"run {few[0].run}" if few[0].run else ""
            of = " ".join(filter(None, [few[0].calibration or few[0].stream, run]))
            yield f"… and {more} more like this" + (f" of {of}" if of else "")


def problem_lines(
    problems: Iterable[Problem], now: float, most: int = FEW
) -> Iterator[tuple[Text, ...]]:
    """Lay out problems: for each the lines that belong together."""
    for problem in few_of_each(problems, most):
        if isinstance(problem, str):
            yield (text(f"  {problem}", "red"),)
            continue
        since = f" (for {age(problem.since, now)})" if problem.since else ""
        said = text(f"! {problem.text}{since}", "red")
        yield (said, text(f"    {problem.command}", "bold")) if problem.command else (said,)
