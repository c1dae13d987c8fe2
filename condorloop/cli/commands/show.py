"""`condorloop show`: the story of a run's campaigns."""

from __future__ import annotations

import json
import time

import click

from condorloop.cli.help import examples
from condorloop.cli.options import RUN, CommonOptions, options
from condorloop.cli.views.provenance import provenance_view
from condorloop.cli.views.show import run_view
from condorloop.cli.views.terminal import console
from condorloop.history import campaign, prov_document, provenance, reader

_TEXT, _JSON, _PROV = "text", "json", "prov"
_FORMS = (_TEXT, _JSON, _PROV)


@click.command(
    epilog=examples(
        "condorloop show 398600",
        "condorloop show 398600 -c EcalPedestals --provenance",
        "condorloop show 398600 -c EcalPedestals --payload latest --format prov",
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
@click.option(
    "--provenance",
    "in_force",
    is_flag=True,
    help="The same as --payload latest.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([*_FORMS]),
    default=_TEXT,
    show_default=True,
    help="How a payload's provenance is printed; prov is PROV-JSON of the W3C's PROV.",
)
@click.option("--all", "whole", is_flag=True, help="Print whole lists, with nodes and files.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all details.")
def show(
    given: CommonOptions,
    run_number: int,
    payload: str | None,
    in_force: bool,
    form: str,
    whole: bool,
    as_json: bool,
) -> None:
    """Show RUN in detail: lumisections, payloads, DAGs, nodes and jobs.

    It reads the ledger and the run directories and asks no service. Times are UTC.
    """
    payload = payload or ("latest" if in_force else None)
    as_json |= form == _JSON
    if form == _PROV and payload is None:
        raise click.UsageError("--format prov goes with --provenance or --payload")
    if form == _PROV and as_json:
        raise click.UsageError("--format prov is JSON already: leave out --json")
    look = given.look()
    stories = reader.tell(look, run_number, given.only)
    now, terminal = time.time(), console()
    if payload is None:
        if as_json:
            told = campaign.to_json(campaign.RunStory(run=run_number, campaigns=stories))
            click.echo(json.dumps(told, indent=1))
            return
        terminal.print(run_view(stories, now, whole=whole))
        return
    wanted = provenance.of_payload(stories, payload)
    if not wanted:
        raise click.ClickException(f"run {run_number} has no payload {payload!r}")
    if form == _PROV:
        click.echo(prov_document.json_text(prov_document.document(wanted, look.site.name)))
    elif as_json:
        click.echo(json.dumps(provenance.to_json(wanted), indent=1))
    else:
        for one in wanted:
            terminal.print(provenance_view(one, now, whole=whole))
