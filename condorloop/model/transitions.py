"""The lives of campaigns, DAGs and nodes: which state comes after which, and when.

Knows the arrows alone; the ledger checks each change of state against them. The docs draw them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from condorloop.model.enums import CampaignState, DagState, NodeState

State = TypeVar("State", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Arrow(Generic[State]):
    """A change of state; `before` is None where a life begins, `after` where all of it is undone.

    `when` says in words what it comes from.
    """

    before: State | None
    after: State | None
    when: str


@dataclass(frozen=True, slots=True)
class Life(Generic[State]):
    """All changes of state that there are of one kind of thing."""

    what: str
    states: type[State]
    arrows: tuple[Arrow[State], ...]

    def allows(self, before: State | None, after: State | None) -> bool:
        """Whether a state may come after another one; it may stay what it is."""
        return before is after or any((a.before, a.after) == (before, after) for a in self.arrows)


def _from_each(states: Iterable[State], after: State | None, when: str) -> tuple[Arrow[State], ...]:
    return tuple(Arrow(before, after, when) for before in states)


_LATE = "rebuilt from its run directory after its window"

CAMPAIGN: Life[CampaignState] = Life(
    "campaign",
    CampaignState,
    (
        Arrow(None, CampaignState.ACTIVE, "its run is latched"),
        Arrow(
            CampaignState.ACTIVE,
            CampaignState.CLOSING,
            "the run has ended and no more files are expected, or the window is over",
        ),
        Arrow(CampaignState.CLOSING, CampaignState.ACTIVE, "OMS says that the run goes on"),
        Arrow(
            CampaignState.CLOSING,
            CampaignState.COMPLETE,
            "all is done, and the missing LS are within the tolerance",
        ),
        Arrow(
            CampaignState.CLOSING,
            CampaignState.NO_PAYLOAD,
            "all is done, and the harvester made no payload of it",
        ),
        Arrow(
            CampaignState.CLOSING,
            CampaignState.INCOMPLETE,
            "too many LS are missing, a node failed, or a payload was not uploaded",
        ),
        Arrow(
            CampaignState.CLOSING,
            CampaignState.EXPIRED,
            "the window ended before anything was done",
        ),
        *_from_each(
            (
                CampaignState.COMPLETE,
                CampaignState.NO_PAYLOAD,
                CampaignState.INCOMPLETE,
                CampaignState.EXPIRED,
            ),
            CampaignState.ACTIVE,
            "a file shows up, or OMS changes its answer, inside the window; or `resubmit`",
        ),
        *_from_each(
            (CampaignState.ACTIVE, CampaignState.CLOSING),
            CampaignState.ABANDONED,
            "`abandon`: nothing more is done until `resubmit`",
        ),
        *_from_each(
            (CampaignState.NO_PAYLOAD, CampaignState.INCOMPLETE, CampaignState.EXPIRED),
            CampaignState.ABANDONED,
            "`abandon`",
        ),
        Arrow(
            CampaignState.COMPLETE,
            CampaignState.ABANDONED,
            "`abandon` while a DAG of it is in flight",
        ),
        Arrow(CampaignState.ABANDONED, CampaignState.ACTIVE, "`resubmit`"),
        Arrow(CampaignState.ACTIVE, CampaignState.COMPLETE, _LATE),
        Arrow(CampaignState.ACTIVE, CampaignState.NO_PAYLOAD, _LATE),
        Arrow(CampaignState.ACTIVE, CampaignState.INCOMPLETE, _LATE),
        Arrow(CampaignState.ACTIVE, CampaignState.EXPIRED, _LATE),
    ),
)
"""The life of a campaign."""

DAG: Life[DagState] = Life(
    "DAG",
    DagState,
    (
        Arrow(None, DagState.PLANNED, "a batch or a harvest is decided"),
        Arrow(
            DagState.PLANNED,
            DagState.ACTIVE,
            "the schedd has it, or its event log tells that it ran",
        ),
        Arrow(
            DagState.PLANNED,
            None,
            "nothing of it was made, or its number belongs to another DAG: it is forgotten",
        ),
        Arrow(DagState.PLANNED, DagState.FAILED, "its window ended before it was submitted"),
        Arrow(DagState.PLANNED, DagState.REMOVED, "`abandon` before it was submitted"),
        Arrow(DagState.ACTIVE, DagState.DONE, "all of its nodes succeeded"),
        Arrow(
            DagState.ACTIVE,
            DagState.FAILED,
            "nodes failed, or it left the queue without a result",
        ),
        Arrow(DagState.ACTIVE, DagState.REMOVED, "a person took it out of the queue"),
        Arrow(DagState.FAILED, DagState.PLANNED, "a rescue, or `resubmit`"),
        Arrow(DagState.FAILED, DagState.REMOVED, "`abandon`"),
        Arrow(DagState.REMOVED, DagState.PLANNED, "`resubmit` only"),
        *_from_each(
            (
                DagState.PLANNED,
                DagState.ACTIVE,
                DagState.DONE,
                DagState.FAILED,
                DagState.REMOVED,
            ),
            DagState.LOST,
            "its directory was deleted: its files wait for another DAG",
        ),
    ),
)
"""The life of a DAG."""

NODE: Life[NodeState] = Life(
    "node",
    NodeState,
    (
        Arrow(None, NodeState.WAITING, "its DAG is planned"),
        Arrow(None, NodeState.DROPPED, "its DAG is adopted without its inputs"),
        Arrow(NodeState.WAITING, NodeState.DONE, "its output is whole"),
        Arrow(NodeState.WAITING, NodeState.FAILED, "it was given up"),
        Arrow(NodeState.FAILED, NodeState.WAITING, "its DAG is submitted again"),
        Arrow(NodeState.FAILED, NodeState.DONE, "its output is whole after all"),
        Arrow(
            NodeState.WAITING,
            NodeState.DROPPED,
            "all of its inputs were taken from it, or its DAG is lost",
        ),
        Arrow(
            NodeState.FAILED,
            NodeState.DROPPED,
            "all of its inputs were taken from it, or its DAG is lost",
        ),
        Arrow(
            NodeState.DONE,
            NodeState.DROPPED,
            "another DAG makes its output again, or its DAG is lost",
        ),
    ),
)
"""The life of a node."""

LIVES = (CAMPAIGN, DAG, NODE)
