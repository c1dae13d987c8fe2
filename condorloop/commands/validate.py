"""`condorloop validate`: whether the configuration is right, and what it means."""

from __future__ import annotations

import click

from condorloop.commands.options import Given, options
from condorloop.views.configuration import print_config


@click.command()
@options
def validate(
    given: Given,
) -> None:
    """Check all configuration files, and say what they mean."""
    loaded = given.load()
    print_config(loaded)
