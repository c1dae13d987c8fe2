"""Changes of state as they are written down: each is held against the lives of the model.

What has happened is written down whatever the model says of it: to refuse it would let the ledger
tell something else than disk and queue, and stop the campaign. A change that no life has is a
mistake of the program. It is kept, and named as a problem of its campaign.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from condorloop.ledger.connection import Connection
from condorloop.model.campaign import dag_label
from condorloop.model.enums import CampaignState, DagState, NodeState
from condorloop.model.transitions import CAMPAIGN, DAG, NODE, Life, State

log = logging.getLogger(__name__)


class OddChange(BaseException):
    """A change of state that no life has, where all are to be known; nobody catches it."""


class StateChanges:
    """The check of each change of state, in a ledger that is open for writing."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def campaign(self, campaign_id: int, after: CampaignState) -> None:
        """Check what comes next in the life of a campaign."""
        for row in self._db.rows("SELECT state FROM campaign WHERE id = ?", campaign_id):
            self._check(CAMPAIGN, row["state"], after, [campaign_id], "it")

    def dag(self, dag_id: int, after: DagState | None) -> None:
        """Check what comes next in the life of a DAG; None if it is forgotten."""
        for row in self._db.rows(
            "SELECT id, number, batch, sends, state FROM dag WHERE id = ?", dag_id
        ):
            name = dag_label(row["number"], row["batch"], row["sends"])
            self._check(DAG, row["state"], after, self._campaigns_of(row["id"]), name)

    def nodes(self, dag_id: int, names: Iterable[str], after: NodeState) -> None:
        """Check what comes next in the lives of nodes of a DAG."""
        for name in names:
            for row in self._db.rows(
                "SELECT dag_id, number, batch, sends, node.state FROM node"
                " JOIN dag ON dag.id = dag_id WHERE dag_id = ? AND name = ?",
                dag_id,
                name,
            ):
                of = f"{dag_label(row['number'], row['batch'], row['sends'])} {name}"
                self._check(NODE, row["state"], after, self._campaigns_of(row["dag_id"]), of)

    def _campaigns_of(self, dag_id: int) -> list[int]:
        """The campaigns that a DAG works for."""
        rows = self._db.rows(
            "SELECT campaign.id FROM dag"
            " JOIN campaign ON campaign.reconstruction_id = dag.reconstruction_id"
            " AND campaign.id = COALESCE(dag.campaign_id, campaign.id) WHERE dag.id = ?",
            dag_id,
        )
        return [row["id"] for row in rows]

    def _check(
        self,
        life: Life[State],
        before: str,
        after: State | None,
        campaigns: Collection[int],
        name: str,
    ) -> None:
        if life.allows(life.states(before), after):
            return
        words = f"{name} went from {before} to {after or 'nothing'}"
        if self._db.strict:
            raise OddChange(f"a {life.what} of campaign {min(campaigns, default=0)}: {words}")
        for campaign_id in campaigns:
            log.error("campaign %d: %s, which no rule allows", campaign_id, words)
            self._db.execute(
                "INSERT OR IGNORE INTO odd_change (campaign_id, change) VALUES (?, ?)",
                (campaign_id, words),
            )
