"""What the ledger is told of RAW files.

Knows the table `raw_file`, and which campaigns read a stream of a run; it decides nothing. Every
method is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from condorloop.ledger.connection import Connection
from condorloop.ledger.queries.raw_files import RawFileQueries
from condorloop.ledger.updates.campaigns import Campaigns
from condorloop.ledger.updates.reconstructions import Reconstructions
from condorloop.model.campaign import Probe
from condorloop.model.enums import FileState


class RawFiles(RawFileQueries):
    """The RAW files of a ledger that is open for writing."""

    def __init__(
        self, db: Connection, campaigns: Campaigns, reconstructions: Reconstructions
    ) -> None:
        super().__init__(db)
        self._reconstructions = reconstructions
        self._campaigns = campaigns

    def add(self, raw_path: str, run: int, files: Mapping[str, int], now: float) -> None:
        """Write down RAW files that are new, or whose size has changed.

        One that no DAG reads is to be probed again. One that was read stays what it is, with a
        word about its replacement.
        """
        with self._db.transaction():
            for path, size in files.items():
                self._add_one(path, raw_path, run, size, now)
            self._db.execute(
                "UPDATE reconstruction SET last_new_at = ? WHERE raw_path = ? AND run = ?",
                (now, raw_path, run),
            )

    def _add_one(self, path: str, raw_path: str, run: int, size: int, now: float) -> None:
        known = self._db.execute("SELECT * FROM raw_file WHERE path = ?", (path,)).fetchone()
        if known is None:
            self._db.execute(
                "INSERT INTO raw_file (path, raw_path, run, size, seen_at, state)"
                " VALUES (?, ?, ?, ?, ?, 'new')",
                (path, raw_path, run, size, now),
            )
        elif known["size"] < 0:  # rebuilt from what does not tell sizes
            self._db.execute("UPDATE raw_file SET size = ? WHERE id = ?", (size, known["id"]))
        elif self._db.execute(
            "SELECT 1 FROM reconstruction_file WHERE file_id = ? AND dag_id IS NOT NULL",
            (known["id"],),
        ).fetchone():
            told = f"replaced after it was read: it had {known['size']} bytes, now {size}"
            self._db.execute(
                "UPDATE raw_file SET size = ?, gone = 0, error = ? WHERE id = ?",
                (size, told, known["id"]),
            )
        else:
            self._db.execute("DELETE FROM reconstruction_file WHERE file_id = ?", (known["id"],))
            self._db.execute(
                "UPDATE raw_file SET size = ?, state = 'new', probes = 0, gone = 0 WHERE id = ?",
                (size, known["id"]),
            )

    def set_gone(self, paths: Iterable[str], gone: bool) -> None:
        """Write down which RAW files storage has ceased to list, or lists again."""
        with self._db.transaction():
            self._db.executemany(
                "UPDATE raw_file SET gone = ? WHERE path = ?", [(int(gone), p) for p in paths]
            )

    def probed(self, path: str, state: FileState, probe: Probe, now: float) -> None:
        """Write down what probing a file told; a good one waits in every reconstruction of it."""
        with self._db.transaction():
            self._db.execute(
                "UPDATE raw_file SET state = ?, probes = probes + 1, probed_at = ?, lumis = ?,"
                " events = ?, error = ? WHERE path = ?",
                (state, now, str(probe.lumis), probe.events, probe.error, path),
            )
            if state is not FileState.GOOD:
                return
            files = self._db.rows(
                "SELECT id, lumis, raw_path, run FROM raw_file WHERE path = ?", path
            )
            for reconstruction in self._db.rows(
                "SELECT id FROM reconstruction WHERE raw_path = ? AND run = ?",
                files[0]["raw_path"],
                files[0]["run"],
            ):
                self._reconstructions.attach(reconstruction["id"], files)
                self._campaigns.files_came(reconstruction["id"])
