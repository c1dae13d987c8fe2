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
        "condorloop status              what runs, what is wrong, what to type",
        "condorloop analyze 398600      why nodes of a run failed, and what to do",
        "condorloop resubmit 398600     what failed of a run, again: only that",
    ),
)
@click.version_option(__version__)
def cli() -> None:
    """Calibration loops on HTCondor: from runs in OMS to payloads in the conditions database.

    The site file says where it works: --site FILE after the command, or CONDORLOOP_SITE. The
    calibrations are those of --calibrations DIR, or CONDORLOOP_CALIBRATIONS, or the folder that
    the site file names. condorloop COMMAND --help tells more of a command.
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
