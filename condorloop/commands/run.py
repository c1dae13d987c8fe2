"""`condorloop run` and `once`: the submitter itself."""

from __future__ import annotations

import signal

import click

from condorloop.commands.options import Given, options, submitter


@click.command()
@options
@click.option("-v", "--verbose", is_flag=True, help="Log what is looked at, too.")
def run(given: Given, verbose: bool) -> None:
    """Run the submitter until it is ended by SIGTERM or Ctrl-C; its DAGs go on.

    SIGHUP makes it read the calibrations' YAML files anew.
    """
    with submitter(given.load(), verbose) as ours:
        signal.signal(
            signal.SIGHUP,
            lambda *_: ours.reload(given.load),
        )
        ours.run()


@click.command()
@options
@click.option("-v", "--verbose", is_flag=True, help="Log what is looked at, too.")
def once(given: Given, verbose: bool) -> None:
    """Make one pass of observe, decide, act, and end."""
    with submitter(given.load(), verbose, one_pass=True) as ours:
        ours.once()
