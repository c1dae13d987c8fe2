"""The command line: commands that parse, call one thing and print; no logic."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from condorloop import __version__, asking, config, dry_run, logs, tables
from condorloop.cmssw import CmsswError
from condorloop.config import Config, ConfigError
from condorloop.dagman.schedd import ScheddUnavailable
from condorloop.ledger import LedgerError
from condorloop.ledger_file import LEDGER
from condorloop.lock import AlreadyRunning, running_submitter, sole_submitter
from condorloop.model import RequestKind
from condorloop.recovery import open_ledger
from condorloop.rundir import read_json
from condorloop.storage import StorageUnavailable
from condorloop.submitter import Submitter

_OUTSIDE = (
    AlreadyRunning,
    CmsswError,
    ConfigError,
    LedgerError,
    ScheddUnavailable,
    StorageUnavailable,
)

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _options(command: _Command) -> _Command:
    for option in (
        click.option(
            "--site",
            type=click.Path(path_type=Path),
            envvar="CONDORLOOP_SITE",
            show_envvar=True,
            help="The site file; the shipped calibration node's by default.",
        ),
        click.option(
            "--calibrations",
            type=click.Path(path_type=Path),
            help="The folder of calibration YAML files; the shipped one by default.",
        ),
        click.option(
            "-c",
            "--calibration",
            "only",
            multiple=True,
            help="Only this calibration; may be given several times.",
        ),
    ):
        command = option(command)
    return command


def _load(site: Path | None, calibrations: Path | None, only: tuple[str, ...]) -> Config:
    loaded = config.load(
        site or config.shipped("sites") / "calibration-node.yaml",
        calibrations or config.shipped("calibrationYAML"),
        only,
    )
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = os.pathsep.join([*map(str, loaded.site.path), before])
    os.umask(0o002)
    return loaded


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Calibration loops on HTCondor: from runs in OMS to payloads in the conditions database."""


@cli.command()
@_options
@click.option("-v", "--verbose", is_flag=True, help="Log what is looked at, too.")
def run(site: Path | None, calibrations: Path | None, only: tuple[str, ...], verbose: bool) -> None:
    """Run the submitter until it is ended by SIGTERM or Ctrl-C; its DAGs go on.

    SIGHUP makes it read the calibrations' YAML files anew.
    """
    with _submitter(_load(site, calibrations, only), verbose) as submitter:
        signal.signal(
            signal.SIGHUP,
            lambda *_: submitter.reload(lambda: _load(site, calibrations, only)),
        )
        submitter.run()


@cli.command()
@_options
@click.option("-v", "--verbose", is_flag=True, help="Log what is looked at, too.")
def once(
    site: Path | None, calibrations: Path | None, only: tuple[str, ...], verbose: bool
) -> None:
    """Make one pass of observe, decide, act, and end."""
    with _submitter(_load(site, calibrations, only), verbose, one_pass=True) as submitter:
        submitter.once()


@cli.command()
@_options
@click.argument("run_number", metavar="RUN", type=click.IntRange(1, 10**9 - 1))
@click.option(
    "--node",
    help="Only where this failed: a node or a DAG as status names it, RECO_0001, b003, "
    "b003/RECO_0001.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Give bad, unreadable and quarantined files another try, too.",
)
def resubmit(
    site: Path | None,
    calibrations: Path | None,
    only: tuple[str, ...],
    run_number: int,
    node: str | None,
    everything: bool,
) -> None:
    """Run again what failed of RUN, was removed with condor_rm, or was refused; nothing else."""
    loaded = _load(site, calibrations, only)
    wishes = [
        asking.Wish(RequestKind.RESUBMIT, run_number, name, node, everything)
        for name in only or [None]
    ]
    refused = []
    for granted, words in asking.ask(loaded, wishes, lambda: _submitter(loaded, one_pass=True)):
        click.echo(words, err=not granted)
        refused += [words] if not granted else []
    if refused:
        sys.exit(1)


@cli.command()
@_options
@click.option("--json", "as_json", is_flag=True, help="Print status.json as it is.")
def status(
    site: Path | None, calibrations: Path | None, only: tuple[str, ...], as_json: bool
) -> None:
    """Show campaigns, services and problems, as of the submitter's last cycle."""
    loaded = _load(site, calibrations, only)
    path = loaded.site.work_dir / "status.json"
    data = read_json(path)
    if not data:
        raise click.ClickException(f"{path}: no submitter has run here yet")
    data["submitter"] = running_submitter(loaded.site.work_dir)
    data["campaigns"] = [c for c in data["campaigns"] if c["calibration"] in loaded.calibrations]
    if as_json:
        click.echo(json.dumps(data, indent=1))
    else:
        tables.print_status(data)


@cli.command()
@_options
@click.argument("run_number", metavar="RUN", type=click.IntRange(1, 10**9 - 1))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("rendered"),
    show_default=True,
    help="The folder that gets the run directories.",
)
def render(
    site: Path | None,
    calibrations: Path | None,
    only: tuple[str, ...],
    run_number: int,
    output: Path,
) -> None:
    """Write the DAGs for the files that RUN has now; submit nothing."""
    loaded = _load(site, calibrations, only)
    files = dry_run.render(loaded, run_number, output.absolute(), click.echo)
    if not files:
        raise click.ClickException(f"run {run_number} has no RAW file that can be used")
    for file in files:
        tags = ", ".join(loaded.calibrations[file.parts[-4]].harvest.upload.tags)
        click.echo(f"# its UPLOAD node uploads to {tags}")
        click.echo(f"cd {shlex.quote(str(file.parent))} && condor_submit_dag {file.name}")


@cli.command()
@_options
def validate(site: Path | None, calibrations: Path | None, only: tuple[str, ...]) -> None:
    """Check all configuration files, and say what they mean."""
    loaded = _load(site, calibrations, only)
    tables.print_config(loaded)


@contextmanager
def _submitter(
    loaded: Config, verbose: bool = False, *, one_pass: bool = False
) -> Iterator[Submitter]:
    work_dir = loaded.site.work_dir
    work_dir.mkdir(parents=True, exist_ok=True)
    with sole_submitter(work_dir, one_pass=one_pass):
        logs.start(work_dir, loaded.calibrations, verbose=verbose)
        path = work_dir / LEDGER
        with open_ledger(path, loaded.calibrations, time.time()) as ledger:
            submitter = Submitter(loaded, ledger)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, submitter.interrupt)
            try:
                yield submitter
            finally:
                submitter.close()


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
