"""The state of the loop on the terminal.

Knows how `condorloop.monitoring.status_file` is shown to people; it reads and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from condorloop.cli.views.problems import problem_lines
from condorloop.cli.views.table import Column, FittingTable
from condorloop.cli.views.terminal import age, counts, duration, shortened, text
from condorloop.model.enums import CampaignState, NodeState
from condorloop.model.service import Service
from condorloop.model.status import (
    CalibrationDestination,
    CampaignStatus,
    ReconstructionStatus,
    Status,
)

CAMPAIGN_STYLES: Mapping[CampaignState, str] = {
    CampaignState.ACTIVE: "cyan",
    CampaignState.CLOSING: "blue",
    CampaignState.COMPLETE: "green",
    CampaignState.NO_PAYLOAD: "yellow",
    CampaignState.INCOMPLETE: "yellow",
    CampaignState.EXPIRED: "red",
    CampaignState.ABANDONED: "red",
}

_FEW_LS = 8
"""How many characters of lumisections there is room for."""

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
    problems = [line for lines in problem_lines(status.problems, now) for line in lines]
    return Group(
        *head(status, now, submitter),
        *([*problems, Text()] if problems else []),
        campaign_table(grouped(status.campaigns, status.reconstructions), now),
        *no_payload_lines(status.campaigns),
        *([Text()] if any(c.not_made for c in status.campaigns) else []),
        *not_made_lines(status.campaigns),
        *recipe_lines(status.campaigns),
        *destination_lines(status.destinations),
    )


def no_payload_lines(campaigns: Sequence[CampaignStatus]) -> Iterator[Text]:
    """Say why campaigns have no payload that are no problem, a line for each; see `Problem`."""
    told = [c for c in campaigns if c.no_payload and not c.lumis.in_payload]
    normal = [c for c in told if c.state.open or (c.no_payload and c.no_payload.cause.normal)]
    if normal:
        yield Text()
    for campaign in normal:
        yield text(f"{campaign.key}: no payload: {campaign.no_payload}", "yellow")


def not_made_lines(campaigns: Sequence[CampaignStatus]) -> Iterator[Text]:
    """Say what was reconstructed without what campaigns need, a line for each."""
    for campaign in campaigns:
        if lumis := campaign.not_made:
            why = "before it was switched on"
            if campaign.taken_out:
                why = (
                    f"without it, for it broke what others share ({', '.join(campaign.taken_out)})"
                )
            told = f"{campaign.key}: LS {lumis} were reconstructed {why}; to make them: "
            make = f"condorloop resubmit {campaign.run} --reprocess -c {campaign.calibration}"
            yield text(told, "yellow").append_text(text(make, "bold"))


def recipe_lines(campaigns: Sequence[CampaignStatus]) -> Iterator[Text]:
    """Lay out what open campaigns keep of an earlier configuration: a change is planned."""
    for campaign in campaigns:
        for key, words in campaign.kept_recipe.items():
            told = f"{campaign.key} keeps {key} {words}: it counts from the next run; to force it: "
            force = f"condorloop resubmit {campaign.run} -c {campaign.calibration} --now"
            yield text(told, "yellow").append_text(text(force, "bold"))


def destination_lines(destinations: Sequence[CalibrationDestination]) -> Iterator[Text]:
    """Lay out where payloads go, a line for each calibration."""
    if destinations:
        yield Text()
    for each in destinations:
        yield text(f"{each.calibration}: payloads go to {each}")


def head(status: Status, now: float, submitter: str | None) -> Iterator[Text]:
    """Lay out who runs, and when which service last answered."""
    late = now - status.time
    if submitter is None:
        yield text("! no submitter runs: condorloop run", "bold red")
    elif late > SILENT and not submitter:
        yield text(f"! no cycle in {duration(SILENT)}: does a submitter run?", "bold red")
    elif late > SILENT:
        silent = "! a submitter runs and writes nothing: is the disk full? see its log"
        yield text(silent, "bold red")
    asked = [s for s in status.services if s.answered_at or s.error]
    cycle = f"{status.site}: last cycle {age(status.time, now)} ago"
    line = text(f"{cycle}; last answers: " if asked else cycle)
    for number, service in enumerate(asked):
        line.append(", " if number else "")
        line.append_text(_service(service, now))
    yield line


def _service(service: Service, now: float) -> Text:
    said = f"{service.name} {age(service.answered_at, now)}"
    return text(f"{said}!" if service.error else said, "red" if service.error else "green")


Shown = CampaignStatus | ReconstructionStatus
"""A row of the table: a campaign, or what several share that share a stream, before them."""


def grouped(
    campaigns: Sequence[CampaignStatus], reconstructions: Iterable[ReconstructionStatus]
) -> list[Shown]:
    """Put campaigns that share a stream below what they share, where the first of them is."""
    shared = {each.key: each for each in reconstructions}
    groups: dict[object, list[Shown]] = {}
    for campaign in campaigns:
        of = shared.get(campaign.reconstruction)
        group = groups.setdefault(of.key if of else campaign.key, [of] if of else [])
        group.append(campaign)
    return [row for group in groups.values() for row in group]


def _either(
    campaign: Callable[[CampaignStatus], Text],
    shared: Callable[[ReconstructionStatus], Text] = lambda _: Text(),
    *,
    of_stream: bool = False,
) -> Callable[[Shown], Text]:
    """Make a cell; what is `of_stream` is told of what campaigns share, and not of each."""

    def cell(row: Shown) -> Text:
        if isinstance(row, ReconstructionStatus):
            return shared(row)
        return Text() if of_stream and row.shares else campaign(row)

    return cell


def campaign_table(rows: Sequence[Shown], now: float) -> RenderableType:
    """Lay out campaigns, one a row; where there is little room, what matters most of them."""
    if not rows:
        return text("no campaign is open, and none was latched lately")

    return FittingTable(
        rows,
        (
            Column("run", lambda r: text(str(r.run))),
            Column("calibration", _either(_calibration, lambda r: text(r.stream, "bold"))),
            Column("state", _either(_state, _progress)),
            Column("LS seen", _either(_seen, _seen, of_stream=True), 3, right=True),
            Column(
                "in payload",
                _either(lambda c: text(str(len(c.lumis.in_payload)))),
                right=True,
            ),
            Column("missing", _either(_missing)),
            Column("files", _counted("files", _FILES, of_stream=True), 6),
            Column("DAGs", _counted("dags", _DAGS), 5),
            Column("jobs", _counted("jobs", _JOBS), 2),
            Column("uploads", _either(lambda c: text(_uploads(c, now))), 4),
            Column("window left", _either(lambda c: text(_left(c, now))), 1),
        ),
    )


def _counted(
    what: str, names: tuple[str, ...], *, of_stream: bool = False
) -> Callable[[Shown], Text]:
    def told(row: Shown) -> Text:
        return text(counts(getattr(row, what), names))

    return _either(told, told, of_stream=of_stream)


def _calibration(campaign: CampaignStatus) -> Text:
    return text(f"  {campaign.calibration}" if campaign.shares else campaign.calibration)


def _progress(shared: ReconstructionStatus) -> Text:
    """How many RECO and ALCA nodes are done, of how many, and what is wrong with others."""
    said = Text()
    for kind, states in shared.nodes.items():
        there = sum(states.values()) - states.get(NodeState.DROPPED, 0)
        said.append(", " if said else "")
        said.append(f"{kind} {states.get(NodeState.DONE, 0)}/{there}")
        if failed := states.get(NodeState.FAILED, 0):
            said.append(f" ({failed} failed)", "red")
    return said


_FILES = ("good", "new", "bad", "unreadable")
_DAGS = ("active", "planned", "failed", "removed", "lost", "done")
_JOBS = ("running", "idle", "held")


def _state(campaign: CampaignStatus) -> Text:
    held = ", held" if campaign.held_by else ""
    if campaign.uploads_held_by and campaign.state.open:
        held += ", uploads held"
    return text(f"{campaign.state}{held}", CAMPAIGN_STYLES[campaign.state])


def _seen(row: Shown) -> Text:
    last = "?" if row.last_ls is None else row.last_ls
    seen = row.seen if isinstance(row, ReconstructionStatus) else row.lumis.seen
    return text(f"{len(seen)}/{last}" + ("" if row.run_end else "+"))


def _missing(campaign: CampaignStatus) -> Text:
    """How many LS are lost, and which; while the run goes on, those that are lost so far."""
    lost = campaign.lost
    if not lost:
        return Text()
    style = "yellow" if campaign.state.open else "red"
    return text(f"{len(lost)} ({shortened(str(lost), _FEW_LS)})", style)


def _uploads(campaign: CampaignStatus, now: float) -> str:
    said = [f"{u.harvest} {u.outcome}" for u in campaign.unsent[-1:]]
    if campaign.uploads:
        said.insert(0, f"{campaign.uploads}, {age(campaign.last_upload_at, now)} ago")
    return "; ".join(said)


def _left(campaign: CampaignStatus, now: float) -> str:
    """How long the campaign's data stay in the buffer: the first that are in no payload, if any."""
    open_until = campaign.serve_by if campaign.state.open else None
    left = (campaign.window_ends if open_until is None else open_until) - now
    return duration(left) if left > 0 else "over"
