"""What a person's `resubmit` runs again.

Knows which DAGs have something left to do, and how a node is named. It is pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from condorloop.model import Campaign, Dag, DagState, Request


@dataclass(frozen=True, slots=True)
class Resubmission:
    """Of one campaign: the DAGs that run again, and whether `files` given up get another try."""

    campaign: Campaign
    dags: tuple[Dag, ...]
    files: bool


def resubmission(request: Request, campaigns: Sequence[Campaign]) -> list[Resubmission]:
    """Choose what runs again: what failed, or was removed by a person; nothing that is under way.

    With a node's name only the DAGs in which it failed, with `everything` also files that are bad,
    unreadable or quarantined.
    """
    return [
        Resubmission(
            campaign,
            tuple(d for d in campaign.dags if _ended_badly(d) and _is_meant(d, request.node)),
            request.everything,
        )
        for campaign in campaigns
    ]


def _ended_badly(dag: Dag) -> bool:
    return dag.state in (DagState.FAILED, DagState.REMOVED)


def _is_meant(dag: Dag, node: str | None) -> bool:
    """Whether a node of that name failed; `b003`, `RECO_0001` and `b003/RECO_0001` name one."""
    if node is None or node == dag.label:
        return True
    label, _, name = node.rpartition("/")
    return label in ("", dag.label) and name in dag.failed_nodes
