"""`condorloop redo`: a finished run once more, into a trial tag."""

from __future__ import annotations

from pathlib import Path

import click

from condorloop.cli import redo as trials
from condorloop.cli import requests
from condorloop.cli.help import examples
from condorloop.cli.options import RUN, CommonOptions, options
from condorloop.cli.session import submitter
from condorloop.model.enums import CampaignState
from condorloop.text import plain


@click.command(
    epilog=examples(
        "condorloop redo 398600 -c EcalPedestals --calibrations trial/calibrationYAML "
        "--work-dir /data/trial --into EcalPedestals_Trial",
    )
)
@options
@click.argument("run_number", metavar="RUN", type=RUN)
@click.option(
    "--work-dir",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    required=True,
    help="The work_dir of the trial, apart from that of the site.",
)
@click.option(
    "--into",
    metavar="TAG",
    multiple=True,
    required=True,
    help="A tag that the trial's payloads go to; name each of them.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log what is looked at, too.")
def redo(
    given: CommonOptions, run_number: int, folder: Path, into: tuple[str, ...], verbose: bool
) -> None:
    """Make RUN once more, as a trial: with another release, global tag or other configuration.

    The trial's calibrations and ngtParameters.jsn are those of --calibrations. It has a work_dir
    and a ledger of its own, and changes nothing of the loop. It is refused if one of its tags is a
    tag of the loop. The command runs until the campaigns of the run are closed. RAW files that
    storage does not list any more cannot be used. Exit code 1: a campaign has no payload, or is
    not complete.
    """
    loaded = given.load()
    run = trials.finished_run(loaded.site.work_dir, run_number)
    config = trials.trial(loaded, folder, into)
    with submitter(config, verbose, one_pass=True, runs=trials.OneRun(run)) as ours:
        trials.redo(ours, run, requests.requester())
        found = trials.outcome(ours, run_number)
    failed = False
    for each in found:
        failed |= each.payload is None or each.state is not CampaignState.COMPLETE
        click.echo(plain(f"{each.calibration} run{run_number}: {each.state}: {each.reason}"))
        if each.payload:
            click.echo(plain(f"  {each.payload}"))
            compare = f"condorloop payload {run_number} -c {each.calibration}"
            click.echo(plain(f"  compare: {compare} --diff in-force {each.payload}"))
    if failed:
        raise click.ClickException(f"run {run_number}: not all of the trial is complete")
