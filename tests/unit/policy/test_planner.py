"""The planner's rules, with a made-up clock."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.campaign import Alcareco
from condorloop.model.enums import (
    Artifact,
    CampaignState,
    DagState,
    NoPayloadCause,
    UploadOutcome,
)
from condorloop.model.lumis import Lumis
from condorloop.model.no_payload import NoPayload
from condorloop.policy.planner import (
    FOR_PROBES,
    Latch,
    Rescue,
    SetState,
    SubmitBatch,
    SubmitHarvest,
    decide,
    why_not_latch,
)
from condorloop.policy.window import AGAIN, LAST_CALL
from tests.unit.examples import KEY, RUN, START, alone, calibration, campaign, dag, waiting

CALIBRATION = calibration()
BY_NAME = {CALIBRATION.name: CALIBRATION}
HOUR = 3600.0
PAST = CALIBRATION.closing.buffer + LAST_CALL
SUBMISSIONS = SubmitBatch | SubmitHarvest | Rescue


def act(the_campaign, at=0.0):
    return decide(START + at, [], frozenset([KEY]), [alone(the_campaign)], BY_NAME)


def latched(run, at=60.0, known=frozenset()):
    return decide(START + at, [run], known, [], BY_NAME)


def test_a_running_collisions_run_is_latched():
    [action] = latched(RUN)
    assert isinstance(action, Latch)
    assert action.key == KEY


@pytest.mark.parametrize(
    "change",
    [
        {"fill_type": "PB"},
        {"fill_type": None},
        {"l1_hlt_mode": "cosmics2026"},
        {"stable_beam": False},
        {"start": START - 9 * HOUR},
        {"end": START + 50, "last_ls": 49},
        {"end": START + 50, "last_ls": None},
    ],
)
def test_a_run_that_does_not_qualify_is_not_latched(change):
    assert latched(replace(RUN, **change)) == []


def test_an_ended_run_with_enough_lumisections_is_latched():
    assert latched(replace(RUN, end=START + 50, last_ls=50))


def test_a_run_that_gets_stable_beams_later_is_latched_then():
    early = replace(RUN, stable_beam=False)
    assert latched(early, at=10) == []
    assert latched(RUN, at=600)


def test_a_campaign_is_latched_once_ever():
    assert latched(RUN, known=frozenset([KEY])) == []


def test_an_idle_pool_never_waits():
    [action] = act(campaign(waiting=waiting(1)))
    assert isinstance(action, SubmitBatch)
    assert len(action.files) == 1


def test_an_idle_pool_waits_a_moment_for_files_that_are_being_probed():
    some = campaign(waiting=waiting(1), probing=9)
    assert act(some, at=FOR_PROBES - 1) == []
    [action] = act(some, at=FOR_PROBES)
    assert isinstance(action, SubmitBatch)


def test_files_wait_for_the_batch_window_while_a_dag_runs():
    busy = campaign(waiting=waiting(3), dags=(dag(0),))
    assert act(busy, at=59) == []
    [action] = act(busy, at=60)
    assert isinstance(action, SubmitBatch)


def test_files_that_fill_a_dag_do_not_wait():
    [action] = act(campaign(waiting=waiting(20), dags=(dag(0),)))
    assert isinstance(action, SubmitBatch)


def test_the_end_of_the_run_ends_the_waiting():
    [action] = act(campaign(waiting=waiting(3), dags=(dag(0),), run_end=START, last_ls=50))
    assert isinstance(action, SubmitBatch)


def test_with_as_many_dags_as_allowed_the_batch_grows():
    busy = campaign(waiting=waiting(500), dags=tuple(dag(i) for i in range(4)))
    assert act(busy, at=HOUR) == []


def test_alcareco_that_a_running_dag_will_harvest_are_left_to_it():
    assert act(campaign(dags=(dag(0),), unharvested=frozenset([0, 1]))) == []


def test_alcareco_left_by_a_failed_dag_are_harvested():
    left = campaign(
        dags=(dag(0, DagState.FAILED, failed=("RECO_0001",), ended_at=START),),
        unharvested=frozenset([0]),
    )
    [action] = act(left)
    assert isinstance(action, SubmitHarvest)


def test_alcareco_that_came_after_the_last_harvest_started_are_harvested():
    late = campaign(dags=(dag(0, inputs=frozenset([0])),), unharvested=frozenset([0, 1]))
    [action] = act(late)
    assert isinstance(action, SubmitHarvest)


def test_a_harvest_that_failed_is_rescued_not_repeated_beside_itself():
    failed = dag(0, DagState.FAILED, failed=("HARVEST",), inputs=frozenset([0, 1]), ended_at=START)
    stuck = campaign(dags=(failed,), unharvested=frozenset([0, 1]))
    assert act(stuck, at=1) == []
    [action] = act(stuck, at=120)
    assert isinstance(action, Rescue)


def harvest_dag(rescues, ended_at=START):
    failed = dag(5, DagState.FAILED, failed=("HARVEST",), ended_at=ended_at, rescues=rescues)
    return replace(failed, batch=None)


def test_a_harvest_dag_that_fails_before_it_chooses_its_inputs_is_not_repeated_for_ever():
    waiting_for_rescue = campaign(dags=(harvest_dag(rescues=0),), unharvested=frozenset([0]))
    assert act(waiting_for_rescue, at=1) == []
    given_up = campaign(dags=(harvest_dag(rescues=3),), unharvested=frozenset([0]))
    assert act(given_up, at=HOUR) == []


def test_after_the_last_rescue_a_later_alcareco_is_worth_another_harvest():
    given_up = campaign(dags=(harvest_dag(rescues=3),), unharvested=frozenset([0]))
    [action] = act(
        replace(given_up, unharvested={0: Alcareco(START), 1: Alcareco(START + 50)}), at=60
    )
    assert isinstance(action, SubmitHarvest)


def test_a_running_dag_with_a_failed_node_harvests_nothing_for_others():
    blocked = campaign(dags=(dag(0, failed=("RECO_0001",)),), unharvested=frozenset([0]))
    [action] = act(blocked)
    assert isinstance(action, SubmitHarvest)


def test_rescues_keep_to_the_limit_of_dags_in_flight():
    failed = tuple(dag(i, DagState.FAILED, failed=("X",), ended_at=START) for i in range(4))
    running = tuple(dag(10 + i) for i in range(3))
    assert len(act(campaign(dags=failed + running), at=HOUR)) == 1


def test_rescues_wait_longer_each_time_and_end():
    def when_rescued(rescues):
        failed = dag(0, DagState.FAILED, failed=("X",), ended_at=START, rescues=rescues)
        times = range(0, 4000, 10)
        return next((t for t in times if act(campaign(dags=(failed,)), at=t)), None)

    assert [when_rescued(n) for n in range(4)] == [120, 240, 480, None]


def test_a_refused_upload_is_not_hammered():
    refused = replace(
        dag(0, DagState.FAILED, failed=("UPLOAD",), ended_at=START), upload=UploadOutcome.REFUSED
    )
    assert act(campaign(dags=(refused,)), at=HOUR) == []


ENDED = {"run_end": START + 100, "last_ls": 50, "last_new_at": START + 90}


def test_a_covered_run_closes_after_the_quiet_time():
    whole = campaign(**ENDED, seen=Lumis.span(1, 50), listed_at=START + 159)
    assert act(whole, at=159) == []
    [action] = act(replace(whole, listed_at=START + 160), at=160)
    assert isinstance(action, SetState)
    assert action.state is CampaignState.CLOSING


def test_a_run_with_a_hole_waits_for_the_settle_time():
    holed = campaign(**ENDED, seen=Lumis.parse("1-20,22-50"), listed_at=START + 1000)
    assert act(holed, at=1000) == []
    [action] = act(replace(holed, listed_at=START + 1900), at=1900)
    assert action.state is CampaignState.CLOSING


def test_silence_of_an_outage_is_no_quiet():
    unheard = campaign(**ENDED, seen=Lumis.span(1, 50), listed_at=START + 110)
    assert act(unheard, at=7 * HOUR) == []


def test_a_running_run_never_closes_inside_the_window():
    running = campaign(seen=Lumis.span(1, 50), last_ls=50, listed_at=START + 7 * HOUR)
    assert act(running, at=7 * HOUR) == []


def test_the_window_closes_even_a_run_that_never_ends():
    [action] = act(campaign(last_ls=50), at=8 * HOUR)
    assert action.state is CampaignState.CLOSING


CLOSING = {**ENDED, "state": CampaignState.CLOSING}


def test_a_campaign_is_complete_when_its_last_harvest_covers_the_run():
    whole = campaign(**CLOSING, harvested=Lumis.span(1, 49), in_payload=Lumis.span(1, 49))
    [action] = act(whole)
    assert action.state is CampaignState.COMPLETE
    assert "1 of 50 LS missing (50)" in action.reason


def test_too_many_missing_lumisections_make_it_incomplete():
    [action] = act(campaign(**CLOSING, harvested=Lumis.span(1, 47)))
    assert action.state is CampaignState.INCOMPLETE
    assert "48-50" in action.reason


def test_failed_nodes_make_it_incomplete_and_are_named():
    failed = dag(3, DagState.FAILED, failed=("RECO_0007",), ended_at=START, rescues=3)
    [action] = act(campaign(**CLOSING, harvested=Lumis.span(1, 50), dags=(failed,)))
    assert action.state is CampaignState.INCOMPLETE
    assert "b003 RECO_0007" in action.reason


def test_nothing_closes_over_work_that_is_under_way():
    assert act(campaign(**CLOSING, dags=(dag(0),))) == []
    assert act(campaign(**CLOSING, probing=1)) == []


def test_probes_that_never_end_do_not_hold_a_campaign_beyond_its_window():
    [action] = act(campaign(**CLOSING, probing=1, harvested=Lumis.span(1, 50)), at=8 * HOUR)
    assert not action.state.open


def test_a_closed_campaign_names_what_cannot_be_read_yet_apart_from_what_was_given_up():
    closing = replace(campaign(**CLOSING), quarantined=("/eos/q.root",), set_back=("/eos/s.root",))
    [action] = act(closing)
    assert action.reason.endswith("quarantined: q.root; cannot be read yet: s.root")


def test_a_closed_campaign_without_a_payload_says_so():
    told = NoPayload(NoPayloadCause.VETO, "Large Variations")
    closing = replace(campaign(**CLOSING, harvested=Lumis.span(1, 50)), no_payload=told)
    [action] = act(closing)
    assert action.state is CampaignState.NO_PAYLOAD
    assert action.reason.endswith("no payload: veto: Large Variations")


def test_a_closed_campaign_names_what_was_harvested_and_is_in_no_payload():
    lumis = {"harvested": Lumis.span(1, 50), "in_payload": Lumis.span(1, 20)}
    [action] = act(campaign(**CLOSING | {"last_ls": 51}, **lumis))
    assert action.reason == "31 of 51 LS missing (21-51), 30 of them harvested (21-50)"


def overtaken(**lumis):
    return replace(campaign(**CLOSING, **lumis), overtaken_by=398601)


def test_a_campaign_whose_payload_was_superseded_by_a_younger_run_names_that_run():
    [action] = act(overtaken(harvested=Lumis.span(1, 50)))
    assert action.state is CampaignState.INCOMPLETE
    assert action.reason == "superseded by run 398601: the payload of 50 LS was not uploaded"


def test_what_was_uploaded_before_the_younger_run_is_told_and_what_is_missing_besides():
    [action] = act(overtaken(harvested=Lumis.span(1, 48), in_payload=Lumis.span(1, 20)))
    assert action.state is CampaignState.INCOMPLETE
    assert action.reason == (
        "superseded by run 398601: the payload of 48 LS was not uploaded, one of 20 LS was before;"
        " 2 of 50 LS missing (49-50)"
    )


def test_a_campaign_without_a_dag_expires_with_its_window():
    [action] = act(campaign(**CLOSING), at=8 * HOUR)
    assert action.state is CampaignState.EXPIRED


def test_a_file_after_closing_reopens_the_campaign():
    closed = campaign(**{**CLOSING, "state": CampaignState.COMPLETE}, waiting=waiting(1))
    [action] = act(closed)
    assert action.state is CampaignState.ACTIVE


dags = st.builds(
    dag,
    st.integers(0, 9),
    st.sampled_from([DagState.PLANNED, DagState.ACTIVE, DagState.FAILED]),
    failed=st.sampled_from([(), ("RECO_0000",)]),
    inputs=st.none() | st.frozensets(st.integers(0, 5)),
    ended_at=st.just(START),
    rescues=st.integers(0, 4),
)
campaigns = st.builds(
    campaign,
    state=st.sampled_from(list(CampaignState)),
    run_end=st.none() | st.just(START + 100),
    last_ls=st.none() | st.integers(1, 60),
    listed_at=st.none() | st.floats(START, START + 9 * HOUR),
    seen=st.builds(Lumis.of, st.sets(st.integers(1, 60))),
    harvested=st.builds(Lumis.of, st.sets(st.integers(1, 60))),
    waiting=st.builds(waiting, st.integers(0, 30)),
    probing=st.integers(0, 2),
    dags=st.lists(dags, max_size=5, unique_by=lambda d: d.number).map(tuple),
    unharvested=st.frozensets(st.integers(0, 5)),
    asked_at=st.none() | st.just(START - 10 * HOUR),
)
times = st.floats(0, 10 * HOUR)


@given(campaigns, times)
def test_a_campaign_never_has_more_dags_in_flight_than_allowed(the_campaign, at):
    submitting = [a for a in act(the_campaign, at) if isinstance(a, SUBMISSIONS)]
    in_flight = sum(d.in_flight for d in the_campaign.dags)
    most = CALIBRATION.batching.max_active_dags
    assert not submitting or in_flight + len(submitting) <= most


@given(campaigns, times)
def test_a_batch_takes_every_waiting_file_exactly_once(the_campaign, at):
    for action in act(the_campaign, at):
        if isinstance(action, SubmitBatch):
            assert sorted(f.path for f in action.files) == sorted(
                w.file.path for w in the_campaign.waiting
            )


@given(campaigns, times)
def test_nothing_is_closed_over_waiting_files_or_running_dags(the_campaign, at):
    for action in act(the_campaign, at):
        if isinstance(action, SetState) and not action.state.open:
            assert at >= PAST or not the_campaign.waiting
            assert at >= PAST or not any(d.in_flight for d in the_campaign.dags)
            assert not the_campaign.probing or at >= CALIBRATION.closing.buffer


@given(campaigns, times)
def test_nothing_is_begun_long_after_the_window(the_campaign, at):
    began = [a for a in act(the_campaign, at) if isinstance(a, SUBMISSIONS)]
    assert at < PAST or not began


@given(campaigns, times)
def test_every_campaign_comes_to_its_end_in_the_time_after_its_window(the_campaign, at):
    if the_campaign.state.open and at >= PAST:
        [action] = act(the_campaign, at)
        assert isinstance(action, SetState)
        closing = action.state is CampaignState.CLOSING
        assert not action.state.open or (closing and the_campaign.state is CampaignState.ACTIVE)


@given(campaigns, times)
def test_every_action_has_its_reason(the_campaign, at):
    assert all(a.reason for a in act(the_campaign, at))


@given(campaigns, times)
def test_every_action_is_about_the_campaign_that_it_was_decided_for(the_campaign, at):
    assert all(a.campaign.key == KEY for a in act(the_campaign, at))


@given(campaigns, times)
def test_an_abandoned_or_expired_campaign_stays_as_it_is(the_campaign, at):
    if the_campaign.state in (CampaignState.ABANDONED, CampaignState.EXPIRED):
        quiet = replace(the_campaign, waiting=())
        assert act(quiet, at) == []


def failed_reco(rescues, blamed, **more):
    reco = dag(0, DagState.FAILED, failed=("RECO_0001",), ended_at=START, rescues=rescues)
    return replace(reco, blames={"RECO_0001": {"/eos/a.root": blamed}}, **more)


def heard(*dags, **more):
    """A campaign whose storage has answered since its DAGs ended."""
    return campaign(dags=dags, listed_at=START + 1, **more)


def test_a_file_that_keeps_failing_is_left_out_of_its_node():
    [action] = act(heard(failed_reco(rescues=2, blamed=3)), at=1)
    assert action.without == {"RECO_0001": ("/eos/a.root",)}
    assert "a.root" in action.reason


@pytest.mark.parametrize(("rescues", "blamed"), [(0, 9), (1, 9), (2, 2)])
def test_no_file_is_given_up_at_once(rescues, blamed):
    for action in act(heard(failed_reco(rescues, blamed)), at=1):
        assert not action.without


def test_after_the_last_rescue_one_failure_is_enough_to_save_the_others_of_the_node():
    [action] = act(heard(failed_reco(rescues=3, blamed=1)), at=1)
    assert action.without


def test_nothing_is_closed_over_a_file_that_is_about_to_be_given_up():
    closing = {"state": CampaignState.CLOSING, "run_end": START, "last_ls": 10}
    silent = campaign(dags=(failed_reco(rescues=3, blamed=1),), listed_at=START, **closing)
    assert act(silent, at=HOUR) == []
    [action] = act(silent, at=9 * HOUR)
    assert action.state is CampaignState.INCOMPLETE


def test_while_storage_is_silent_no_file_is_blamed_and_no_rescue_spent():
    silent = campaign(dags=(failed_reco(rescues=2, blamed=9),), listed_at=START)
    assert act(silent, at=HOUR) == []


def test_what_does_not_read_raw_files_is_rescued_without_asking_storage():
    silent = campaign(
        dags=(dag(0, DagState.FAILED, failed=("ALCA_0000",), ended_at=START),), listed_at=None
    )
    assert [type(a) for a in act(silent, at=HOUR)] == [Rescue]


@pytest.mark.parametrize(
    ("outcome", "rescues", "when"),
    [
        (UploadOutcome.NO_ANSWER, 0, 60),
        (UploadOutcome.NO_ANSWER, 2, 240),
        (UploadOutcome.NO_ANSWER, 40, 600),
        (UploadOutcome.FAILED, 4, 600),
        (UploadOutcome.FAILED, 5, None),
        (UploadOutcome.REFUSED, 0, None),
    ],
)
def test_an_upload_is_tried_on_as_long_as_it_may_go_well(outcome, rescues, when):
    failed = dag(0, DagState.FAILED, failed=("UPLOAD",), ended_at=START, rescues=rescues)
    failed = replace(failed, upload=outcome)
    times = range(0, 3000, 10)
    assert next((t for t in times if act(campaign(dags=(failed,)), at=t)), None) == when


def test_nothing_is_rescued_after_the_window():
    late = heard(failed_reco(rescues=0, blamed=1), state=CampaignState.CLOSING, last_ls=50)
    [action] = act(late, at=8 * HOUR)
    assert action.state is CampaignState.INCOMPLETE


def test_a_dag_that_a_person_removed_is_left_alone_and_named():
    removed = replace(dag(2, DagState.REMOVED, ended_at=START), removed_by="alice")
    [action] = act(campaign(**CLOSING, harvested=Lumis.span(1, 50), dags=(removed,)), at=1)
    assert action.state is CampaignState.INCOMPLETE
    assert "b002 removed by alice" in action.reason


def test_the_alcareco_of_a_removed_dag_are_harvested_by_another():
    removed = dag(0, DagState.REMOVED, ended_at=START, inputs=frozenset([0]))
    [action] = act(campaign(dags=(removed,), unharvested=[0]))
    assert isinstance(action, SubmitHarvest)


def held(number, **more):
    return replace(dag(number, **more), held=True)


def test_held_jobs_of_one_dag_stop_neither_the_harvest_nor_the_next_batch():
    stuck = campaign(dags=(held(0),), unharvested=[0])
    assert [type(a) for a in act(stuck)] == [SubmitHarvest]
    full = campaign(dags=tuple(held(i) for i in range(4)), waiting=waiting(1))
    assert [type(a) for a in act(full)] == [SubmitBatch]


def test_a_pool_that_holds_everything_is_not_flooded():
    flooded = campaign(dags=tuple(held(i) for i in range(16)), waiting=waiting(1))
    assert act(flooded) == []
    harvests = campaign(dags=(held(0, inputs=frozenset([0])),), unharvested=[0])
    assert act(harvests) == []


def test_a_held_dag_keeps_its_campaign_open_until_the_window_is_over():
    stuck = campaign(**CLOSING, harvested=Lumis.span(1, 50), dags=(held(3),))
    assert act(stuck, at=HOUR) == []
    [action] = act(stuck, at=8 * HOUR)
    assert action.state is CampaignState.INCOMPLETE
    assert "b003 held" in action.reason


def test_a_run_that_ends_and_then_does_not_goes_on():
    going_on = campaign(state=CampaignState.CLOSING, run_end=None, last_ls=50)
    [action] = act(going_on)
    assert action.state is CampaignState.ACTIVE


def test_quarantined_files_are_named_when_a_campaign_closes():
    whole = campaign(**CLOSING, harvested=Lumis.span(1, 50), in_payload=Lumis.span(1, 50))
    [action] = act(replace(whole, quarantined=("/eos/bad.root",)))
    assert action.state is CampaignState.COMPLETE
    assert "quarantined: bad.root" in action.reason


CLOSED = replace(campaign(run_end=START + 100, last_ls=50), state=CampaignState.COMPLETE)


@pytest.mark.parametrize(
    "change", [{"waiting": waiting(1)}, {"revised": "its last LS is 60"}], ids=["a file", "OMS"]
)
def test_a_closed_campaign_reopens_for_news_inside_the_window_and_never_after(change):
    [action] = act(replace(CLOSED, **change), at=HOUR)
    assert action.state is CampaignState.ACTIVE
    assert act(replace(CLOSED, **change), at=8 * HOUR) == []


def test_a_harvest_leaves_out_by_itself_what_keeps_failing():
    failed = dag(0, DagState.FAILED, failed=("HARVEST",), ended_at=START, rescues=2)
    failed = replace(failed, blames={"HARVEST": {"apJob000": 9}})
    [action] = act(campaign(dags=(failed,)), at=HOUR)
    assert action.without == {}


def test_held_dags_and_waiting_files_keep_no_campaign_open_beyond_its_window():
    stuck = tuple(held(i) for i in range(16))
    [action] = act(campaign(**CLOSING, dags=stuck, waiting=waiting(1)), at=8 * HOUR)
    assert action.state is CampaignState.INCOMPLETE


HELD = {"held_by": "alice@node"}


def test_a_held_campaign_gets_no_batch_no_rescue_and_no_harvest():
    failed = dag(0, DagState.FAILED, failed=("RECO_0001",), ended_at=START)
    busy = campaign(waiting=waiting(50), dags=(failed,), unharvested=[0])
    assert act(busy, at=HOUR)
    assert act(replace(busy, **HELD), at=HOUR) == []


@pytest.mark.parametrize("state", [DagState.PLANNED, DagState.ACTIVE])
def test_a_held_campaign_is_closed_by_its_window_whatever_is_on_hold(state):
    on_hold = replace(dag(0, state), held=state is DagState.ACTIVE)
    held = replace(
        campaign(state=CampaignState.CLOSING, waiting=waiting(3), dags=(on_hold,), last_ls=10),
        **HELD,
    )
    assert act(held, at=7.9 * HOUR) == []
    [action] = act(held, at=8 * HOUR)
    assert isinstance(action, SetState)
    assert action.state is CampaignState.INCOMPLETE
    assert "b000 held" in action.reason


def test_a_dag_of_a_held_campaign_that_was_released_alone_is_waited_for():
    moves = replace(campaign(state=CampaignState.CLOSING, dags=(dag(0),)), **HELD)
    assert act(moves, at=8 * HOUR) == []


def test_an_abandoned_campaign_is_left_alone_whatever_shows_up():
    late = campaign(state=CampaignState.ABANDONED, waiting=waiting(3), dags=(dag(0),))
    assert act(replace(late, revised="the run goes on"), at=HOUR) == []


def test_files_that_were_found_good_in_the_window_are_its_last_batch():
    early, late = waiting(2), (replace(waiting(3)[2], since=START + 8 * HOUR),)
    [action] = act(campaign(waiting=early + late), at=8.1 * HOUR)
    assert isinstance(action, SubmitBatch)
    assert action.files == tuple(w.file for w in early)
    [action] = act(campaign(waiting=late), at=8.1 * HOUR)
    assert isinstance(action, SetState)


def test_complete_alcareco_are_harvested_after_the_window_but_not_for_ever():
    left = campaign(state=CampaignState.CLOSING, unharvested=[0])
    assert [type(a) for a in act(left, at=8.9 * HOUR)] == [SubmitHarvest]
    assert [type(a) for a in act(left, at=9 * HOUR)] == [SetState]


@pytest.mark.parametrize(
    ("stuck", "words"),
    [
        (dag(3), "b003 not at its end"),
        (dag(3, DagState.PLANNED), "b003 not submitted"),
    ],
)
def test_a_dag_that_does_not_end_does_not_hold_its_campaign_for_ever(stuck, words):
    waits = campaign(state=CampaignState.CLOSING, last_ls=10, dags=(stuck,))
    assert act(waits, at=8.9 * HOUR) == []
    [action] = act(waits, at=9 * HOUR)
    assert action.state is CampaignState.INCOMPLETE
    assert words in action.reason


def test_a_dag_that_the_schedd_refuses_is_no_dag_at_work():
    refused = replace(dag(0, DagState.PLANNED), refused="no such file")
    assert [type(a) for a in act(campaign(dags=(refused,), waiting=waiting(1)))] == [SubmitBatch]
    [action] = act(campaign(state=CampaignState.CLOSING, dags=(refused,), last_ls=9), at=8 * HOUR)
    assert "b000 not submitted" in action.reason


def asked(**more):
    """A campaign that a person asked for long after its window."""
    return campaign(run_end=START + HOUR, last_ls=10, asked_at=START + 20 * HOUR, **more)


def test_what_a_person_asks_for_after_the_window_is_done():
    at = 20.1 * HOUR
    assert act(asked(probing=1), at) == []
    assert [type(a) for a in act(asked(waiting=waiting(1)), at)] == [SubmitBatch]
    failed = dag(0, DagState.FAILED, failed=("ALCA_0000",), ended_at=START + 20 * HOUR)
    assert [type(a) for a in act(asked(dags=(failed,)), at)] == [Rescue]
    reopened = asked(state=CampaignState.COMPLETE, waiting=waiting(1))
    assert [a.state for a in act(reopened, at)] == [CampaignState.ACTIVE]


def test_a_campaign_that_was_asked_for_closes_when_nothing_is_left_of_it():
    [action] = act(asked(), at=20.1 * HOUR)
    assert action.state is CampaignState.CLOSING
    busy = asked(state=CampaignState.CLOSING, dags=(dag(0),))
    assert act(busy, at=20.1 * HOUR) == []


def test_what_a_person_asks_for_is_waited_for_no_longer_than_it_takes():
    [action] = act(asked(probing=1), at=20 * HOUR + AGAIN)
    assert action.state is CampaignState.CLOSING


def decide_unconfigured(the_campaign, at):
    others = {"BeamSpot": calibration("BeamSpot")}
    return decide(START + at, [], frozenset([KEY]), [alone(the_campaign)], others)


def test_a_campaign_whose_calibration_is_not_configured_is_closed_by_its_window():
    waits = campaign(waiting=waiting(1), dags=(dag(0, DagState.FAILED, failed=("X",)),), last_ls=9)
    assert decide_unconfigured(waits, 7.9 * HOUR) == []
    [action] = decide_unconfigured(waits, 8 * HOUR)
    assert action.state is CampaignState.CLOSING
    closing = replace(waits, state=CampaignState.CLOSING, waiting=())
    [action] = decide_unconfigured(closing, 8 * HOUR)
    assert action.state is CampaignState.INCOMPLETE


def test_a_running_run_and_one_that_has_ended_are_latched_in_these_words():
    [running] = latched(RUN)
    assert running == Latch(KEY, RUN, "PROTONS collisions2026, running")
    ended = replace(RUN, end=START + 50, last_ls=50)
    [whole] = latched(ended)
    assert whole == Latch(KEY, ended, "PROTONS collisions2026, ended with 50 LS")


@pytest.mark.parametrize(
    ("change", "at", "why"),
    [
        ({"fill_type": "PB"}, 0, "fill type 'PB', not PROTONS"),
        ({"l1_hlt_mode": "cosmics"}, 0, "L1/HLT mode 'cosmics', not collisions2026"),
        ({"stable_beam": False}, 0, "no stable beams"),
        ({}, 900 * HOUR, "started 900.0 h ago, outside the buffer"),
        ({"end": START + 50, "last_ls": 49}, 0, "ended with 49 LS, fewer than 50"),
        ({"end": START + 50, "last_ls": None}, 0, "ended with 0 LS, fewer than 50"),
        ({}, 8 * HOUR, None),
    ],
)
def test_it_is_said_what_keeps_a_run_from_being_latched(change, at, why):
    assert why_not_latch(START + at, replace(RUN, **change), CALIBRATION) == why


def test_an_ended_run_without_a_lumisection_is_too_short_even_where_one_is_enough():
    reco = CALIBRATION.reco.model_copy(update={"min_ls": 1})
    one_is_enough = CALIBRATION.model_copy(update={"reco": reco})
    empty = replace(RUN, end=START + 50, last_ls=None)
    assert why_not_latch(START, empty, one_is_enough) == "ended with 0 LS, fewer than 1"


def test_a_campaign_begins_to_close_and_goes_on_for_the_reason_that_is_given():
    whole = campaign(**ENDED, seen=Lumis.span(1, 50), listed_at=START + 160)
    assert act(whole, at=160) == [
        SetState(
            whole,
            CampaignState.CLOSING,
            "the run has ended, every LS is covered, nothing new for 60 s",
        )
    ]
    going_on = campaign(state=CampaignState.CLOSING, last_ls=50)
    assert act(going_on) == [
        SetState(going_on, CampaignState.ACTIVE, "OMS says that the run goes on")
    ]


@pytest.mark.parametrize(
    ("some", "at", "reason"),
    [
        ({"waiting": waiting(1)}, 0, "1 new file and no active DAG"),
        ({"waiting": waiting(20), "dags": (dag(0),)}, 0, "20 new files, a full DAG"),
        ({"waiting": waiting(2), "dags": (dag(0),)}, 60, "2 new files, the first 60 s ago"),
        (
            {"waiting": waiting(2), "dags": (dag(0),), "run_end": START},
            0,
            "2 new files and the run has ended",
        ),
    ],
)
def test_a_batch_has_all_files_that_wait_and_says_why_it_is_submitted(some, at, reason):
    the_campaign = campaign(**some)
    files = tuple(w.file for w in the_campaign.waiting)
    own = (KEY.calibration,)
    assert act(the_campaign, at=at) == [
        SubmitBatch(the_campaign, files, reason, own, (the_campaign,))
    ]


def test_a_batch_harvests_only_when_statistics_have_grown_enough():
    grown = campaign(waiting=waiting(101), harvested=Lumis.span(1, 100))
    [action] = act(grown)
    assert action.harvested_for == ()
    [action] = act(replace(grown, harvested=Lumis.span(1, 10)))
    assert action.harvested_for != ()


ROOM = CALIBRATION.batching.max_active_dags


def test_the_last_room_is_taken_by_a_batch():
    almost = campaign(waiting=waiting(20), dags=tuple(dag(i) for i in range(ROOM - 1)))
    assert [type(a) for a in act(almost)] == [SubmitBatch]


def test_a_harvest_dag_takes_the_last_room_and_waits_where_there_is_none():
    def reading(number):
        return dag(number, inputs=frozenset([number]))

    almost = campaign(dags=tuple(map(reading, range(ROOM - 1))), unharvested=[ROOM + 1])
    assert act(almost, at=HOUR) == [
        SubmitHarvest(
            almost,
            "1 complete ALCARECO that no HARVEST has read or will read, the first for 3600 s",
        )
    ]
    full = replace(almost, dags=tuple(map(reading, range(ROOM))))
    assert act(full, at=HOUR) == []


def test_a_dag_with_blamed_inputs_is_not_rescued_after_the_window():
    blamed = failed_reco(rescues=3, blamed=9)
    waits = replace(heard(blamed, waiting=waiting(1)), state=CampaignState.CLOSING)
    assert [type(a) for a in act(waits, at=7.9 * HOUR)] == [Rescue]
    assert not any(isinstance(a, Rescue) for a in act(waits, at=8 * HOUR))


def test_all_files_that_are_given_up_are_named_without_their_folders():
    blames = {"RECO_0001": {"/eos/cms/a.root": 3, "/eos/cms/b.root": 3}}
    failed = replace(failed_reco(rescues=2, blamed=3), blames=blames)
    the_campaign = heard(failed)
    without = {"RECO_0001": ("/eos/cms/a.root", "/eos/cms/b.root")}
    assert act(the_campaign, at=1) == [
        Rescue(the_campaign, failed, "without a.root, b.root, which keeps failing", without)
    ]


def test_a_dag_that_is_not_due_keeps_no_other_from_its_rescue():
    def failed(number, rescues):
        return dag(number, DagState.FAILED, failed=("X",), ended_at=START, rescues=rescues)

    spent, *due = failed(0, 3), failed(1, 0), failed(2, 0), failed(3, 0)
    assert [a.dag for a in act(campaign(dags=(spent, *due)), at=HOUR)] == due


def test_the_older_run_is_latched_first_in_whatever_order_oms_tells():
    runs = [replace(RUN, number=number) for number in (398602, 398600, 398601)]
    found = decide(START, runs, frozenset(), [], BY_NAME)
    assert [a.key.run for a in found] == [398600, 398601, 398602]


@pytest.mark.parametrize("configured", [BY_NAME, {}], ids=["configured", "not configured"])
def test_what_each_campaign_needs_is_decided_in_their_order(configured):
    over = [
        campaign(last_ls=50),
        replace(campaign(last_ls=50), key=replace(KEY, run=KEY.run + 1)),
    ]
    found = decide(START + 8 * HOUR, [], frozenset(), [alone(c) for c in over], configured)
    assert [a.campaign for a in found] == over


def test_a_campaign_is_closed_with_the_verdict_about_it():
    whole = campaign(**CLOSING, harvested=Lumis.span(1, 50), in_payload=Lumis.span(1, 50))
    assert act(whole) == [SetState(whole, CampaignState.COMPLETE, "0 of 50 LS missing")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"waiting": waiting(1)}, "1 new file showed up after closing"),
        ({"waiting": waiting(2)}, "2 new files showed up after closing"),
        ({"revised": "its last LS is 60"}, "OMS says after closing: its last LS is 60"),
    ],
)
def test_it_is_said_why_a_campaign_is_reopened(change, reason):
    closed = replace(CLOSED, **change)
    assert act(closed, at=HOUR) == [SetState(closed, CampaignState.ACTIVE, reason)]
    assert act(replace(closed, cleaned=frozenset([Artifact.RECO])), at=HOUR) == []


def test_so_many_events_are_a_full_dag_however_few_files_they_are_in():
    batching = CALIBRATION.batching.model_copy(update={"events_per_job": 100})
    limited = CALIBRATION.model_copy(update={"batching": batching})
    for files, expected in ((3, []), (4, ["4 new files, a full DAG"])):
        waits = alone(campaign(waiting=waiting(files), dags=(dag(0),)))
        known = frozenset([KEY])
        actions = decide(START, [], known, [waits], {limited.name: limited})
        assert [action.reason for action in actions] == expected
