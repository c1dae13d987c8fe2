"""`condorloop verify`: that each LS of each good RAW file is in the payload in force once."""

from __future__ import annotations

import json

import click

from condorloop.cli.help import examples
from condorloop.cli.options import RUN, CommonOptions, options
from condorloop.cli.views.terminal import console
from condorloop.cli.views.verify import verification_view
from condorloop.history import evidence, reader, verification, verified
from condorloop.history.verified import Verifications


@click.command(
    epilog=examples(
        "condorloop verify 398600",
        "condorloop verify 398600 -c EcalPedestals --json",
    )
)
@options
@click.argument("run_number", metavar="RUN", type=RUN)
@click.option("--all", "whole", is_flag=True, help="Print all findings.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all details.")
def verify(given: CommonOptions, run_number: int, whole: bool, as_json: bool) -> None:
    """Verify that each LS of each good RAW file of RUN is in the payload in force once.

    Each destination has a payload in force of its own. It is followed to its ALCARECO, their RECO
    outputs and RAW files, by the witnesses and manifests in the run directory. Named are LS in no
    input or in several, RAW files that may be copies, and ALCARECO whose witness is gone. What
    retention has removed is named as no longer shown. It asks no service. Exit code 1: something is
    wrong.
    """
    stories = reader.tell(given.look(), run_number, given.only)
    told = tuple(verification.verify(story, evidence.gather(story)) for story in stories)
    if as_json:
        found = verified.to_json(Verifications(run=run_number, campaigns=told))
        click.echo(json.dumps(found, indent=1))
    else:
        for each in told:
            console().print(verification_view(each, whole=whole))
    if wrong := [each.calibration for each in told if each.is_wrong]:
        raise click.ClickException(f"run {run_number}: {', '.join(wrong)}: something is wrong")
