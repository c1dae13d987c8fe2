"""Reading the ledger: what HARVEST and UPLOAD of a DAG made.

Knows a payload by its id, or by the DAG that made it and the campaign that it is of.
"""

from __future__ import annotations

import sqlite3

from condorloop.ledger.connection import Connection
from condorloop.model.campaign import CampaignKey, Statistics, Unsent
from condorloop.model.enums import HeldFor, NoPayloadCause, TagOutcome, UploadOutcome, Verdict
from condorloop.model.jobs import DestinationRecord, HarvestRecord, SentPayload
from condorloop.model.lumis import Lumis
from condorloop.model.no_payload import NoPayload
from condorloop.rundir.layout import harvest_name
from condorloop.rundir.records.decisions import Decision, Restored


class PayloadQueries:
    """What is asked of payloads."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def made_by(self, dag_id: int, campaign_id: int) -> HarvestRecord | None:
        """How far a campaign's HARVEST and UPLOAD of a DAG have come, as was last written down."""
        rows = self._db.rows(
            "SELECT * FROM payload WHERE dag_id = ? AND campaign_id = ?", dag_id, campaign_id
        )
        return self._record(rows[0]) if rows else None

    def _record(self, row: sqlite3.Row) -> HarvestRecord:
        mine = row["id"]
        return HarvestRecord(
            inputs=self.inputs(mine),
            lumis=Lumis.parse(row["lumis"]),
            events=row["events"],
            harvested_at=row["harvested_at"],
            outcome=UploadOutcome(row["outcome"]) if row["outcome"] else None,
            answer=row["answer"],
            tag=row["tag"],
            hash=row["hash"],
            since=row["since"],
            answered_at=row["answered_at"],
            left_out=self.left_out(mine),
            overlaps=self.overlaps(mine),
            other_hashes=self.other_hashes(mine),
            uploading=bool(row["uploading"]),
            overtaken_by=row["overtaken_by"],
            cause=NoPayloadCause(row["cause"]) if row["cause"] else None,
            held_for=HeldFor(row["held_for"]) if row["held_for"] else None,
            destinations=self.destinations(mine),
            unnamed=tuple(row["unnamed"].split()),
            origin=row["origin"],
            in_pieces=bool(row["in_pieces"]),
            pieces=self.pieces(mine),
        )

    def unsent(self, campaign_id: int) -> tuple[Unsent, ...]:
        """The payloads of a campaign that wait for their turn or for a person, by number.

        But for those that a later harvest's payload, which holds as much, has superseded: it was
        uploaded, or nothing of it was left to send.
        """
        rows = self._db.rows(
            "SELECT number, payload.outcome, payload.lumis, payload.events, answer, answered_at,"
            " held_for, in_pieces, (SELECT verdict FROM payload_decision AS said"
            " WHERE said.campaign_id = payload.campaign_id AND said.harvest = number"
            " ORDER BY decided_at DESC LIMIT 1) AS verdict"
            " FROM payload INDEXED BY payload_unsent JOIN dag ON dag.id = dag_id"
            " WHERE payload.campaign_id = ? AND outcome IN ('pending', 'held') ORDER BY number",
            campaign_id,
        )
        if not rows:
            return ()
        answered = self._db.rows(
            "SELECT number, payload.lumis, payload.events FROM payload JOIN dag ON dag.id = dag_id"
            " WHERE payload.campaign_id = ? AND outcome IN (?, ?)",
            campaign_id,
            UploadOutcome.UPLOADED,
            UploadOutcome.SUPERSEDED,
        )
        best = max(map(_rank, answered), default=(0, 0, -1))
        return tuple(
            Unsent(
                harvest=r["number"],
                outcome=UploadOutcome(r["outcome"]),
                holds=Statistics(Lumis.parse(r["lumis"]), r["events"]),
                answer=r["answer"],
                answered_at=r["answered_at"] or 0.0,
                held_for=HeldFor(r["held_for"]) if r["held_for"] else None,
                decided=Verdict(r["verdict"]) if r["verdict"] else None,
                in_pieces=bool(r["in_pieces"]),
            )
            for r in rows
            if _rank(r) > best
        )

    def harvested(self, campaign_id: int) -> dict[int, HarvestRecord]:
        """The payloads of a campaign that have been harvested, by the number of their DAG."""
        rows = self._db.rows(
            "SELECT number, payload.* FROM payload JOIN dag ON dag.id = dag_id"
            " WHERE payload.campaign_id = ? AND harvested_at IS NOT NULL ORDER BY number",
            campaign_id,
        )
        return {r["number"]: self._record(r) for r in rows}

    def restored(self, campaign_id: int) -> Restored | None:
        """Which payload of a campaign a person has put back; None if nobody has."""
        rows = self._db.rows("SELECT * FROM restored_payload WHERE campaign_id = ?", campaign_id)
        if not rows:
            return None
        [row] = rows
        return Restored(row["harvest"], row["who"], row["why"], row["restored_at"], row["origin"])

    def decisions(self, campaign_id: int) -> tuple[Decision, ...]:
        """What people said of payloads of a campaign, in that order."""
        rows = self._db.rows(
            "SELECT * FROM payload_decision WHERE campaign_id = ? ORDER BY decided_at", campaign_id
        )
        return tuple(
            Decision(
                payload=r["hash"],
                harvest=harvest_name(r["harvest"]),
                verdict=Verdict(r["verdict"]),
                who=r["who"],
                why=r["why"],
                time=r["decided_at"],
            )
            for r in rows
        )

    def inputs(self, payload_id: int) -> frozenset[int]:
        """The numbers of the ALCARECO that a harvest took."""
        rows = self._db.rows("SELECT job FROM payload_input WHERE payload_id = ?", payload_id)
        return frozenset(r["job"] for r in rows)

    def left_out(self, payload_id: int) -> frozenset[int]:
        """The numbers of the ALCARECO that a harvest found, and could not use."""
        rows = self._db.rows("SELECT job FROM payload_left_out WHERE payload_id = ?", payload_id)
        return frozenset(r["job"] for r in rows)

    def overlaps(self, payload_id: int) -> dict[int, str]:
        """The ALCARECO that a harvest left out for overlap, each with the reason."""
        rows = self._db.rows(
            "SELECT job, reason FROM payload_overlap WHERE payload_id = ? ORDER BY job", payload_id
        )
        return {r["job"]: r["reason"] for r in rows}

    def pieces(self, payload_id: int) -> tuple[tuple[Lumis, float], ...]:
        """The LS that came to the destinations of a DAG's payload in pieces, each with when."""
        rows = self._db.rows(
            "SELECT lumis, sent_at FROM payload_piece WHERE payload_id = ? ORDER BY sent_at",
            payload_id,
        )
        return tuple((Lumis.parse(r["lumis"]), r["sent_at"]) for r in rows)

    def other_hashes(self, payload_id: int) -> tuple[str, ...]:
        """The hashes of the IOVs of a payload but for the first, in their order."""
        rows = self._db.rows(
            "SELECT hash FROM payload_other_hash WHERE payload_id = ? ORDER BY number", payload_id
        )
        return tuple(r["hash"] for r in rows)

    def no_payload(self, campaign_id: int) -> NoPayload | None:
        """Why the last harvest of a campaign made no payload; None if it made one."""
        rows = self._db.rows(
            "SELECT outcome, cause, answer FROM payload WHERE campaign_id = ?"
            " AND harvested_at IS NOT NULL ORDER BY harvested_at DESC, dag_id DESC LIMIT 1",
            campaign_id,
        )
        return why_no_payload(rows[0]) if rows else None

    def destinations(self, payload_id: int) -> tuple[DestinationRecord, ...]:
        """What became of a payload in each destination, by database and tag."""
        rows = self._db.rows(
            "SELECT * FROM payload_destination WHERE payload_id = ? ORDER BY database, tag",
            payload_id,
        )
        return tuple(map(destination_record, rows))

    def unconfirmed(self, since: float) -> list[SentPayload]:
        """The last upload of each campaign to each tag, of those since a time, if it was not seen.

        What a tag contradicts is none of them.
        """
        rows = self._db.rows(
            "SELECT payload_id, calibration, run, number, database, of_tag.tag AS tag,"
            " MAX(of_tag.answered_at) AS answered_at, confirmed_at, contradiction"
            " FROM payload_destination AS of_tag INDEXED BY payload_destination_uploaded"
            " JOIN payload ON payload.id = payload_id JOIN dag ON dag.id = dag_id"
            " JOIN campaign ON campaign.id = payload.campaign_id"
            " WHERE of_tag.outcome = 'uploaded' AND of_tag.answered_at > ?"
            " GROUP BY campaign.id, database, of_tag.tag",
            since,
        )
        return [
            SentPayload(
                payload_id=row["payload_id"],
                key=CampaignKey(row["calibration"], row["run"]),
                harvest=row["number"],
                database=row["database"],
                tag=row["tag"],
                answered_at=row["answered_at"],
            )
            for row in rows
            if row["confirmed_at"] is None and not row["contradiction"]
        ]

    def overtaken_by(self, campaign_id: int) -> int | None:
        """By which younger run a campaign's last payload was superseded; None if by none."""
        rows = self._db.rows(
            "SELECT overtaken_by FROM payload WHERE campaign_id = ? AND answered_at IS NOT NULL"
            " ORDER BY answered_at DESC LIMIT 1",
            campaign_id,
        )
        return rows[0]["overtaken_by"] if rows else None


def why_no_payload(payload: sqlite3.Row) -> NoPayload | None:
    """Why a harvest made no payload; None if it made one.

    Versions that did not tell the cause told the outcome alone.
    """
    if payload["cause"]:
        return NoPayload(NoPayloadCause(payload["cause"]), payload["answer"])
    if payload["outcome"] == UploadOutcome.NO_PAYLOAD:
        return NoPayload(NoPayloadCause.NOT_SAID, payload["answer"])
    return None


def destination_record(row: sqlite3.Row) -> DestinationRecord:
    """What a row of `payload_destination` tells."""
    return DestinationRecord(
        database=row["database"],
        tag=row["tag"],
        outcome=TagOutcome(row["outcome"]),
        answer=row["answer"],
        since=row["since"],
        answered_at=row["answered_at"],
        confirmed_at=row["confirmed_at"],
        contradiction=row["contradiction"],
    )


def _rank(row: sqlite3.Row) -> tuple[int, int, int]:
    """How good a payload is: by LS, then events, then the number of its DAG."""
    return len(Lumis.parse(row["lumis"])), row["events"], row["number"]
