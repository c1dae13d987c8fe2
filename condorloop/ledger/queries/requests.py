"""Reading the ledger: what people have asked the submitter to do.

Knows which requests wait, and how the others were answered.
"""

from __future__ import annotations

from condorloop.ledger.connection import Connection
from condorloop.model.enums import RequestKind
from condorloop.model.request import Request


class RequestQueries:
    """What is read of requests; the column `everything` is an option of `resubmit` or of `hold`."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def answer_to(self, request_id: int) -> tuple[bool, str] | None:
        """Whether a request was carried out, and the words for it; None as long as it waits."""
        rows = self._db.rows(
            "SELECT granted, answer FROM request WHERE id = ? AND answered_at IS NOT NULL",
            request_id,
        )
        return (bool(rows[0]["granted"]), rows[0]["answer"]) if rows else None

    def waiting(self) -> list[Request]:
        """What people have asked for and was not answered, the oldest first."""
        return [
            Request(
                id=r["id"],
                kind=RequestKind(r["kind"]),
                run=r["run"],
                calibration=r["calibration"],
                node=r["node"],
                include_quarantined=bool(r["everything"]) and r["kind"] == RequestKind.RESUBMIT,
                running=bool(r["everything"]) and r["kind"] == RequestKind.HOLD,
                made_by=r["made_by"],
                made_at=r["made_at"],
                reason=r["reason"],
                accept_destination=bool(r["accept_destination"]),
                present_recipe=bool(r["present_recipe"]),
                send_again=r["send_again"],
                harvest_again=bool(r["harvest_again"]),
                only_uploads=bool(r["only_uploads"]),
                restored=bool(r["restored"]),
                reprocess=bool(r["reprocess"]),
                begun=r["answer"],
            )
            for r in self._db.rows("SELECT * FROM request WHERE answered_at IS NULL ORDER BY id")
        ]
