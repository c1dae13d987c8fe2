"""`condorloop render`: the DAGs that a run would get, written and not submitted."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from condorloop.cli.help import examples
from condorloop.cli.options import RUN, CommonOptions, options
from condorloop.config.destinations import configured
from condorloop.dagman import destination_memory, dry_run
from condorloop.text import plain


@click.command(
    epilog=examples(
        "condorloop render 398600 -c EcalPedestals",
        "condorloop render 398600 --output /tmp/look",
    )
)
@options
@click.argument("run_number", metavar="RUN", type=RUN)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("rendered"),
    show_default=True,
    help="Folder for the run directories.",
)
def render(
    given: CommonOptions,
    run_number: int,
    output: Path,
) -> None:
    """Write the DAGs for the present RAW files of RUN. Submit nothing."""
    loaded = given.load()
    files = dry_run.render(loaded, run_number, output.absolute(), click.echo)
    if not files:
        raise click.ClickException(f"run {run_number} has no RAW file that can be used")
    for change in destination_memory.changed(loaded):
        click.echo(plain(f"! {change}"), err=True)
    for file in files:
        to = configured(loaded)[file.parts[-4]].destination
        click.echo(f"# its UPLOAD node uploads to {to}")
        click.echo(f"cd {shlex.quote(str(file.parent))} && condor_submit_dag {file.name}")
