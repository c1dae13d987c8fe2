"""What the ledger remembers of where payloads go: database, tags and service of each calibration.

Knows the tables `destination` and `destination_tag`; whether another destination is right is
decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from condorloop.config.destinations import Address, Configured, Destination, Remembered
from condorloop.ledger.connection import LedgerFile


class DestinationsView(LedgerFile):
    """A ledger that can be asked where payloads go."""

    def destinations(self) -> dict[str, Remembered]:
        """The destination that is remembered of each calibration, and the folder that named it."""
        tags: dict[str, set[str]] = {}
        for row in self._all("SELECT calibration, tag FROM destination_tag"):
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
            for row in self._all("SELECT * FROM destination ORDER BY calibration")
        }


class LedgerDestinations(DestinationsView):
    """A ledger, open for writing, that remembers where payloads go."""

    def remember_destinations(self, configured: Mapping[str, Configured], now: float) -> None:
        """Remember these of their calibrations, and of the others what is known."""
        with self._transaction():
            for name, each in configured.items():
                to = each.destination
                address = to.address
                self._db.execute("DELETE FROM destination_tag WHERE calibration = ?", (name,))
                self._db.execute(
                    "INSERT OR REPLACE INTO destination (calibration, folder, database, backend,"
                    " hostname, url_template, since) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        name,
                        each.folder,
                        to.database,
                        address.backend,
                        address.host,
                        address.url,
                        now,
                    ),
                )
                self._db.executemany(
                    "INSERT INTO destination_tag (calibration, tag) VALUES (?, ?)",
                    [(name, tag) for tag in sorted(to.tags)],
                )
