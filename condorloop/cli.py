"""The command line: which commands there are, and how their errors are told."""

from __future__ import annotations

import sys

import click

from condorloop import __version__
from condorloop.cmssw import CmsswError
from condorloop.commands.render import render
from condorloop.commands.resubmit import resubmit
from condorloop.commands.run import once, run
from condorloop.commands.schema import schema
from condorloop.commands.status import status
from condorloop.commands.validate import validate
from condorloop.config import ConfigError
from condorloop.dagman.schedd import ScheddUnavailable
from condorloop.ledger import LedgerError
from condorloop.lock import AlreadyRunning
from condorloop.status import StatusError
from condorloop.storage import StorageUnavailable

_OUTSIDE = (
    AlreadyRunning,
    CmsswError,
    ConfigError,
    LedgerError,
    ScheddUnavailable,
    StatusError,
    StorageUnavailable,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Calibration loops on HTCondor: from runs in OMS to payloads in the conditions database."""


for _command in (once, render, resubmit, run, schema, status, validate):
    cli.add_command(_command)


def _add_testbed() -> None:
    try:
        from condorloop.testbed.commands import testbed
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("condorloop"):
            raise
        return
    cli.add_command(testbed)


def main() -> None:
    """Run the command line; a mistake of the operator or of the outside world is one line."""
    _add_testbed()
    try:
        cli(prog_name="condorloop")
    except _OUTSIDE as error:
        click.echo(f"condorloop: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"condorloop: {where}{error.strerror or error}", err=True)
        sys.exit(1)
