"""What the ledger remembers of where payloads go: database, tags and service of each calibration.

Knows the tables `destination` and `destination_tag`; whether another destination is right is
decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from condorloop.config.destinations import Configured
from condorloop.ledger.queries.destinations import DestinationQueries


class Destinations(DestinationQueries):
    """Where payloads go, in a ledger that is open for writing."""

    def remember(self, configured: Mapping[str, Configured], now: float) -> None:
        """Remember these of their calibrations, and of the others what is known."""
        with self._db.transaction():
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
