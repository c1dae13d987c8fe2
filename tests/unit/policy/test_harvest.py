"""When complete ALCARECO are harvested, with a made-up clock."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harvesting import EVERY, harvest_run, harvesting
from condorloop.model.campaign import Alcareco, RawFile, Statistics, WaitingFile
from condorloop.model.enums import CampaignState, DagState
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.policy.harvest import SERVED_BEFORE, Measure, batch_harvests, why_harvest
from condorloop.policy.window import leaves_at
from tests.unit.examples import START, campaign, dag

WAIT = 900.0


def counting(statistic="lumisections", growth=0.1, longest_wait=WAIT):
    """A calibration that harvests like this."""
    return harvesting(growth, longest_wait, statistic)


def file_of(first, last, events=100):
    return WaitingFile(RawFile(f"/eos/{first}.root", 1, Lumis.span(first, last), events), START)


def made(first, last, events=100, at=START, dag_id=None):
    return Alcareco(at, Statistics(Lumis.span(first, last), events), dag_id)


def going(number, first, last, *, harvests, inputs=None):
    holds = Statistics(Lumis.span(first, last), 100)
    return replace(dag(number, inputs=inputs), harvests=harvests, holds=holds)


def harvested(last, **more):
    return replace(campaign(harvested=Lumis.span(1, last)), events_harvested=100 * last, **more)


def test_the_first_batch_is_harvested():
    assert batch_harvests(campaign(waiting=(file_of(1, 1),)), counting())


@pytest.mark.parametrize(("new", "is_enough"), [(9, False), (10, True)])
def test_a_batch_is_harvested_when_the_statistics_have_grown_by_the_set_part(new, is_enough):
    grown = harvested(100, waiting=(file_of(101, 100 + new),))
    assert batch_harvests(grown, counting()) is is_enough


def test_what_other_dags_will_leave_unharvested_counts_as_growth():
    grown = harvested(100, waiting=(file_of(106, 110),), dags=(going(7, 101, 105, harvests=False),))
    assert batch_harvests(grown, counting())


def test_what_a_harvest_that_is_on_its_way_will_read_counts_as_read():
    dags = (going(7, 101, 110, harvests=False), going(8, 111, 120, harvests=True))
    assert not batch_harvests(harvested(100, waiting=(file_of(121, 130),), dags=dags), counting())
    assert batch_harvests(harvested(100, waiting=(file_of(121, 132),), dags=dags), counting())


def test_what_a_harvest_that_has_started_did_not_take_counts_as_growth():
    started = going(8, 101, 110, harvests=True, inputs=frozenset([3]))
    taken = {3: made(101, 110, dag_id=8)}
    reading = harvested(100, waiting=(file_of(111, 112),), dags=(started,), unharvested=taken)
    assert not batch_harvests(reading, counting())
    late = replace(reading, unharvested=taken | {4: made(113, 125, dag_id=5)})
    assert batch_harvests(late, counting())


def test_events_of_an_alcareco_whose_dag_goes_on_count_once():
    half_done = harvested(
        100,
        waiting=(file_of(120, 120, events=1),),
        dags=(replace(going(7, 101, 109, harvests=False), id=7),),
        unharvested={3: made(101, 105, events=9900, dag_id=7)},
    )
    assert not batch_harvests(half_done, counting("events"))


def test_when_the_run_has_ended_every_batch_is_harvested():
    assert batch_harvests(harvested(100, waiting=(file_of(101, 101),), run_end=START), counting())


def test_without_growth_every_batch_is_harvested():
    assert batch_harvests(harvested(100, waiting=(file_of(100, 100),)), counting(growth=0))


def test_complete_alcareco_wait_for_growth():
    left = harvested(100, unharvested={7: made(101, 109)})
    assert why_harvest(START + 1, left, counting()) is None
    grown = replace(left, unharvested={7: made(101, 109), 8: made(110, 110)})
    assert why_harvest(START + 1, grown, counting())


def test_no_alcareco_waits_longer_than_the_longest_wait():
    left = harvested(100, unharvested={7: made(101, 101)})
    assert why_harvest(START + WAIT - 1, left, counting()) is None
    assert "the first for 900 s" in why_harvest(START + WAIT, left, counting())


def test_a_batch_that_takes_long_does_not_make_the_others_wait_longer():
    slow = harvested(
        100, dags=(going(9, 102, 130, harvests=True),), unharvested={7: made(101, 101)}
    )
    assert why_harvest(START + WAIT - 1, slow, counting()) is None
    assert why_harvest(START + WAIT, slow, counting())
    ordered = replace(slow, dags=(*slow.dags, replace(dag(10), batch=None)))
    assert why_harvest(START + WAIT, ordered, counting()) is None


def test_the_last_alcareco_of_a_run_are_harvested_at_once():
    left = harvested(100, unharvested={7: made(101, 101)}, run_end=START)
    assert why_harvest(START + 1, left, counting())
    assert why_harvest(START + 1, replace(left, waiting=(file_of(102, 102),)), counting()) is None
    assert why_harvest(START + 1, replace(left, probing=1), counting()) is None
    at_work = (going(9, 102, 103, harvests=False),)
    assert why_harvest(START + 1, replace(left, dags=at_work), counting()) is None


def test_a_campaign_that_its_window_closes_harvests_what_is_left():
    left = harvested(100, unharvested={7: made(101, 101)}, state=CampaignState.CLOSING)
    assert why_harvest(START + 1, left, counting())


def test_alcareco_that_hold_nothing_new_wait_no_longer_either():
    left = harvested(100, unharvested={7: Alcareco(START)})
    assert why_harvest(START + WAIT, left, counting())


@pytest.mark.parametrize(
    ("statistic", "luminosity", "amount"),
    [
        ("lumisections", {}, 4.0),
        ("events", {}, 500.0),
        ("luminosity", {1: 0.5, 2: 0.1, 3: 0.0, 4: 0.4}, 1.0),
    ],
)
def test_statistics_are_counted_as_the_yaml_says(statistic, luminosity, amount):
    counted = Measure(statistic, luminosity)(Statistics(Lumis.span(1, 4), 500))
    assert counted == pytest.approx(amount)


def test_luminosity_that_oms_has_not_told_is_taken_for_the_mean():
    counted = Measure("luminosity", {1: 0.2, 2: 0.4})(Statistics(Lumis.span(1, 4)))
    assert counted == pytest.approx(1.2)


def test_without_any_luminosity_lumisections_count():
    assert Measure("luminosity", {})(Statistics(Lumis.span(1, 4))) == 4.0


def test_where_nothing_was_recorded_lumisections_count():
    assert Measure("luminosity", {1: 0.0, 2: 0.0})(Statistics(Lumis.span(1, 4))) == 4.0


@pytest.mark.parametrize(("recorded", "is_enough"), [(0.09, False), (0.11, True)])
def test_a_batch_is_harvested_when_luminosity_has_grown_by_the_set_part(recorded, is_enough):
    told = dict.fromkeys(range(1, 101), 0.1) | dict.fromkeys(range(101, 111), recorded)
    grown = harvested(100, waiting=(file_of(101, 110),), luminosity=told)
    assert batch_harvests(grown, counting("luminosity")) is is_enough


def test_lumisections_after_the_end_of_collisions_harvest_nothing_by_themselves():
    told = dict.fromkeys(range(1, 101), 0.1) | dict.fromkeys(range(101, 200), 0.0)
    grown = harvested(100, waiting=(file_of(101, 199),), luminosity=told)
    assert batch_harvests(grown, counting("lumisections"))
    assert not batch_harvests(grown, counting("luminosity"))


def test_harvests_read_far_less_than_the_square_of_a_run():
    assert harvest_run(480, counting(growth=0)).reads == 480 * 481 / 2
    found = harvest_run(480, counting())
    b_log_b = 480 * 8.9
    assert found.reads < 2.5 * b_log_b
    assert found.longest <= WAIT
    assert not found.left


@given(
    batches=st.integers(1, 150),
    growth=st.floats(0, 2),
    longest_wait=st.integers(0, 3000),
)
def test_every_alcareco_is_read_in_the_end_and_none_waits_longer_than_the_set_time(
    batches, growth, longest_wait
):
    found = harvest_run(batches, counting(growth=growth, longest_wait=longest_wait))
    assert not found.left
    assert found.longest <= longest_wait + EVERY  # it is looked at once a batch here


def test_a_harvest_that_was_removed_leaves_its_inputs_to_another():
    removed = dag(0, DagState.REMOVED, inputs=frozenset([7]))
    left = harvested(0, dags=(removed,), unharvested={7: made(1, 5)})
    assert why_harvest(START + 1, left, counting())


def test_nothing_is_harvested_where_nothing_is_left():
    assert why_harvest(START + 10 * WAIT, harvested(100), counting()) is None
    assert harvested(0).harvested == EMPTY


def test_a_dag_without_a_harvest_keeps_no_harvest_dag_back():
    moving = going(9, 111, 130, harvests=False)
    left = harvested(100, dags=(moving,), unharvested={7: made(101, 110)})
    assert why_harvest(START + 1, left, counting())
    to_harvest = replace(left, dags=(replace(moving, harvests=True),))
    assert why_harvest(START + 1, to_harvest, counting()) is None


def test_a_harvest_dag_that_waits_for_its_rescue_keeps_another_back_until_its_last():
    failed = replace(dag(9, DagState.FAILED, ended_at=START), batch=None)
    left = harvested(100, dags=(failed,), unharvested={7: made(101, 150, at=START + 1)})
    assert why_harvest(START + WAIT, left, counting()) is None
    spent = replace(left, dags=(replace(failed, rescues=3),))
    assert why_harvest(START + WAIT, spent, counting())


def test_a_batch_that_is_to_harvest_but_is_held_keeps_no_harvest_dag_back():
    held = replace(going(9, 102, 130, harvests=True), held=True)
    left = harvested(100, dags=(held,), unharvested={7: made(101, 110)})
    assert why_harvest(START + 1, left, counting())
    ordered = replace(left, dags=(replace(held, batch=None),))
    assert why_harvest(START + WAIT, ordered, counting()) is None


def test_the_very_first_dag_reads_for_all_if_it_harvests():
    first, left = going(0, 1, 100, harvests=True), {1: made(101, 150, dag_id=9)}
    reading = campaign(waiting=(file_of(151, 155),), dags=(first,))
    assert not batch_harvests(replace(reading, unharvested=left), counting())
    not_yet = replace(first, harvests=False)
    assert batch_harvests(replace(reading, dags=(not_yet,), unharvested=left), counting())


def test_all_alcareco_that_no_harvest_will_read_count_as_growth():
    left = {1: made(101, 104), 2: made(105, 108)}
    grown = harvested(100, waiting=(file_of(109, 110),), unharvested=left)
    assert batch_harvests(grown, counting())
    assert batch_harvests(grown, counting("events")) is False
    assert batch_harvests(replace(grown, waiting=(file_of(109, 109, 800),)), counting("events"))


def test_it_is_said_how_many_alcareco_wait_and_why_they_are_harvested():
    two = harvested(100, unharvested={7: made(101, 105), 8: made(106, 110)})
    words = "2 complete ALCARECO that no HARVEST has read or will read"
    assert why_harvest(START + 1, two, counting()) == f"{words}, with LS 101-110"
    assert why_harvest(START + WAIT, two, counting()) == f"{words}, the first for 900 s"
    last = replace(two, run_end=START)
    assert why_harvest(START + 1, last, counting()) == f"{words}, and no more is on its way"


def taken(by_lumi=True, in_payload=EMPTY, **more):
    """A long run with complete ALCARECO of LS 11 to 20, and a batch that is to harvest later."""
    told = harvested(10, in_payload=in_payload, unharvested={1: made(11, 20)}, by_lumi=by_lumi)
    return replace(told, **{"dags": (going(7, 21, 30, harvests=True),), **more})


SLOW = counting(growth=100.0, longest_wait=100 * 3600.0)
DUE = leaves_at(START, 11, SLOW.closing) - SERVED_BEFORE


def test_a_lumisection_is_harvested_before_it_leaves_the_buffer_whatever_else_is_to_harvest():
    assert why_harvest(DUE - 1, taken(), SLOW) is None
    assert why_harvest(DUE + 1, taken(), SLOW) == (
        "1 complete ALCARECO that no HARVEST has read or will read,"
        " and LS 11 leave the buffer within 60 min"
    )


@pytest.mark.parametrize(
    "of",
    [
        taken(by_lumi=False),
        taken(in_payload=Lumis.span(1, 20)),
        taken(dags=(replace(going(8, 1, 1, harvests=True), batch=None),)),
    ],
    ids=["by run", "it is served", "a harvest is under way"],
)
def test_nothing_is_harvested_early_where_nothing_is_to_be_served(of):
    assert why_harvest(DUE + 1, of, SLOW) is None


def test_a_lumisection_that_has_left_the_buffer_is_no_reason_for_haste():
    gone = leaves_at(START, 20, SLOW.closing) + 1
    assert why_harvest(gone, taken(), SLOW) is None


@given(
    st.floats(-3600, 3 * 3600),
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 5)), min_size=1, max_size=4),
    st.sets(st.integers(1, 45)),
)
def test_no_lumisection_that_could_be_served_leaves_the_buffer_unharvested(after, parts, served):
    alcareco = {n: made(first, first + more) for n, (first, more) in enumerate(parts)}
    of = taken(in_payload=Lumis.of(served), unharvested=alcareco)
    now = leaves_at(START, 1, SLOW.closing) - SERVED_BEFORE + after
    waiting = Lumis.union(m.holds.lumis for m in alcareco.values()) - Lumis.of(served)
    due = [n for n in waiting if now < leaves_at(START, n, SLOW.closing) <= now + SERVED_BEFORE]
    assert bool(why_harvest(now, of, SLOW)) == bool(due)
