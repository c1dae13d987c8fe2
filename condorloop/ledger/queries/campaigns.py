"""Reading the ledger: campaigns, with all that the loop decides from.

Knows how rows become the model's data. A plus before a column keeps SQLite from an index that would
lead it through all that ever was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from condorloop.ledger.connection import Connection
from condorloop.ledger.queries.dags import ByCalibration, DagQueries, about
from condorloop.ledger.queries.missed import MissedQueries
from condorloop.ledger.queries.payloads import PayloadQueries
from condorloop.ledger.queries.raw_files import raw_file
from condorloop.model.campaign import (
    Campaign,
    CampaignKey,
    Dag,
    MissedFile,
    ProcessedOutputs,
    Reconstruction,
    ReconstructionKey,
    WaitingFile,
)
from condorloop.model.enums import Artifact, CampaignState, NodeKind, NodeState
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.model.request import ALL_RUNS
from condorloop.rundir.records.decisions import UploadsHeld

CAMPAIGNS = (
    "SELECT campaign.*, stream, raw_path, seen, last_new_at, fill_type, l1_hlt_mode FROM campaign"
    " JOIN reconstruction ON reconstruction.id = reconstruction_id"
)
"""Campaigns with what they have of their reconstructions."""


_OF = "(SELECT reconstruction_id FROM campaign WHERE id = ?1)"
"""The reconstruction of a campaign."""


class _Shared(NamedTuple):
    """What the campaigns of a reconstruction have in common.

    What waits for all of them has an empty name, and what waits for one alone has its own.
    """

    listed_at: float | None
    seen: Lumis
    waiting: Mapping[str, tuple[WaitingFile, ...]]
    probing: int
    dags: tuple[Dag, ...]
    dag_count: int
    quarantined: ByCalibration
    set_back: ByCalibration
    fill_type: str | None
    l1_hlt_mode: str | None


class CampaignQueries:
    """What is asked of campaigns."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._dags = DagQueries(db)
        self._payloads = PayloadQueries(db)
        self._missed = MissedQueries(db)

    def has(self, key: CampaignKey) -> bool:
        """Whether all that is known of a campaign is here, and not in an archive."""
        here = "SELECT 1 FROM campaign WHERE run = ? AND calibration = ? AND archived IS NULL"
        return bool(self._db.rows(here, key.run, key.calibration))

    def known(self, first_run: int) -> frozenset[CampaignKey]:
        """The campaigns that were ever latched, of runs from `first_run` on."""
        rows = self._db.rows("SELECT calibration, run FROM campaign WHERE run >= ?", first_run)
        return frozenset(CampaignKey(r["calibration"], r["run"]) for r in rows)

    def windows(self) -> dict[CampaignKey, float]:
        """From when the window of each campaign counts that was ever latched."""
        rows = self._db.rows("SELECT calibration, run, window_from FROM campaign")
        return {CampaignKey(r["calibration"], r["run"]): r["window_from"] for r in rows}

    def made_from(self) -> dict[CampaignKey, ReconstructionKey]:
        """The reconstruction of each campaign that was ever latched."""
        return {
            CampaignKey(r["calibration"], r["run"]): ReconstructionKey(r["stream"], r["run"])
            for r in self._db.rows(
                "SELECT calibration, stream, campaign.run AS run FROM campaign"
                " JOIN reconstruction ON reconstruction.id = reconstruction_id"
            )
        }

    def first_start(self, since: float) -> float | None:
        """When the first run began that has an open campaign, or a window from `since` or later."""
        rows = self._db.rows(
            "SELECT MIN(first) AS first FROM ("
            " SELECT MIN(+run_start) AS first FROM campaign WHERE window_from >= ?"
            " UNION ALL SELECT MIN(+run_start) FROM campaign WHERE state IN (?, ?))",
            since,
            CampaignState.ACTIVE,
            CampaignState.CLOSING,
        )
        return float(rows[0]["first"]) if rows[0]["first"] is not None else None

    def raw_path_of(self, campaign_id: int) -> str:
        """The folder of the RAW files that a campaign is made from."""
        return str(self._db.rows(f"{CAMPAIGNS} WHERE campaign.id = ?", campaign_id)[0]["raw_path"])

    def first_of(self, key: ReconstructionKey) -> CampaignKey | None:
        """The first campaign of a reconstruction; None if it has none."""
        rows = self._db.rows(
            f"{CAMPAIGNS} WHERE reconstruction.run = ? AND stream = ? ORDER BY campaign.id LIMIT 1",
            key.run,
            key.stream,
        )
        return CampaignKey(rows[0]["calibration"], rows[0]["run"]) if rows else None

    def calibrations(self) -> frozenset[str]:
        """The calibrations that ever had a campaign."""
        rows = self._db.rows("SELECT DISTINCT calibration FROM campaign")
        return frozenset(r["calibration"] for r in rows)

    def open_runs(self, since: float) -> list[int]:
        """The runs that started since, and have an open campaign."""
        rows = self._db.rows(
            "SELECT DISTINCT run FROM campaign WHERE state IN (?, ?) AND run_start >= ?",
            CampaignState.ACTIVE,
            CampaignState.CLOSING,
            since,
        )
        return [r["run"] for r in rows]

    def uploaded(self, campaign_id: int) -> tuple[Lumis, int]:
        """The LS and the number of events of the largest payload that was uploaded."""
        row = self._db.rows(
            "SELECT in_payload, events_in_payload FROM campaign WHERE id = ?", campaign_id
        )[0]
        return Lumis.parse(row["in_payload"]), row["events_in_payload"]

    def with_work(
        self,
        listed: Mapping[tuple[str, int], float],
        since: float = 0.0,
        asked: float = float("inf"),
    ) -> list[Campaign]:
        """The campaigns with work to do; takes what `reconstructions` takes."""
        found = self.reconstructions(listed, since, asked)
        return [campaign for each in found for campaign in each.campaigns]

    def reconstructions(
        self,
        listed: Mapping[tuple[str, int], float],
        since: float = 0.0,
        asked: float = float("inf"),
    ) -> list[Reconstruction]:
        """The reconstructions of which campaigns have work to do, with these; older runs first.

        Parameters
        ----------
        listed
            When storage last listed each (path, run), seconds since the epoch.
        since
            Closed ones whose windows count from before are left alone unless a DAG is in flight.
        asked
            Those that a person has asked for since then are not left alone, either.
        """
        rows = self._db.rows(
            f"{CAMPAIGNS} WHERE campaign.id IN ("
            " SELECT id FROM campaign WHERE state IN ('active', 'closing')"
            " UNION SELECT campaign.id FROM dag"
            " JOIN campaign ON campaign.reconstruction_id = dag.reconstruction_id"
            " WHERE dag.state IN ('planned', 'active')"
            " UNION SELECT id FROM campaign WHERE (window_from >= ? OR asked_at >= ?)"
            " AND +state IN ('complete', 'incomplete', 'no payload')"
            " AND (EXISTS (SELECT 1 FROM reconstruction_file AS waiting"
            " WHERE waiting.reconstruction_id = campaign.reconstruction_id AND dag_id IS NULL"
            " AND again_for = '')"
            " OR (run_end IS NULL) <> (judged_end IS NULL) OR last_ls IS NOT judged_ls))"
            " AND state <> 'expired' ORDER BY campaign.run, calibration",
            since,
            asked,
        )
        return self._grouped(self._read(rows, listed))

    def reconstruction(self, reconstruction_id: int) -> Reconstruction:
        """A reconstruction, with all of its campaigns."""
        rows = self._db.rows(
            f"{CAMPAIGNS} WHERE reconstruction_id = ? ORDER BY calibration", reconstruction_id
        )
        [found] = self._grouped(self._read(rows, {}))
        return found

    def _grouped(self, campaigns: Iterable[tuple[Campaign, _Shared]]) -> list[Reconstruction]:
        found: dict[int, Reconstruction] = {}
        for campaign, shared in campaigns:
            mine = campaign.reconstruction_id
            before = found[mine].campaigns if mine in found else ()
            found[mine] = Reconstruction(
                id=mine,
                key=campaign.reconstruction,
                campaigns=(*before, campaign),
                dags=shared.dags if campaign.shares else campaign.dags,
                fill_type=shared.fill_type,
                l1_hlt_mode=shared.l1_hlt_mode,
            )
        return list(found.values())

    def of_run(self, run: int, calibration: str | None) -> list[Campaign]:
        """The campaigns of a run in whatever state; of one calibration, or of all if None."""
        rows = self._db.rows(
            f"{CAMPAIGNS} WHERE campaign.run = ?1 AND calibration = COALESCE(?2, calibration)"
            " ORDER BY calibration",
            run,
            calibration,
        )
        return self._campaigns(rows)

    def _campaigns(self, rows: Iterable[sqlite3.Row]) -> list[Campaign]:
        """Campaigns by their rows."""
        return [campaign for campaign, _ in self._read(rows, {})]

    def _read(
        self, rows: Iterable[sqlite3.Row], listed: Mapping[tuple[str, int], float]
    ) -> Iterator[tuple[Campaign, _Shared]]:
        """Campaigns, with what those of a reconstruction share; that is read once."""
        known: dict[int, _Shared] = {}
        for row in rows:
            mine = row["reconstruction_id"]
            if mine not in known:
                known[mine] = self._shared(row, listed)
            yield self._campaign(row, known[mine]), known[mine]

    def _shared(self, row: sqlite3.Row, listed: Mapping[tuple[str, int], float]) -> _Shared:
        mine = row["reconstruction_id"]
        waiting: dict[str, tuple[WaitingFile, ...]] = {}
        for file in self._db.rows(
            "SELECT path, size, lumis, events, part, probed_at, again_for"
            " FROM reconstruction_file INDEXED BY reconstruction_file_waiting"
            " JOIN raw_file ON raw_file.id = file_id"
            " WHERE reconstruction_id = ? AND dag_id IS NULL AND gone = 0 AND state = 'good'",
            mine,
        ):
            whose = file["again_for"]
            one = WaitingFile(raw_file(file), file["probed_at"])
            waiting[whose] = (*waiting.get(whose, ()), one)
        return _Shared(
            listed_at=listed.get((row["raw_path"], row["run"])),
            seen=Lumis.parse(row["seen"]),
            waiting=waiting,
            probing=self._db.number(
                "SELECT COUNT(*) FROM raw_file INDEXED BY raw_file_new"
                " WHERE state = 'new' AND run = ? AND raw_path = ? AND gone = 0",
                row["run"],
                row["raw_path"],
            ),
            dags=self._dags.of_reconstruction(mine, shared=_shares(row)),
            dag_count=self._db.number("SELECT COUNT(*) FROM dag WHERE reconstruction_id = ?", mine),
            quarantined=self._dags.quarantined(mine),
            set_back=self._set_back_files(mine),
            fill_type=row["fill_type"],
            l1_hlt_mode=row["l1_hlt_mode"],
        )

    def _campaign(self, row: sqlite3.Row, shared: _Shared) -> Campaign:
        unsent = self._payloads.unsent(row["id"])
        key, shares = CampaignKey(row["calibration"], row["run"]), _shares(row)
        return Campaign(
            id=row["id"],
            key=key,
            reconstruction_id=row["reconstruction_id"],
            state=CampaignState(row["state"]),
            run_start=row["run_start"],
            run_end=row["run_end"],
            last_ls=row["last_ls"],
            last_new_at=row["last_new_at"],
            listed_at=shared.listed_at,
            seen=shared.seen,
            harvested=Lumis.parse(row["harvested"]),
            in_payload=Lumis.parse(row["in_payload"]),
            waiting=shared.waiting.get("", ()),
            probing=shared.probing,
            dags=self._dags.of_campaign(shared.dags, row["id"], key, shared=shares),
            dag_count=shared.dag_count,
            unharvested=self._dags.unharvested(row["id"]),
            events_harvested=row["events_harvested"],
            quarantined=about(key.calibration, shared.quarantined),
            set_back=about(key.calibration, shared.set_back),
            overtaken_by=self._payloads.overtaken_by(row["id"]),
            no_payload=self._payloads.no_payload(row["id"]),
            revised=_revised(row),
            reason=row["reason"],
            held_by=row["held_by"],
            cleaned=frozenset(self.cleaned(row["id"])),
            asked_at=row["asked_at"],
            archived=row["archived"] is not None,
            unsent=unsent,
            older_open=self._older_open(row) if unsent else (),
            uploads_held_by=self.uploads_held_by(row),
            restored=str(self._payloads.restored(row["id"]) or ""),
            by_lumi=bool(row["by_lumi"]),
            stream=row["stream"],
            not_made=self._not_made(row) if shares else EMPTY,
            again=shared.waiting.get(key.calibration, ()),
        )

    def _not_made(self, row: sqlite3.Row) -> Lumis:
        """The LS that a campaign has missed."""
        missed = self._missed.of(row["reconstruction_id"], row["calibration"])
        return Lumis.union(each.file.lumis for each in missed)

    def missed(self, campaign: Campaign) -> tuple[MissedFile, ...]:
        """The RAW files that were reconstructed without what a campaign needs."""
        if not campaign.shares:
            return ()
        return self._missed.of(campaign.reconstruction_id, campaign.key.calibration)

    def _older_open(self, row: sqlite3.Row) -> tuple[int, ...]:
        """The older runs of a calibration whose campaigns are open."""
        rows = self._db.rows(
            "SELECT run FROM campaign WHERE state IN ('active', 'closing')"
            " AND calibration = ? AND run < ? ORDER BY run",
            row["calibration"],
            row["run"],
        )
        return tuple(r["run"] for r in rows)

    def uploads_held_by(self, row: sqlite3.Row) -> str:
        """Who holds the uploads of a campaign, by itself or with all of its calibration."""
        rows = self._db.rows(
            "SELECT held_by FROM held_uploads WHERE calibration = ? AND run IN (?, ?)"
            " ORDER BY run DESC LIMIT 1",
            row["calibration"],
            row["run"],
            ALL_RUNS,
        )
        return str(rows[0]["held_by"]) if rows else ""

    def held_uploads(self) -> dict[tuple[str, int], UploadsHeld]:
        """Who holds uploads of which calibration and run; `ALL_RUNS` holds those of all runs."""
        rows = self._db.rows("SELECT * FROM held_uploads ORDER BY calibration, run")
        return {
            (r["calibration"], r["run"]): UploadsHeld(r["held_by"], r["why"], r["held_at"])
            for r in rows
        }

    def cleaned(self, campaign_id: int) -> dict[Artifact, bool]:
        """What retention has removed of a campaign, each with whether that is only begun."""
        rows = self._db.rows(
            "SELECT artifact, begun FROM campaign_cleaned WHERE campaign_id = ? ORDER BY artifact",
            campaign_id,
        )
        return {Artifact(r["artifact"]): bool(r["begun"]) for r in rows}

    def _set_back_files(self, reconstruction_id: int) -> ByCalibration:
        """The RAW files that jobs kept failing on, and that cannot be read yet, by who waits."""
        found: dict[str, tuple[str, ...]] = {}
        for row in self._db.rows(
            "SELECT DISTINCT path, again_for"
            " FROM reconstruction_file INDEXED BY reconstruction_file_waiting"
            " JOIN raw_file ON raw_file.id = file_id"
            " WHERE reconstruction_id = ? AND dag_id IS NULL AND state <> 'good' ORDER BY path",
            reconstruction_id,
        ):
            whose = row["again_for"]
            found[whose] = (*found.get(whose, ()), row["path"])
        return found

    def open_of(self, calibration: str) -> list[Campaign]:
        """The open campaigns of a calibration, older runs first."""
        rows = self._db.rows(
            f"{CAMPAIGNS} WHERE state IN ('active', 'closing') AND calibration = ?"
            " ORDER BY campaign.run",
            calibration,
        )
        return self._campaigns(rows)

    def held_calibrations(self) -> dict[str, tuple[str, float]]:
        """The calibrations whose campaigns are held from their latching on: by whom, since when."""
        rows = self._db.rows("SELECT * FROM held_calibration")
        return {r["calibration"]: (r["held_by"], r["held_at"]) for r in rows}

    def latest_runs(self, most: int = 5) -> list[int]:
        """The latest runs that have campaigns."""
        rows = self._db.rows("SELECT DISTINCT run FROM campaign ORDER BY run DESC LIMIT ?", most)
        return [r["run"] for r in rows]

    def run_start(self, run: int) -> float:
        """When a run began that has campaigns."""
        rows = self._db.rows("SELECT MIN(run_start) FROM campaign WHERE run = ?", run)
        return float(rows[0][0])

    def processed(self, campaign_id: int) -> ProcessedOutputs:
        """What the seed's log files list: files and outputs that were processed, by name."""
        files = self._db.rows(
            "SELECT DISTINCT path FROM reconstruction_file JOIN raw_file ON raw_file.id = file_id"
            f" WHERE reconstruction_id = {_OF} AND dag_id IS NOT NULL ORDER BY path",
            campaign_id,
        )
        nodes = self._db.rows(
            "SELECT kind, output, state, harvested FROM node LEFT JOIN alcareco"
            " ON alcareco.dag_id = node.dag_id AND node = name AND alcareco.campaign_id = ?1"
            f" WHERE reconstruction_id = {_OF} AND kind IN ('RECO', 'ALCA') AND node.dag_id IN"
            f" (SELECT id FROM dag WHERE reconstruction_id = {_OF}"
            " AND COALESCE(campaign_id, ?1) = ?1) ORDER BY output",
            campaign_id,
        )
        reco = [n for n in nodes if n["kind"] == NodeKind.RECO]
        return ProcessedOutputs(
            raw_files=tuple(f["path"] for f in files),
            expected=tuple(n["output"] for n in reco),
            reco=tuple(n["output"] for n in reco if n["state"] == NodeState.DONE),
            alcareco=tuple(n["output"] for n in nodes if n["harvested"]),
        )


def _shares(row: sqlite3.Row) -> bool:
    return bool(row["stream"] != row["calibration"])


def _revised(row: sqlite3.Row) -> str:
    """What OMS tells otherwise than when a campaign was closed, in words."""
    if (row["run_end"] is None) != (row["judged_end"] is None):
        return "the run goes on" if row["run_end"] is None else "the run has ended"
    return "" if row["last_ls"] == row["judged_ls"] else f"its last LS is {row['last_ls']}"
