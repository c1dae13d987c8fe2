"""The parts of the twin: clock, cores, durations, outages, runs and files."""

import math
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.config.loader import ConfigError
from condorloop.model.lumis import Lumis
from condorloop.simulation.models import data_taking, pool
from condorloop.simulation.models.events import Engine
from condorloop.simulation.models.outages import Outage, Outages, OutageTarget
from condorloop.simulation.models.pool import StreamModel
from condorloop.simulation.models.raw_files import coming
from condorloop.simulation.models.sampling import Linear, Sample, Work
from condorloop.simulation.models.slots import Slots
from condorloop.simulation.polls import Polls
from tests.unit import simulations
from tests.unit.examples import TOP

times = st.floats(0, 1e4)


@given(st.lists(times))
def test_things_happen_in_the_order_of_their_times(when):
    engine, happened = Engine(), []
    for time in when:
        engine.at(time, lambda: happened.append(engine.now))
    engine.run()
    assert happened == sorted(when)


def test_at_equal_times_what_was_entered_first_happens_first():
    engine, happened = Engine(), []
    for name in "abc":
        engine.at(5.0, happened.append, name)
    engine.run()
    assert happened == ["a", "b", "c"]


def test_what_is_due_in_the_past_happens_next_and_turns_no_clock_back():
    engine, seen = Engine(), []
    engine.at(10.0, lambda: engine.at(3.0, lambda: seen.append(engine.now)))
    engine.run()
    assert seen == [10.0]


jobs = st.lists(st.tuples(times, st.integers(1, 12), st.floats(0.1, 500)), min_size=1)


@given(st.integers(1, 10), jobs)
def test_no_core_is_used_twice_and_every_job_runs(cores, wanted):
    engine = Engine()
    slots = Slots(engine, cores)
    spans = []

    def ask(number, takes):
        def start():
            spans.append((engine.now, engine.now + takes, min(number, cores)))
            engine.at(engine.now + takes, slots.free, number)

        slots.ask(number, start)

    for time, number, takes in wanted:
        engine.at(time, ask, number, takes)
    engine.run()
    assert len(spans) == len(wanted)
    assert slots.busy == 0
    for at, _, _ in spans:
        assert sum(n for start, end, n in spans if start <= at < end) <= cores


def test_jobs_of_one_size_start_in_the_order_of_their_submission():
    slots, started = Slots(Engine(), 2), []
    for name in "abcd":
        slots.ask(2, lambda name=name: started.append(name))
    for _ in range(3):
        slots.free(2)
    assert started == ["a", "b", "c", "d"]


def test_a_job_that_does_not_fit_keeps_no_smaller_one_from_running():
    slots, started = Slots(Engine(), 4), []
    slots.ask(2, lambda: started.append("first"))
    slots.ask(4, lambda: started.append("large"))
    slots.ask(1, lambda: started.append("small"))
    assert started == ["first", "small"]
    slots.free(2)
    slots.free(1)
    assert started == ["first", "small", "large"]


def test_a_median_grows_with_the_work_and_cores_share_events():
    takes = Linear(10, per_file=1, per_lumi=2, per_event=0.5, per_input=3)
    assert takes.draw(Random(), Work(2, 3, 80, 4, cores=8)) == 10 + 2 + 6 + 5 + 12


def test_half_of_the_durations_are_longer_than_the_median():
    takes, random = Linear(100, spread=0.5), Random(1)
    drawn = [takes.draw(random) for _ in range(2000)]
    assert sum(d > 100 for d in drawn) == pytest.approx(1000, abs=100)


@given(st.lists(times, min_size=1), st.integers())
def test_what_was_measured_is_what_is_drawn(values, seed):
    assert Sample(values).draw(Random(seed)) in values


def test_an_outage_is_read_as_it_is_written():
    assert Outage.parse("eos:2h@3d") == Outage(OutageTarget.EOS, 3 * 86400.0, 7200.0)


@pytest.mark.parametrize("text", ["", "eos", "eos:2h", "tape:2h@3d", "eos:soon@3d", "eos:2h@-1h"])
def test_another_form_of_an_outage_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="eos:2h@3d"):
        Outage.parse(text)


spans = st.lists(st.tuples(times, st.floats(0.1, 2000)), max_size=6)


@given(spans, times)
def test_a_service_is_back_when_no_outage_is_left(given_spans, time):
    outages = Outages([Outage(OutageTarget.OMS, start, seconds) for start, seconds in given_spans])
    back = outages.back(OutageTarget.OMS, time)
    silent = [(s, s + n) for s, n in given_spans]
    assert back >= time
    assert not any(start <= back < end for start, end in silent)
    assert (back == time) == (not any(start <= time < end for start, end in silent))
    assert outages.back(OutageTarget.EOS, time) == time


@given(spans, times, st.floats(0.1, 1000))
def test_an_outage_within_a_time_is_found(given_spans, time, takes):
    outages = Outages([Outage(OutageTarget.EOS, start, seconds) for start, seconds in given_spans])
    met = any(s < time + takes and time < s + n for s, n in given_spans)
    assert (outages.within(OutageTarget.EOS, time, time + takes) is not None) == met


moments = st.integers(0, 40_000).map(lambda quarters: quarters / 4)


@given(st.lists(st.tuples(moments, moments), max_size=6), moments)
def test_a_poll_is_answered_at_a_multiple_of_the_interval_and_outside_of_outages(many, time):
    outages = Outages([Outage(OutageTarget.EOS, start, seconds) for start, seconds in many])
    polls = Polls(Engine(), 10.0, outages, lambda: None)
    after, before = (
        polls.answered(OutageTarget.EOS, time),
        polls.last_answered(OutageTarget.EOS, time),
    )
    assert before <= time <= after
    for at in (after, before):
        assert at % 10.0 == 0
        assert at < 0 or not any(s <= at < s + n for s, n in many)


def test_an_outage_that_ends_a_breath_after_a_poll_has_an_end():
    outages = Outages([Outage(OutageTarget.EOS, 0.0, math.nextafter(30.0, 31.0))])
    assert Polls(Engine(), 10.0, outages, lambda: None).answered(OutageTarget.EOS, 5.0) == 40.0


def test_what_happens_is_seen_at_the_next_poll_and_never_at_one_that_is_over():
    engine, seen = Engine(), []
    polls = Polls(engine, 10.0, Outages(), lambda: seen.append(("cycle", engine.now)))
    polls.see(3.0, lambda: seen.append(("first", engine.now)))
    polls.see(10.0, lambda: polls.see(10.0, lambda: seen.append(("again", engine.now))))
    engine.run()
    assert seen == [("first", 10.0), ("cycle", 10.0), ("again", 20.0), ("cycle", 20.0)]


@given(st.integers(), st.floats(0.5, 60))
def test_runs_follow_each_other_and_end_with_the_days_asked_for(seed, days):
    made = data_taking.generate(simulations.shipped().beams, days, Random(seed))
    for run, after in pairwise(made):
        assert run.end <= after.start
        assert run.number < after.number
    assert all(run.end <= days * 86400 and run.lumis > 0 for run in made)


def test_there_are_no_runs_outside_the_season():
    model = simulations.shipped().beams
    made = data_taking.generate(model, 2 * 365, Random(1))
    assert {run.start // (365 * 86400) for run in made} == {0, 1}
    assert all(run.start % (365 * 86400) <= model.season for run in made)


def test_the_runs_of_a_scenario_are_those_that_the_testbed_plays():
    first, second = data_taking.read(TOP / "scenarios" / "demo.yaml")
    assert (first.number, first.start, first.lumis, first.end) == (398600, 0.0, 40, 41.0)
    assert (second.number, second.start, second.lumis, second.end) == (398601, 43.0, 60, 104.0)


@pytest.mark.parametrize("text", ["", "runs: []", "runs: [{run: 1}]", "runs: [", "\xff"])
def test_what_is_no_scenario_is_refused_with_the_file_named(tmp_path, text):
    file = tmp_path / "scenario.yaml"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=r"scenario\.yaml"):
        data_taking.read(file)


@given(st.integers(1, 40), st.integers(1, 7), st.sampled_from([1.0, 2.5, 10.0]))
def test_every_lumisection_is_in_as_many_files_as_there_are_times_the_data(lumis, each, data):
    stream = StreamModel(
        lumis_per_file=each, events_per_lumi=100, delay={"median": 60, "spread": 0.5}
    )
    run = simulations.run(1, 1000.0, lumis)
    made = coming(stream, "Stream", run, data, seed=1)
    times_seen = {lumi: sum(lumi in c.file.lumis for c in made) for lumi in range(1, lumis + 1)}
    assert set(times_seen.values()) == {-(-data // 1)}
    assert Lumis.union(c.file.lumis for c in made) == Lumis.span(1, lumis)
    assert sum(c.file.events for c in made) == pytest.approx(100 * lumis * data, rel=0.02)
    assert all(c.time > run.end_of(c.file.lumis.last) or c.time > run.end for c in made)
    assert [c.time for c in made] == sorted(c.time for c in made)


def test_mistakes_in_a_model_are_all_named_at_once(tmp_path):
    file = tmp_path / "pool.yaml"
    text = pool.default_model().read_text()
    file.write_text(text.replace("slots: 128", "slots: 0\nslot: 3").replace("oms_delay", "delay"))
    with pytest.raises(ConfigError) as refused:
        pool.load(file)
    said = [str(mistake) for mistake in refused.value.mistakes]
    assert len(said) == 3
    assert all("pool.yaml" in line for line in said)
    assert any("slots" in line and "greater than 0" in line for line in said)


def test_a_model_without_the_times_of_a_kind_of_node_is_refused(tmp_path):
    file = tmp_path / "pool.yaml"
    text = pool.default_model().read_text()
    file.write_text(text.replace("  UPLOAD: {fixed: 15 s, spread: 0.5}\n", ""))
    with pytest.raises(ConfigError, match="UPLOAD"):
        pool.load(file)
