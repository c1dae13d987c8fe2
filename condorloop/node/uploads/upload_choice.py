"""Whether a payload is sent to a destination, or what speaks against it.

Knows the records of earlier uploads and of younger runs; asks no service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from condorloop.model.enums import TagOutcome
from condorloop.model.lumis import Lumis
from condorloop.model.tag_content import TagContent
from condorloop.node import double_counting
from condorloop.node.dag_context import DagContext
from condorloop.node.uploads.destinations import Destination
from condorloop.node.uploads.upload_records import EarlierUpload, unreadable, younger_run
from condorloop.policy import upload_order
from condorloop.rundir.records.decisions import Restored
from condorloop.rundir.records.harvest import HarvestResult, Iov
from condorloop.rundir.records.manifest import UploadMetadata, UploadSettings
from condorloop.rundir.records.upload import DestinationResult, SentPiece
from condorloop.services.conditions import TagAnswer


@dataclass(frozen=True, slots=True)
class Payload:
    """A record of a payload file that is to go to a destination, and what was uploaded before.

    Attributes
    ----------
    harvest
        The directory of the harvest that made it, `record` what this wrote down.
    upload
        What the manifest says of it.
    metadata
        What is told to the service, for this destination alone.
    own
        What an earlier try to upload this very payload left, None if there was none.
    others
        The uploads of the run's other payloads.
    wanted
        Whether a person has a refusal asked again.
    restored
        Who puts it in the place of what is in its destination; None if nobody does.
    there
        What the destination has, as it was read back; None where it was not.
    """

    dag: DagContext
    harvest: Path
    record: HarvestResult
    upload: UploadSettings
    metadata: UploadMetadata
    destination: Destination
    own: EarlierUpload | None
    others: Sequence[EarlierUpload]
    wanted: bool
    restored: Restored | None = None
    there: TagContent | None = None

    @property
    def sinces_there(self) -> frozenset[int]:
        """The sinces that the destination has, as far as it was read back."""
        return frozenset(iov.since for iov in self.there.iovs) if self.there else frozenset()

    @property
    def before(self) -> DestinationResult | None:
        """What an earlier try came to here."""
        return self.own.of.get(self.destination) if self.own else None

    @property
    def may_be_in(self) -> bool:
        """Whether an earlier try has brought it here, or may have."""
        return self.own is not None and self.own.may_be_in(self.destination)

    @property
    def iovs(self) -> tuple[Iov, ...]:
        """The IOVs of the file that are sent."""
        return self.record.iovs_of(self.metadata.input_tag)

    @property
    def keeps_sinces(self) -> bool:
        """Whether each IOV keeps its own since."""
        return self.metadata.since is None

    @property
    def pieces(self) -> tuple[SentPiece, ...]:
        """The pieces that the destination has of the run, or may have, by rising since.

        One that another upload asked for again, and got an answer, stands as that has it.
        """
        uploads = [*self.others, *([self.own] if self.own else [])]
        found = [piece for u in uploads for piece in u.pieces_in(self.destination)]
        found.sort(key=lambda piece: (piece.since, piece.unanswered), reverse=True)
        return tuple({(piece.since, piece.harvest): piece for piece in found}.values())[::-1]

    @property
    def is_divisible(self) -> bool:
        """Whether it can go up in pieces: by lumisection, to a tag that takes them."""
        synchronisation = upload_order.known(self.upload.synchronisation)
        by_lumi = self.keeps_sinces and all(iov.by_lumi for iov in self.iovs)
        return by_lumi and not self.restored and upload_order.takes_pieces(synchronisation)

    @property
    def whole_through(self) -> int:
        """The last LS of the run's payloads that the destination has whole; 0 if it has none.

        What a person wants there again does not begin behind it.
        """
        if self.wanted or self.dag.settings.again:
            return 0
        whole = [
            other.payload
            for other in self.others
            if not other.pieces_in(self.destination)
            and (result := other.of.get(self.destination))
            and result.outcome is TagOutcome.UPLOADED
        ]
        return max((made.lumis.last for made in whole if made and made.lumis), default=0)

    @property
    def goes_in_pieces(self) -> bool:
        """Whether a piece of it is to be sent, or what earlier uploads have left."""
        if not self.is_divisible:
            return False
        return not self.dag.settings.turn or bool(self.pieces) or bool(self.whole_through)

    @property
    def metadata_files(self) -> list[str]:
        """What the metadata of the calibration's payloads are called."""
        return [upload.metadata_filename for upload in self.dag.settings.uploads]


def why_not_send(payload: Payload) -> TagAnswer | None:
    """Say what speaks against sending a payload to its destination; None if nothing does."""
    if payload.restored:
        return None
    before = payload.before.outcome if payload.before else None
    if before is TagOutcome.UPLOADED:
        return TagAnswer(before, "uploaded at an earlier try")
    if before is not None and before.refused and not payload.wanted:
        return TagAnswer(before, "refused at an earlier try")
    if better := _as_good(payload):
        return TagAnswer(TagOutcome.SUPERSEDED, f"{better} holds as many LS")
    if kept := _kept(payload):
        return kept
    if payload.wanted or payload.dag.settings.again or payload.may_be_in:
        return None
    return _refused_before(payload)


def _as_good(payload: Payload) -> str | None:
    """Name what is in the destination, or may be, and at least as good; None if nothing is.

    What counts a RAW file twice is not as good as what does not. Where a person wants the payload
    sent again, only what holds more is as good.

    The ledger tells what was uploaded without a destination. It is taken to be in this one, unless
    the run directory has the upload that the ledger knows it from.
    """
    own = rank_of(payload.record)
    if payload.dag.settings.again:
        own = own[0], own[1] + 1
    runs, settings = payload.dag.run_dir, payload.dag.settings
    known = settings.uploaded
    made = {u.harvest: u.payload for u in payload.others}
    if payload_rank(*known) >= own:
        sent = [u.harvest for u in payload.others if u.may_be_anywhere]
        explained = any(rank_of(made[harvest]) >= payload_rank(*known) for harvest in sent)
        made_dir, witness = payload.dag.made_dir, settings.alca_witness
        if not explained and not double_counting.counts_twice(runs, made_dir, witness, known):
            return "the database"
    for other in payload.others:
        record = made[other.harvest]
        as_good = other.may_be_in(payload.destination) and rank_of(record) >= own
        twice = record and double_counting.why_twice(runs, settings.alca_witness, record)
        if as_good and not twice:
            return other.harvest.name
    return None


def _kept(payload: Payload) -> TagAnswer | None:
    """Say what the order of the destination keeps back; None if it may be sent."""
    synchronisation = upload_order.known(payload.upload.synchronisation)
    settings = payload.dag.settings
    younger = None
    if upload_order.order_of(synchronisation) is not upload_order.Order.FREE:
        try:
            younger = younger_run(payload.dag.made_dir, payload.metadata_files, payload.destination)
        except OSError as error:
            words = f"whether a younger run was uploaded is not known: {unreadable(error)}"
            return TagAnswer(TagOutcome.NOT_NAMED, words)
    kept = upload_order.why_kept(
        synchronisation,
        by_lumi=any(iov.by_lumi for iov in payload.iovs),
        younger=younger,
        turn=settings.turn or (settings.piece is not None and payload.is_divisible),
    )
    return TagAnswer(kept.outcome, kept.words, kept.overtaken_by) if kept else None


def _refused_before(payload: Payload) -> TagAnswer | None:
    """Give the refusal of the run's last payload that asked for the same; None if none was.

    What the service refused for good for one payload of a run, such as a since that is too late,
    it refuses for each. What it skipped says nothing of another payload.
    """
    answers = (TagOutcome.FAILED, TagOutcome.SKIPPED, TagOutcome.UPLOADED)
    answered = [
        (result, other.harvest.name)
        for other in payload.others
        if (result := other.of.get(payload.destination))
        and result.outcome in answers
        and _asked_for_the_same(payload, result, other.payload)
    ]
    last = max(answered, key=lambda found: found[0].time, default=None)
    if last is None or last[0].outcome is not TagOutcome.FAILED:
        return None
    result, name = last
    return TagAnswer(TagOutcome.REFUSED_BEFORE, f"as {name} was: {result.answer}")


def _asked_for_the_same(
    payload: Payload, result: DestinationResult, made: HarvestResult | None
) -> bool:
    """Whether an upload named the same tag of its file and the same options and first since."""
    tag, options = payload.metadata.input_tag, payload.metadata.tags[payload.destination.tag]
    if result.input_tag not in ("", tag) or result.options not in (None, options):
        return False
    if result.sinces and not payload.keeps_sinces and result.sinces[0] != payload.metadata.since:
        return False
    theirs = made.iovs_of(tag) if made else ()
    return bool(theirs) and theirs[0].since == payload.iovs[0].since


def rank_of(harvest: HarvestResult | None) -> tuple[int, int]:
    """How good the payload of a harvest is; one whose record is gone is the worst."""
    return payload_rank(harvest.lumis, harvest.events) if harvest else (0, 0)


def payload_rank(lumis: Lumis, events: int) -> tuple[int, int]:
    """How good a payload is: from how many LS, then from how many events, it was made."""
    return len(lumis), events
