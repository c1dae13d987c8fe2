"""Reading the ledger: where payloads go.

Knows the tables `destination` and `destination_tag`.
"""

from __future__ import annotations

from condorloop.config.destinations import Address, Destination, Remembered
from condorloop.ledger.connection import Connection


class DestinationQueries:
    """What is asked of destinations."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def all(self) -> dict[str, Remembered]:
        """The destination that is remembered of each calibration, and the folder that named it."""
        tags: dict[str, set[str]] = {}
        for row in self._db.rows("SELECT calibration, tag FROM destination_tag"):
            tags.setdefault(row["calibration"], set()).add(row["tag"])
        return {
            row["calibration"]: Remembered(
                Destination(
                    row["database"],
                    frozenset(tags.get(row["calibration"], ())),
                    Address(row["backend"], row["hostname"], row["url_template"]),
                ),
                row["folder"],
            )
            for row in self._db.rows("SELECT * FROM destination ORDER BY calibration")
        }
