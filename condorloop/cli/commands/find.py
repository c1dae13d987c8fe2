"""`condorloop find`: what became of something."""

from __future__ import annotations

import json
import time

import click

from condorloop.cli.help import examples
from condorloop.cli.options import CommonOptions, options
from condorloop.cli.views.find import found_view, not_found
from condorloop.cli.views.terminal import console
from condorloop.history import search


@click.command(
    epilog=examples(
        "condorloop find 398600:57                   what became of a lumisection",
        "condorloop find 1234.0                      whose job that is",
    )
)
@options
@click.argument("what", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all details.")
def find(given: CommonOptions, what: tuple[str, ...], as_json: bool) -> None:
    """Show what happened to WHAT in every campaign.

    WHAT is one of: a RAW file (path, name or a part of it); lumisections of a run (398600:57); a
    run; a fill; a job (1234 or 1234.0); a DAG or node (b003, 398600:b003, b003/RECO_0001, a
    CondorloopId, or as condor_q shows it: EcalPedestals run398600 b003); an ALCARECO
    (398600:apJob004); a payload (the first characters of its hash). A number is looked up as each
    of these that it can be. The command reads the ledger and the event logs and asks no service.
    Times are UTC.
    """
    wanted = " ".join(what)
    found = search.find(given.look(), wanted, given.only)
    if as_json:
        click.echo(json.dumps(search.to_json(found), indent=1))
    elif found.hits:
        console().print(found_view(found, time.time()))
    if not found.hits:
        raise click.ClickException(not_found(wanted))
