"""Old campaigns moved into archives: a file a year, each a ledger by itself that is only read.

Knows which rows belong to a run. A run is whole in its archive before a row of it is deleted here;
cut short in between, it is copied anew. What stays here is the line that says that a campaign was
latched, for that is once, ever.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from condorloop.errors import CondorloopError
from condorloop.ledger.connection import Connection
from condorloop.ledger.health.damage import FILE_ERRORS
from condorloop.ledger.opening import open_for_writing
from condorloop.model.campaign import CampaignKey
from condorloop.rundir.layout import LEDGER
from condorloop.text import one_line

_CAMPAIGNS = "SELECT id FROM {db}.campaign WHERE run = :run"
_RECONSTRUCTIONS = "SELECT id FROM {db}.reconstruction WHERE run = :run"
_DAGS = f"SELECT id FROM {{db}}.dag WHERE reconstruction_id IN ({_RECONSTRUCTIONS})"
_PAYLOADS = f"SELECT id FROM {{db}}.payload WHERE dag_id IN ({_DAGS})"
_OF_RUN = {
    **dict.fromkeys(
        (
            "payload_input",
            "payload_left_out",
            "payload_overlap",
            "payload_piece",
            "payload_other_hash",
            "payload_destination",
        ),
        f"payload_id IN ({_PAYLOADS})",
    ),
    **dict.fromkeys(
        (
            "job",
            "node_dropped",
            "node_blame",
            "node_culprit",
            "alcareco",
            "made_for",
            "node",
            "payload",
        ),
        f"dag_id IN ({_DAGS})",
    ),
    "reconstruction_file": f"reconstruction_id IN ({_RECONSTRUCTIONS})",
    "dag": f"reconstruction_id IN ({_RECONSTRUCTIONS})",
    "raw_file": "raw_path IN (SELECT raw_path FROM {db}.reconstruction WHERE run = :run)"
    " AND run = :run",
    "luminosity": "run = :run",
    "odd_change": f"campaign_id IN ({_CAMPAIGNS})",
    "payload_decision": f"campaign_id IN ({_CAMPAIGNS})",
    "restored_payload": f"campaign_id IN ({_CAMPAIGNS})",
    "campaign_cleaned": f"campaign_id IN ({_CAMPAIGNS})",
    "campaign": "run = :run",
    "reconstruction": "run = :run",
}
"""Which rows of a table belong to a run; each table before those that its rows refer to."""

_STAYS = ("reconstruction", "campaign", "campaign_cleaned")
"""What is kept here of a run: that it was latched, and what cleaning up has removed of it."""

_NUMBERED = {
    "dag": {"id": "dag", "campaign_id": "campaign", "reconstruction_id": "reconstruction"},
    "job": {"dag_id": "dag"},
    "made_for": {"dag_id": "dag"},
    "node": {"dag_id": "dag", "reconstruction_id": "reconstruction", "campaign_id": "campaign"},
    "node_dropped": {"dag_id": "dag", "reconstruction_id": "reconstruction"},
    "node_blame": {"dag_id": "dag"},
    "node_culprit": {"dag_id": "dag"},
    "payload": {"id": "payload", "dag_id": "dag", "campaign_id": "campaign"},
    "alcareco": {"dag_id": "dag", "campaign_id": "campaign"},
    "payload_input": {"payload_id": "payload"},
    "payload_left_out": {"payload_id": "payload"},
    "payload_overlap": {"payload_id": "payload"},
    "payload_piece": {"payload_id": "payload"},
    "payload_other_hash": {"payload_id": "payload"},
    "payload_destination": {"payload_id": "payload"},
    "payload_decision": {"campaign_id": "campaign"},
    "restored_payload": {"campaign_id": "campaign"},
    "campaign_cleaned": {"campaign_id": "campaign"},
    "odd_change": {"campaign_id": "campaign"},
    "reconstruction_file": {
        "reconstruction_id": "reconstruction",
        "file_id": "raw_file",
        "dag_id": "dag",
    },
    "raw_file": {"id": "raw_file"},
    "campaign": {"id": "campaign", "reconstruction_id": "reconstruction"},
    "reconstruction": {"id": "reconstruction"},
}
"""The columns that hold ids, and of which table: an archive numbers by itself."""

_NUMBERING = ("reconstruction", "campaign", "raw_file", "dag", "payload")


class ArchiveError(CondorloopError):
    """An archive cannot be written; the message names the file."""


def archive_of(ledger: Path, year: int) -> Path:
    """Where the runs of a year go.

    >>> archive_of(Path("/data/ngt/condorloop.db"), 2026).name
    'condorloop-2026.db'
    """
    return ledger.with_name(f"{ledger.stem}-{year:04d}{ledger.suffix}")


def archives(ledger: Path) -> dict[int, Path]:
    """The archives of a ledger by year, the newest first."""
    digits = "[0-9]" * 4
    found = sorted(ledger.parent.glob(f"{Path(LEDGER).stem}-{digits}.db"), reverse=True)
    return {int(path.stem[-4:]): path for path in found}


def with_archives(ledger: Path) -> list[Path]:
    """The ledger and its archives, the newest first: a campaign's story is in one of them."""
    return [ledger, *archives(ledger).values()]


def prepare_archive(path: Path, ledger_id: str | None = None) -> None:
    """Make an archive, or bring it up to date.

    It is not read through: it only grows, and nothing is decided from it.

    Raises
    ------
    LedgerError
        It cannot be used.
    """
    open_for_writing(path, ledger_id, checked=False).close()


class Archive:
    """The way of old runs out of a ledger that is open for writing."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def due(self, before: float) -> list[int]:
        """The runs of which nothing has happened since `before`, the oldest first."""
        rows = self._db.rows(
            "SELECT campaign.run FROM campaign"
            " JOIN reconstruction ON reconstruction.id = reconstruction_id"
            " WHERE archived IS NULL AND campaign.run IN"
            " (SELECT run FROM campaign WHERE archived IS NULL AND run_start < ?1)"
            " GROUP BY campaign.run"
            " HAVING MAX(state IN ('active', 'closing') OR run_start >= ?1 OR state_since >= ?1"
            " OR last_new_at >= ?1 OR COALESCE(asked_at, 0) >= ?1 OR reconstruction.id IN"
            " (SELECT reconstruction_id FROM dag WHERE state IN ('planned', 'active'))) = 0"
            " ORDER BY MIN(run_start), campaign.run",
            before,
        )
        return [row["run"] for row in rows]

    def copy(self, run: int, archive: Path) -> None:
        """Copy a run, whole or not at all; a copy that is there from before is replaced.

        Raises
        ------
        ArchiveError
            The archive cannot be written.
        """
        with self._attached(archive):
            try:
                self._db.execute("BEGIN")
                for table, which in _OF_RUN.items():
                    where = which.format(db="archive")
                    self._db.execute(f"DELETE FROM archive.{table} WHERE {where}", {"run": run})
                shifts = {table: self._shift(table, run) for table in _NUMBERING}
                for table in reversed(_OF_RUN):
                    self._copy_table(table, run, shifts)
                self._db.execute("COMMIT")
            finally:
                if self._db.sqlite.in_transaction:
                    with suppress(sqlite3.Error):
                        self._db.execute("ROLLBACK")

    @contextmanager
    def _attached(self, archive: Path) -> Iterator[None]:
        try:
            self._db.execute("ATTACH ? AS archive", (str(archive),))
            try:
                self._db.execute("PRAGMA archive.synchronous = FULL")
                yield
            finally:
                self._db.execute("DETACH archive")
        except FILE_ERRORS as error:
            raise ArchiveError(f"{archive}: {one_line(str(error))}") from error

    def _shift(self, table: str, run: int) -> int:
        """What is added to the ids of a run, so that they follow those that an archive has."""
        where = _OF_RUN[table].format(db="main")
        first = f"(SELECT MIN(id) FROM main.{table} WHERE {where})"
        last = f"(SELECT COALESCE(MAX(id), 0) FROM archive.{table})"
        row = self._db.execute(f"SELECT {last} - {first} + 1", {"run": run}).fetchone()
        return row[0] or 0

    def _copy_table(self, table: str, run: int, shifts: dict[str, int]) -> None:
        numbered = _NUMBERED.get(table, {})
        names = [row[1] for row in self._db.execute(f"PRAGMA main.table_info({table})")]
        values = [f"{n} + {shifts[numbered[n]]}" if n in numbered else n for n in names]
        where = _OF_RUN[table].format(db="main")
        self._db.execute(
            f"INSERT INTO archive.{table} ({', '.join(names)})"
            f" SELECT {', '.join(values)} FROM main.{table} WHERE {where}",
            {"run": run},
        )

    def drop(self, run: int, year: int) -> None:
        """Delete a run that is whole in the archive of a year, but for its campaigns' own lines."""
        with self._db.transaction():
            for table, which in _OF_RUN.items():
                if table not in _STAYS:
                    where = which.format(db="main")
                    self._db.execute(f"DELETE FROM main.{table} WHERE {where}", {"run": run})
            self._db.execute("UPDATE campaign SET archived = ? WHERE run = ?", (year, run))

    def adopt(self, archive: Path, year: int) -> frozenset[CampaignKey]:
        """Take over into a ledger that is made anew which campaigns an archive has.

        Raises
        ------
        ArchiveError
            The archive cannot be read.
        """
        with self._attached(archive):
            there = self._told("reconstruction", "id")
            self._db.execute(
                f"INSERT OR IGNORE INTO main.reconstruction ({there})"
                f" SELECT {there} FROM archive.reconstruction"
            )
            told = self._told("campaign", "id", "archived", "reconstruction_id")
            self._db.execute(
                f"INSERT OR IGNORE INTO main.campaign ({told}, archived, reconstruction_id)"
                f" SELECT {told}, ?, (SELECT here.id FROM main.reconstruction AS here"
                " JOIN archive.reconstruction AS there ON here.run = there.run"
                " AND here.stream = there.stream WHERE there.id = reconstruction_id)"
                " FROM archive.campaign",
                (year,),
            )
            self._db.execute(
                "INSERT OR IGNORE INTO main.campaign_cleaned (campaign_id, artifact, begun)"
                " SELECT here.id, artifact, begun FROM archive.campaign_cleaned"
                " JOIN archive.campaign AS there ON there.id = campaign_id"
                " JOIN main.campaign AS here ON here.run = there.run"
                " AND here.calibration = there.calibration WHERE here.archived = ?",
                (year,),
            )
        rows = self._db.rows("SELECT calibration, run FROM campaign WHERE archived = ?", year)
        return frozenset(CampaignKey(row["calibration"], row["run"]) for row in rows)

    def _told(self, table: str, *but: str) -> str:
        """The columns of a table, as SQL, but for some."""
        names = [row["name"] for row in self._db.rows(f"PRAGMA main.table_info({table})")]
        return ", ".join(name for name in names if name not in but)
