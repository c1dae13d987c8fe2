"""``condorloop testbed …``: the testbed's commands."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path

import click

from condorloop.cli import demo
from condorloop.cli.help import examples
from condorloop.testbed.prefix import prefix
from condorloop.testbed.stack import Stack


def _say(line: str) -> None:
    click.echo(line, err=True)


def _stack(folder: Path) -> Stack:
    return Stack(folder.absolute(), prefix.ensure(_say))


def _state() -> Path:
    """Where launchers of a checkout keep what they start; else the current directory."""
    return Path(os.environ.get("CONDORLOOP_STATE", ".testbed"))


_folder = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=lambda: _state() / "stack",
    show_default=".testbed/stack",
    help="Folder of the testbed.",
)


@click.group()
def testbed() -> None:
    """Start the services of a calibration node on this machine, and play runs."""


@testbed.command(epilog=examples("condorloop testbed up"))
@_folder
def up(folder: Path) -> None:
    """Start pool, XRootD server, OMS and conditions service in the background."""
    stack = _stack(folder)
    stack.up(_say)
    _say(f'up; next: eval "$(condorloop testbed env --folder {shlex.quote(str(folder))})"')


@testbed.command(epilog=examples("condorloop testbed down"))
@_folder
def down(folder: Path) -> None:
    """Stop all services. Files stay."""
    _stack(folder).down()


@testbed.command(epilog=examples('eval "$(condorloop testbed env)"'))
@_folder
def env(folder: Path) -> None:
    """Print the environment with which condor_q, xrdfs and condorloop use the testbed."""
    for name, value in _stack(folder).environment().items():
        click.echo(f"export {name}={shlex.quote(value)}")


@testbed.command(epilog=examples("condorloop testbed play scenarios/demo.yaml --speed 2"))
@_folder
@click.argument("scenario", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--speed", default=1.0, show_default=True, help="Speed-up factor.")
def play(folder: Path, scenario: Path, speed: float) -> None:
    """Start the runs of SCENARIO now."""
    from condorloop.testbed.scenario.scenario import Scenario
    from condorloop.testbed.scenario.timeline import duration

    seconds = duration(Scenario.load(scenario), speed)
    _stack(folder).play(scenario, speed)
    _say(f"{scenario.name} plays for {seconds:.0f} s")


@testbed.command(
    "demo",
    epilog=examples(
        "condorloop testbed demo",
        "condorloop testbed demo --keep --folder /tmp/demo",
    ),
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=lambda: _state() / "demo",
    show_default=".testbed/demo",
    help="Folder of the demo. It is emptied first.",
)
@click.option("--keep", is_flag=True, help="Leave all services running, and print how to use them.")
@click.option(
    "--kill-submitter",
    is_flag=True,
    help="Kill the submitter with SIGKILL halfway, and start it again.",
)
def run_demo(folder: Path, keep: bool, kill_submitter: bool) -> None:
    """Play two runs for three calibrations and check every payload."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    good = demo.run(_stack(folder), keep=keep, kill_submitter=kill_submitter, say=_say)
    sys.exit(0 if good else 1)
