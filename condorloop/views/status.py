"""The state of the loop on the terminal.

Knows how `condorloop.status` is shown to people; it reads and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from condorloop.fates import LumiState
from condorloop.model import CampaignState
from condorloop.services import Service
from condorloop.status import CampaignStatus, Problem, Status
from condorloop.views.terminal import age, counts, duration, shortened, text

CAMPAIGN_STYLES: Mapping[CampaignState, str] = {
    CampaignState.ACTIVE: "cyan",
    CampaignState.CLOSING: "blue",
    CampaignState.COMPLETE: "green",
    CampaignState.INCOMPLETE: "yellow",
    CampaignState.EXPIRED: "red",
    CampaignState.ABANDONED: "red",
}

SILENT = 300.0
"""Seconds without a cycle after which something is wrong with a submitter that runs."""


def status_view(status: Status, now: float, *, submitter: str | None = "") -> RenderableType:
    """Lay out the state of the loop.

    Parameters
    ----------
    now
        What ages are counted to, seconds since the epoch.
    submitter
        Who runs; None if nobody does, empty if that was not asked.
    """
    return Group(
        *_head(status, now, submitter),
        *(line for problem in status.problems for line in _problem(problem, now)),
        campaign_table(status.campaigns, now),
    )


def _head(status: Status, now: float, submitter: str | None) -> Iterator[Text]:
    late = now - status.time
    if submitter is None:
        yield text("! no submitter runs: condorloop run", "bold red")
    elif late > SILENT:
        silent = "! a submitter runs and writes nothing: is the disk full? see its log"
        yield text(silent, "bold red")
    asked = [s for s in status.services if s.answered_at or s.error]
    cycle = f"{status.site}: last cycle {age(status.time, now)} ago"
    head = text(f"{cycle}; last answers: " if asked else cycle)
    for number, service in enumerate(asked):
        head.append(", " if number else "")
        head.append_text(_service(service, now))
    yield head


def _service(service: Service, now: float) -> Text:
    return text(
        f"{service.name} {age(service.answered_at, now)}", "red" if service.error else "green"
    )


def _problem(problem: Problem, now: float) -> Iterator[Text]:
    since = f" (for {age(problem.since, now)})" if problem.since else ""
    yield text(f"! {problem.text}{since}", "red")
    if problem.command:
        yield text(f"    {problem.command}", "bold")


def campaign_table(campaigns: tuple[CampaignStatus, ...], now: float) -> Table:
    """Lay out campaigns, one a row."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("run", "calibration", "state"):
        table.add_column(title, no_wrap=True)
    table.add_column("LS seen", justify="right", no_wrap=True)
    for title in ("in payload", "files", "DAGs", "jobs", "uploads", "left"):
        table.add_column(title)
    for c in campaigns:
        table.add_row(
            text(str(c.run)),
            text(c.calibration),
            text(f"{c.state}{', held' if c.held_by else ''}", CAMPAIGN_STYLES[c.state]),
            text(_seen(c)),
            text(_covered(c)),
            text(counts(c.files, ("good", "new", "bad", "unreadable"))),
            text(counts(c.dags, ("active", "planned", "failed", "removed", "lost", "done"))),
            text(counts(c.jobs, ("running", "idle", "held"))),
            text(f"{c.uploads}, {age(c.last_upload_at, now)} ago" if c.uploads else ""),
            text(_left(c, now)),
        )
    return table


def _seen(campaign: CampaignStatus) -> str:
    last = "?" if campaign.last_ls is None else campaign.last_ls
    return f"{len(campaign.lumis.seen)}/{last}" + ("" if campaign.run_end else "+")


def _covered(campaign: CampaignStatus) -> str:
    """How many LS are in the payload; of a closed campaign, which are not."""
    lumis, closed = campaign.lumis, not campaign.state.open
    covered = len(lumis.in_payload)
    missing = str(lumis.missing) if covered and closed else ""
    return f"{covered}" + (f" (not {shortened(missing)})" if missing else "")


def _left(campaign: CampaignStatus, now: float) -> str:
    """How long the campaign's data stay in the buffer."""
    left = campaign.window_ends - now
    return duration(left) if left > 0 else "over"


LUMI_STYLES: Mapping[LumiState, str] = {
    LumiState.IN_PAYLOAD: "green",
    LumiState.HARVESTED: "bright_blue",
    LumiState.IN_WORK: "cyan",
    LumiState.GOOD: "white",
    LumiState.FAILED: "red",
    LumiState.BAD_FILE: "magenta",
    LumiState.AWAITED: "bright_black",
    LumiState.MISSING: "yellow",
}
"""How a lumisection's state looks on the terminal, wherever it is shown."""
