"""Tables on the terminal.

Knows how ``status.json`` and the configuration are shown to people; it reads and decides nothing.
Text of others is printed as it is: neither rich's markup nor a terminal's escapes take effect.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from condorloop.config import Config
from condorloop.lumis import Lumis
from condorloop.model import CampaignState
from condorloop.plain import plain

_STYLES = {
    CampaignState.ACTIVE: "cyan",
    CampaignState.CLOSING: "blue",
    CampaignState.COMPLETE: "green",
    CampaignState.INCOMPLETE: "yellow",
    CampaignState.EXPIRED: "red",
    CampaignState.ABANDONED: "red",
}


def console() -> Console:
    """The terminal; a line of a file or a pipe is as long as it needs to be."""
    return Console() if sys.stdout.isatty() else Console(width=160, soft_wrap=False)


SILENT = 300.0
"""Seconds without a cycle after which something is wrong with a submitter that runs."""


def print_status(data: Mapping[str, Any]) -> None:
    """Print what ``status.json`` holds."""
    console().print(status_view(data, time.time()))


def status_view(data: Mapping[str, Any], now: float) -> RenderableType:
    """Lay out what ``status.json`` holds; ages are as of `now`, seconds since the epoch."""
    head = f"{data['site']}: last cycle {_age(data['time'], now)} ago"
    asked = [s for s in data["services"] if s["answered_at"] or s["error"]]
    answers = [f"{s['name']} {_age(s['answered_at'], now)}" for s in asked]
    problems = [_text(f"! {p}", "red") for p in data["problems"]]
    if data.get("submitter", "") is None:
        problems.insert(0, _text("! no submitter runs: condorloop run", "red"))
    elif now - data["time"] > SILENT:
        silent = "! a submitter runs and writes nothing: is the disk full? see its log"
        problems.insert(0, _text(silent, "red"))
    return Group(
        _text(f"{head}; last answers: {', '.join(answers)}"),
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
            _text(str(c["run"])),
            _text(c["calibration"]),
            _text(c["state"], style),
            _text(_seen(c)),
            _text(_covered(c)),
            _text(_counts(c["files"], ("good", "new", "bad", "unreadable"))),
            _text(_counts(c["dags"], ("active", "planned", "failed", "removed", "lost", "done"))),
            _text(_counts(c["jobs"], ("running", "idle", "held"))),
            _text(f"{c['uploads']}, {_age(c['last_upload_at'], now)} ago" if c["uploads"] else ""),
        )
    return table


def _text(text: str, style: str = "") -> Text:
    return Text(plain(text), style=style)


def _seen(campaign: Mapping[str, Any]) -> str:
    seen = len(Lumis.parse(campaign["lumis"]["seen"]))
    last = "?" if campaign["last_ls"] is None else campaign["last_ls"]
    return f"{seen}/{last}" + ("" if campaign["run_end"] else "+")


def _covered(campaign: Mapping[str, Any]) -> str:
    """How many LS are in the payload; of a closed campaign, which are not."""
    lumis, closed = campaign["lumis"], not CampaignState(campaign["state"]).open
    covered = len(Lumis.parse(lumis["in_payload"]))
    missing = lumis["missing"] if covered and closed else ""
    return f"{covered}" + (f" (not {_shortened(missing)})" if missing else "")


def _shortened(text: str) -> str:
    return text if len(text) <= 18 else f"{text[:17]}…"


def _counts(counts: Mapping[str, int], names: tuple[str, ...]) -> str:
    return ", ".join(f"{counts[n]} {n}" for n in names if counts.get(n))


def _age(then: float | None, now: float) -> str:
    if then is None:
        return "never"
    seconds = max(0.0, now - then)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def print_config(config: Config) -> None:
    """Print what a checked configuration means."""
    terminal = console()
    site, parameters = config.site, config.parameters
    terminal.print(
        _text(
            f"site {site.name}: work_dir {site.work_dir}, "
            f"OMS {site.oms.url}, EOS {site.storage.url}"
        )
    )
    terminal.print(
        _text(
            f"release {parameters.release} ({parameters.scram_arch}), "
            f"global tag {parameters.global_tag}"
        )
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("calibration", "runs", "stream", "payload"):
        table.add_column(title, overflow="fold")
    for calibration in config.calibrations.values():
        reco = calibration.reco
        beams = ", stable beams" if reco.stable_beam else ""
        since = "run" if calibration.since_is_run else "each IOV's own"
        table.add_row(
            _text(calibration.name),
            _text(f"{reco.filltype} {reco.l1hltmode}{beams}, at least {reco.min_ls} LS"),
            _text(calibration.stream_path),
            _text(f"{', '.join(calibration.harvest.upload.tags)}, since: {since}"),
        )
    terminal.print(table)
    terminal.print("all configuration is valid")
