"""`condorloop validate`: whether the configuration is right, and what it means."""

from __future__ import annotations

import json

import click

from condorloop.cli.help import examples
from condorloop.cli.options import RUN, CommonOptions, options
from condorloop.cli.views.comparison import print_comparisons
from condorloop.cli.views.configuration import config_json, print_config
from condorloop.config.destinations import DestinationChanged
from condorloop.dagman import config_diff, destination_memory


@click.command(
    epilog=examples(
        "condorloop validate --calibrations calibrationYAML",
        "condorloop validate --diff",
        "condorloop validate --diff 398600 -c EcalPedestals",
    )
)
@options
@click.argument("run_number", metavar="[RUN]", type=RUN, required=False)
@click.option(
    "--diff",
    "differences",
    is_flag=True,
    help="Show what changes in the next DAG, compared with the newest one (of RUN if given).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def validate(
    given: CommonOptions, run_number: int | None, differences: bool, as_json: bool
) -> None:
    """Check all configuration files, and print what they mean.

    Exit code 1: a file is wrong, or the ledger has another destination for payloads.
    """
    if run_number is not None and not differences:
        raise click.UsageError("RUN goes with --diff")
    loaded = given.load()
    if differences:
        compared = list(config_diff.compare(loaded, run_number))
        if as_json:
            click.echo(json.dumps(config_diff.to_json(compared), indent=1))
        else:
            print_comparisons(compared)
    elif as_json:
        click.echo(json.dumps(config_json(loaded), indent=1))
    else:
        print_config(loaded)
    if not differences and (found := destination_memory.changed(loaded)):
        raise DestinationChanged(found)
