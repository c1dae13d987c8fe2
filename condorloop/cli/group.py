"""How the commands are presented: in sections, with examples.

Knows the names of the commands, and where each is; one is loaded when it is asked for, for all of
them together take a second. Knows nothing of what they do.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

import click

from condorloop.model.enums import RequestKind

SECTIONS = {
    "Inspect": ("status", "watch", "show", "payload", "find", "analyze", "verify", "report"),
    "Control": tuple(map(str, RequestKind)),
    "Run": ("run", "redo"),
    "Set up": ("doctor", "validate", "render", "systemd", "schema", "print-format", "completion"),
    "Simulate": ("simulate", "testbed"),
}
"""Which commands belong together, and in which order they are shown."""

_OTHERS = "More"

_SENTENCE = 200
"""Characters that a command's first sentence may have: it is wrapped, not cut."""


class Commands(click.Group):
    """The commands of condorloop, in sections."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands, section by section."""
        return [name for names in self._sections().values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Give a command; the testbed's only where its packages are installed."""
        if cmd_name == "testbed":
            return _testbed()
        if cmd_name == "once":
            return _in_module("commands.run", cmd_name)
        if all(cmd_name not in names for names in SECTIONS.values()):
            return super().get_command(ctx, cmd_name)
        name = cmd_name.replace("-", "_")
        if cmd_name in SECTIONS["Control"] and find_spec(f"condorloop.cli.commands.{name}") is None:
            return _in_module("request_command", name)
        return _in_module(f"commands.{name}", name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command does, section by section."""
        width = max(map(len, self.list_commands(ctx)))
        for section, names in self._sections().items():
            if rows := list(self._rows(ctx, names, width)):
                with formatter.section(section):
                    formatter.write_dl(rows)

    def _sections(self) -> dict[str, list[str]]:
        shown = {name for names in SECTIONS.values() for name in names}
        sections = {title: list(names) for title, names in SECTIONS.items()}
        return sections | {_OTHERS: sorted(self.commands.keys() - shown)}

    def _rows(self, ctx: click.Context, names: list[str], width: int) -> Iterator[tuple[str, str]]:
        for name in names:
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                yield name.ljust(width), command.get_short_help_str(_SENTENCE)


def _in_module(module: str, name: str) -> click.Command:
    command: click.Command = getattr(import_module(f"condorloop.cli.{module}"), name)
    return command


def _testbed() -> click.Command | None:
    """Load the testbed's commands."""
    try:
        from condorloop.cli.commands.testbed import testbed
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("condorloop"):
            raise
        return None
    return testbed
