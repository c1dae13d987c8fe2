"""`condorloop simulate`: what other settings, pools and troubles would come to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click

from condorloop.cli.help import examples
from condorloop.cli.options import CommonOptions, options
from condorloop.cli.views.simulation import study_view
from condorloop.cli.views.terminal import console
from condorloop.simulation import plots
from condorloop.simulation.models import data_taking, recorded_times
from condorloop.simulation.models import pool as pool_model
from condorloop.simulation.models.outages import Outage
from condorloop.simulation.settings import SLOTS, Setting
from condorloop.simulation.study import parse, study, study_to_json

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(
    epilog=examples(
        "condorloop simulate --days 7",
        "condorloop simulate --days 7 --vary slots=64,128,256 --plots plots",
        "condorloop simulate --days 2 --outage eos:2h@12h",
        "condorloop simulate -c BeamSpot --from /data/ngt --vary harvesting.growth=0,0.1,0.3",
    )
)
@options
@click.option(
    "--days", type=click.FloatRange(0, 3650, min_open=True), default=7.0, show_default=True
)
@click.option("--seed", type=int, default=1, show_default=True, help="Random seed.")
@click.option("--pool", type=_FILE, help="Model of pool and data. Default: the shipped one.")
@click.option(
    "--runs",
    type=_FILE,
    metavar="SCENARIO",
    help="Take the runs of this scenario instead of random ones.",
)
@click.option(
    "--slots", type=click.IntRange(1), help="Cores of the pool. Default: those of the model."
)
@click.option(
    "--data",
    type=click.FloatRange(0, 1000, min_open=True),
    default=1.0,
    show_default=True,
    help="Factor on the amount of data.",
)
@click.option(
    "--outage",
    "outages",
    multiple=True,
    metavar="SERVICE:DURATION@START",
    help="Outage of oms, eos, schedd or conditions, such as eos:2h@3d. Can be given several times.",
)
@click.option(
    "--vary",
    multiple=True,
    metavar="KEY=V1,V2,…",
    help="Simulate each value of slots, data or a calibration's SECTION.KEY. Can be given "
    "several times, for every combination.",
)
@click.option(
    "--from",
    "work_dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="WORK_DIR",
    help="Take times of jobs and HTCondor from the records of this work_dir.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all details.")
@click.option(
    "--plots",
    "folder",
    type=_FOLDER,
    metavar="DIR",
    help="Also write plots to this folder, as PNG and PDF.",
)
def simulate(
    given: CommonOptions,
    days: float,
    seed: int,
    pool: Path | None,
    runs: Path | None,
    slots: int | None,
    data: float,
    outages: tuple[str, ...],
    vary: tuple[str, ...],
    work_dir: Path | None,
    as_json: bool,
    folder: Path | None,
) -> None:
    """Simulate the configured calibrations with the planner of the submitter.

    Runs, files and job times come from a model of the pool, a YAML file. With --from they come from
    the records of past runs. The simulation asks no service; its times are simulated.
    """
    config = given.read()
    setting = Setting(
        config,
        pool_model.load(pool or pool_model.default_model()),
        days=days,
        seed=seed,
        runs=data_taking.read(runs) if runs else None,
        data=data,
        recorded=recorded_times.read(work_dir, config) if work_dir else recorded_times.NOTHING,
    )
    try:
        setting = replace(setting, outages=tuple(map(Outage.parse, outages)))
        if slots:
            setting = setting.with_value(SLOTS, str(slots))
        made = study(_title(setting, runs), setting, [parse(text) for text in vary])
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps(study_to_json(made), indent=1))
    else:
        console().print(study_view(made))
    if folder is not None:
        for path in plots.write(made, folder):
            click.echo(path, err=True)


def _title(setting: Setting, runs: Path | None) -> str:
    """Say in words what is simulated."""
    parts = [f"{setting.days:g} days" if runs is None else runs.stem]
    if setting.data != 1:
        parts.append(f"{setting.data:g} times the data")
    return ", ".join((*parts, *map(str, setting.outages)))
