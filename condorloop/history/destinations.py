"""The payload of a campaign that is in force in each of its destinations.

Knows how a story tells it, and why another payload is not there; reads nothing. It is pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from condorloop.history.campaign import PayloadStory, Story
from condorloop.model.enums import TagOutcome, UploadOutcome
from condorloop.policy.by_destination import PayloadUpload, in_force
from condorloop.rundir.layout import harvest_job


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationPayload:
    """What a campaign has in a destination.

    `database` and `tag` are empty where the ledger does not tell of destinations. `payload` is None
    where none is in force; `otherwise` says what became of the last payload that is not there,
    empty if there is no later one.
    """

    database: str
    tag: str
    payload: PayloadStory | None
    otherwise: str = ""


def by_destination(story: Story) -> tuple[DestinationPayload, ...]:
    """Give what a campaign has in force, one entry a destination, by database and tag."""
    payloads = {harvest_job(payload.harvest): payload for payload in story.payloads}
    uploads = [
        PayloadUpload(
            number,
            payload.outcome is UploadOutcome.UPLOADED,
            payload.answered_at,
            payload.destinations,
        )
        for number, payload in payloads.items()
    ]
    return tuple(
        DestinationPayload(
            database=database,
            tag=tag,
            payload=None if number is None else payloads[number],
            otherwise=_otherwise(story, database, tag, -1 if number is None else number),
        )
        for (database, tag), number in sorted(in_force(uploads).items())
    )


def payloads_in_force(story: Story) -> tuple[PayloadStory, ...]:
    """Give the payloads that are in force in some destination, each once, by their harvests."""
    found = {each.payload.harvest: each.payload for each in by_destination(story) if each.payload}
    return tuple(found[harvest] for harvest in sorted(found, key=harvest_job))


def differ(destinations: tuple[DestinationPayload, ...]) -> bool:
    """Whether not all destinations have the same payload."""
    return len({each.payload.harvest if each.payload else "" for each in destinations}) > 1


def _otherwise(story: Story, database: str, tag: str, number: int) -> str:
    """Say what became of the last payload after one of this number, if it is not there."""
    later = (
        (payload.harvest, record)
        for payload in story.payloads
        for record in payload.destinations
        if (record.database, record.tag) == (database, tag)
        if harvest_job(payload.harvest) > number and record.outcome is not TagOutcome.UPLOADED
    )
    last = max(later, key=lambda found: harvest_job(found[0]), default=None)
    if last is None:
        return ""
    harvest, record = last
    outcome = "refused" if record.outcome.refused else record.outcome
    return f"{harvest} is {outcome} there" + (f": {record.answer}" if record.answer else "")
