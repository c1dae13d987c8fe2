"""What the ledger is told of harvests and payloads.

Knows the table `payload` with its lists, and which ALCARECO a harvest has read; it decides nothing.
Every method is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple

from condorloop.ledger.connection import Connection
from condorloop.ledger.queries.payloads import PayloadQueries
from condorloop.ledger.updates.campaigns import Campaigns
from condorloop.model.enums import UploadOutcome
from condorloop.model.jobs import HarvestRecord, SentPayload
from condorloop.model.lumis import Lumis
from condorloop.rundir.layout import harvest_job
from condorloop.rundir.records.decisions import Decision, Restored

_HARVESTED = "UPDATE alcareco SET harvested"
_OF_JOB = (
    "WHERE campaign_id = ? AND (dag_id, node) IN (SELECT dag_id, name FROM node"
    " WHERE reconstruction_id = (SELECT reconstruction_id FROM campaign WHERE id = ?) AND job = ?)"
)
"""The ALCARECO of a number that a campaign is made from."""


class Payloads(PayloadQueries):
    """The payloads of a ledger that is open for writing."""

    def __init__(self, db: Connection, campaigns: Campaigns) -> None:
        super().__init__(db)
        self._campaigns = campaigns

    def record(self, dag_id: int, campaign_id: int, record: HarvestRecord) -> None:
        """Write down how far HARVEST and UPLOAD of a DAG have come."""
        with self._db.transaction():
            cursor = self._db.execute(
                "INSERT OR REPLACE INTO payload (dag_id, campaign_id, lumis, events,"
                " harvested_at, outcome, answer, tag, hash, since, answered_at, uploading,"
                " overtaken_by, cause, held_for, unnamed, origin, in_pieces)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    dag_id,
                    campaign_id,
                    str(record.lumis),
                    record.events,
                    record.harvested_at,
                    record.outcome,
                    record.answer,
                    record.tag,
                    record.hash,
                    record.since,
                    record.answered_at,
                    record.uploading,
                    record.overtaken_by,
                    record.cause,
                    record.held_for,
                    " ".join(record.unnamed),
                    record.origin,
                    record.in_pieces,
                ),
            )
            self._write_lists(cursor.lastrowid or 0, record)
            if record.harvested_at is None:
                return
            self._db.executemany(
                f"{_HARVESTED} = 1 {_OF_JOB}",
                [
                    (campaign_id, campaign_id, job)
                    for job in record.inputs | record.left_out | record.overlaps.keys()
                ],
            )
            self._campaigns.note_harvest(campaign_id, record.lumis, record.events)
            whole = record.outcome is UploadOutcome.UPLOADED
            if record.pieces:
                lumis = Lumis.union(lumis for lumis, _ in record.pieces)
                self._campaigns.note_pieces(campaign_id, lumis, record.events if whole else 0)
            elif whole:
                self._campaigns.note_payload(campaign_id, record.lumis, record.events)
            if record.restored:
                self._campaigns.put_back(campaign_id, record.lumis, record.events)

    def _write_lists(self, payload_id: int, record: HarvestRecord) -> None:
        """Write the lists of a payload; those of before went with its row."""
        lists: dict[str, Iterable[tuple[object, ...]]] = {
            "payload_input (payload_id, job)": ((job,) for job in sorted(record.inputs)),
            "payload_left_out (payload_id, job)": ((job,) for job in sorted(record.left_out)),
            "payload_overlap (payload_id, job, reason)": sorted(record.overlaps.items()),
            "payload_piece (payload_id, lumis, sent_at)": (
                (str(lumis), sent_at) for lumis, sent_at in record.pieces
            ),
            "payload_other_hash (payload_id, number, hash)": enumerate(record.other_hashes),
            "payload_destination (payload_id, database, tag, outcome, answer, since, answered_at,"
            " confirmed_at, contradiction)": map(astuple, record.destinations),
        }
        for columns, parts in lists.items():
            rows = [(payload_id, *part) for part in parts]
            values = ", ".join("?" * (columns.count(",") + 1))
            self._db.executemany(f"INSERT INTO {columns} VALUES ({values})", rows)

    def restore(self, campaign_id: int, restored: Restored) -> None:
        """Write down which payload a person puts back."""
        with self._db.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO restored_payload"
                " (campaign_id, harvest, who, why, restored_at, origin)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    campaign_id,
                    restored.harvest,
                    restored.who,
                    restored.why,
                    restored.time,
                    restored.origin,
                ),
            )

    def release_restored(self, campaign_id: int) -> None:
        """Write down that the loop may replace the payload that a person has put back."""
        with self._db.transaction():
            self._db.execute("DELETE FROM restored_payload WHERE campaign_id = ?", (campaign_id,))

    def decide(self, campaign_id: int, decision: Decision) -> None:
        """Write down what a person said of a payload; the last word counts."""
        with self._db.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO payload_decision (campaign_id, hash, harvest, verdict, who,"
                " why, decided_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    campaign_id,
                    decision.payload,
                    harvest_job(decision.harvest),
                    decision.verdict,
                    decision.who,
                    decision.why,
                    decision.time,
                ),
            )

    def confirm(self, sent: SentPayload, now: float, since: int | None) -> None:
        """Write down that a payload was seen in a destination, from which since."""
        with self._db.transaction():
            self._db.execute(
                "UPDATE payload_destination SET confirmed_at = ?, since = ?"
                " WHERE payload_id = ? AND database = ? AND tag = ?",
                (now, since, sent.payload_id, sent.database, sent.tag),
            )

    def contradict(self, sent: SentPayload, words: str) -> None:
        """Write down that a destination does not have a payload that it took, in words."""
        with self._db.transaction():
            self._db.execute(
                "UPDATE payload_destination SET contradiction = ?"
                " WHERE payload_id = ? AND database = ? AND tag = ?",
                (words, sent.payload_id, sent.database, sent.tag),
            )

    def harvest_again(self, campaign_id: int, alcareco: Iterable[int]) -> None:
        """Let ALCARECO of these numbers be harvested again, as if no harvest had read them."""
        with self._db.transaction():
            self._db.executemany(
                f"{_HARVESTED} = 0 {_OF_JOB}",
                [(campaign_id, campaign_id, job) for job in alcareco],
            )

    def give_up(self, dag_id: int) -> None:
        """Let the ALCARECO of harvests of a DAG that never came to an answer be harvested again."""
        with self._db.transaction():
            for payload in self._db.rows(
                "SELECT * FROM payload WHERE dag_id = ? AND (outcome IS NULL OR outcome IN (?, ?))",
                dag_id,
                UploadOutcome.NO_ANSWER,
                UploadOutcome.FAILED,
            ):
                self.harvest_again(payload["campaign_id"], self.inputs(payload["id"]))
