"""`condorloop payload`: what is in force for a run, what has changed, and what it looks like."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from condorloop.cli.help import examples
from condorloop.cli.options import RUN, CommonOptions, options
from condorloop.cli.payloads import Payloads
from condorloop.cli.readers import Readers
from condorloop.cli.views.payload import in_force_view
from condorloop.cli.views.payload_diff import diff_view
from condorloop.cli.views.terminal import console
from condorloop.config.loader import Config
from condorloop.errors import CondorloopError
from condorloop.history import in_force, payload_diff
from condorloop.history.payload_files import EXPECTED
from condorloop.history.reader import tell
from condorloop.runtime.logs import complain

T = TypeVar("T")


@click.command(
    epilog=examples(
        "condorloop payload 398600 -c EcalPedestals",
        "condorloop payload 398600 -c EcalPedestals --diff in-force harvestJob003",
        "condorloop payload 398600 -c BeamSpot --plot plots --since-run 398590",
    )
)
@options
@click.argument("run_number", metavar="RUN", type=RUN)
@click.option(
    "--diff",
    "diff",
    nargs=2,
    metavar="A B",
    help=f"Show what has changed from payload A to payload B. Each is {EXPECTED}.",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Draw maps and trends of the payload in force, or with --diff of the changes: to a PNG or "
    "PDF file, or to a folder.",
)
@click.option(
    "--since-run",
    metavar="RUN",
    type=RUN,
    help="With --plot: draw trends from this run on.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def payload(
    given: CommonOptions,
    run_number: int,
    diff: tuple[str, str] | None,
    plot: Path | None,
    since_run: int | None,
    as_json: bool,
) -> None:
    """Show which payload is in force for each lumisection of RUN, in each destination.

    The tags are read back from the database. Beside them is what condorloop believes. Exit code 1:
    they differ, or a tag or a payload cannot be read.
    """
    if since_run is not None and plot is None:
        raise click.UsageError("--since-run goes with --plot")
    config = given.load()
    if diff:
        sys.exit(_diff(config, run_number, given.only, diff, plot, as_json))
    if plot:
        sys.exit(_plot(config, run_number, given.only, plot, since_run))
    found = in_force.look(config, run_number, given.only, Readers(config).of_tags)
    if as_json:
        click.echo(json.dumps(in_force.to_json(found), indent=1))
    else:
        terminal, now = console(), time.time()
        for number, campaign in enumerate(found.campaigns):
            terminal.print("\n" if number else "", end="")
            terminal.print(in_force_view(campaign, now))
    sys.exit(1 if found.differences or found.unread else 0)


def _diff(
    config: Config,
    run: int,
    only: tuple[str, ...],
    words: tuple[str, str],
    plot: Path | None,
    as_json: bool,
) -> int:
    target = _target(plot, config, run, only)
    found, code = _each(config, run, only, lambda payloads: payloads.diff(*words, target))
    if as_json:
        told = payload_diff.RunDiff(run=run, diffs=tuple(found))
        click.echo(json.dumps(payload_diff.to_json(told), indent=1))
    else:
        for each in found:
            console().print(diff_view(each))
    return code


def _plot(
    config: Config, run: int, only: tuple[str, ...], plot: Path, since_run: int | None
) -> int:
    target = _target(plot, config, run, only)
    found, code = _each(config, run, only, lambda payloads: payloads.plot(target, since_run))
    for file in (file for files in found for file in files):
        click.echo(file)
    return code


def _each(
    config: Config, run: int, only: tuple[str, ...], ask: Callable[[Payloads], T]
) -> tuple[list[T], int]:
    """Ask of each campaign of a run; what fails for one is told, and the others are asked."""
    readers = Readers(config)
    found: list[T] = []
    code = 0
    for story in tell(config, run, only):
        try:
            found.append(ask(Payloads(config, readers, story)))
        except CondorloopError as error:
            complain(f"condorloop: {story.campaign.calibration}: {error}")
            code = 1
    return found, code


def _target(plot: Path | None, config: Config, run: int, only: tuple[str, ...]) -> Path | None:
    """Where plots go; a single file is for a single calibration.

    Raises
    ------
    click.UsageError
        A file is named for several.
    """
    if plot and plot.suffix and len(tell(config, run, only)) > 1:
        raise click.UsageError("a file is for one calibration: name it with -c, or name a folder")
    return plot
