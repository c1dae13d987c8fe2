"""How results look: on the terminal, as Markdown, and on the page of docs/ that holds them.

Knows tables and the page's marks; knows nothing of what was measured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Column
from rich.table import Table as RichTable
from rich.text import Text

from benchmarks.frame import Goal, Result, Table

_MET = {True: "met", False: "NOT MET", None: "-"}
_STYLE = {True: "green", False: "bold red", None: ""}
_GOAL_COLUMNS = ("benchmark", "goal", "measured", "")


def on_terminal(result: Result, console: Console) -> None:
    """Print what a benchmark found."""
    for table in result.tables:
        columns = [Column(Text(title)) for title in table.columns]
        drawn = RichTable(*columns, title=Text(table.title), title_justify="left")
        for row in table.rows:
            drawn.add_row(*map(Text, row))
        console.print(drawn)
    for note in result.notes:
        console.print(Text(note))
    for goal in result.goals:
        verdict = Text(_MET[goal.met], style=_STYLE[goal.met])
        console.print(Text(f"{goal.goal}: {goal.measured}: "), verdict, sep="")


def sections(results: Sequence[Result], about: Mapping[str, str]) -> dict[str, str]:
    """Give the Markdown of `machine`, of `goals`, and of each benchmark by its name."""
    machine = Table("", ("", ""), [*about.items()])
    goals = [row for result in results for row in _goal_rows(result.name, result.goals)]
    return {
        "machine": _markdown(machine),
        "goals": _markdown(Table("", _GOAL_COLUMNS, goals)),
        **{result.name: _result(result) for result in results},
    }


def put_into(page: str, told: Mapping[str, str]) -> str:
    """Put sections between the marks that a page has for them.

    >>> print(put_into("a <!-- goals --> old <!-- end --> b", {"goals": "new", "other": ""}))
    a <!-- goals -->
    <BLANKLINE>
    new
    <BLANKLINE>
    <!-- end --> b
    """

    def held(found: re.Match[str]) -> str:
        begin, name, end = found.groups()
        return f"{begin}\n\n{told[name].strip()}\n\n{end}" if name in told else found[0]

    return re.sub(r"(<!-- (\w+) -->).*?(<!-- end -->)", held, page, flags=re.DOTALL)


def _goal_rows(name: str, goals: Sequence[Goal]) -> list[Sequence[str]]:
    return [(name, goal.goal, goal.measured, _MET[goal.met]) for goal in goals]


def _result(result: Result) -> str:
    parts = [f"**{table.title}**\n\n{_markdown(table)}" for table in result.tables]
    parts += [note + "\n" for note in result.notes]
    return "\n".join(parts)


def _markdown(table: Table) -> str:
    rows = [table.columns, ["---"] * len(table.columns), *table.rows]
    return "".join(f"| {' | '.join(map(_cell, row))} |\n" for row in rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
