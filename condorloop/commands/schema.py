"""`condorloop schema`: the JSON Schema of a file, for editors."""

from __future__ import annotations

import json

import click

from condorloop import schemas


@click.command()
@click.argument("name", metavar="NAME", type=click.Choice(schemas.NAMES))
def schema(name: str) -> None:
    """Print a JSON Schema, for editors and programs: NAME is calibration, site or status."""
    click.echo(json.dumps(schemas.schema(name), indent=2))
