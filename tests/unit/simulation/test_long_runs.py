"""A run longer than the buffer, simulated: by lumisection all of it counts."""

from dataclasses import replace

import pytest

from condorloop.model.enums import Synchronisation
from condorloop.model.latency import LUMISECTION
from condorloop.model.lumis import Lumis
from condorloop.simulation.models.data_taking import SimulatedRun
from condorloop.simulation.models.pool import PoolModel
from condorloop.simulation.outcome import outcome_of
from condorloop.simulation.settings import simulate, twin
from tests.unit.simulations import STEADY, STREAMS
from tests.unit.simulations import setting as of_steady_pool

HOUR = 3600.0
BUFFER = 8 * HOUR
SPOT, ECAL = "BeamSpot", "EcalPedestals"


FILES = {name: {**stream, "lumis_per_file": 10} for name, stream in STREAMS.items()}
"""Few files, of many lumisections each: a long run has thousands of those."""


def setting(*runs, **given):
    model = PoolModel.model_validate({**STEADY, "streams": FILES})
    return of_steady_pool(*runs, model=model, **given)


def long_run(hours, start=0.0):
    """A run of so many hours, whose lumisections last as long as those of the LHC."""
    lumis = int(hours * HOUR / LUMISECTION)
    end = start + lumis * LUMISECTION
    return SimulatedRun(400_000, 1, start, lumis, end, LUMISECTION, start)


@pytest.mark.parametrize("hours", [7, 12, 26])
def test_by_lumisection_each_one_is_served_before_it_leaves_the_buffer(hours):
    run = long_run(hours)
    [calibration] = simulate(setting(run, only=SPOT)).calibrations
    assert calibration.lumis == calibration.in_payload == calibration.in_window == run.lumis
    assert calibration.after_window == 0
    assert calibration.complete == 1
    assert calibration.uploads > hours


def test_by_run_the_window_ends_as_long_after_its_start_as_ever():
    run = long_run(12)
    [calibration] = simulate(setting(run, only=ECAL)).calibrations
    assert calibration.lumis < run.lumis
    assert calibration.lumis == pytest.approx(run.lumis_by(BUFFER), abs=10)
    assert calibration.in_window <= run.lumis_by(BUFFER)


def test_both_kinds_of_one_run_have_windows_of_their_own():
    run = long_run(12)
    by_name = {c.calibration: c for c in simulate(setting(run)).calibrations}
    assert by_name[SPOT].in_window == run.lumis
    assert by_name[ECAL].lumis < run.lumis


SLOW = (("harvesting.growth", "1000"), ("harvesting.longest_wait", "30 h"))
"""Nothing but the end of the run, or of a lumisection's time in the buffer, makes a harvest."""


def test_harvests_that_wait_for_more_are_made_before_a_lumisection_leaves_the_buffer():
    run = long_run(26)
    made = setting(run, only=SPOT)
    for key, value in SLOW:
        made = made.with_value(key, value)
    [calibration] = simulate(made).calibrations
    assert calibration.in_window == calibration.in_payload == run.lumis
    assert 4 <= calibration.uploads <= 40


def test_the_planner_is_asked_in_time_for_that():
    made = setting(long_run(10), only=SPOT)
    for key, value in SLOW:
        made = made.with_value(key, value)
    sparing, attentive = twin(made), twin(made, attentive=True)
    sparing.run()
    attentive.run()
    uncounted = {"asked": 0, "events": 0}
    assert replace(outcome_of(sparing), **uncounted) == replace(outcome_of(attentive), **uncounted)


def test_it_is_asked_in_time_for_pieces_too():
    made = synchronised(setting(long_run(9, start=3.0), only=SPOT), "offline")
    sparing, attentive = twin(made), twin(made, attentive=True)
    sparing.run()
    attentive.run()
    uncounted = {"asked": 0, "events": 0}
    assert replace(outcome_of(sparing), **uncounted) == replace(outcome_of(attentive), **uncounted)


def test_an_upload_is_in_time_for_the_lumisections_that_are_still_in_the_buffer():
    run = long_run(10)
    sim = twin(setting(run))
    by_lumi, by_run = sim.tallies[SPOT], sim.tallies[ECAL]
    whole = Lumis.span(1, run.lumis)
    assert by_lumi.in_time(run, 0.0) == by_lumi.in_time(run, BUFFER) == whole
    assert by_lumi.in_time(run, BUFFER + 1) == Lumis.span(2, run.lumis)
    assert by_lumi.in_time(run, BUFFER + 2.5 * LUMISECTION) == Lumis.span(4, run.lumis)
    assert not by_lumi.in_time(run, BUFFER + run.lumis * LUMISECTION)
    assert by_run.in_time(run, BUFFER) == whole
    assert not by_run.in_time(run, BUFFER + 1)


def synchronised(made, synchronisation):
    """The same with tags of a synchronisation."""
    spot = made.config.calibrations[SPOT]
    known = Synchronisation(synchronisation)
    record = spot.harvest.upload.model_copy(update={"synchronisation": known})
    harvest = spot.harvest.model_copy(update={"upload": record, "more_uploads": ()})
    calibrations = {SPOT: spot.model_copy(update={"harvest": harvest})}
    return replace(made, config=replace(made.config, calibrations=calibrations))


@pytest.mark.parametrize(
    ("hours", "synchronisation", "most"),
    [(6.5, "offline", 1), (12, "hlt", 4), (12, "pcl", 4), (12, "offline", 4), (26, "offline", 8)],
)
def test_where_a_run_is_taken_once_it_goes_up_in_pieces_before_it_leaves_the_buffer(
    hours, synchronisation, most
):
    run = long_run(hours)
    [calibration] = simulate(synchronised(setting(run, only=SPOT), synchronisation)).calibrations
    assert calibration.lumis == calibration.in_payload == calibration.in_window == run.lumis
    assert calibration.complete == 1
    assert hours // 8 < calibration.uploads <= most
