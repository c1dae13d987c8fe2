"""`condorloop cleanup`: what no payload needs any more, removed."""

from __future__ import annotations

import json
import sys
import time

import click

from condorloop import asking, cleaning
from condorloop.asking import Wish
from condorloop.commands.options import RUN, Given, options
from condorloop.commands.owning import submitter
from condorloop.disk import disk
from condorloop.ledger_file import LEDGER
from condorloop.ledger_retention import LedgerRetention
from condorloop.model import RequestKind
from condorloop.plain import plain
from condorloop.views.cleanup import cleanup_view
from condorloop.views.terminal import console


@click.command(
    epilog="""\b
Examples:
  condorloop cleanup --dry-run
  condorloop cleanup 398600 398603
"""
)
@options
@click.argument("runs", metavar="[RUN]...", type=RUN, nargs=-1)
@click.option("--dry-run", is_flag=True, help="Show what there is and what would go; remove none.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def cleanup(given: Given, runs: tuple[int, ...], dry_run: bool, as_json: bool) -> None:
    """Remove what the retention lets go of closed campaigns: of all runs, or of each RUN.

    How long what is kept stands in the section retention of a calibration's YAML file, or of the
    site file's defaults; what is not named there is kept for ever. The submitter does the same by
    itself, a little each minute. Nothing is removed of a campaign that is open, is inside its
    window, or has a DAG in the queue, and no payload is removed but with the whole run directory.

    A running submitter does it, part by part; where none runs, this command does it.
    """
    loaded = given.load()
    now, space = time.time(), disk(loaded.site.work_dir)
    with LedgerRetention(loaded.site.work_dir / LEDGER) as ledger:
        found = list(cleaning.inventories(loaded, ledger, now, runs))
    answers: list[tuple[bool, str]] = []
    if not as_json:
        keeps_all = cleaning.keeps_all(loaded)
        console().print(cleanup_view(found, space, now, keeps_all=keeps_all))
    if cleaning.going(found).files and not dry_run:
        wishes = [
            Wish(RequestKind.CLEANUP, run, calibration)
            for run in runs or (0,)
            for calibration in given.only or (None,)
        ]
        asked = asking.ask(
            loaded, wishes, lambda: submitter(loaded, one_pass=True), patience=asking.LONG
        )
        for granted, words in asked:
            answers.append((granted, words))
            if not as_json:
                click.echo(f"{'done' if granted else 'not done'}: {plain(words)}", err=not granted)
    if as_json:
        told = cleaning.to_json(found, space, dry_run=dry_run, answers=answers)
        click.echo(json.dumps(told, indent=1))
    if not all(granted for granted, _ in answers):
        sys.exit(1)
