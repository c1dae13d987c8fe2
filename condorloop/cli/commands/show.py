"""`condorloop show`: the story of a run's campaigns."""

from __future__ import annotations

import json
import time

import click

from condorloop.cli.help import examples
from condorloop.cli.options import RUN, CommonOptions, options
from condorloop.cli.views.provenance import provenance_view
from condorloop.cli.views.show import story_view
from condorloop.cli.views.terminal import console
from condorloop.history import campaign, provenance, reader


@click.command(
    epilog=examples(
        "condorloop show 398600",
        "condorloop show 398600 -c EcalPedestals --payload latest",
    )
)
@options
@click.argument("run_number", metavar="RUN", type=RUN)
@click.option(
    "--payload",
    metavar="HASH",
    help="Where a payload comes from, down to RAW files: HASH or its beginning, harvestJob003, "
    "b003, or latest for the one in force.",
)
@click.option("--all", "whole", is_flag=True, help="Print whole lists, with nodes and files.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all details.")
def show(
    given: CommonOptions, run_number: int, payload: str | None, whole: bool, as_json: bool
) -> None:
    """Show RUN in detail: lumisections, payloads, DAGs, nodes and jobs.

    It reads the ledger and the run directories and asks no service. Times are UTC.
    """
    stories = reader.tell(given.look(), run_number, given.only)
    now, terminal = time.time(), console()
    if payload is None:
        if as_json:
            told = campaign.to_json(campaign.RunStory(run=run_number, campaigns=stories))
            click.echo(json.dumps(told, indent=1))
            return
        for number, each in enumerate(stories):
            terminal.print("\n" if number else "", end="")
            terminal.print(story_view(each, now, whole=whole))
        return
    wanted = provenance.of_payload(stories, payload)
    if not wanted:
        raise click.ClickException(f"run {run_number} has no payload {payload!r}")
    if as_json:
        click.echo(json.dumps(provenance.to_json(wanted), indent=1))
    else:
        for one in wanted:
            terminal.print(provenance_view(one, now, whole=whole))
