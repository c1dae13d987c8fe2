"""Which campaigns have changed in the ledger, as SQLite itself tells: nothing has to remember to.

Knows which tables belong to a campaign. Triggers that only this connection has note what it writes;
what another one writes is told by SQLite's `data_version`, and then everything counts as changed.
"""

from __future__ import annotations

from condorloop.ledger.connection import Connection

_OF_RECONSTRUCTION = "SELECT id FROM campaign WHERE reconstruction_id = {row}.reconstruction_id"
_OF_DAG = (
    "SELECT campaign.id FROM dag JOIN campaign"
    " ON campaign.reconstruction_id = dag.reconstruction_id WHERE dag.id = {row}.dag_id"
)
_OF_PAYLOAD = "SELECT campaign_id FROM payload WHERE id = {row}.payload_id"
_WHOSE = {
    "campaign": "VALUES ({row}.id)",
    "reconstruction": "SELECT id FROM campaign WHERE reconstruction_id = {row}.id",
    "reconstruction_file": _OF_RECONSTRUCTION,
    "dag": _OF_RECONSTRUCTION,
    "made_for": _OF_DAG,
    "node": _OF_RECONSTRUCTION,
    "payload": "VALUES ({row}.campaign_id)",
    "alcareco": "VALUES ({row}.campaign_id)",
    "odd_change": "VALUES ({row}.campaign_id)",
    "campaign_cleaned": "VALUES ({row}.campaign_id)",
    "node_dropped": _OF_RECONSTRUCTION,
    "node_blame": _OF_DAG,
    "payload_input": _OF_PAYLOAD,
    "payload_left_out": _OF_PAYLOAD,
    "payload_overlap": _OF_PAYLOAD,
    "payload_piece": _OF_PAYLOAD,
    "payload_other_hash": _OF_PAYLOAD,
    "payload_destination": _OF_PAYLOAD,
    "raw_file": (
        "SELECT campaign.id FROM reconstruction JOIN campaign"
        " ON campaign.reconstruction_id = reconstruction.id"
        " WHERE raw_path = {row}.raw_path AND reconstruction.run = {row}.run"
    ),
}
"""Whose a row of a table is, as SQL."""

_WRITES = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


class Changes:
    """Which campaigns have changed, in a ledger that is open for writing; noted from now on."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._version: int | None = None
        db.rows("PRAGMA temp_store = MEMORY")
        db.rows("CREATE TEMP TABLE changed (campaign_id INTEGER PRIMARY KEY)")
        for table, whose in _WHOSE.items():
            for write, row in _WRITES.items():
                db.rows(
                    f"CREATE TEMP TRIGGER {table}_{write} AFTER {write} ON main.{table} BEGIN"
                    f" INSERT OR IGNORE INTO changed {whose.format(row=row)}; END"
                )

    def take(self) -> frozenset[int] | None:
        """The campaigns that have changed since this was asked last; None if any may have.

        Raises
        ------
        LedgerError
            The ledger cannot be read.
        """
        version = self._db.number("PRAGMA data_version")
        known, self._version = version == self._version, version
        changed = frozenset(row[0] for row in self._db.rows("SELECT campaign_id FROM changed"))
        self._db.rows("DELETE FROM changed")
        return changed if known else None
