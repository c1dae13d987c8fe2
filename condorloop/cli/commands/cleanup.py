"""`condorloop cleanup`: what campaigns have left on the disk, and what of it is deleted."""

from __future__ import annotations

import json
import sys
import time

import click

from condorloop.cli.request_command import Typed, click_command, show_answer
from condorloop.cli.views.cleanup import cleanup_view
from condorloop.cli.views.terminal import console
from condorloop.cycle import cleaner
from condorloop.ledger.store import LedgerReader
from condorloop.model.enums import RequestKind
from condorloop.rundir.layout import LEDGER
from condorloop.runtime.disk_space import disk


def _cleanup(typed: Typed, *, as_json: bool) -> None:
    """Show what there is and what goes, have it deleted, and say what was."""
    made = typed.requests()
    loaded = typed.given.load()
    if not typed.dry_run:
        typed.agree(loaded)
    now = time.time()
    space = disk(loaded.site.work_dir)
    with LedgerReader(loaded.site.work_dir / LEDGER) as ledger:
        found = tuple(cleaner.inventories(loaded, ledger, now, typed.runs))
    if not as_json:
        keeps_all = cleaner.keeps_all(loaded)
        console().print(cleanup_view(found, space, now, keeps_all=keeps_all))
    answers: list[tuple[bool, str]] = []
    if cleaner.going(found).files and not typed.dry_run:
        for done, words in typed.answers(loaded, made):
            answers.append((done, words))
            if not as_json:
                show_answer(done, words)
    if as_json:
        told = cleaner.to_json(found, space, dry_run=typed.dry_run, answers=answers)
        click.echo(json.dumps(told, indent=1))
    if not all(done for done, _ in answers):
        sys.exit(1)


cleanup = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")(
    click_command(RequestKind.CLEANUP, _cleanup)
)
