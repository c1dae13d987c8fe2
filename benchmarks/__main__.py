"""`benchmarks/run`: measures, prints tables and goals, and writes them.

Knows its command line; what is measured, how it looks and what the machine is, others know.
"""

from __future__ import annotations

import json
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from benchmarks import machine, showing, suite
from benchmarks.frame import Goal, Result, Scale
from condorloop.text import one_line

RESULTS = Path(__file__).parent / "results"
PAGES = tuple(
    Path(__file__).parents[1] / "docs" / name for name in ("performance.md", "scaling.md")
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice(suite.NAMES), metavar="[NAME]...")
@click.option("--smoke", is_flag=True, help="Smallest sizes: see that it works, measure nothing.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=RESULTS,
    show_default="benchmarks/results",
    help="Where results.json and table.md are written.",
)
@click.option(
    "--page",
    is_flag=True,
    help="Put the tables into the pages of docs/; those of machine and goals if all is run.",
)
def main(names: tuple[str, ...], smoke: bool, output: Path, page: bool) -> None:
    """Run all benchmarks, or those named; exit with 1 if a goal is not met."""
    if smoke and page:
        raise click.UsageError("--page is for numbers that mean something, --smoke gives none")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from error
    about = {"measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), **machine.describe()}
    scale = Scale.SMOKE if smoke else Scale.FULL
    results = [_run(name, scale) for name in suite.NAMES if name in names or not names]
    told = {
        "scale": scale,
        "machine": about,
        "results": [result.as_json() for result in results],
    }
    _write(output / "results.json", json.dumps(told, indent=1) + "\n")
    sections = showing.sections(results, about)
    _write(output / "table.md", "\n".join(sections.values()))
    if page:
        if names:
            sections = {name: sections[name] for name in names}
        for file in PAGES:
            _write(file, showing.put_into(file.read_text(encoding="utf-8"), sections))
    sys.exit(any(goal.met is False for result in results for goal in result.goals))


def _run(name: str, scale: Scale) -> Result:
    """Run one; if it breaks, that is a goal that is not met, and no end of the others."""
    click.echo(f"{name} …", err=True)
    try:
        result = suite.run(name, scale)
    except Exception as error:
        traceback.print_exception(error)
        result = Result(name, [Goal("it runs to its end", one_line(repr(error)), False)])
    showing.on_terminal(result, Console())
    return result


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    click.echo(f"written: {file}", err=True)


if __name__ == "__main__":
    main(prog_name="benchmarks/run")
