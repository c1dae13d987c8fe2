"""`condorloop print-format`: how condor_q shows the loop's jobs."""

from __future__ import annotations

import click

from condorloop.cli.help import examples
from condorloop.config.shipped_files import shipped

_FILES = {"jobs": "condorloop.cpf", "dags": "condorloop-dags.cpf"}


@click.command(
    "print-format",
    epilog=examples(
        "condor_q -allusers -pr $(condorloop print-format)",
        "condor_q -allusers -pr $(condorloop print-format dags)",
        "condor_q -pr $(condorloop print-format) -constraint 'CondorloopRun == 398600'",
    ),
)
@click.argument("what", type=click.Choice(list(_FILES)), default="jobs")
def print_format(what: str) -> None:
    """Print the path of a print format for condor_q: of the loop's jobs, or of its DAGs.

    Jobs are shown with calibration, run, batch, node, lumisections, state and its time, and host
    or hold reason.
    """
    click.echo(shipped("condor_q") / _FILES[what])
