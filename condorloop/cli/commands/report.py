"""`condorloop report`: the latencies that the loop exists for."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import click

from condorloop.cli.help import examples
from condorloop.cli.options import CommonOptions, options
from condorloop.cli.readers import Readers
from condorloop.cli.views.report import report_view
from condorloop.cli.views.terminal import as_text, console
from condorloop.reports import constants as constants_of_runs
from condorloop.reports import output as report_files
from condorloop.reports.collect import gather
from condorloop.reports.period import EXPECTED, Period

TABLE = "table"


@click.command(
    epilog=examples(
        "condorloop report --since 24h",
        "condorloop report --since 398600 --until 398700 -c EcalPedestals",
        "condorloop report --since 7d --format html --output report.html",
    )
)
@options
@click.option("--since", metavar="WHEN", help=f"Only runs that started since then: {EXPECTED}.")
@click.option(
    "--until",
    metavar="WHEN",
    help="Only runs that started before then. A day or a run is included.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([TABLE, *report_files.FORMATS]),
    default=TABLE,
    show_default=True,
    help="html: one page with tables and plots.",
)
@click.option(
    "--constants",
    is_flag=True,
    help="Also tell mean and spread of the constants of each run, with the payload_reader.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Write to a file or a folder. csv has several tables; a file gets only the campaigns.",
)
@click.option(
    "--plots",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Also write plots to this folder, as PNG and PDF.",
)
def report(
    given: CommonOptions,
    since: str | None,
    until: str | None,
    form: str,
    constants: bool,
    as_json: bool,
    output: Path | None,
    plots: Path | None,
) -> None:
    """Report latencies from data to database, where the time went, and what jobs used.

    Latencies count from the end of each lumisection and of each run. A run counts in the period in
    which it started.
    """
    now = time.time()
    try:
        period = Period.from_options(since, until, now)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    config = given.load() if constants else None
    made = gather(config or given.look(), given.only, period, now)
    if config:
        found = constants_of_runs.gather(made, config.site.work_dir, Readers(config).constants)
        made = replace(made, constants=found)
    form = "json" if as_json else form
    if form == TABLE and output is None:
        console().print(report_view(made))
    else:
        files = {"report.txt": as_text(report_view(made))}
        if form != TABLE:
            files = report_files.texts(made, form)
        if output is None:
            click.echo(next(iter(files.values())), nl=False)
        else:
            _tell(report_files.write(files, output))
    if plots is not None:
        _tell(report_files.write_plots(made, plots))


def _tell(written: list[Path]) -> None:
    for path in written:
        click.echo(path, err=True)
