"""`condorloop status`: the state of the loop."""

from __future__ import annotations

import json

import click

from condorloop.commands.options import Given, options
from condorloop.lock import running_submitter
from condorloop.rundir import read_json
from condorloop.views.status import print_status


@click.command()
@options
@click.option("--json", "as_json", is_flag=True, help="Print status.json as it is.")
def status(given: Given, as_json: bool) -> None:
    """Show campaigns, services and problems, as of the submitter's last cycle."""
    loaded = given.load()
    path = loaded.site.work_dir / "status.json"
    data = read_json(path)
    if not data:
        raise click.ClickException(f"{path}: no submitter has run here yet")
    data["submitter"] = running_submitter(loaded.site.work_dir)
    data["campaigns"] = [c for c in data["campaigns"] if c["calibration"] in loaded.calibrations]
    if as_json:
        click.echo(json.dumps(data, indent=1))
    else:
        print_status(data)
