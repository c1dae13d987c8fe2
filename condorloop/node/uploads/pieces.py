"""A payload goes to one destination in pieces: which piece is next, and what becomes of it.

Knows what went there before; which IOVs are settled is `condorloop.policy.pieces`'. The lock of the
destination is held by the caller. A piece that was asked for without an answer is asked for again,
in the same file and words, before anything else: the service tells whether it took it.
"""

from __future__ import annotations

import time
from dataclasses import replace

from condorloop.model.enums import TagOutcome
from condorloop.node.job_output.payload_db import PayloadError, cut_iovs
from condorloop.node.uploads import sending
from condorloop.node.uploads.upload_choice import Payload
from condorloop.node.uploads.upload_note import NOT_ASKED, UploadNote
from condorloop.node.uploads.upload_records import unreadable
from condorloop.policy.pieces import Piece, rest, settled
from condorloop.rundir.layout import PAYLOAD_DB
from condorloop.rundir.records.upload import SentPiece
from condorloop.services.conditions import TagAnswer


def send(payload: Payload, tool: sending.Tool, note: UploadNote, lock: int) -> TagAnswer:
    """Send the next piece of a payload, and give what the payload has come to.

    At the run's turn that is the rest, and the payload is uploaded with it. Before it is pending.
    """
    sent = (piece.through for piece in payload.pieces if not piece.unanswered)
    through = max(payload.whole_through, *sent, 0)
    for piece in payload.pieces:
        if not piece.unanswered:
            continue
        answer = _ask(payload, tool, note, lock, piece, maybe=True)
        if answer.outcome is TagOutcome.UPLOADED:
            through = max(through, piece.through)
        elif answer.outcome is TagOutcome.NOT_NAMED or piece.harvest == payload.harvest.name:
            return answer
    following = _following(payload, through)
    if following is None:
        return _nothing_follows(payload, through)
    piece = SentPiece(
        harvest=payload.harvest.name,
        iovs=following.iovs,
        lumis=following.lumis,
        through=following.through,
        user_text=_words_of(payload, following),
        time=time.time(),
        unanswered=True,
    )
    answer = _ask(payload, tool, note, lock, piece, maybe=False)
    if answer.outcome is not TagOutcome.UPLOADED or payload.dag.settings.turn:
        return answer
    return TagAnswer(TagOutcome.PENDING, f"LS {piece.lumis} went up; {_WAITS}")


def _nothing_follows(payload: Payload, through: int) -> TagAnswer:
    """What a payload has come to of which nothing is to be sent."""
    words = f"its LS to {through} went up before" if through else "nothing of it is settled"
    if not payload.dag.settings.turn:
        return TagAnswer(TagOutcome.PENDING, f"{words}; {_WAITS}")
    is_in = bool(payload.before and payload.before.pieces)
    return TagAnswer(TagOutcome.UPLOADED if is_in else TagOutcome.SUPERSEDED, words)


_WAITS = "the rest waits for the end of the run"


def _following(payload: Payload, through: int) -> Piece | None:
    own = [(iov.since, iov.hash) for iov in payload.iovs]
    settings, made_of = payload.dag.settings, payload.record.lumis
    if settings.turn:
        return rest(own, made_of, through)
    return settled(own, made_of, settings.piece or 0, through)


def _words_of(payload: Payload, piece: Piece) -> str:
    """The words of the payload, and which part of it this is."""
    first = piece.lumis.first
    return f"{sending.words_of(payload).user_text} (LS {first}-{piece.through} of it)"


def _ask(
    payload: Payload,
    tool: sending.Tool,
    note: UploadNote,
    lock: int,
    piece: SentPiece,
    *,
    maybe: bool,
) -> TagAnswer:
    """Ask for a piece that a harvest of the run has made, and write down what came of it."""
    sent = payload.harvest / payload.upload.final_db_name
    try:
        source = payload.harvest.parent / piece.harvest / PAYLOAD_DB
        cut_iovs(source, sent, payload.metadata.input_tag, piece.iovs)
    except PayloadError as error:
        return replace(NOT_ASKED, words=str(error), failed=True)
    except OSError as error:
        return replace(NOT_ASKED, words=unreadable(error))
    metadata = replace(payload.metadata, user_text=piece.user_text)
    note.asking_piece(payload, metadata, piece)
    answer = sending.ask(payload, tool, metadata, lock, maybe=maybe)
    silent = answer.outcome is TagOutcome.NOT_NAMED
    if not silent or not (answer.unanswered or maybe):
        taken = answer.outcome is TagOutcome.UPLOADED
        note.answered_piece(payload.destination, piece, taken=taken)
    return replace(answer, unanswered=False)
