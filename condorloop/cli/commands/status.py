"""`condorloop status`: the state of the loop."""

from __future__ import annotations

import json
import time

import click

from condorloop.cli.help import examples
from condorloop.cli.options import CommonOptions, options
from condorloop.cli.views.status import status_view
from condorloop.cli.views.terminal import console
from condorloop.monitoring import status_file as states
from condorloop.runtime.lock import running_submitter


@click.command(
    epilog=examples(
        "condorloop status",
        "condorloop status --json | jq -r '.problems[].text'",
    )
)
@options
@click.option("--json", "as_json", is_flag=True, help="Print status.json (docs/status.md).")
def status(given: CommonOptions, as_json: bool) -> None:
    """Show campaigns, services and problems at the submitter's last cycle.

    LS seen is N/M: N lumisections in good RAW files, M known to OMS. A + means that the run is
    still going, so N can exceed M. A ! marks the age of a service that does not respond.
    """
    work_dir = given.look().site.work_dir
    shown = states.only(states.read(work_dir), given.only)
    submitter = running_submitter(work_dir)
    if as_json:
        click.echo(json.dumps(states.to_json(shown) | {"submitter": submitter}, indent=1))
    else:
        console().print(status_view(shown, time.time(), submitter=submitter))
