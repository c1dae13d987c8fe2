"""What the ledger is told of campaigns.

Knows the tables `campaign`, `campaign_cleaned` and `held_calibration`; it decides nothing. Every
method is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable

from condorloop.ledger.connection import Connection
from condorloop.ledger.queries.campaigns import CAMPAIGNS, CampaignQueries
from condorloop.ledger.updates.reconstructions import Reconstructions
from condorloop.ledger.updates.state_changes import StateChanges
from condorloop.model.campaign import CampaignKey, Run, window_from
from condorloop.model.enums import Artifact, CampaignState
from condorloop.model.lumi_fates import last_lumi
from condorloop.model.lumis import Lumis
from condorloop.rundir.records.decisions import UploadsHeld


class Campaigns(CampaignQueries):
    """The campaigns of a ledger that is open for writing."""

    def __init__(self, db: Connection, reconstructions: Reconstructions) -> None:
        super().__init__(db)
        self._reconstructions = reconstructions
        self._state_changes = StateChanges(db)

    def latch(
        self,
        key: CampaignKey,
        raw_path: str,
        run: Run,
        reason: str,
        now: float,
        *,
        by_lumi: bool = False,
        stream: str = "",
    ) -> None:
        """Open a campaign on the reconstruction of its stream, which begins if it has not.

        Parameters
        ----------
        raw_path
            The folder of its stream's RAW files.
        by_lumi
            Whether its payload has IOVs by lumisection.
        stream
            The stream whose ALCARECO it harvests; its own, of its own name, if empty.
        """
        counts_from = window_from(run.start, run.end, run.last_ls or 0, by_lumi=by_lumi)
        with self._db.transaction():
            mine = self._reconstructions.begin(stream or key.calibration, raw_path, run, now)
            cursor = self._db.execute(
                "INSERT OR IGNORE INTO campaign (calibration, run, reconstruction_id, state,"
                " reason, fill, run_start, run_end, last_ls, latched_at, state_since, by_lumi,"
                " window_from) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key.calibration,
                    key.run,
                    mine,
                    CampaignState.ACTIVE,
                    reason,
                    run.fill,
                    run.start,
                    run.end,
                    run.last_ls,
                    now,
                    now,
                    by_lumi,
                    counts_from,
                ),
            )
            if not cursor.rowcount:
                return
            campaign_id = cursor.lastrowid or 0
            self._db.execute(
                "INSERT INTO alcareco (campaign_id, dag_id, node)"
                " SELECT ?, node.dag_id, name FROM node JOIN made_for USING (dag_id)"
                " WHERE reconstruction_id = ? AND kind = 'ALCA' AND calibration = ?"
                " AND taken_out = 0",
                (campaign_id, mine, key.calibration),
            )
            self._db.execute(
                "UPDATE campaign SET held_at = ?, held_by ="
                " (SELECT held_by FROM held_calibration WHERE calibration = ?)"
                " WHERE id = ? AND calibration IN (SELECT calibration FROM held_calibration)",
                (now, key.calibration, campaign_id),
            )
            self._move_windows("campaign.id = ? AND by_lumi = 1", campaign_id)

    def files_came(self, reconstruction_id: int) -> None:
        """Write down what good RAW files that came into a reconstruction mean for windows."""
        with self._db.transaction():
            self._move_windows("reconstruction_id = ? AND by_lumi = 1", reconstruction_id)

    def update_runs(self, runs: Iterable[Run]) -> None:
        """Take over what OMS says of runs that have campaigns.

        A last LS or a fill that it does not tell is not known now, and what was known stands. No
        end time is an answer: the run is being taken. A reconstruction of a ledger that was rebuilt
        learns the fill type and the mode of its run.
        """
        told = list(runs)
        with self._db.transaction():
            self._db.executemany(
                "UPDATE campaign SET run_end = ?1, last_ls = COALESCE(?2, last_ls),"
                " fill = COALESCE(?3, fill) WHERE run = ?4 AND (run_end IS NOT ?1"
                " OR last_ls IS NOT COALESCE(?2, last_ls) OR fill IS NOT COALESCE(?3, fill))",
                [(r.end, r.last_ls, r.fill, r.number) for r in told],
            )
            self._db.executemany(
                "UPDATE reconstruction SET fill_type = ?1, l1_hlt_mode = ?2"
                " WHERE run = ?3 AND fill_type IS NULL AND l1_hlt_mode IS NULL"
                " AND COALESCE(?1, ?2) IS NOT NULL",
                [(r.fill_type, r.l1_hlt_mode, r.number) for r in told],
            )
            numbers = ", ".join(str(r.number) for r in told)
            self._move_windows(f"campaign.run IN ({numbers}) AND by_lumi = 1")

    def set_by_lumi(self, calibration: str, by_lumi: bool) -> None:
        """Write down whether the payloads of a calibration's open campaigns have IOVs by LS."""
        with self._db.transaction():
            changed = self._db.rows(
                "SELECT id FROM campaign WHERE state IN (?, ?) AND calibration = ?"
                " AND by_lumi <> ?",
                CampaignState.ACTIVE,
                CampaignState.CLOSING,
                calibration,
                by_lumi,
            )
            for campaign in changed:
                self._db.execute(
                    "UPDATE campaign SET by_lumi = ? WHERE id = ?", (by_lumi, campaign["id"])
                )
                self._move_windows("campaign.id = ?", campaign["id"])

    def _move_windows(self, which: str, *given: object) -> None:
        """Write down from when the windows of some campaigns count."""
        for row in self._db.rows(f"{CAMPAIGNS} WHERE {which}", *given):
            last = last_lumi(row["last_ls"], Lumis.parse(row["seen"]))
            by_lumi = bool(row["by_lumi"])
            counts_from = window_from(row["run_start"], row["run_end"], last, by_lumi=by_lumi)
            if counts_from != row["window_from"]:
                self._db.execute(
                    "UPDATE campaign SET window_from = ? WHERE id = ?", (counts_from, row["id"])
                )

    def set_state(self, campaign_id: int, state: CampaignState, reason: str, now: float) -> None:
        """Move a campaign to another state; at its closing, with what OMS says of the run."""
        judged = "" if state.open else ", judged_end = run_end, judged_ls = last_ls"
        with self._db.transaction():
            self._state_changes.campaign(campaign_id, state)
            self._db.execute(
                f"UPDATE campaign SET state = ?, reason = ?, state_since = ?{judged} WHERE id = ?",
                (state, reason, now, campaign_id),
            )
            if state.open:
                self._db.execute(
                    "DELETE FROM campaign_cleaned WHERE campaign_id = ?", (campaign_id,)
                )

    def set_held_by(self, campaign_id: int, who: str, now: float | None = None) -> None:
        """Write down who holds a campaign, and since when; empty if nobody does any more."""
        with self._db.transaction():
            self._db.execute(
                "UPDATE campaign SET held_by = ?1, held_at = CASE WHEN ?1 = '' THEN NULL"
                " WHEN held_by = ?1 THEN COALESCE(held_at, ?2) ELSE ?2 END WHERE id = ?3",
                (who, now, campaign_id),
            )

    def hold_calibration(self, calibration: str, who: str, now: float) -> None:
        """Write down that campaigns of a calibration are held from their latching on."""
        with self._db.transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO held_calibration VALUES (?, ?, ?)", (calibration, who, now)
            )

    def release_calibration(self, calibration: str) -> None:
        """Write down that campaigns of a calibration are not held any more when they begin."""
        with self._db.transaction():
            self._db.execute("DELETE FROM held_calibration WHERE calibration = ?", (calibration,))

    def set_asked(self, campaign_id: int, now: float) -> None:
        """Write down that a person asks for a campaign again."""
        with self._db.transaction():
            self._db.execute("UPDATE campaign SET asked_at = ? WHERE id = ?", (now, campaign_id))

    def put_back(self, campaign_id: int, lumis: Lumis, events: int) -> None:
        """Write down that a person has put a payload of these LS in the place of a better one."""
        with self._db.transaction():
            self._db.execute(
                "UPDATE campaign SET in_payload = ?, events_in_payload = ? WHERE id = ?",
                (str(lumis), events, campaign_id),
            )

    def hold_uploads(self, calibration: str, run: int, held: UploadsHeld) -> None:
        """Write down that a person holds the uploads of a run, or of all runs (`ALL_RUNS`)."""
        with self._db.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO held_uploads (calibration, run, held_by, why, held_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (calibration, run, held.who, held.why, held.time),
            )

    def release_uploads(self, calibration: str, run: int) -> None:
        """Write down that nobody holds the uploads of a run, or those of all runs together."""
        with self._db.transaction():
            self._db.execute(
                "DELETE FROM held_uploads WHERE calibration = ? AND run = ?", (calibration, run)
            )

    def set_cleaned(self, campaign_id: int, kept: Artifact, *, begun: bool = False) -> None:
        """Write down that something a campaign left is removed, or is `begun` to be."""
        with self._db.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO campaign_cleaned (campaign_id, artifact, begun)"
                " VALUES (?, ?, ?)",
                (campaign_id, kept, int(begun)),
            )

    def note_harvest(self, campaign_id: int, lumis: Lumis, events: int) -> None:
        """Write down that a harvest read these LS, unless one read more."""
        with self._db.transaction():
            [row] = self._db.rows(
                "SELECT harvested, events_harvested FROM campaign WHERE id = ?", campaign_id
            )
            known = (len(Lumis.parse(row["harvested"])), row["events_harvested"])
            if (len(lumis), events) > known:
                self._db.execute(
                    "UPDATE campaign SET harvested = ?, events_harvested = ? WHERE id = ?",
                    (str(lumis), events, campaign_id),
                )

    def note_pieces(self, campaign_id: int, lumis: Lumis, events: int) -> None:
        """Write down that pieces of payloads, which hold these LS, are in the database.

        `events` are those of the payload with whose last piece all of it is there; else 0.
        """
        with self._db.transaction():
            known, known_events = self.uploaded(campaign_id)
            told = str(known | lumis), max(known_events, events)
            if told != (str(known), known_events):
                self._db.execute(
                    "UPDATE campaign SET in_payload = ?, events_in_payload = ? WHERE id = ?",
                    (*told, campaign_id),
                )

    def note_payload(self, campaign_id: int, lumis: Lumis, events: int) -> None:
        """Write down that a payload of these LS is in the database, unless a better one is."""
        with self._db.transaction():
            known, known_events = self.uploaded(campaign_id)
            if (len(lumis), events) > (len(known), known_events):
                self._db.execute(
                    "UPDATE campaign SET in_payload = ?, events_in_payload = ? WHERE id = ?",
                    (str(lumis), events, campaign_id),
                )
