"""`condorloop analyze`: what failed, why, and what to type."""

from __future__ import annotations

import json
import time

import click

from condorloop.cli.help import examples
from condorloop.cli.options import RUN, CommonOptions, options
from condorloop.cli.views.analysis import analysis_view
from condorloop.cli.views.terminal import console
from condorloop.history.analyze import analyze as analyze_run
from condorloop.history.finding import to_json


@click.command(
    epilog=examples(
        "condorloop analyze 398600",
        "condorloop analyze 398600 --node b003/RECO_0001",
    )
)
@options
@click.argument("run_number", metavar="RUN", type=RUN)
@click.option("--node", help="Only this node or DAG: RECO_0001, b003, b003/RECO_0001.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def analyze(given: CommonOptions, run_number: int, node: str | None, as_json: bool) -> None:
    """Explain failed, held and idle nodes of RUN and suggest fixes."""
    found = analyze_run(given.look(), run_number, given.only, node)
    if as_json:
        click.echo(json.dumps(to_json(found.findings), indent=1))
    else:
        console().print(analysis_view(found.findings, found.stories, time.time()))
