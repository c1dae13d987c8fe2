"""`condorloop resubmit`, `hold`, `release`, `abandon`: what a person wants done about campaigns."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import click

from condorloop.cli import requests
from condorloop.cli.options import RUN, CommonOptions, accepting, options
from condorloop.cli.requests import Wish
from condorloop.cli.session import agree, submitter
from condorloop.config.loader import Config, ConfigError
from condorloop.model.enums import RequestKind
from condorloop.model.request import ALL_RUNS
from condorloop.text import plain

_Command = Callable[..., None]
_ONLY_STOP = frozenset({RequestKind.HOLD, RequestKind.ABANDON})


def _about_a_run(command: _Command) -> _Command:
    """Give a command the run that it is about, what of it, and ``--dry-run``.

    Without a run it is about all open campaigns of the calibrations that are named.
    """
    for option in (
        accepting,
        click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
        click.option(
            "--node",
            metavar="NAME",
            help="Only a DAG or a node, as status names it: b003, RECO_0001, b003/RECO_0001.",
        ),
        click.argument("run_number", metavar="[RUN]", type=RUN, required=False),
    ):
        command = option(command)
    return options(command)


@click.command(
    epilog="""\b
Examples:
  condorloop resubmit 398600
  condorloop resubmit 398600 -c EcalPedestals --node b003/RECO_0001
  condorloop resubmit 398600 --all --dry-run
"""
)
@_about_a_run
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Give files that were given up another try, too: bad, unreadable, quarantined ones, and "
    "those of RECO outputs and ALCARECO that could not be used.",
)
def resubmit(
    given: CommonOptions,
    run_number: int | None,
    node: str | None,
    dry_run: bool,
    everything: bool,
    accept: bool,
) -> None:
    """Run again what failed of RUN, was removed, or was refused; nothing else.

    In a DAG that failed only the nodes that failed run again, with the configuration that the
    submitter has: after a change of a YAML file, kill -HUP PID comes first. A campaign that was
    closed or abandoned is reopened. Without RUN it is about all open campaigns of each
    -c CALIBRATION.

    A DAG keeps the database and the tags that it was written with; with --accept-destination it
    takes the configured ones.

    A running submitter does it in its next cycle; where none runs, this command does it.
    """
    kind = RequestKind.RESUBMIT
    _act(given, dry_run, kind, run_number, node, everything=everything, accept=accept)


@click.command(
    epilog="""\b
Examples:
  condorloop hold 398600
  condorloop hold 398600 -c SiStripBad --running
  condorloop hold 398600 --node b003
  condorloop hold -c BeamSpot
"""
)
@_about_a_run
@click.option("--running", is_flag=True, help="Stop jobs that run, too; released, they begin anew.")
def hold(
    given: CommonOptions,
    run_number: int | None,
    node: str | None,
    dry_run: bool,
    running: bool,
    accept: bool,
) -> None:
    """Begin nothing new for RUN until it is released, and put what is queued on hold.

    The campaigns of RUN get no new DAGs, rescues or harvests. Their DAGMan jobs are put on hold,
    and so are jobs that do not run yet. Jobs that run come to their end, so that no work is lost;
    what they made is taken over when RUN is released. HTCondor never releases these jobs by
    itself. With --node only that is put on hold, and the campaign goes on. The 8-hour window does
    not wait: when it ends, a held campaign is closed as it is.

    Without RUN all open campaigns of each -c CALIBRATION are held, and so is each one that is
    latched later, until `condorloop release -c CALIBRATION`.

    A running submitter does it in its next cycle; where none runs, this command does it.
    """
    kind = RequestKind.HOLD
    _act(given, dry_run, kind, run_number, node, everything=running, accept=accept)


@click.command(
    epilog="""\b
Examples:
  condorloop release 398600
  condorloop release 398600 -c EcalPedestals --node b003/RECO_0001
  condorloop release -c BeamSpot
"""
)
@_about_a_run
def release(
    given: CommonOptions, run_number: int | None, node: str | None, dry_run: bool, accept: bool
) -> None:
    """Let RUN go on, with all jobs of it that are on hold, whatever the reason.

    That undoes `condorloop hold` and condor_hold, and gives another try to what was held for its
    memory or its time. Without RUN it is about all open campaigns of each -c CALIBRATION.

    A running submitter does it in its next cycle; where none runs, this command does it.
    """
    _act(given, dry_run, RequestKind.RELEASE, run_number, node, accept=accept)


@click.command(
    epilog="""\b
Examples:
  condorloop abandon 398600 --reason "wrong HLT menu"
  condorloop abandon 398600 -c BeamSpot --node b003
"""
)
@_about_a_run
@click.option("--reason", default="", help="Why; it is shown with the campaign.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask whether that is meant.")
def abandon(
    given: CommonOptions,
    run_number: int | None,
    node: str | None,
    dry_run: bool,
    reason: str,
    yes: bool,
    accept: bool,
) -> None:
    """Give RUN up: its DAGs leave the queue, and nothing more is done for it.

    What was uploaded stays. Files are kept, and `condorloop resubmit` takes the run up again. With
    --node only that DAG is removed, and its campaign goes on without it. Without RUN all open
    campaigns of each -c CALIBRATION are given up; runs that come are not.

    A running submitter does it in its next cycle; where none runs, this command does it.
    """
    sure = yes or not sys.stdin.isatty()
    kind = RequestKind.ABANDON
    _act(given, dry_run, kind, run_number, node, reason=reason, sure=sure, accept=accept)


def _all_of(given: CommonOptions) -> Config:
    """Read all that is configured: a campaign's calibration may not be any more."""
    try:
        return replace(given, only=()).load()
    except ConfigError:
        if not given.only:
            raise
        return given.load()


def _act(
    given: CommonOptions,
    dry_run: bool,
    kind: RequestKind,
    run_number: int | None,
    node: str | None,
    *,
    everything: bool = False,
    reason: str = "",
    sure: bool = True,
    accept: bool,
) -> None:
    """Say what is to be done, do it, and say what was done."""
    if run_number is None and (not given.only or node):
        raise click.UsageError(
            "which RUN? Without one it is about all open campaigns of the calibrations that "
            "-c names, and takes no --node"
        )
    loaded = _all_of(given)
    accepted = given.accepted(accept)
    for complaint in agree(loaded, accepted, only_stops=kind in _ONLY_STOP):
        click.echo(plain(complaint), err=True)
    failed, wishes = False, []
    for calibration in given.only or (None,):
        run = ALL_RUNS if run_number is None else run_number
        wish = Wish(kind, run, calibration, node, everything, reason, accept)
        planned = requests.preview(loaded, wish)
        for words in (*planned.words, *planned.destinations):
            click.echo(f"{'would' if dry_run else 'will'}: {plain(words)}")
        for remark in planned.remarks:
            click.echo(plain(remark), err=True)
        failed |= not planned.words
        wishes += [wish] if planned.words else []
    if wishes and not dry_run:
        if not sure:
            click.confirm("Is that meant?", abort=True)
        answers = requests.ask(
            loaded, wishes, lambda: submitter(loaded, one_pass=True, accepted=accepted)
        )
        for granted, words in answers:
            click.echo(f"{'done' if granted else 'not done'}: {plain(words)}", err=not granted)
            failed |= not granted
    if failed:
        sys.exit(1)
