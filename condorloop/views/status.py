"""The state of the loop on the terminal.

Knows how ``status.json`` is shown to people; it reads and decides nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from condorloop.lumis import Lumis
from condorloop.model import CampaignState
from condorloop.views.terminal import age, console, counts, shortened, text

_STYLES = {
    CampaignState.ACTIVE: "cyan",
    CampaignState.CLOSING: "blue",
    CampaignState.COMPLETE: "green",
    CampaignState.INCOMPLETE: "yellow",
    CampaignState.EXPIRED: "red",
    CampaignState.ABANDONED: "red",
}


SILENT = 300.0
"""Seconds without a cycle after which something is wrong with a submitter that runs."""


def print_status(data: Mapping[str, Any]) -> None:
    """Print what ``status.json`` holds."""
    console().print(status_view(data, time.time()))


def status_view(data: Mapping[str, Any], now: float) -> RenderableType:
    """Lay out what ``status.json`` holds; ages are as of `now`, seconds since the epoch."""
    head = f"{data['site']}: last cycle {age(data['time'], now)} ago"
    asked = [s for s in data["services"] if s["answered_at"] or s["error"]]
    answers = [f"{s['name']} {age(s['answered_at'], now)}" for s in asked]
    problems = [text(f"! {p}", "red") for p in data["problems"]]
    if data.get("submitter", "") is None:
        problems.insert(0, text("! no submitter runs: condorloop run", "red"))
    elif now - data["time"] > SILENT:
        silent = "! a submitter runs and writes nothing: is the disk full? see its log"
        problems.insert(0, text(silent, "red"))
    return Group(
        text(f"{head}; last answers: {', '.join(answers)}"),
        *problems,
        campaign_table(data["campaigns"], now),
    )


def campaign_table(campaigns: list[Mapping[str, Any]], now: float) -> Table:
    """Lay out campaigns, one a row."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("run", "calibration", "state"):
        table.add_column(title, no_wrap=True)
    table.add_column("LS seen", justify="right", no_wrap=True)
    for title in ("in payload", "files", "DAGs", "jobs", "uploads"):
        table.add_column(title)
    for c in campaigns:
        style = _STYLES[CampaignState(c["state"])]
        table.add_row(
            text(str(c["run"])),
            text(c["calibration"]),
            text(c["state"], style),
            text(_seen(c)),
            text(_covered(c)),
            text(counts(c["files"], ("good", "new", "bad", "unreadable"))),
            text(counts(c["dags"], ("active", "planned", "failed", "removed", "lost", "done"))),
            text(counts(c["jobs"], ("running", "idle", "held"))),
            text(f"{c['uploads']}, {age(c['last_upload_at'], now)} ago" if c["uploads"] else ""),
        )
    return table


def _seen(campaign: Mapping[str, Any]) -> str:
    seen = len(Lumis.parse(campaign["lumis"]["seen"]))
    last = "?" if campaign["last_ls"] is None else campaign["last_ls"]
    return f"{seen}/{last}" + ("" if campaign["run_end"] else "+")


def _covered(campaign: Mapping[str, Any]) -> str:
    """How many LS are in the payload; of a closed campaign, which are not."""
    lumis, closed = campaign["lumis"], not CampaignState(campaign["state"]).open
    covered = len(Lumis.parse(lumis["in_payload"]))
    missing = lumis["missing"] if covered and closed else ""
    return f"{covered}" + (f" (not {shortened(missing)})" if missing else "")
