"""Reading the ledger: what a campaign of a shared stream has missed.

Knows which batches were made without what a calibration needs, and what of these is read again for
it alone.
"""

from __future__ import annotations

from condorloop.ledger.connection import Connection
from condorloop.ledger.queries.raw_files import raw_file
from condorloop.model.campaign import MissedFile, dag_label
from condorloop.model.enums import FileState
from condorloop.model.lumis import EMPTY, Lumis

_WITHOUT_IT = """
    dag.reconstruction_id = ?1 AND batch IS NOT NULL AND dag.campaign_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM made_for
    WHERE made_for.dag_id = dag.id AND made_for.calibration = ?2 AND taken_out = 0)
"""
"""Which batches were made without what a calibration needs."""

_BATCHES = f"SELECT 1 FROM dag WHERE {_WITHOUT_IT} LIMIT 1"

_MISSED = f"""
SELECT held.file_id, held.part, raw_file.*, number, batch, sends, reco.name AS reco
    FROM reconstruction_file AS held
    JOIN raw_file ON raw_file.id = held.file_id
    JOIN dag ON dag.id = held.dag_id
    JOIN node AS reco ON reco.dag_id = held.dag_id AND reco.name = held.node
    WHERE held.again_for = '' AND {_WITHOUT_IT}
    AND NOT EXISTS (SELECT 1 FROM alcareco JOIN campaign ON campaign.id = alcareco.campaign_id
    WHERE alcareco.dag_id = held.dag_id AND alcareco.node = reco.child AND calibration = ?2)
    AND NOT EXISTS (SELECT 1 FROM node_dropped AS given_up WHERE given_up.dag_id = held.dag_id
    AND given_up.node = held.node AND given_up.input = path)
    ORDER BY path, held.part
"""
"""The RAW files of such batches, but for those whose ALCARECO it has all the same."""


class MissedQueries:
    """What is asked of RAW files that were reconstructed without what a calibration needs."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def of(self, reconstruction_id: int, calibration: str) -> tuple[MissedFile, ...]:
        """What a calibration has missed, and no batch for it alone has read."""
        if not self._db.rows(_BATCHES, reconstruction_id, calibration):
            return ()
        rows = self._db.rows(_MISSED, reconstruction_id, calibration)
        read, waiting = self._again(reconstruction_id, calibration)
        found = []
        for row in rows:
            file = raw_file(row)
            left = file.lumis - read.get(row["file_id"], EMPTY)
            if left or (not file.lumis and row["file_id"] not in read):
                waits = row["file_id"] in waiting
                gone = bool(row["gone"]) or row["state"] != FileState.GOOD
                label = dag_label(row["number"], row["batch"], row["sends"])
                mine = file.part(left) if left else file
                found.append(MissedFile(mine, f"{label}/{row['reco']}", gone, waits))
        return tuple(found)

    def _again(
        self, reconstruction_id: int, calibration: str
    ) -> tuple[dict[int, Lumis], frozenset[int]]:
        """What batches for a calibration alone read of files, and the files that wait for one."""
        read: dict[int, Lumis] = {}
        waiting = set()
        for row in self._db.rows(
            "SELECT file_id, dag_id, CASE part WHEN '' THEN lumis ELSE part END AS lumis"
            " FROM reconstruction_file JOIN raw_file ON raw_file.id = file_id"
            " WHERE reconstruction_id = ? AND again_for = ?",
            reconstruction_id,
            calibration,
        ):
            file = row["file_id"]
            if row["dag_id"] is None:
                waiting.add(file)
            else:
                read[file] = read.get(file, EMPTY) | Lumis.parse(row["lumis"])
        return read, frozenset(waiting)
