"""A run that should have been latched and was not is told of, whatever OMS does afterwards."""

import pytest

from condorloop.model.problem import ProblemKind
from condorloop.policy.missed_runs import WHILE_TAKEN
from condorloop.testbed.faults import OmsMode
from tests.unit.cycle.test_luminosity import Place, run_row
from tests.unit.examples import KEY, START


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path, "")
    place.submitter.clock = lambda: START + WHILE_TAKEN
    yield place
    place.close()


def told(place):
    status = place.submitter.publisher.status
    found = [p for p in status.problems if p.kind is ProblemKind.NOT_LATCHED]
    assert {(m.run, m.calibration) for m in status.missed_runs} == {
        (p.run, name) for p in found for name in p.calibrations
    }
    return [p.text for p in found]


def test_a_run_of_an_unknown_mode_is_told_until_it_is_latched(place):
    place.runs[0] |= {"l1_hlt_mode": "collisions2026_v2", "stable_beam": True}
    place.poll()
    first = told(place)
    assert first == [
        f"run {KEY.run}: EcalPedestals: not latched: stable beams and a matching fill, but"
        " l1_hlt_mode is 'collisions2026_v2', not collisions2026;"
        " what to latch is step_2_config.l1hltmode in the YAML"
    ]
    place.server.faults.inject(OmsMode.CONNECTION_ERROR, times=1)
    place.poll()
    assert place.oms_error
    assert told(place) == first
    place.runs[0] |= {"l1_hlt_mode": "collisions2026"}
    place.poll()
    assert told(place) == []


def test_a_run_that_qualifies_and_one_of_cosmics_are_not_told(place):
    cosmics = {"l1_hlt_mode": "cosmics2026", "fill_type_runtime": "COSMICS", "stable_beam": False}
    place.runs.append(run_row(KEY.run + 1) | cosmics)
    place.poll(2)
    assert told(place) == []
    assert [c.key.run for c in place.ledger.campaigns.with_work({})] == [KEY.run]
