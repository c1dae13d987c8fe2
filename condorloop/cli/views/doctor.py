"""What the doctor found on the terminal.

Knows how checks are shown to people; it looks at nothing and judges nothing.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from condorloop.cli.views.terminal import console, text
from condorloop.doctor.checks import Check, Findings, Verdict, of_verdict
from condorloop.text import plain

_LOOKS = {
    Verdict.FINE: ("✓", "green"),
    Verdict.NOT_NEEDED: ("·", "dim"),
    Verdict.NOT_CHECKED: ("?", "cyan"),
    Verdict.WARNING: ("!", "yellow"),
    Verdict.STOPS: ("✗", "bold red"),
}
_NAMES = 20
"""Columns for the names of checks; a longer one takes a line of its own."""

_LEAST = 20
"""Columns for words on the narrowest terminal."""


@contextmanager
def looking() -> Iterator[None]:
    """Let a person on a terminal see meanwhile that something is done."""
    terminal = console()
    if terminal.is_terminal:
        with terminal.status("looking at everything that must be right here"):
            yield
    else:
        yield


def print_findings(findings: Findings) -> None:
    """Print findings by subject, and what they come to."""
    terminal = console()
    longest = max((len(plain(c.name)) for checks in findings.values() for c in checks), default=0)
    for subject, checks in findings.items():
        terminal.print(text(subject, "bold"))
        for check in checks:
            _print_check(terminal, check, min(longest, _NAMES))
    terminal.print(summary(findings))


def _print_check(terminal: Console, check: Check, width: int) -> None:
    symbol, style = _LOOKS[check.verdict]
    usual = check.verdict in (Verdict.FINE, Verdict.NOT_NEEDED)
    name, room = plain(check.name), max(terminal.width - width - 5, _LEAST)
    words = textwrap.wrap(plain(check.words), room, break_on_hyphens=False)
    if len(name) > width:
        words.insert(0, "")
    for number, line in enumerate(words or [""]):
        shown = Text.assemble(
            ("  ", ""),
            (symbol if number == 0 else " ", style),
            " ",
            (name if number == 0 else "").ljust(width + 1),
            (line, "" if usual else style),
        )
        shown.rstrip()
        terminal.print(shown, soft_wrap=True)
    if check.remedy:
        # on one line, as long as it is: what the terminal wraps is copied whole
        terminal.print(Text.assemble("    → ", text(check.remedy, "bold")), soft_wrap=True)


def summary(findings: Findings) -> Text:
    """Say in a line what the findings come to."""
    total = sum(len(checks) for checks in findings.values())
    parts = [
        f"{len(of_verdict(findings, verdict))} {word}: {_names(findings, verdict)}"
        for verdict, word in ((Verdict.WARNING, "to look at"), (Verdict.NOT_CHECKED, "not checked"))
        if of_verdict(findings, verdict)
    ]
    if stopping := of_verdict(findings, Verdict.STOPS):
        names = _names(findings, Verdict.STOPS)
        parts.insert(0, f"{len(stopping)} of {total} checks would stop the loop: {names}")
        return text("; ".join(parts), "bold red")
    parts.insert(0, f"nothing would stop the loop: {total} checks")
    style = "yellow" if of_verdict(findings, Verdict.WARNING) else "green"
    return text("; ".join(parts), style)


def _names(findings: Findings, verdict: Verdict) -> str:
    return ", ".join(
        f"{subject} ({', '.join(c.name for c in checks if c.verdict is verdict)})"
        for subject, checks in findings.items()
        if any(c.verdict is verdict for c in checks)
    )
