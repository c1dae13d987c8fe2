"""The ledger: the manager's SQLite file, open for writing; campaigns and RAW files.

Knows what was seen, decided and done; it decides nothing. Only the submitter writes, and every
method that writes is one transaction.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from condorloop.ledger.connection import LedgerDamaged, LedgerError, is_newer, is_version
from condorloop.ledger.dags import DagLedger
from condorloop.ledger.damage import lets_nobody_write
from condorloop.ledger.integrity import FIRST_TABLES, tables_of, what_lacks, why_not_a_ledger
from condorloop.ledger.queries.campaigns import BEGUN
from condorloop.ledger.schema import MIGRATIONS, SCHEMA, SCHEMA_VERSION
from condorloop.model.campaign import CampaignKey, Probe, Run
from condorloop.model.enums import Artifact, CampaignState, FileState
from condorloop.model.lumis import Lumis
from condorloop.runtime.secret_files import create
from condorloop.text import one_line, shown

__all__ = ["Ledger", "LedgerDamaged", "LedgerError"]


class Ledger(DagLedger):
    """The ledger, open for writing; the file is made when it is not there.

    Parameters
    ----------
    path
        The file. One of an older schema version is brought up to date.
    ledger_id
        The id of a ledger that is made; a random one if None.
    """

    _mode = "rwc"

    def __init__(self, path: Path, ledger_id: str | None = None) -> None:
        self._new_id = ledger_id or uuid.uuid4().hex[:12]
        if lets_nobody_write(path):
            raise LedgerDamaged(f"{path}: its header names a file format that no SQLite writes")
        if not path.exists():
            with suppress(OSError):  # which SQLite will tell
                create(path)  # SQLite gives the files beside it the same mode
        super().__init__(path)

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._check()
        with self._transaction():
            if tables_of(self._db):
                self._migrate()
            else:
                self._create()
            self._check_contents()
        self._note_changes()

    def _check(self) -> None:
        [found] = self._db.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise LedgerDamaged(f"{self.path}: {one_line(found)}")

    def _check_contents(self) -> None:
        if odd := what_lacks(self._db) or why_not_a_ledger(self._db):
            raise LedgerDamaged(f"{self.path}: {odd}")

    def _create(self) -> None:
        self._run_script(SCHEMA)
        values = {"schema_version": str(SCHEMA_VERSION), "ledger_id": self._new_id}
        self._db.executemany("INSERT INTO meta VALUES (?, ?)", values.items())

    def _migrate(self) -> None:
        tables = tables_of(self._db)
        version = self._meta("schema_version") if "meta" in tables else ""
        if is_newer(version):
            raise self._of_another_version(version)
        if lacking := sorted(FIRST_TABLES - tables):
            raise LedgerDamaged(f"{self.path}: no such table: {lacking[0]}")
        if not is_version(version):
            raise LedgerDamaged(f"{self.path}: meta has the schema version {shown(version)}")
        while script := MIGRATIONS.get(int(version)):
            self._run_script(script)
            version = str(int(version) + 1)
            self._db.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", (version,))

    def _run_script(self, script: str) -> None:
        for statement in filter(str.strip, script.split(";")):
            self._db.execute(statement)

    def latch(self, key: CampaignKey, stream: str, run: Run, reason: str, now: float) -> None:
        """Open a campaign; the good files that are known of its run are waiting in it."""
        with self._transaction():
            cursor = self._db.execute(
                "INSERT OR IGNORE INTO campaign (calibration, run, stream, state, reason, fill,"
                " run_start, run_end, last_ls, latched_at, state_since, last_new_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(key.calibration, key.run, stream, CampaignState.ACTIVE, reason, run.fill),
                    *(run.start, run.end, run.last_ls, now, now, now),
                ),
            )
            if not cursor.rowcount:
                return
            campaign_id = cursor.lastrowid
            self._db.execute(
                "UPDATE campaign SET held_at = ?, held_by ="
                " (SELECT held_by FROM held_calibration WHERE calibration = ?)"
                " WHERE id = ? AND calibration IN (SELECT calibration FROM held_calibration)",
                (now, key.calibration, campaign_id),
            )
            files = self._all(
                "SELECT id, lumis FROM raw_file WHERE stream = ? AND run = ? AND state = 'good'",
                *(stream, key.run),
            )
            self._attach(campaign_id or 0, files)

    def _attach(self, campaign_id: int, files: Sequence[sqlite3.Row]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO campaign_file (campaign_id, file_id) VALUES (?, ?)",
            [(campaign_id, f["id"]) for f in files],
        )
        row = self._db.execute("SELECT seen FROM campaign WHERE id = ?", (campaign_id,)).fetchone()
        seen = Lumis.union([Lumis.parse(row["seen"]), *(Lumis.parse(f["lumis"]) for f in files)])
        self._db.execute("UPDATE campaign SET seen = ? WHERE id = ?", (str(seen), campaign_id))

    def update_runs(self, runs: Iterable[Run]) -> None:
        """Take over what OMS says of runs that have campaigns.

        A last LS or a fill that it does not tell is not known now, and what was known stands. No
        end time is an answer: the run is being taken.
        """
        with self._transaction():
            self._db.executemany(
                "UPDATE campaign SET run_end = ?1, last_ls = COALESCE(?2, last_ls),"
                " fill = COALESCE(?3, fill) WHERE run = ?4 AND (run_end IS NOT ?1"
                " OR last_ls IS NOT COALESCE(?2, last_ls) OR fill IS NOT COALESCE(?3, fill))",
                [(r.end, r.last_ls, r.fill, r.number) for r in runs],
            )

    def set_state(self, campaign_id: int, state: CampaignState, reason: str, now: float) -> None:
        """Move a campaign to another state; at its closing, with what OMS says of the run."""
        changed = "cleaned = ''" if state.open else "judged_end = run_end, judged_ls = last_ls"
        with self._transaction():
            self._db.execute(
                f"UPDATE campaign SET state = ?, reason = ?, state_since = ?, {changed}"
                " WHERE id = ?",
                (state, reason, now, campaign_id),
            )

    def set_held_by(self, campaign_id: int, who: str, now: float | None = None) -> None:
        """Write down who holds a campaign, and since when; empty if nobody does any more."""
        with self._transaction():
            self._db.execute(
                "UPDATE campaign SET held_by = ?1, held_at = CASE WHEN ?1 = '' THEN NULL"
                " WHEN held_by = ?1 THEN COALESCE(held_at, ?2) ELSE ?2 END WHERE id = ?3",
                (who, now, campaign_id),
            )

    def hold_calibration(self, calibration: str, who: str, now: float) -> None:
        """Write down that campaigns of a calibration are held from their latching on."""
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO held_calibration VALUES (?, ?, ?)", (calibration, who, now)
            )

    def release_calibration(self, calibration: str) -> None:
        """Write down that campaigns of a calibration are not held any more when they begin."""
        with self._transaction():
            self._db.execute("DELETE FROM held_calibration WHERE calibration = ?", (calibration,))

    def set_asked(self, campaign_id: int, now: float) -> None:
        """Write down that a person asks for a campaign again."""
        with self._transaction():
            self._db.execute("UPDATE campaign SET asked_at = ? WHERE id = ?", (now, campaign_id))

    def set_cleaned(self, campaign_id: int, kept: Artifact, *, begun: bool = False) -> None:
        """Write down that something a campaign left is removed, or is `begun` to be."""
        with self._transaction():
            row = self._all("SELECT cleaned FROM campaign WHERE id = ?", campaign_id)[0]
            names = {n for n in row["cleaned"].split(",") if n and n.rstrip(BEGUN) != kept}
            names.add(f"{kept}{BEGUN if begun else ''}")
            self._db.execute(
                "UPDATE campaign SET cleaned = ? WHERE id = ?",
                (",".join(sorted(names)), campaign_id),
            )

    def add_files(self, stream: str, run: int, files: Mapping[str, int], now: float) -> None:
        """Write down RAW files that are new, or whose size has changed.

        One that no DAG reads is to be probed again. One that was read stays what it is, with a
        word about its replacement.
        """
        with self._transaction():
            for path, size in files.items():
                self._add_file(path, stream, run, size, now)
            self._db.execute(
                "UPDATE campaign SET last_new_at = ? WHERE stream = ? AND run = ?",
                (now, stream, run),
            )

    def _add_file(self, path: str, stream: str, run: int, size: int, now: float) -> None:
        known = self._db.execute("SELECT * FROM raw_file WHERE path = ?", (path,)).fetchone()
        if known is None:
            self._db.execute(
                "INSERT INTO raw_file (path, stream, run, size, seen_at, state)"
                " VALUES (?, ?, ?, ?, ?, 'new')",
                (path, stream, run, size, now),
            )
        elif known["size"] < 0:  # rebuilt from what does not tell sizes
            self._db.execute("UPDATE raw_file SET size = ? WHERE id = ?", (size, known["id"]))
        elif self._db.execute(
            "SELECT 1 FROM campaign_file WHERE file_id = ? AND dag_id IS NOT NULL", (known["id"],)
        ).fetchone():
            told = f"replaced after it was read: it had {known['size']} bytes, now {size}"
            self._db.execute(
                "UPDATE raw_file SET size = ?, gone = 0, error = ? WHERE id = ?",
                (size, told, known["id"]),
            )
        else:
            self._db.execute("DELETE FROM campaign_file WHERE file_id = ?", (known["id"],))
            self._db.execute(
                "UPDATE raw_file SET size = ?, state = 'new', probes = 0, gone = 0 WHERE id = ?",
                (size, known["id"]),
            )

    def set_gone(self, paths: Iterable[str], gone: bool) -> None:
        """Write down which RAW files storage has ceased to list, or lists again."""
        with self._transaction():
            self._db.executemany(
                "UPDATE raw_file SET gone = ? WHERE path = ?", [(int(gone), p) for p in paths]
            )

    def record_probe(self, path: str, state: FileState, probe: Probe, now: float) -> None:
        """Write down what probing a file told; a good one waits in every campaign that reads it."""
        with self._transaction():
            self._db.execute(
                "UPDATE raw_file SET state = ?, probes = probes + 1, probed_at = ?, lumis = ?,"
                " events = ?, error = ? WHERE path = ?",
                (state, now, str(probe.lumis), probe.events, probe.error, path),
            )
            if state is not FileState.GOOD:
                return
            files = self._all("SELECT id, lumis, stream, run FROM raw_file WHERE path = ?", path)
            for campaign in self._all(
                "SELECT id FROM campaign WHERE stream = ? AND run = ?",
                *(files[0]["stream"], files[0]["run"]),
            ):
                self._attach(campaign["id"], files)

    def begin(self, request_id: int, words: str) -> None:
        """Write down what is about to be done because a person asked for it."""
        with self._transaction():
            self._db.execute("UPDATE request SET answer = ? WHERE id = ?", (words, request_id))

    def answer(self, request_id: int, granted: bool, answer: str, now: float) -> None:
        """Write down what became of a person's request."""
        with self._transaction():
            self._db.execute(
                "UPDATE request SET answered_at = ?, granted = ?, answer = ? WHERE id = ?",
                (now, int(granted), answer, request_id),
            )
