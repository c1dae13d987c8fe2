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
@click.option("--seed", type=int, default=1, show_default=True, help="Other runs, other times.")
@click.option("--pool", type=_FILE, help="The model of pool and data; the shipped one by default.")
@click.option(
    "--runs", type=_FILE, metavar="SCENARIO", help="The runs of a scenario, not made-up ones."
)
@click.option("--slots", type=click.IntRange(1), help="Cores of the pool; the model's by default.")
@click.option(
    "--data",
    type=click.FloatRange(0, 1000, min_open=True),
    default=1.0,
    show_default=True,
    help="How many times as much data there is.",
)
@click.option(
    "--outage",
    "outages",
    multiple=True,
    metavar="SERVICE:DURATION@START",
    help="oms, eos, schedd or conditions does not answer, as in eos:2h@3d; may be given several "
    "times.",
)
@click.option(
    "--vary",
    multiple=True,
    metavar="KEY=V1,V2,…",
    help="Simulate with each value of slots, data or a calibration's SECTION.KEY; may be given "
    "several times, for every combination.",
)
@click.option(
    "--from",
    "work_dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="WORK_DIR",
    help="Draw the times of jobs and HTCondor from what was recorded there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@click.option(
    "--plots", "folder", type=_FOLDER, metavar="DIR", help="Write plots, too, as PNG and PDF."
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
    """Simulate what the configured calibrations would do, with the planner that runs them.

    Runs, files and the times of jobs come from a model of the pool, a YAML file; what it assumes is
    better taken from past runs, with --from. Times are those of the simulation; nothing is asked.
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
