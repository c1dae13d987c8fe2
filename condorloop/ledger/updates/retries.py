"""What the ledger is told of inputs that nodes go on without, and of those that get another try.

Knows which RAW files were set back, to be probed again, and which were given up; it decides
nothing of when. A RAW file is set back a few times before it is given up: while a disk server is
down, good files fail, too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from condorloop.ledger.connection import Connection
from condorloop.ledger.queries.dags import DagQueries
from condorloop.ledger.updates.state_changes import StateChanges
from condorloop.model.enums import FileState, NodeKind, NodeState

SET_BACK = 2
"""How often a reconstruction sets a RAW file back; one that fails after that is given up."""

_DROPPED = (
    "SELECT * FROM node WHERE (dag_id, name) IN"
    " (SELECT dag_id, node FROM node_dropped WHERE reconstruction_id = ?)"
)
"""The nodes of a reconstruction that go on without something."""


@dataclass(frozen=True, slots=True)
class UnusedReco:
    """A RECO output, and the RAW files that it was made from."""

    output: str
    paths: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unused:
    """What was made in vain for an ALCA node of a DAG, and can be made again.

    `recos` are RECO nodes by name; `job` is the number of the ALCARECO that a harvest left out,
    None where only RECO outputs were.
    """

    dag_id: int
    number: int
    alca: str
    job: int | None
    recos: Mapping[str, UnusedReco]

    @property
    def dropped(self) -> dict[str, frozenset[str]]:
        """What its nodes go on without: all that is made again."""
        outputs = frozenset(reco.output for reco in self.recos.values())
        return {**{name: reco.paths for name, reco in self.recos.items()}, self.alca: outputs}


class Retries:
    """What is tried again, in a ledger that is open for writing."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._dags = DagQueries(db)
        self._state_changes = StateChanges(db)

    def take_out(self, dag_id: int, name: str, inputs: Iterable[str]) -> None:
        """Take inputs from a node; a node without any is dropped, and so is what it would make."""
        with self._db.transaction():
            for node in self._db.rows(
                "SELECT * FROM node WHERE dag_id = ? AND name = ?", dag_id, name
            ):
                taken = set(inputs)
                self._drop(dag_id, name, taken)
                left = self._dags.inputs_of(node) - self._dags.dropped_by(node)
                if not left:
                    self._set_dropped(dag_id, [name])
                if node["kind"] == NodeKind.RECO:
                    self._set_back(node, taken)
                if not left and node["child"]:
                    self.take_out(dag_id, node["child"], [node["output"]])

    def _drop(self, dag_id: int, name: str, inputs: Iterable[str]) -> None:
        """Let a node go on without inputs."""
        self._db.executemany(
            "INSERT OR IGNORE INTO node_dropped (dag_id, node, input, reconstruction_id)"
            " SELECT id, ?, ?, reconstruction_id FROM dag WHERE id = ?",
            [(name, each, dag_id) for each in sorted(inputs)],
        )

    def _set_dropped(self, dag_id: int, names: Sequence[str]) -> None:
        self._state_changes.nodes(dag_id, names, NodeState.DROPPED)
        self._db.executemany(
            "UPDATE node SET state = ? WHERE dag_id = ? AND name = ?",
            [(NodeState.DROPPED, dag_id, name) for name in names],
        )

    def _set_back(self, node: sqlite3.Row, paths: set[str]) -> None:
        """Let RAW files that a RECO node goes on without be probed again, but not for ever."""
        for path in sorted(paths):
            cursor = self._db.execute(
                "UPDATE reconstruction_file SET dag_id = NULL, node = NULL, blamed = blamed + 1"
                " WHERE reconstruction_id = ? AND dag_id = ? AND node = ? AND blamed < ?"
                " AND file_id = (SELECT id FROM raw_file WHERE path = ?)",
                (node["reconstruction_id"], node["dag_id"], node["name"], SET_BACK, path),
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

    def retry_files(self, reconstruction_id: int) -> int:
        """Give the RAW files of a reconstruction that were given up another try; return how many.

        Bad and unreadable ones are probed again, quarantined ones wait for a DAG of their own.
        """
        with self._db.transaction():
            probed = self._db.execute(
                "UPDATE raw_file SET state = 'new', probes = 0 WHERE state IN ('bad', 'unreadable')"
                " AND (raw_path, run) = (SELECT raw_path, run FROM reconstruction WHERE id = ?)",
                (reconstruction_id,),
            ).rowcount
            self._db.execute(
                "UPDATE reconstruction_file SET blamed = 0 WHERE reconstruction_id = ?",
                (reconstruction_id,),
            )
            released = 0
            for node in self._db.rows(f"{_DROPPED} AND kind = 'RECO'", reconstruction_id):
                given_up = self._dags.dropped_by(node) & self._dags.inputs_of(node)
                self._release(node["dag_id"], node["name"], given_up)
                released += len(given_up)
            return probed + released

    def unused(self, reconstruction_id: int) -> list[Unused]:
        """What was made in vain: ALCARECO that harvests left out, RECO that ALCA nodes gave up.

        Of DAGs that are not in flight.
        """
        left_out = self._db.rows(
            "SELECT DISTINCT node.* FROM payload"
            " JOIN payload_left_out AS unused ON unused.payload_id = payload.id"
            " JOIN campaign ON campaign.id = payload.campaign_id"
            " JOIN node ON node.reconstruction_id = campaign.reconstruction_id"
            " AND node.job = unused.job"
            " JOIN dag ON dag.id = node.dag_id AND dag.state NOT IN ('planned', 'active')"
            " WHERE campaign.reconstruction_id = ? AND node.state = 'done' AND NOT EXISTS"
            " (SELECT 1 FROM payload AS later JOIN payload_input AS used"
            " ON used.payload_id = later.id AND used.job = node.job"
            " WHERE later.campaign_id = payload.campaign_id"
            " AND later.harvested_at > payload.harvested_at)",
            reconstruction_id,
        )
        blamed = self._db.rows(
            f"{_DROPPED} AND kind = 'ALCA' AND (SELECT dag.state FROM dag WHERE dag.id = dag_id)"
            " NOT IN ('planned', 'active')",
            reconstruction_id,
        )
        found = [self._unused(node, left_out=True) for node in left_out]
        done = {(each.dag_id, each.alca) for each in found}
        found += [
            self._unused(node, left_out=False)
            for node in blamed
            if (node["dag_id"], node["name"]) not in done
        ]
        return [each for each in found if each.recos or each.job is not None]

    def _unused(self, alca: sqlite3.Row, *, left_out: bool) -> Unused:
        dropped = self._dags.dropped_by(alca)
        [dag] = self._db.rows("SELECT number FROM dag WHERE id = ?", alca["dag_id"])
        recos = {
            reco["name"]: UnusedReco(reco["output"], frozenset(self._dags.inputs_of(reco)))
            for reco in self._db.rows(
                "SELECT * FROM node WHERE dag_id = ? AND child = ? AND state = 'done'",
                alca["dag_id"],
                alca["name"],
            )
            if left_out or reco["output"] in dropped
        }
        job = alca["job"] if left_out else None
        return Unused(alca["dag_id"], dag["number"], alca["name"], job, recos)

    def redo(self, unused: Unused) -> int:
        """Let what was made in vain be made again by another DAG; return how many RAW files."""
        with self._db.transaction():
            for name, inputs in unused.dropped.items():
                self._drop(unused.dag_id, name, inputs)
            alca = () if unused.job is None else (unused.alca,)
            self._set_dropped(unused.dag_id, (*unused.recos, *alca))
            for name, reco in unused.recos.items():
                self._release(unused.dag_id, name, reco.paths)
            return sum(len(reco.paths) for reco in unused.recos.values())

    def _release(self, dag_id: int, node: str, paths: Iterable[str]) -> None:
        """Let RAW files wait for another DAG; their own goes on without them."""
        self._db.executemany(
            "UPDATE reconstruction_file SET dag_id = NULL, node = NULL"
            " WHERE dag_id = ? AND node = ? AND file_id = (SELECT id FROM raw_file WHERE path = ?)",
            [(dag_id, node, path) for path in paths],
        )
