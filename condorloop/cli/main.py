"""The command line: which commands there are, and how their errors are told."""

from __future__ import annotations

import sys

import click

from condorloop import __version__
from condorloop.cli.group import Commands
from condorloop.cli.help import examples
from condorloop.errors import CondorloopError
from condorloop.runtime.logs import complain


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "condorloop status              what runs, what is wrong, how to fix it",
        "condorloop analyze 398600      why nodes of a run failed, and how to fix it",
        "condorloop resubmit 398600     run the failed nodes of a run again",
    ),
)
@click.version_option(__version__)
def cli() -> None:
    """Calibration loops on HTCondor: from runs in OMS to payloads in the conditions database.

    Name the site file with --site FILE after the command, or with CONDORLOOP_SITE. Name the folder
    of calibrations with --calibrations DIR, with CONDORLOOP_CALIBRATIONS, or in the site file.
    Type condorloop COMMAND --help for the options of a command.
    """


def main() -> None:
    """Run the command line; a mistake of the operator or of the outside world is one line."""
    try:
        cli(prog_name="condorloop")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        complain(f"condorloop: {where}{error.strerror or error}")
        sys.exit(1)
    except CondorloopError as error:
        complain(f"condorloop: {error}")
        if error.hint:
            complain(f"    {error.hint}")
        sys.exit(error.exit_code)
