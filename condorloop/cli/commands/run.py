"""`condorloop run`: the submitter itself."""

from __future__ import annotations

import signal
from collections.abc import Callable

import click

from condorloop.cli import old_words
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
        "condorloop run --once -v                 what it sees, decides and does at this moment",
    )
)
@options
@click.option("--once", "one_pass", is_flag=True, help="End after one pass.")
@click.option(
    "--now",
    "force",
    is_flag=True,
    help="Open campaigns take the configured release, global tag and YAML, too.",
)
@accepting
@_logging
def run(
    given: CommonOptions,
    verbose: bool,
    log_format: str,
    accept: bool,
    one_pass: bool,
    force: bool,
) -> None:
    """Run the submitter until it is ended by SIGTERM or Ctrl-C; its DAGs go on.

    SIGHUP makes it read the calibrations' YAML files again. A changed release, global tag,
    cmsDriver option or job configuration counts from the next run; open campaigns keep theirs,
    unless --now is given. With --once it makes one pass of observe, decide, act, and ends.
    """
    _submit(given, verbose, log_format, accept, one_pass=one_pass, force=force)


@click.command(hidden=True)
@options
@accepting
@_logging
def once(given: CommonOptions, verbose: bool, log_format: str, accept: bool) -> None:
    """Make one pass, as `condorloop run --once` does."""
    old_words.tell("once")
    _submit(given, verbose, log_format, accept, one_pass=True)


def _submit(
    given: CommonOptions,
    verbose: bool,
    log_format: str,
    accept: bool,
    *,
    one_pass: bool,
    force: bool = False,
) -> None:
    form, accepted = Format(log_format), given.accepted(accept)
    with submitter(given.load(), verbose, form, one_pass=one_pass, accepted=accepted) as ours:
        if force:
            ours.force_configuration()
        if one_pass:
            ours.once()
            return
        signal.signal(
            signal.SIGHUP,
            lambda *_: ours.reload(given.load),
        )
        ours.run()
