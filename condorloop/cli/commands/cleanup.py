"""`condorloop cleanup`: what no payload needs any more, removed."""

from __future__ import annotations

import json
import sys
import time

import click

from condorloop.cli import cleanup_requests
from condorloop.cli.options import RUN, CommonOptions, accepting, options
from condorloop.cli.session import agree, submitter
from condorloop.cli.views.cleanup import cleanup_view
from condorloop.cli.views.terminal import console
from condorloop.cycle import cleaner
from condorloop.text import plain


@click.command(
    epilog="""\b
Examples:
  condorloop cleanup --dry-run
  condorloop cleanup 398600 398603
"""
)
@options
@accepting
@click.argument("runs", metavar="[RUN]...", type=RUN, nargs=-1)
@click.option("--dry-run", is_flag=True, help="Show what there is and what would go; remove none.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def cleanup(
    given: CommonOptions, runs: tuple[int, ...], dry_run: bool, as_json: bool, accept: bool
) -> None:
    """Remove what the retention lets go of closed campaigns: of all runs, or of each RUN.

    How long what is kept stands in the section retention of a calibration's YAML file, or of the
    site file's defaults; what is not named there is kept for ever. The submitter does the same by
    itself, a little each minute. Nothing is removed of a campaign that is open, is inside its
    window, or has a DAG in the queue, and no payload is removed but with the whole run directory.

    A running submitter does it, part by part; where none runs, this command does it.
    """
    loaded = given.load()
    accepted = given.accepted(accept)
    for complaint in () if dry_run else agree(loaded, accepted, only_stops=True):
        click.echo(plain(complaint), err=True)
    now = time.time()
    found = cleanup_requests.look(loaded, runs, now)
    answers: list[tuple[bool, str]] = []
    if not as_json:
        left, space, keeps_all = found.inventories, found.space, found.keeps_all
        console().print(cleanup_view(left, space, now, keeps_all=keeps_all))
    if found.anything_goes and not dry_run:
        for granted, words in cleanup_requests.ask(
            loaded,
            runs,
            given.only,
            lambda: submitter(loaded, one_pass=True, accepted=accepted),
        ):
            answers.append((granted, words))
            if not as_json:
                click.echo(f"{'done' if granted else 'not done'}: {plain(words)}", err=not granted)
    if as_json:
        told = cleaner.to_json(found.inventories, found.space, dry_run=dry_run, answers=answers)
        click.echo(json.dumps(told, indent=1))
    if not all(granted for granted, _ in answers):
        sys.exit(1)
