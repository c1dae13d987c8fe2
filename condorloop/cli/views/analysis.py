"""What failed, on the terminal: one block a finding, the line that matters first.

Knows how `condorloop.history.finding` is shown to people; it finds nothing itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from rich.console import Group, RenderableType
from rich.text import Text

from condorloop.cli.views.status import CAMPAIGN_STYLES
from condorloop.cli.views.terminal import age, text
from condorloop.history.campaign import Story
from condorloop.history.finding import Analysis, Finding, Sign
from condorloop.history.sharing import grouped

_STYLES: Mapping[Sign, str] = {
    Sign.FAILED: "bold red",
    Sign.NOT_UPLOADED: "bold red",
    Sign.HELD: "bold magenta",
    Sign.REMOVED: "bold yellow",
    Sign.LACKING: "yellow",
    Sign.BAD_FILE: "red",
    Sign.QUARANTINED: "yellow",
    Sign.IDLE: "cyan",
    Sign.TRIED_AGAIN: "cyan",
}

_SHOWN_INPUTS = 3


def analysis_view(analysis: Analysis, stories: Collection[Story], now: float) -> RenderableType:
    """Lay out what is wrong; ages are counted to `now`, seconds since the epoch."""
    parts: list[RenderableType] = []
    for group in grouped(stories):
        if group.shared:
            whose = f": RECO and ALCA of {', '.join(group.shared.calibrations)}"
            parts.append(Text.assemble((f"{group.shared.key}", "bold"), text(whose)))
            keys = {story.campaign.key for story in group.shared.stories}
            parts += _told((f for f in analysis.findings if f.stream and f.key in keys), now)
        for story in group.stories:
            campaign = story.campaign
            parts.append(
                Text.assemble(
                    (f"{campaign.key}", "bold"),
                    ": ",
                    (str(campaign.state), CAMPAIGN_STYLES[campaign.state]),
                    text(f", {campaign.reason}"),
                )
            )
            mine = (f for f in analysis.findings if f.key == campaign.key)
            parts += _told((f for f in mine if not (group.shared and f.stream)), now)
    if analysis.silent:
        parts.append(text(f"! the queue is unknown: {analysis.silent}", "red"))
    return Group(*parts)


def _told(findings: Iterable[Finding], now: float) -> Iterator[Text]:
    nothing = True
    for finding in findings:
        nothing = False
        yield from (Text.assemble("  ", line) for line in _lines(finding, now))
        yield Text()
    if nothing:
        yield text("  nothing failed, is held or waits for long", "green")


def _lines(finding: Finding, now: float) -> Iterator[Text]:
    name = f"{finding.dag} {finding.node}".strip() or finding.inputs[0].rpartition("/")[2]
    since = f" {age(finding.since, now)} ago" if finding.since else ""
    head = Text.assemble((f"{name} {finding.sign}", _STYLES[finding.sign]), text(since))
    job = f"job {finding.job_id}" if finding.job_id else ""
    host = f"on {finding.host}" if finding.host else ""
    if where := " ".join(filter(None, (job, host))):
        head.append_text(text(f", {where}", "dim"))
    yield head
    code = f"exit {finding.exit_code}: " if finding.exit_code is not None else ""
    yield text(f"  {code}{finding.meaning}")
    if finding.calibrations:
        yield text(f"  touches {', '.join(finding.calibrations)}")
    if finding.reason:
        yield text(f"  {finding.reason}", "red")
    yield from _attempts(finding)
    yield from _inputs(finding)
    if finding.log_end:
        yield text(f"  the end of {finding.log}:", "dim")
        for line in finding.log_end:
            yield text(f"  │ {line}", "dim" if not _matters(line, finding) else "red")
    if finding.advice:
        yield text(f"  → {finding.advice}")
    for command in finding.commands:
        yield text(f"    {command}", "bold")


def _matters(line: str, finding: Finding) -> bool:
    """Whether a line of the log is the one that tells the reason, or a part of it."""
    said = line.strip()
    return len(said) > 8 and said in finding.reason


def _attempts(finding: Finding) -> Iterator[Text]:
    if len(finding.attempts) > 1:
        counted = Counter(f"exit {a.exit_code}: {a.words}" for a in finding.attempts)
        told = [f"{n} times {words}" if n > 1 else words for words, n in counted.items()]
        yield text(f"  {len(finding.attempts)} attempts failed: {'; '.join(told)}", "dim")


def _inputs(finding: Finding) -> Iterator[Text]:
    if finding.blamed:
        names = ", ".join(path.rpartition("/")[2] for path in finding.blamed)
        yield text(f"  the cause: {names}")
    if finding.inputs and finding.node:
        names = ", ".join(path.rpartition("/")[2] for path in finding.inputs[:_SHOWN_INPUTS])
        more = len(finding.inputs) - _SHOWN_INPUTS
        rest = f" and {more} more" if more > 0 else ""
        yield text(f"  its input: {names}{rest}", "dim")
