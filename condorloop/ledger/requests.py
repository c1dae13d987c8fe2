"""What people ask the submitter to do: left in the ledger, answered by whoever holds its lock.

Knows the table `request`; it is the one thing that other processes than the submitter write.
"""

from __future__ import annotations

from condorloop.ledger.connection import LedgerFile, ledger_error
from condorloop.ledger.damage import FILE_ERRORS
from condorloop.model.enums import RequestKind


class Requests(LedgerFile):
    """The requests of a ledger, open for leaving one."""

    _mode = "rw"

    def ask(
        self,
        kind: RequestKind,
        run: int,
        calibration: str | None,
        *,
        node: str | None,
        everything: bool,
        made_by: str,
        now: float,
        reason: str = "",
        accept_destination: bool = False,
    ) -> int:
        """Leave a request, and return its number.

        Raises
        ------
        LedgerError
            It cannot be written down.
        """
        try:
            cursor = self._db.execute(
                "INSERT INTO request (kind, run, calibration, node, everything, made_by, made_at,"
                " reason, accept_destination) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    kind,
                    run,
                    calibration,
                    node,
                    int(everything),
                    made_by,
                    now,
                    reason,
                    int(accept_destination),
                ),
            )
        except FILE_ERRORS as error:
            raise ledger_error(self.path, error) from error
        return cursor.lastrowid or 0

    def answer_to(self, request_id: int) -> tuple[bool, str] | None:
        """Whether a request was granted, and the words for it; None as long as it waits."""
        rows = self._all(
            "SELECT granted, answer FROM request WHERE id = ? AND answered_at IS NOT NULL",
            request_id,
        )
        return (bool(rows[0]["granted"]), rows[0]["answer"]) if rows else None
