"""`condorloop completion`: what makes a shell complete the command line."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from condorloop.cli.help import examples

_SHELLS = ("bash", "zsh", "fish")


def _shell() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    return name if name in _SHELLS else _SHELLS[0]


@click.command(
    epilog=examples(
        'eval "$(condorloop completion bash)"            in ~/.bashrc (bash 4.4 or newer)',
        'eval "$(condorloop completion zsh)"             in ~/.zshrc, after compinit',
        "condorloop completion fish | source             in ~/.config/fish/config.fish",
    )
)
@click.argument("shell", type=click.Choice(_SHELLS), default=_shell)
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the shell completion script.

    SHELL is bash, zsh or fish. Default: your shell. It completes commands, options, the runs of
    status.json, and the calibrations of the site (CONDORLOOP_SITE, or --site earlier in the line).
    """
    root = ctx.find_root()
    kind = get_completion_class(shell)
    assert kind is not None, shell
    click.echo(kind(root.command, {}, "condorloop", "_CONDORLOOP_COMPLETE").source())
