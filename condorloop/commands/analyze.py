"""`condorloop analyze`: what failed, why, and what to type."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from condorloop.commands.group import examples
from condorloop.commands.options import RUN, Given, options
from condorloop.config import Known
from condorloop.dagman.schedd import Schedd, ScheddUnavailable
from condorloop.stories import analysis
from condorloop.stories.analysis import Analysis, Queue
from condorloop.stories.evidence import with_log
from condorloop.stories.telling import tell
from condorloop.views.analysis import analysis_view
from condorloop.views.terminal import console


@click.command(
    epilog=examples(
        "condorloop analyze 398600",
        "condorloop analyze 398600 --node b003/RECO_0001",
    )
)
@options
@click.argument("run_number", metavar="RUN", type=RUN)
@click.option("--node", help="Only this node or DAG: RECO_0001, b003, b003/RECO_0001.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def analyze(given: Given, run_number: int, node: str | None, as_json: bool) -> None:
    """Say why things of RUN failed, are held or do not run, and what to type."""
    loaded = given.look()
    stories = tell(loaded, run_number, given.only)
    queue, silent = _queue(loaded, run_number)
    folders = {(s.campaign.key, d.label): Path(d.directory) for s in stories for d in s.dags}
    found = tuple(
        with_log(f, folders[f.key, f.dag]) if f.node else f
        for f in analysis.findings(stories, queue, node)
    )
    told = Analysis(run=run_number, findings=found, silent=silent)
    if as_json:
        click.echo(json.dumps(analysis.to_json(told), indent=1))
    else:
        console().print(analysis_view(told, stories, time.time()))


def _queue(loaded: Known, run: int) -> tuple[Queue, str]:
    """What the schedd says, or why it says nothing."""
    schedd = Schedd(loaded.site.pool, loaded.site.name)
    try:
        queued = schedd.queued()
        dags = tuple(dag for dag in queued.dags.values() if dag.key.run == run)
        return Queue(dags, queued.held_jobs, tuple(schedd.idle_jobs(run))), ""
    except ScheddUnavailable as error:
        return Queue(), str(error)
    finally:
        schedd.close()
