"""`condorloop run` and `once`: the submitter itself."""

from __future__ import annotations

import signal
from collections.abc import Callable

import click

from condorloop.cli.help import examples
from condorloop.cli.options import CommonOptions, accepting, options
from condorloop.cli.session import submitter
from condorloop.runtime.logs import Format


def _logging(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of its log; it gets them as `verbose` and `log_format`."""
    verbose = click.option("-v", "--verbose", is_flag=True, help="Log what is looked at, too.")
    log_format = click.option(
        "--log-format",
        type=click.Choice([form.value for form in Format]),
        default=Format.PLAIN.value,
        show_default=True,
        help="How log lines read on the terminal or in the journal; json is an object a line, "
        "with the fields of docs/service.md.",
    )
    return verbose(log_format(command))


@click.command(
    epilog=examples(
        "condorloop run                           in a terminal, until Ctrl-C",
        "condorloop systemd                       writes units that run it on a node",
        "condorloop run -c EcalPedestals -v       one calibration alone, with all that it looks at",
    )
)
@options
@accepting
@_logging
def run(given: CommonOptions, verbose: bool, log_format: str, accept: bool) -> None:
    """Run the submitter until it is ended by SIGTERM or Ctrl-C; its DAGs go on.

    SIGHUP makes it read the calibrations' YAML files anew.
    """
    accepted = given.accepted(accept)
    with submitter(given.load(), verbose, Format(log_format), accepted=accepted) as ours:
        signal.signal(
            signal.SIGHUP,
            lambda *_: ours.reload(given.load),
        )
        ours.run()


@click.command(
    epilog=examples("condorloop once -v                       what it sees, decides and does now")
)
@options
@accepting
@_logging
def once(given: CommonOptions, verbose: bool, log_format: str, accept: bool) -> None:
    """Make one pass of observe, decide, act, and end."""
    form, accepted = Format(log_format), given.accepted(accept)
    with submitter(given.load(), verbose, form, one_pass=True, accepted=accepted) as ours:
        ours.once()
