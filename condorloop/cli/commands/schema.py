"""`condorloop schema`: the JSON Schema of a file, for editors."""

from __future__ import annotations

import json

import click

from condorloop.cli import json_schemas
from condorloop.cli.help import examples


@click.command(epilog=examples("condorloop schema site > site.schema.json"))
@click.argument("name", metavar="NAME", type=click.Choice(json_schemas.NAMES))
def schema(name: str) -> None:
    """Print the JSON Schema of a file, for editors and programs.

    NAME is calibration, stream, site, parameters (ngtParameters.jsn) or status (status.json).
    """
    click.echo(json.dumps(json_schemas.schema(name), indent=2))
