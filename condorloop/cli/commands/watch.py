"""`condorloop watch`: the state of the loop, live."""

from __future__ import annotations

import click

from condorloop.cli.help import examples
from condorloop.cli.live import watch as watch_until_ended
from condorloop.cli.options import CommonOptions, options
from condorloop.cli.views.terminal import console
from condorloop.cli.views.watch import WatchView


@click.command(epilog=examples("condorloop watch -c EcalPedestals"))
@options
def watch(given: CommonOptions) -> None:
    """Show campaigns, services, problems and the last decisions, live. Press q to quit.

    Rows that do not fit the screen are counted. The state is that of the submitter's last cycle.
    Times are UTC.
    """
    watch_until_ended(given.look().site.work_dir, given.only, console(), WatchView)
