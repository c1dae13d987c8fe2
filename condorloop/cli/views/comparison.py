"""What a changed configuration would do to the next DAG, on the terminal.

Knows how a comparison is shown to people; it compares nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.text import Text

from condorloop.cli.views.terminal import console, text
from condorloop.dagman.config_diff import Comparison

_STYLES = {"@": "cyan", "-": "red", "+": "green"}


def print_comparisons(comparisons: Iterable[Comparison]) -> None:
    """Print what would change, calibration by calibration."""
    terminal = console()
    for comparison in comparisons:
        for line in comparison_lines(comparison):
            terminal.print(line, soft_wrap=True)


def comparison_lines(comparison: Comparison) -> Iterator[Text]:
    """Lay out a comparison, line by line."""
    yield from _changes(comparison)
    for run, kept in comparison.kept.items():
        for key, words in kept.items():
            told = f"run {run} keeps {key} {words}: it counts from the next run, or with --now"
            yield text(f"{comparison.calibration}: {told}", "yellow")


def _changes(comparison: Comparison) -> Iterator[Text]:
    name = comparison.calibration
    if comparison.dag is None:
        yield text(f"{name}: no DAG yet: nothing to compare")
        return
    dag = "/".join(comparison.dag.parts[-2:])
    if not comparison.changes:
        yield text(f"{name}: no change in the next DAG (compared with {dag})")
        return
    yield text(f"{name}: changes in the next DAG (compared with {dag}):", "bold")
    for file, lines in comparison.changes.items():
        yield text(f"  {file}", "bold")
        for line in lines:
            yield text(f"    {line}", _STYLES.get(line[:1], ""))
