"""What the ledger is told of inputs that nodes go on without, and of those that get another try.

Knows which RAW files were set back, to be probed again, and which were given up; it decides
nothing of when. A RAW file is set back a few times before it is given up: while a disk server is
down, good files fail, too.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from condorloop.ledger_view import LedgerView
from condorloop.model import FileState, NodeKind

SET_BACK = 2
"""How often a campaign sets a RAW file back; if it keeps failing after that, it is given up."""


class LedgerRetries(LedgerView):
    """A ledger that knows what is tried again."""

    def _drop(self, dag_id: int, name: str, inputs: Iterable[str]) -> None:
        """Take inputs from a node; a node without any is dropped, and so is what it would make."""
        for node in self._all("SELECT * FROM node WHERE dag_id = ? AND name = ?", dag_id, name):
            taken = set(inputs)
            dropped = set(json.loads(node["dropped"])) | taken
            left = self._inputs_of(node) - dropped
            self._db.execute(
                "UPDATE node SET dropped = ?, state = ? WHERE dag_id = ? AND name = ?",
                (
                    *(json.dumps(sorted(dropped)), node["state"] if left else "dropped"),
                    *(dag_id, name),
                ),
            )
            if node["kind"] == NodeKind.RECO:
                self._set_back(node, taken)
            if not left and node["child"]:
                self._drop(dag_id, node["child"], [node["output"]])

    def _set_back(self, node: sqlite3.Row, paths: set[str]) -> None:
        """Let RAW files that a RECO node goes on without be probed again, but not for ever."""
        for path in sorted(paths):
            cursor = self._db.execute(
                "UPDATE campaign_file SET dag_id = NULL, node = NULL, blamed = blamed + 1"
                " WHERE campaign_id = ? AND dag_id = ? AND node = ? AND blamed < ?"
                " AND file_id = (SELECT id FROM raw_file WHERE path = ?)",
                (node["campaign_id"], node["dag_id"], node["name"], SET_BACK, path),
            )
            if cursor.rowcount:
                self._db.execute(
                    "UPDATE raw_file SET state = ?, probes = 0, error = ? WHERE path = ?",
                    (
                        FileState.UNREADABLE,
                        "jobs kept failing on it; it is read again when it can be",
                        path,
                    ),
                )

    def retry_files(self, campaign_id: int) -> int:
        """Give the files of a campaign that were given up another try; return how many.

        Bad and unreadable ones are probed again. Quarantined ones wait for a DAG of their own, and
        so do those of a RECO output that its ALCA node went on without.
        """
        with self._transaction():
            probed = self._db.execute(
                "UPDATE raw_file SET state = 'new', probes = 0 WHERE state IN ('bad', 'unreadable')"
                " AND (stream, run) = (SELECT stream, run FROM campaign WHERE id = ?)",
                (campaign_id,),
            ).rowcount
            self._db.execute(
                "UPDATE campaign_file SET blamed = 0 WHERE campaign_id = ?", (campaign_id,)
            )
            released = 0
            for node in self._all(
                "SELECT * FROM node WHERE campaign_id = ? AND dropped <> '[]'", campaign_id
            ):
                dropped = set(json.loads(node["dropped"]))
                if node["kind"] == NodeKind.RECO:
                    released += self._release(node, dropped & self._inputs_of(node))
                else:
                    released += self._redo(node["dag_id"], node["name"], dropped)
            return probed + released

    def redo_alcareco(self, campaign_id: int, job: int) -> int:
        """Let what an ALCARECO was made from be processed again; return how many RAW files."""
        with self._transaction():
            released = 0
            for node in self._all(
                "SELECT * FROM node WHERE campaign_id = ? AND job = ? AND state = 'done'",
                *(campaign_id, job),
            ):
                self._db.execute(
                    "UPDATE node SET state = 'dropped' WHERE dag_id = ? AND name = ?",
                    (node["dag_id"], node["name"]),
                )
                released += self._redo(node["dag_id"], node["name"])
            return released

    def _redo(self, dag_id: int, alca: str, outputs: set[str] | None = None) -> int:
        """Let the RAW files of an ALCA node's RECO nodes wait again: of all, or of some outputs."""
        released = 0
        for reco in self._all(
            "SELECT * FROM node WHERE dag_id = ? AND child = ? AND state = 'done'", dag_id, alca
        ):
            if outputs is None or reco["output"] in outputs:
                self._db.execute(
                    "UPDATE node SET state = 'dropped' WHERE dag_id = ? AND name = ?",
                    (dag_id, reco["name"]),
                )
                released += self._release(reco, self._inputs_of(reco))
        return released

    def _release(self, node: sqlite3.Row, paths: set[str]) -> int:
        """Let RAW files wait for another DAG; their own goes on without them."""
        self._db.executemany(
            "UPDATE campaign_file SET dag_id = NULL, node = NULL WHERE dag_id = ? AND node = ?"
            " AND file_id = (SELECT id FROM raw_file WHERE path = ?)",
            [(node["dag_id"], node["name"], path) for path in paths],
        )
        return len(paths)

    def left_out(self, campaign_id: int) -> list[tuple[int, int]]:
        """The ALCARECO that harvests left out and none has read since: DAG and job numbers."""
        rows = self._all(
            "SELECT DISTINCT number, job FROM payload, json_each(left_out) AS unused"
            " JOIN node ON node.campaign_id = payload.campaign_id AND job = unused.value"
            " JOIN dag ON dag.id = node.dag_id"
            " WHERE payload.campaign_id = ? AND node.state = 'done' AND NOT EXISTS"
            " (SELECT 1 FROM payload AS later, json_each(later.inputs) AS used"
            " WHERE later.campaign_id = payload.campaign_id AND used.value = job"
            " AND later.harvested_at > payload.harvested_at)",
            campaign_id,
        )
        return [(r["number"], r["job"]) for r in rows]
