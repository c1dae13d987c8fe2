"""What is written down of an upload while it goes on: `UPLOAD_RECORD`, one entry a destination.

Knows what is known of each destination, and what it makes of the whole; it asks nobody.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from condorloop.model.enums import HeldFor, TagOutcome, UploadOutcome
from condorloop.node.uploads.destinations import Destination
from condorloop.node.uploads.holds import Held
from condorloop.node.uploads.upload_choice import Payload
from condorloop.rundir.layout import UPLOAD_RECORD
from condorloop.rundir.records.manifest import UploadMetadata
from condorloop.rundir.records.upload import DestinationResult, SentPiece, UploadResult
from condorloop.services.conditions import TagAnswer, UploadAnswer, in_words

NOT_ASKED = TagAnswer(TagOutcome.NOT_NAMED, "not asked")

_NO_WORD = "the service has not answered"


class UploadNote:
    """The record of an upload; it is on the disk whenever something is known."""

    def __init__(self, harvest: Path, *, restored: bool = False, in_pieces: bool = False) -> None:
        self._file = harvest / UPLOAD_RECORD
        self._restored = restored
        self._in_pieces = in_pieces
        self._before = UploadResult.find(self._file)
        each = (self._before.each() if self._before else None) or ()
        self._known = {Destination(d.database, d.tag): d for d in each}
        self._tried = frozenset(d for d, told in self._known.items() if _is_silent(told))
        self._to_serve: tuple[Destination, ...] = ()
        self._asked: set[Destination] = set()
        self._failed: set[Destination] = set()
        self._held_for: dict[Destination, HeldFor] = {}
        self._still_asked = False

    def begin(self, destinations: Sequence[Destination]) -> None:
        """Take up the destinations that the payload is to go to."""
        self._to_serve = tuple(destinations)

    def was_silent(self, destination: Destination) -> bool:
        """Whether an earlier try got no answer from a destination."""
        return destination in self._tried

    def is_in(self, destination: Destination) -> bool:
        """Whether an earlier try has brought the payload into a destination."""
        before = self._known.get(destination)
        return before is not None and before.outcome is TagOutcome.UPLOADED

    def asking(self, payload: Payload, metadata: UploadMetadata, sinces: Sequence[int]) -> None:
        """Write down that a destination is being asked: who finds it so does not know the answer.

        What an earlier try may have put there may still be there.
        """
        destination = payload.destination
        self._asked.add(destination)
        before = self._known.get(destination)
        earlier = before.sinces if before and before.unanswered and before.sinces else ()
        self._known[destination] = DestinationResult(
            database=destination.database,
            tag=destination.tag,
            outcome=TagOutcome.NOT_NAMED,
            answer=_NO_WORD,
            time=time.time(),
            unanswered=True,
            input_tag=metadata.input_tag,
            hash=payload.iovs[0].hash,
            options=metadata.tags[destination.tag],
            user_text=metadata.user_text,
            sinces=tuple(sorted({*sinces, *earlier})),
        )
        answer = UploadAnswer(UploadOutcome.NO_ANSWER, _NO_WORD, unanswered=True)
        self._write(answer, asking=True)

    def asking_piece(self, payload: Payload, metadata: UploadMetadata, piece: SentPiece) -> None:
        """Write down that a destination is being asked to take a piece of the payload."""
        destination = payload.destination
        self._asked.add(destination)
        before = self._known.get(destination)
        pieces = (*_others(before, piece), piece)
        self._known[destination] = DestinationResult(
            database=destination.database,
            tag=destination.tag,
            outcome=TagOutcome.NOT_NAMED,
            answer=_NO_WORD,
            time=time.time(),
            input_tag=metadata.input_tag,
            hash=payload.iovs[0].hash,
            options=metadata.tags[destination.tag],
            user_text=metadata.user_text,
            sinces=tuple(sorted({since for each in pieces for since, _ in each.iovs})),
            pieces=pieces,
        )
        self._write(UploadAnswer(UploadOutcome.NO_ANSWER, _NO_WORD), asking=True)

    def answered_piece(self, destination: Destination, piece: SentPiece, *, taken: bool) -> None:
        """Remember whether a destination has taken a piece that it was asked to take."""
        known = self._known[destination]
        done = replace(piece, time=time.time(), unanswered=False)
        pieces = (*_others(known, piece), *([done] if taken else []))
        self._known[destination] = replace(known, pieces=pieces)

    def came_to(self, destination: Destination, answer: TagAnswer) -> None:
        """Write down what became of the payload in a destination."""
        before = self._known.get(destination)
        if before and before.outcome is answer.outcome is TagOutcome.UPLOADED:
            return
        known = before or DestinationResult(
            database=destination.database,
            tag=destination.tag,
            outcome=answer.outcome,
            answer=answer.words,
            time=0.0,
        )
        silent = answer.outcome is TagOutcome.NOT_NAMED
        asked = destination in self._asked
        unanswered = answer.unanswered or (known.unanswered and not asked)
        self._known[destination] = replace(
            known,
            outcome=answer.outcome,
            answer=answer.words,
            time=time.time(),
            unanswered=unanswered and (silent or answer.outcome in _KEPT_BACK),
            since=answer.since,
            overtaken_by=answer.overtaken_by,
        )
        if silent and answer.failed:
            self._failed.add(destination)
        self._write(self._together())

    def never_free(self, destination: Destination) -> None:
        """Write down that somebody else sends to a destination, and does not end.

        It may be what an earlier try left behind, whose answer is still to come.
        """
        if destination not in self._known:
            words = "another upload to it does not end"
            self.came_to(destination, replace(NOT_ASKED, words=words))
        elif self._before and self._before.asking:
            self._still_asked = True

    def end(self) -> UploadAnswer:
        """Write down what became of the payload, and give it."""
        answer = self._together()
        self._write(answer, asking=self._still_asked)
        return answer

    def held(self, destination: Destination, held: Held) -> TagAnswer:
        """Remember what keeps the payload from a destination, and give what that has come to."""
        self._held_for[destination] = held.what
        return TagAnswer(TagOutcome.HELD, held.words)

    def whole(self, answer: UploadAnswer) -> UploadAnswer:
        """Write down what became of a payload that goes nowhere, and give it.

        What was known of its destinations stays.
        """
        result = self._before or UploadResult(outcome=answer.outcome, answer="", time=0.0)
        replace(
            result,
            outcome=answer.outcome,
            answer=answer.words,
            time=time.time(),
            asking=False,
            overtaken_by=None,
            held_for=None,
        ).write(self._file)
        return answer

    def _together(self) -> UploadAnswer:
        """Put together what became of the payload in its destinations."""
        told = {d: _answer_of(self._known.get(d)) for d in self._to_serve}
        tags = {destination.tag: answer for destination, answer in told.items()}
        silent = [d for d, answer in told.items() if answer.outcome is TagOutcome.NOT_NAMED]
        words = {answer.words for answer in told.values()}
        said = words.pop() if len(words) == 1 else in_words(tags)
        maybe = any(answer.unanswered for answer in told.values())
        if not silent:
            return UploadAnswer(_outcome({a.outcome for a in told.values()}), said, maybe)
        failed = self._failed.issuperset(silent)
        outcome = UploadOutcome.FAILED if failed else UploadOutcome.NO_ANSWER
        return UploadAnswer(outcome, said, maybe)

    def _write(self, answer: UploadAnswer, *, asking: bool = False) -> None:
        here = [self._known[d] for d in self._to_serve if d in self._known]
        held = [Destination(d.database, d.tag) for d in here if d.outcome is TagOutcome.HELD]
        overtaken = [d.overtaken_by for d in here if d.overtaken_by]
        sent = [d.sinces for d in here if d.sinces is not None]
        UploadResult(
            outcome=answer.outcome,
            answer=answer.words,
            unanswered=answer.unanswered,
            time=max((d.time for d in here), default=time.time()),
            database=self._to_serve[0].database,
            tags={d.tag: TagOutcome.NOT_NAMED if d.unanswered else d.outcome for d in here},
            sinces=tuple(sorted(frozenset[int]().union(*sent))) if sent else None,
            asking=asking,
            overtaken_by=max(overtaken, default=None),
            held_for=self._held_for.get(held[0]) if held else None,
            restored=self._restored,
            in_pieces=self._in_pieces,
            destinations=tuple(self._known.values()),
        ).write(self._file)


def _others(known: DestinationResult | None, piece: SentPiece) -> tuple[SentPiece, ...]:
    """The pieces that are known but for one."""
    return tuple(each for each in (known.pieces if known else ()) if each.since != piece.since)


def _is_silent(told: DestinationResult) -> bool:
    return told.outcome is TagOutcome.NOT_NAMED


def _answer_of(known: DestinationResult | None) -> TagAnswer:
    if known is None:
        return NOT_ASKED
    return TagAnswer(known.outcome, known.answer, unanswered=known.unanswered)


_KEPT_BACK = (TagOutcome.PENDING, TagOutcome.HELD)

_MIXED = (
    (TagOutcome.PENDING, UploadOutcome.PENDING),
    (TagOutcome.HELD, UploadOutcome.HELD),
)
"""What a payload has come to as a whole as long as one of its destinations has come to this."""


def _outcome(outcomes: set[TagOutcome]) -> UploadOutcome:
    """What a payload has come to of which each destination's outcome is known.

    It is uploaded if each destination has it, or one of its run that is as good.
    """
    for outcome, whole in _MIXED:
        if outcome in outcomes:
            return whole
    if any(outcome.refused for outcome in outcomes):
        return UploadOutcome.REFUSED
    if TagOutcome.UPLOADED in outcomes and TagOutcome.OVERTAKEN not in outcomes:
        return UploadOutcome.UPLOADED
    return UploadOutcome.SUPERSEDED
