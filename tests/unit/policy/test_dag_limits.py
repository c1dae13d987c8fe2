"""Who gets the DAGs that a site may have at work."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import CampaignState
from condorloop.policy.dag_limits import share, until_late
from condorloop.policy.planner import Rescue, SetState, SubmitBatch, SubmitHarvest, SubmitUpload
from tests.unit.examples import START, alone, campaign, dag


def of_run(run, at_work=0, **more):
    """A campaign of a run that has so many DAGs at work."""
    dags = tuple(dag(i) for i in range(at_work))
    key = CampaignKey("EcalPedestals", run)
    return replace(campaign(dags=dags), id=run, reconstruction_id=run, key=key, **more)


def batch(of):
    return SubmitBatch(of, (), "files", (of.key.calibration,))


def served(actions, campaigns, most):
    return [a.campaign.key.run for a in share(actions, list(map(alone, campaigns)), most).actions]


def test_where_there_is_room_nothing_is_put_off():
    campaigns = [of_run(1, 2), of_run(2, 3)]
    shared = share([batch(c) for c in campaigns], list(map(alone, campaigns)), most=7)
    assert len(shared.actions) == 2
    assert shared.put_off == 0


def test_who_has_fewest_dags_comes_first_then_the_older_run():
    campaigns = [of_run(3), of_run(1, 1), of_run(2)]
    assert served([batch(c) for c in campaigns], campaigns, most=9) == [2, 3, 1]


def test_when_time_is_up_no_more_is_submitted_but_one_dag_always_is():
    campaigns = [of_run(i) for i in range(4)]
    closing = SetState(campaigns[0], CampaignState.CLOSING, "over")
    wanted = share([closing, *map(batch, campaigns)], list(map(alone, campaigns)), most=9).actions
    late = iter([False, True])
    assert list(until_late(wanted, lambda: next(late))) == list(wanted[:3])
    assert list(until_late(wanted, lambda: True)) == list(wanted[:2])
    assert list(until_late(wanted, lambda: False)) == list(wanted)


def test_the_last_harvest_of_a_run_comes_before_all_else():
    young, ended = of_run(1), of_run(2, 3, run_end=START)
    actions = [batch(young), SubmitHarvest(ended, "last")]
    assert served(actions, [young, ended], most=4) == [2]


def test_a_harvest_of_a_run_that_goes_on_waits_for_its_turn():
    old, busy = of_run(1), of_run(2, 3)
    assert served([SubmitHarvest(busy, "grown"), batch(old)], [old, busy], most=4) == [1]


def test_one_campaign_does_not_take_all_the_room():
    greedy, modest = of_run(1), of_run(2)
    actions = [Rescue(greedy, dag(i), "failed") for i in range(5)] + [batch(modest)]
    assert sorted(served(actions, [greedy, modest], most=3)) == [1, 1, 2]


def test_dags_that_held_jobs_keep_from_moving_take_no_room_from_others():
    stuck = replace(of_run(1), dags=tuple(replace(dag(i), held=True) for i in range(9)))
    working = of_run(2)
    assert served([batch(working)], [stuck, working], most=3) == [2]


def test_dags_that_do_not_end_take_no_room_when_their_campaign_is_closed_over_them():
    closed, working = of_run(1, 9, state=CampaignState.INCOMPLETE), of_run(2)
    assert served([batch(working)], [closed, working], most=3) == [2]
    assert served([batch(working)], [closed, working], most=1) == [2]


def test_each_dag_that_a_campaign_gets_counts_once_when_the_next_is_chosen():
    busy, other = of_run(1, 2), of_run(2, 2)
    actions = [batch(busy), batch(busy), batch(other)]
    assert served(actions, [busy, other], most=9) == [1, 2, 1]
    idle, other = of_run(1), of_run(2, 1)
    actions = [batch(idle), batch(idle), batch(idle), batch(other)]
    assert served(actions, [idle, other], most=9) == [1, 1, 2, 1]


def test_what_needs_no_room_is_done_whatever_the_room():
    full = of_run(1, 5)
    closing = SetState(full, CampaignState.CLOSING, "over")
    shared = share([batch(full), closing], list(map(alone, [full])), most=5)
    assert shared.actions == (closing,)
    assert shared.put_off == 1


def of_calibration(name, number, run, at_work=0, **more):
    """A campaign of a calibration with a stream of its own."""
    return replace(
        of_run(run, at_work, **more),
        id=number,
        reconstruction_id=number,
        key=CampaignKey(name, run),
    )


def test_a_higher_priority_comes_before_an_idle_and_older_one_and_not_before_last_harvests():
    low, high = of_calibration("Low", 1, 1), of_calibration("High", 2, 2, 3)
    ended = of_calibration("Low", 3, 3, 4, run_end=START)
    campaigns = [low, high, ended]
    actions = [batch(low), batch(high), SubmitHarvest(ended, "last")]
    reconstructions = list(map(alone, campaigns))
    shared = share(actions, reconstructions, 99, {"High": 1, "Low": -1})
    assert [a.campaign.id for a in shared.actions] == [3, 2, 1]
    shared = share(actions, reconstructions, 99, {"High": 0})
    assert [a.campaign.id for a in shared.actions] == [3, 1, 2]


def test_of_last_harvests_and_uploads_that_of_the_highest_priority_comes_first():
    low = of_calibration("Low", 1, 1, run_end=START)
    high = of_calibration("High", 2, 2, 3)
    actions = [SubmitHarvest(low, "last"), SubmitUpload(high, 0, "turn")]
    shared = share(actions, list(map(alone, [low, high])), 99, {"High": 5})
    assert [a.campaign.id for a in shared.actions] == [2, 1]


@given(
    at_work=st.lists(st.integers(0, 6), min_size=1, max_size=20),
    wanted=st.lists(st.integers(0, 19), max_size=60),
    most=st.integers(1, 30),
)
def test_the_limit_is_kept_and_no_room_is_wasted(at_work, wanted, most):
    campaigns = [of_run(i, n) for i, n in enumerate(at_work)]
    actions = [batch(campaigns[i % len(campaigns)]) for i in wanted]
    shared = share(actions, list(map(alone, campaigns)), most)
    room = max(0, most - sum(at_work))
    assert len(shared.actions) == min(room, len(actions))
    assert len(shared.actions) + shared.put_off == len(actions)
