"""What people ask the submitter to do: left in the ledger, answered by whoever holds its lock.

Knows the table `request`; it is the one thing that other processes than the submitter write.
"""

from __future__ import annotations

from condorloop.ledger.connection import ledger_error
from condorloop.ledger.health.damage import FILE_ERRORS
from condorloop.ledger.queries.requests import RequestQueries
from condorloop.model.request import Request


class Requests(RequestQueries):
    """The requests of a ledger that is open for writing."""

    def add(self, request: Request) -> int:
        """Leave a request, and return its number.

        Raises
        ------
        LedgerError
            It cannot be written down.
        """
        values = (
            request.kind,
            request.run,
            request.calibration,
            request.node,
            int(request.include_quarantined or request.running),
            request.made_by,
            request.made_at,
            request.reason,
            int(request.accept_destination),
            int(request.present_recipe),
            request.send_again,
            int(request.harvest_again),
            int(request.only_uploads),
            int(request.restored),
            int(request.reprocess),
        )
        try:
            cursor = self._db.execute(
                "INSERT INTO request (kind, run, calibration, node, everything, made_by, made_at,"
                " reason, accept_destination, present_recipe, send_again, harvest_again,"
                " only_uploads, restored, reprocess)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        except FILE_ERRORS as error:
            raise ledger_error(self._db.path, error) from error
        return cursor.lastrowid or 0

    def begin(self, request_id: int, words: str) -> None:
        """Write down what is about to be done for a person's request."""
        with self._db.transaction():
            self._db.execute("UPDATE request SET answer = ? WHERE id = ?", (words, request_id))

    def answer(self, request_id: int, done: bool, answer: str, now: float) -> None:
        """Write down what became of a person's request."""
        with self._db.transaction():
            self._db.execute(
                "UPDATE request SET answered_at = ?, granted = ?, answer = ? WHERE id = ?",
                (now, int(done), answer, request_id),
            )
