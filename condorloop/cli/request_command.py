"""The command line of a request, made of what its `condorloop.requests.command.Command` says.

Knows how options become requests, and how a plan and its answers are shown.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from condorloop.cli import old_words, requests
from condorloop.cli.help import examples
from condorloop.cli.options import RUN, CommonOptions, accepting, options
from condorloop.cli.session import agree, submitter
from condorloop.config.loader import Config, ConfigError
from condorloop.model.enums import RequestKind
from condorloop.model.request import ALL_RUNS, Request
from condorloop.requests.command import Command, Option, SenselessRequest, command_of
from condorloop.text import plain

_BY_WHOM = "A running submitter does it in its next cycle; where none runs, this command does it."


@dataclass(frozen=True, slots=True)
class Typed:
    """A command as a person typed it."""

    command: Command
    given: CommonOptions
    runs: tuple[int, ...]
    fields: dict[str, Any]
    dry_run: bool
    accept: bool

    def requests(self) -> list[Request]:
        """Give the requests that it comes to: one for each run and calibration.

        Raises
        ------
        click.UsageError
            Its options make no sense together.
        """
        common = Request(
            self.command.kind,
            ALL_RUNS,
            **self.fields,
            accept_destination=self.accept,
            made_by=requests.requester(),
            made_at=time.time(),
        )
        made = [
            replace(common, run=run, calibration=calibration)
            for run in self.runs or (ALL_RUNS,)
            for calibration in self.given.only or (None,)
        ]
        try:
            for request in made:
                self.command.validate(request)
        except SenselessRequest as error:
            raise click.UsageError(str(error)) from None
        return made

    def agree(self, loaded: Config) -> None:
        """Make sure that payloads go where this shell means them to go; see `session.agree`."""
        only_stops = self.command.only_stops
        for complaint in agree(loaded, self.given.accepted(self.accept), only_stops=only_stops):
            click.echo(plain(complaint), err=True)

    def answers(self, loaded: Config, made: Sequence[Request]) -> Iterator[tuple[bool, str]]:
        """Leave requests, and give their answers; see `condorloop.cli.requests.answers`."""
        accepted = self.given.accepted(self.accept)
        return requests.answers(
            loaded, made, lambda: submitter(loaded, one_pass=True, accepted=accepted)
        )


def show_answer(done: bool, words: str) -> None:
    """Print the answer to a request; to stderr if it was not carried out."""
    click.echo(f"{'done' if done else 'not done'}: {plain(words)}", err=not done)


def carry_out(typed: Typed, *, yes: bool = True) -> None:
    """Say what is to be done, have it done, and say what was done."""
    made = typed.requests()
    loaded = _all_of(typed.given)
    typed.agree(loaded)
    failed, wanted = False, []
    for request in made:
        found = requests.preview(loaded, request)
        for words in (*found.plan.words, *found.destinations):
            click.echo(f"{'would' if typed.dry_run else 'will'}: {plain(words)}")
        for remark in found.plan.remarks:
            click.echo(plain(remark), err=True)
        failed |= not found.plan.words
        wanted += [request] if found.plan.words else []
    if wanted and not typed.dry_run:
        if not yes and sys.stdin.isatty():
            click.confirm("Is that meant?", abort=True)
        for done, words in typed.answers(loaded, wanted):
            show_answer(done, words)
            failed |= not done
    if failed:
        sys.exit(1)


def _all_of(given: CommonOptions) -> Config:
    """Read all that is configured: a campaign's calibration may not be any more."""
    try:
        return replace(given, only=()).load()
    except ConfigError:
        if not given.only:
            raise
        return given.load()


def click_command(kind: RequestKind, body: Callable[..., None] = carry_out) -> click.Command:
    """Make the command of a request.

    Parameters
    ----------
    body
        Gets what was typed, and each option of the command line alone by its name.
    """
    command = command_of(kind)

    def callback(
        given: CommonOptions,
        runs: tuple[int, ...],
        dry_run: bool,
        accept: bool,
        **others: Any,
    ) -> None:
        typed = {option.field: others.pop(option.field) for option in command.options}
        fields = {field: value for field, value in typed.items() if value is not None}
        for option in command.options:
            if option.old and others.pop(_old(option)):
                old_words.tell(f"{kind} {option.old}")
                fields[option.field] = True
        body(Typed(command, given, runs, fields, dry_run, accept), **others)

    callback.__module__, callback.__name__ = body.__module__, kind
    dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done; do nothing.")
    made = accepting(dry_run(callback))
    if command.confirmed:
        made = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")(made)
    for option in reversed(command.options):
        made = _click_option(option)(made)
    made = _runs(several=command.several_runs)(options(made))
    return click.command(
        name=kind,
        help=f"{inspect.getdoc(command)}\n\n{_BY_WHOM}",
        epilog=examples(*(f"condorloop {example}" for example in command.examples)),
    )(made)


def __getattr__(name: str) -> click.Command:
    """Make the command of a request that is shown as all others are."""
    if name not in frozenset(RequestKind):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return click_command(RequestKind(name))


def _runs(*, several: bool) -> Callable[..., Any]:
    if several:
        return click.argument("runs", metavar="[RUN]...", type=RUN, nargs=-1)
    return click.argument(
        "runs",
        metavar="[RUN]",
        type=RUN,
        required=False,
        callback=lambda ctx, param, run: () if run is None else (run,),
    )


def _click_option(option: Option) -> Callable[..., Any]:
    if option.argument:
        return click.argument(option.field, metavar=option.metavar)
    if option.optional:
        return click.option(
            option.name,
            option.field,
            metavar=f"[{option.metavar}]",
            is_flag=False,
            flag_value="",
            default=None,
            help=option.help,
        )
    if option.metavar:
        return click.option(option.name, option.field, metavar=option.metavar, help=option.help)
    flag = click.option(option.name, option.field, is_flag=True, help=option.help)
    if not option.old:
        return flag
    old = click.option(option.old, _old(option), is_flag=True, hidden=True)
    return lambda made: flag(old(made))


def _old(option: Option) -> str:
    return f"old_{option.field}"
