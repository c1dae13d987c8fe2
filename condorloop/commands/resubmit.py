"""`condorloop resubmit`: what failed, again."""

from __future__ import annotations

import sys

import click

from condorloop import asking
from condorloop.commands.options import RUN, Given, options, submitter
from condorloop.model import RequestKind


@click.command()
@options
@click.argument("run_number", metavar="RUN", type=RUN)
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
    given: Given,
    run_number: int,
    node: str | None,
    everything: bool,
) -> None:
    """Run again what failed of RUN, was removed with condor_rm, or was refused; nothing else."""
    loaded = given.load()
    wishes = [
        asking.Wish(RequestKind.RESUBMIT, run_number, name, node, everything)
        for name in given.only or [None]
    ]
    refused = []
    for granted, words in asking.ask(loaded, wishes, lambda: submitter(loaded, one_pass=True)):
        click.echo(words, err=not granted)
        refused += [words] if not granted else []
    if refused:
        sys.exit(1)
