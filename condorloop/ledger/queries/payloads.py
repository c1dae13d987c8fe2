"""Reading the ledger: what HARVEST and UPLOAD of a DAG made.

Knows a DAG by its id alone.
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

    def of_dag(self, dag_id: int) -> HarvestRecord | None:
        """How far HARVEST and UPLOAD of a DAG have come, as it was last written down."""
        rows = self._db.rows("SELECT * FROM payload WHERE dag_id = ?", dag_id)
        if not rows:
            return None
        [row] = rows
        return HarvestRecord(
            inputs=self.inputs(dag_id),
            lumis=Lumis.parse(row["lumis"]),
            events=row["events"],
            harvested_at=row["harvested_at"],
            outcome=UploadOutcome(row["outcome"]) if row["outcome"] else None,
            answer=row["answer"],
            tag=row["tag"],
            hash=row["hash"],
            since=row["since"],
            answered_at=row["answered_at"],
            left_out=self.left_out(dag_id),
            overlaps=self.overlaps(dag_id),
            other_hashes=self.other_hashes(dag_id),
            uploading=bool(row["uploading"]),
            overtaken_by=row["overtaken_by"],
            cause=NoPayloadCause(row["cause"]) if row["cause"] else None,
            held_for=HeldFor(row["held_for"]) if row["held_for"] else None,
            destinations=self.destinations(dag_id),
            unnamed=tuple(row["unnamed"].split()),
            origin=row["origin"],
            in_pieces=bool(row["in_pieces"]),
            pieces=self.pieces(dag_id),
        )

    def unsent(self, campaign_id: int) -> tuple[Unsent, ...]:
        """The payloads of a campaign that wait for their turn or for a person, by number.

        But for those that a later harvest's payload, which holds as much and was uploaded, has
        superseded.
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
        uploaded = self._db.rows(
            "SELECT number, payload.lumis, payload.events FROM payload JOIN dag ON dag.id = dag_id"
            " WHERE payload.campaign_id = ? AND outcome = ?",
            campaign_id,
            UploadOutcome.UPLOADED,
        )
        best = max(map(_rank, uploaded), default=(0, 0, -1))
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
            "SELECT number, dag_id FROM payload JOIN dag ON dag.id = dag_id"
            " WHERE payload.campaign_id = ? AND harvested_at IS NOT NULL ORDER BY number",
            campaign_id,
        )
        found = {r["number"]: self.of_dag(r["dag_id"]) for r in rows}
        return {number: record for number, record in found.items() if record}

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

    def inputs(self, dag_id: int) -> frozenset[int]:
        """The numbers of the ALCARECO that the harvest of a DAG took."""
        rows = self._db.rows("SELECT job FROM payload_input WHERE dag_id = ?", dag_id)
        return frozenset(r["job"] for r in rows)

    def left_out(self, dag_id: int) -> frozenset[int]:
        """The numbers of the ALCARECO that the harvest of a DAG found, and could not use."""
        rows = self._db.rows("SELECT job FROM payload_left_out WHERE dag_id = ?", dag_id)
        return frozenset(r["job"] for r in rows)

    def overlaps(self, dag_id: int) -> dict[int, str]:
        """The ALCARECO that the harvest of a DAG left out for overlap, each with the reason."""
        rows = self._db.rows(
            "SELECT job, reason FROM payload_overlap WHERE dag_id = ? ORDER BY job", dag_id
        )
        return {r["job"]: r["reason"] for r in rows}

    def pieces(self, dag_id: int) -> tuple[tuple[Lumis, float], ...]:
        """The LS that came to the destinations of a DAG's payload in pieces, each with when."""
        rows = self._db.rows(
            "SELECT lumis, sent_at FROM payload_piece WHERE dag_id = ? ORDER BY sent_at", dag_id
        )
        return tuple((Lumis.parse(r["lumis"]), r["sent_at"]) for r in rows)

    def other_hashes(self, dag_id: int) -> tuple[str, ...]:
        """The hashes of the IOVs of a DAG's payload but for the first, in their order."""
        rows = self._db.rows(
            "SELECT hash FROM payload_other_hash WHERE dag_id = ? ORDER BY number", dag_id
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

    def destinations(self, dag_id: int) -> tuple[DestinationRecord, ...]:
        """What became of a DAG's payload in each destination, by database and tag."""
        rows = self._db.rows(
            "SELECT * FROM payload_destination WHERE dag_id = ? ORDER BY database, tag", dag_id
        )
        return tuple(map(destination_record, rows))

    def unconfirmed(self, since: float) -> list[SentPayload]:
        """The last upload of each campaign to each tag, of those since a time, if it was not seen.

        What a tag contradicts is none of them.
        """
        rows = self._db.rows(
            "SELECT of_tag.dag_id, calibration, run, number, database, of_tag.tag AS tag,"
            " MAX(of_tag.answered_at) AS answered_at, confirmed_at, contradiction"
            " FROM payload_destination AS of_tag INDEXED BY payload_destination_uploaded"
            " JOIN dag ON dag.id = of_tag.dag_id JOIN campaign ON campaign.id = dag.campaign_id"
            " WHERE of_tag.outcome = 'uploaded' AND of_tag.answered_at > ?"
            " GROUP BY campaign.id, database, of_tag.tag",
            since,
        )
        return [
            SentPayload(
                dag_id=row["dag_id"],
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
