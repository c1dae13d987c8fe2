"""The command line: which commands there are, and how their errors are told."""

from __future__ import annotations

import sys

import click

from condorloop import __version__
from condorloop.cmssw import CmsswError
from condorloop.commands.acting import abandon, hold, release, resubmit
from condorloop.commands.analyze import analyze
from condorloop.commands.cleanup import cleanup
from condorloop.commands.completion import completion
from condorloop.commands.doctor import doctor
from condorloop.commands.find import find
from condorloop.commands.group import Commands, examples
from condorloop.commands.print_format import print_format
from condorloop.commands.render import render
from condorloop.commands.report import report
from condorloop.commands.run import once, run
from condorloop.commands.schema import schema
from condorloop.commands.show import show
from condorloop.commands.simulate import simulate
from condorloop.commands.status import status
from condorloop.commands.systemd import systemd
from condorloop.commands.validate import validate
from condorloop.commands.watch import watch
from condorloop.config import ConfigError
from condorloop.dagman.schedd import ScheddUnavailable
from condorloop.ledger import LedgerError
from condorloop.lock import AlreadyRunning
from condorloop.logs import complain
from condorloop.reporting.plots import PlotsUnavailable
from condorloop.status import StatusError
from condorloop.storage import StorageUnavailable

_OUTSIDE = (
    AlreadyRunning,
    CmsswError,
    ConfigError,
    LedgerError,
    PlotsUnavailable,
    ScheddUnavailable,
    StatusError,
    StorageUnavailable,
)


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
    calibrations are those of --calibrations DIR, or CONDORLOOP_CALIBRATIONS, or the shipped ones,
    which upload to the production tags. condorloop COMMAND --help tells more of a command.
    """


for _command in (
    abandon,
    analyze,
    cleanup,
    completion,
    doctor,
    find,
    hold,
    once,
    print_format,
    release,
    render,
    report,
    resubmit,
    run,
    schema,
    show,
    simulate,
    status,
    systemd,
    validate,
    watch,
):
    cli.add_command(_command)


def main() -> None:
    """Run the command line; a mistake of the operator or of the outside world is one line."""
    try:
        cli(prog_name="condorloop")
    except _OUTSIDE as error:
        complain(f"condorloop: {error}")
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        complain(f"condorloop: {where}{error.strerror or error}")
        sys.exit(1)
