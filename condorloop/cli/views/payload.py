"""What is in force for a run, on the terminal.

Knows how `condorloop.history.in_force` is shown to people; it reads nothing. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from condorloop.cli.views.show import iov_since
from condorloop.cli.views.table import Column, FittingTable
from condorloop.cli.views.terminal import clock, text
from condorloop.history.in_force import CampaignInForce, DestinationInForce, RangeInForce
from condorloop.policy.in_force import Agreement

_SHORT = 12
"""Characters of a hash that are shown."""

_STYLES = {
    Agreement.DIFFERENT: "bold red",
    Agreement.OBSOLETE: "bold red",
    Agreement.UNANSWERED: "yellow",
}

_WORDS = {
    Agreement.SAME: "as believed",
    Agreement.NOT_SENT: "nothing sent",
    Agreement.UNANSWERED: "sent, without an answer",
    Agreement.DIFFERENT: "DIFFERS",
    Agreement.OBSOLETE: "OBSOLETE",
    Agreement.NOT_READ: "not read",
}


def in_force_view(campaign: CampaignInForce, now: float) -> RenderableType:
    """Lay out what is in force for a campaign, destination by destination."""
    until = f"LS 1-{campaign.last_ls}" if campaign.last_ls else "no lumisection is known"
    head = f"{campaign.calibration} run {campaign.run}: {until} (times are UTC)"
    parts: list[RenderableType] = [text(head, "bold")]
    if not campaign.destinations:
        parts.append(text("  no destination is known"))
    for destination in campaign.destinations:
        parts += _destination(destination, now)
    return Group(*parts)


def _destination(told: DestinationInForce, now: float) -> Iterator[RenderableType]:
    kind = ", ".join(
        filter(None, (told.synchronisation, told.time_type and f"time type {told.time_type}"))
    )
    yield text(f"{told.tag} in {told.database}{f' ({kind})' if kind else ''}")
    if told.unread:
        yield text(f"not read back: {told.unread}", "yellow")
    if told.ranges:
        yield FittingTable(told.ranges, _columns(now))
    for each in told.differences:
        yield text(_difference(each), "bold red")


def _columns(now: float) -> list[Column[RangeInForce]]:
    def database(each: RangeInForce) -> Text:
        return text(each.hash[:_SHORT] or "-")

    def since(each: RangeInForce) -> Text:
        return text("" if each.since is None else str(iov_since(each.since)))

    def inserted(each: RangeInForce) -> Text:
        return text("" if each.inserted is None else clock(each.inserted, now))

    def believed(each: RangeInForce) -> Text:
        return text(each.believed_hash[:_SHORT] or "-")

    def agreement(each: RangeInForce) -> Text:
        return text(_WORDS[each.agreement], _STYLES.get(each.agreement, ""))

    return [
        Column("LS", lambda each: text(str(_lumis(each)))),
        Column("in force", database),
        Column("since", since, rank=2),
        Column("made by", lambda each: text(each.origin), rank=1),
        Column("inserted", inserted, rank=4),
        Column("condorloop believes", believed),
        Column("of", lambda each: text(each.believed_harvest), rank=3),
        Column("", agreement),
    ]


def _lumis(each: RangeInForce) -> str:
    return f"{each.first}" if each.first == each.last else f"{each.first}-{each.last}"


def _difference(each: RangeInForce) -> str:
    """Say in a line what serves that should not."""
    if each.agreement is Agreement.OBSOLETE:
        older = f"{each.hash} of {each.believed_harvest}"
        return f"LS {_lumis(each)}: {older} serves still; a newer payload was uploaded"
    made = each.origin or "no campaign of condorloop"
    serves = f"{each.hash} of {made}" if each.hash else "nothing"
    believed = f"{each.believed_hash} of {each.believed_harvest}"
    return f"LS {_lumis(each)}: the database has {serves}; condorloop believes {believed}"
