"""What is shown of a campaign's payload in force, as lines on the terminal.

Knows how `condorloop.history.verification` is shown to people; it reads nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from condorloop.cli.views.terminal import text
from condorloop.history.verified import Verification

_MOST = 20
"""So many findings of a campaign are shown unless all are wanted."""


def verification_view(told: Verification, *, whole: bool = False) -> RenderableType:
    """Lay out what is shown of a campaign; all of its findings if `whole`."""
    return Group(*_lines(told, whole))


def _lines(told: Verification, whole: bool) -> Iterator[Text]:
    payloads = ", ".join(told.payloads) or "no payload"
    head = text(f"{told.calibration} run{told.run} ({told.state}), {payloads} in force: ", "bold")
    yield head.append_text(text("WRONG", "bold red") if told.is_wrong else text("fine", "green"))
    by = " (by the ledger alone)" if told.by_ledger else ""
    yield text(
        f"  {told.files_shown} of {told.files} good RAW files: each LS in exactly one input{by}"
    )
    yield text(f"  LS of good RAW files: {told.good or 'none'}; so shown: {told.shown or 'none'}")
    for each in told.destinations if told.differ else ():
        shown = f"{each.files_shown} of {told.files} files, LS {each.shown or 'none'}"
        yield text(f"  {each.tag}: {each.payload or 'no payload'} in force; so shown: {shown}")
    findings = told.findings if whole else told.findings[:_MOST]
    for finding in findings:
        line = text(f"  {finding.kind}: ", "red" if finding.wrong else "yellow")
        where = f"{', '.join(finding.tags)}: " if finding.tags else ""
        yield line.append_text(text(f"{where}{finding.text}"))
    if more := len(told.findings) - len(findings):
        yield text(f"  … and {more} more: --all, or --json", "bright_black")
