"""What the ledger remembers of messages: which problems there are, and since when they are told.

Knows the rows; what is told, and when, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from condorloop.ledger.connection import Connection
from condorloop.model.notification import Notified


class Notifications:
    """What a ledger remembers of messages, each way of telling by itself."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def told(self, way: str) -> dict[str, Notified]:
        """What is remembered of a way of telling, by what it is about."""
        rows = self._db.rows(
            "SELECT * FROM told WHERE substr(about, 1, ?) = ?", len(way) + 1, f"{way} "
        )
        return {
            row["about"][len(way) + 1 :]: Notified(row["text"], row["since"], row["told_at"])
            for row in rows
        }

    def remember(self, way: str, memory: Mapping[str, Notified]) -> None:
        """Remember this of a way of telling, and nothing else."""
        before = self.told(way)
        rows = {about: Notified(t.text, t.since, t.told_at) for about, t in memory.items()}
        if rows == before:
            return
        with self._db.transaction():
            self._db.executemany(
                "DELETE FROM told WHERE about = ?",
                [(f"{way} {about}",) for about in before.keys() - rows.keys()],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO told (about, text, since, told_at) VALUES (?, ?, ?, ?)",
                [
                    (f"{way} {about}", t.text, t.since, t.told_at)
                    for about, t in rows.items()
                    if before.get(about) != t
                ],
            )
