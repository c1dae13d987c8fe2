"""Whether a payload is sent to a destination, or what speaks against it.

Knows the records of earlier uploads and of younger runs; asks no service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from condorloop.model.enums import Synchronisation, TagOutcome
from condorloop.model.lumis import Lumis
from condorloop.node import double_counting
from condorloop.node.dag_context import DagContext
from condorloop.node.uploads.upload_records import (
    Destination,
    EarlierUpload,
    destinations_in,
    unreadable,
    younger_run,
)
from condorloop.rundir.records.decisions import Restored
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.manifest import UploadMetadata
from condorloop.services.conditions import TagAnswer


@dataclass(frozen=True, slots=True)
class Payload:
    """A payload that is to be uploaded, and what was uploaded before.

    Attributes
    ----------
    harvest
        The directory of the harvest that made it, `record` what this wrote down.
    metadata
        What is told to the service, for all destinations.
    own
        What an earlier try to upload this very payload left, None if there was none.
    others
        The uploads of the run's other payloads.
    wanted
        Whether a person has a refusal asked again.
    restored
        Who puts it in the place of what is in its destinations; None if nobody does.
    """

    dag: DagContext
    harvest: Path
    record: HarvestResult
    metadata: UploadMetadata
    own: EarlierUpload | None
    others: Sequence[EarlierUpload]
    wanted: bool
    restored: Restored | None = None

    @property
    def destinations(self) -> list[Destination]:
        """Where it is to go."""
        return destinations_in(self.metadata)

    def may_be_in(self, destination: Destination) -> bool:
        """Whether an earlier try has brought it into a destination, or may have."""
        return self.own is not None and self.own.may_be_in(destination)


def why_not_send(payload: Payload, destination: Destination) -> TagAnswer | None:
    """Say what speaks against sending a payload to a destination; None if nothing does."""
    if payload.restored:
        return None
    before = payload.own.tags.get(destination) if payload.own else None
    if before is TagOutcome.UPLOADED:
        return TagAnswer(before, "uploaded at an earlier try")
    if before is not None and before.refused and not payload.wanted:
        return TagAnswer(before, "refused at an earlier try")
    if better := _as_good(payload, destination):
        return TagAnswer(TagOutcome.SUPERSEDED, f"{better} holds as many LS")
    if overtaken := _overtaken(payload, destination):
        return overtaken
    if payload.wanted or payload.dag.manifest.again or payload.may_be_in(destination):
        return None
    return _refused_before(payload, destination)


def _as_good(payload: Payload, destination: Destination) -> str | None:
    """Name what is in a destination, or may be, and at least as good; None if nothing is.

    What counts a RAW file twice is not as good as what does not. Where a person wants the payload
    sent again, only what holds more is as good.

    The ledger tells what was uploaded without a destination. It is taken to be in this one, unless
    the run directory has the upload that the ledger knows it from.
    """
    own = rank_of(payload.record)
    if payload.dag.manifest.again:
        own = own[0], own[1] + 1
    runs, manifest = payload.dag.run_dir, payload.dag.manifest
    known = manifest.uploaded
    made = {u.harvest: u.payload for u in payload.others}
    if payload_rank(*known) >= own:
        sent = [u.harvest for u in payload.others if any(map(u.may_be_in, u.tags))]
        explained = any(rank_of(made[harvest]) >= payload_rank(*known) for harvest in sent)
        if not explained and not double_counting.counts_twice(runs, manifest.alca_witness, known):
            return "the database"
    for other in payload.others:
        record = made[other.harvest]
        as_good = other.may_be_in(destination) and rank_of(record) >= own
        twice = record and double_counting.why_twice(runs, manifest.alca_witness, record)
        if as_good and not twice:
            return other.harvest.name
    return None


def _overtaken(payload: Payload, destination: Destination) -> TagAnswer | None:
    """Say that a younger run holds a destination that would move this one's since up over it."""
    settings = payload.dag.manifest.upload
    if not _moves_up(settings.synchronisation):
        return None
    try:
        run = younger_run(payload.dag.run_dir, settings.metadata_filename, destination)
    except OSError as error:
        words = f"whether a younger run was uploaded is not known: {unreadable(error)}"
        return TagAnswer(TagOutcome.NOT_NAMED, words)
    return TagAnswer(TagOutcome.OVERTAKEN, f"superseded by run {run}", run) if run else None


def _moves_up(synchronisation: object) -> bool:
    """Whether tags move late sinces up; where their synchronisation is not known, they may."""
    try:
        return Synchronisation(str(synchronisation)).moves_up
    except ValueError:
        return True


def _refused_before(payload: Payload, destination: Destination) -> TagAnswer | None:
    """Give the refusal of the run's last payload of the same tag and since; None if none was.

    What the service refused for good for one payload of a run, such as a since that is too late,
    it refuses for each.
    """
    answers = (TagOutcome.FAILED, TagOutcome.SKIPPED, TagOutcome.UPLOADED)
    validity = _validity(payload.record)
    answered = [
        other
        for other in payload.others
        if other.tags.get(destination) in answers and _validity(other.payload) == validity
    ]
    last = max(answered, key=lambda other: other.time, default=None)
    if last is None or last.tags[destination] is TagOutcome.UPLOADED:
        return None
    words = f"as {last.harvest.name} was: {last.answer}"
    return TagAnswer(TagOutcome.REFUSED_BEFORE, words)


def _validity(harvest: HarvestResult | None) -> tuple[str, int] | None:
    """The tag and the first since of what a harvest made."""
    first = harvest.iovs[0] if harvest and harvest.iovs else None
    return (first.tag, first.since) if first else None


def rank_of(harvest: HarvestResult | None) -> tuple[int, int]:
    """How good the payload of a harvest is; one whose record is gone is the worst."""
    return payload_rank(harvest.lumis, harvest.events) if harvest else (0, 0)


def payload_rank(lumis: Lumis, events: int) -> tuple[int, int]:
    """How good a payload is: from how many LS, then from how many events, it was made."""
    return len(lumis), events
