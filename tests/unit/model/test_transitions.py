"""The tables of states are whole: each life begins, and reaches each of its states."""

import pytest

from condorloop.model.enums import CampaignState, DagState, NodeState
from condorloop.model.transitions import CAMPAIGN, DAG, LIVES, NODE


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.what)
def test_each_state_is_reached_from_the_beginning(life):
    reached = {None}
    while more := {a.after for a in life.arrows if a.before in reached} - reached:
        reached |= more
    assert set(life.states) <= reached


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.what)
def test_no_change_is_there_twice_and_each_has_words(life):
    changes = [(a.before, a.after) for a in life.arrows]
    assert len(changes) == len(set(changes))
    assert all(a.when and a.before is not a.after for a in life.arrows)


@pytest.mark.parametrize(
    ("life", "ends"),
    [(CAMPAIGN, set()), (DAG, {DagState.LOST}), (NODE, {NodeState.DROPPED})],
    ids=lambda value: getattr(value, "what", ""),
)
def test_only_what_is_lost_or_dropped_never_comes_back(life, ends):
    assert {s for s in life.states if all(a.before is not s for a in life.arrows)} == ends


def test_what_stays_as_it_is_is_allowed_and_what_has_no_arrow_is_not():
    assert DAG.allows(DagState.ACTIVE, DagState.ACTIVE)
    assert DAG.allows(DagState.FAILED, DagState.PLANNED)
    assert not DAG.allows(DagState.DONE, DagState.ACTIVE)
    assert not CAMPAIGN.allows(CampaignState.EXPIRED, CampaignState.COMPLETE)
