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
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, as docs/status.md says.")
def status(given: CommonOptions, as_json: bool) -> None:
    """Show campaigns, services and problems, as of the submitter's last cycle.

    LS seen are those in good RAW files, of as many as OMS tells: 40/29+ is 40 of 29 so far, for
    the run goes on. An age with a ! is of a service that does not answer.
    """
    work_dir = given.look().site.work_dir
    shown = states.only(states.read(work_dir), given.only)
    submitter = running_submitter(work_dir)
    if as_json:
        click.echo(json.dumps(states.to_json(shown) | {"submitter": submitter}, indent=1))
    else:
        console().print(status_view(shown, time.time(), submitter=submitter))
