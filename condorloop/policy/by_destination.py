"""Which payload of a campaign is in force in each of its destinations, as its uploads tell.

Pure: it knows what became of each payload in each destination, and reads no tag.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from condorloop.model.enums import TagOutcome
from condorloop.model.jobs import DestinationRecord


@dataclass(frozen=True, slots=True)
class PayloadUpload:
    """What became of a payload.

    Attributes
    ----------
    number
        Of the DAG that made it.
    uploaded, answered_at
        Whether it is in its destinations as a whole, and when that was known, in seconds since the
        epoch.
    destinations
        What became of it in each; empty where that is not told.
    """

    number: int
    uploaded: bool
    answered_at: float | None
    destinations: tuple[DestinationRecord, ...]


def in_force(uploads: Sequence[PayloadUpload]) -> dict[tuple[str, str], int | None]:
    """Give the number of the payload in force by database and tag; None where none is.

    The destinations are those that the last payload was to go to: what a campaign does not send to
    any more is not its business. A payload that was uploaded, and of which no destination is told,
    is taken to be in each; where no payload tells any, database and tag are empty.
    """
    telling = [upload for upload in uploads if upload.destinations]
    last = max(telling, key=lambda upload: upload.number, default=None)
    wanted = [(d.database, d.tag) for d in last.destinations] if last else [("", "")]
    found = {destination: _last_in(uploads, destination) for destination in wanted}
    return {} if not telling and set(found.values()) == {None} else found


def _last_in(uploads: Sequence[PayloadUpload], destination: tuple[str, str]) -> int | None:
    times = {u.number: at for u in uploads if (at := _uploaded_at(u, destination)) is not None}
    return max(times, key=lambda number: (times[number], number), default=None)


def _uploaded_at(upload: PayloadUpload, destination: tuple[str, str]) -> float | None:
    """When a payload came into a destination; None if it did not."""
    if not upload.destinations:
        return (upload.answered_at or 0.0) if upload.uploaded else None
    there = (d for d in upload.destinations if (d.database, d.tag) == destination)
    record = next(there, None)
    if record is None or record.outcome is not TagOutcome.UPLOADED:
        return None
    return record.answered_at or 0.0
