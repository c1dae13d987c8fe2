"""The diagrams of the lives of campaigns, DAGs and nodes in docs/assets, drawn from their tables.

Knows how a table reads to people: a column for each state, a line for each change. To draw them
again: ``python -m tools.state_diagrams``.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from html import escape
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from typing import Any

from condorloop.model.transitions import LIVES, Arrow, Life

ASSETS = Path(__file__).resolve().parents[1] / "docs" / "assets"

_COLUMN, _ROW, _LINE, _LEFT, _TOP = 92, 30, 16, 34, 46
_WORDS = 50
"""How many characters of the words are in a line."""

_FORGOTTEN = "\N{MULTIPLICATION SIGN}"
"""The tip of an arrow that leads to no state."""

_STYLE = (
    "rect{fill:#e8eefb;stroke:#5470a8;rx:6}text{fill:#1d2433}.soft{fill:#5c6880;font-size:13px}"
    "line{stroke:#a9b6d3}.arrow{stroke:#1d2433;stroke-width:1.5}.tip{fill:#1d2433}"
    "@media (prefers-color-scheme:dark){rect{fill:#22304d;stroke:#7d99d6}text{fill:#e6ebf5}"
    ".soft{fill:#a3afc7}line{stroke:#4a5878}.arrow{stroke:#e6ebf5}.tip{fill:#e6ebf5}}"
)


def file_of(life: Life[Any]) -> Path:
    """Where the diagram of a life is."""
    return ASSETS / f"{life.what.lower()}-states.svg"


def diagram(life: Life[Any]) -> str:
    """Draw a life as SVG: changes to the same state for the same reason are one line."""
    alike = [list(arrows) for _, arrows in groupby(life.arrows, lambda a: (a.after, a.when))]
    states: list[StrEnum] = list(life.states.__members__.values())
    columns = {state: _LEFT + _COLUMN * i + _COLUMN // 2 for i, state in enumerate(states)}
    right = _LEFT + _COLUMN * len(columns)
    body: list[str] = []
    y = _TOP + _ROW // 2
    for arrows in alike:
        words = wrap(arrows[0].when.replace("`", ""), _WORDS)
        body += _change(arrows, columns, y)
        for i, line in enumerate(words):
            at = y + 4 + _LINE * i
            body.append(f'<text class="soft" x="{right + 14}" y="{at}">{escape(line)}</text>')
        y += _ROW + _LINE * (len(words) - 1)
    return "\n".join([*_frame(life, columns, right + 14 + 7 * _WORDS, y), *body, "</svg>", ""])


def _frame(life: Life[Any], columns: dict[StrEnum, int], width: int, height: int) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="The states of a {life.what}, and what leads from one to another"'
        ' font-family="sans-serif" font-size="14">'
    )
    yield f"<style>{_STYLE}</style>"
    for state, x in columns.items():
        yield f'<line x1="{x}" y1="34" x2="{x}" y2="{height - 6}"/>'
        yield f'<rect x="{x - 44}" y="6" width="88" height="28"/>'
        yield f'<text x="{x}" y="25" text-anchor="middle">{state}</text>'


def _change(arrows: list[Arrow[Any]], columns: dict[StrEnum, int], y: int) -> Iterator[str]:
    outside = _LEFT // 3
    to = outside if arrows[0].after is None else columns[arrows[0].after]
    starts = [outside if a.before is None else columns[a.before] for a in arrows]
    for side in sorted({min(starts), max(starts)}):
        if side != to:
            yield f'<line class="arrow" x1="{side}" y1="{y}" x2="{to}" y2="{y}"/>'
    for x in starts:
        yield f'<circle class="tip" cx="{x}" cy="{y}" r="4"/>'
    if arrows[0].after is None:
        yield f'<text x="{to}" y="{y + 5}" text-anchor="middle">{_FORGOTTEN}</text>'
        return
    for sign in {1 if x < to else -1 for x in starts}:
        tip = to - sign
        points = f"{tip},{y} {tip - 9 * sign},{y - 5} {tip - 9 * sign},{y + 5}"
        yield f'<polygon class="tip" points="{points}"/>'


if __name__ == "__main__":
    for each in LIVES:
        file_of(each).write_text(diagram(each), encoding="utf-8")
