import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condorloop.model.lumis import Lumis
from condorloop.testbed.detectors import N_CHANNELS, N_MODULES
from condorloop.testbed.truth import (
    HIT_EFFICIENCY,
    Truth,
    compare,
    counted_twice,
)

RUN = 398600
EVENTS = 400
TRUTH = Truth(seed=7)
PEDESTALS = TRUTH.pedestals(RUN)
STRIP = TRUTH.strip_modules(RUN)
ALIVE = sorted(set(range(N_CHANNELS)) - PEDESTALS.silent)


def pedestals(run: int = RUN, truth: Truth = TRUTH) -> dict[str, Any]:
    """A payload that has exactly the true constants."""
    expected = truth.pedestals(run)
    constants = {
        str(channel): {
            "entries": EVENTS,
            "mean": float(expected.mean[channel]),
            "rms": math.hypot(expected.noise[channel], math.sqrt(1 / 12)),
        }
        for channel in range(N_CHANNELS)
        if channel not in expected.silent
    }
    return {"constants": constants, "run": run, "lumisections": {"1": [EVENTS, EVENTS]}}


def strip(run: int = RUN) -> dict[str, Any]:
    expected = TRUTH.strip_modules(run)
    constants = {"dead": sorted(expected.dead), "noisy": sorted(expected.noisy), "events": 10_000}
    return {"constants": constants, "run": run, "lumisections": {"1": [10_000, 10_000]}}


def beam_spot(ls: int) -> dict[str, Any]:
    spot = TRUTH.beam_spot(RUN, ls)
    constants = {
        "vertices": 1000,
        **dict(zip("xyz", spot.centre, strict=True)),
        **{f"sigma_{a}": w for a, w in zip("xyz", spot.width, strict=True)},
    }
    return {"constants": constants, "run": RUN, "lumisections": {str(ls): [1000, 1000]}}


def test_the_true_constants_agree_with_the_truth():
    assert compare("EcalPedestals", pedestals(), TRUTH) == []
    assert compare("SiStripBadStrip", strip(), TRUTH) == []
    assert compare("BeamSpotObjects", [beam_spot(ls) for ls in range(1, 61)], TRUTH) == []


def test_they_agree_after_a_journey_through_json():
    assert compare("EcalPedestals", json.loads(json.dumps(pedestals())), TRUTH) == []


@given(st.sampled_from(ALIVE), st.sampled_from(["mean", "rms"]), st.floats(1.0, 50.0))
def test_one_wrong_pedestal_is_found_and_named(channel, quantity, shift):
    payload = pedestals()
    payload["constants"][str(channel)][quantity] += shift
    (words,) = compare("EcalPedestals", payload, TRUTH)
    assert f"channel {channel}: {quantity}" in words
    assert str(RUN) in words


@given(st.sampled_from(ALIVE), st.floats(-5.0, 5.0))
def test_a_pedestal_within_its_statistical_error_is_accepted(channel, sigmas):
    payload = pedestals()
    error = math.hypot(PEDESTALS.noise[channel], math.sqrt(1 / 12)) / math.sqrt(EVENTS)
    payload["constants"][str(channel)]["mean"] += sigmas * error
    assert compare("EcalPedestals", payload, TRUTH) == []


@given(st.sampled_from(ALIVE))
def test_a_channel_that_had_the_statistics_and_is_missing_is_found(channel):
    payload = pedestals()
    del payload["constants"][str(channel)]
    assert f"channel {channel} has no constants" in compare("EcalPedestals", payload, TRUTH)[0]


def test_constants_of_a_silent_channel_were_made_without_data():
    payload = pedestals()
    silent = min(PEDESTALS.silent)
    payload["constants"][str(silent)] = payload["constants"][str(ALIVE[0])]
    assert "gives no samples" in compare("EcalPedestals", payload, TRUTH)[0]


def test_entries_that_the_lumisections_do_not_explain_are_found():
    payload = pedestals()
    payload["lumisections"]["2"] = [40, 40]
    assert len(compare("EcalPedestals", payload, TRUTH)) == len(ALIVE)


@settings(max_examples=20)
@given(st.integers(1, 1000))
def test_another_runs_constants_do_not_agree(other):
    wrong = {**pedestals(RUN + other), "run": RUN}
    assert compare("EcalPedestals", wrong, TRUTH)
    wrong = {**strip(RUN + other), "run": RUN}
    assert compare("SiStripBadStrip", wrong, TRUTH)


def test_another_seeds_constants_do_not_agree():
    assert compare("EcalPedestals", pedestals(truth=Truth(8)), TRUTH)


@given(st.sampled_from(["dead", "noisy"]), st.integers(0, N_MODULES - 1))
def test_a_module_too_many_or_too_few_is_found(kind, module):
    payload = strip()
    payload["constants"][kind] = sorted({module} ^ set(payload["constants"][kind]))
    (words,) = compare("SiStripBadStrip", payload, TRUTH)
    assert f"module {module} is" in words


def test_modules_that_are_bad_by_their_hit_efficiency_are_the_dead_ones():
    payload = {**strip(), "constants": {"of": HIT_EFFICIENCY, "inefficient": sorted(STRIP.dead)}}
    assert compare("SiStripBadStrip", payload, TRUTH) == []
    payload["constants"]["inefficient"].pop()
    assert "is inefficient, but not marked so" in compare("SiStripBadStrip", payload, TRUTH)[0]


@given(st.integers(1, 500))
def test_a_beam_spot_from_before_the_beams_were_moved_does_not_agree(ls):
    wrong = {**beam_spot(ls), "lumisections": {str(ls + 33): [1000, 1000]}}
    assert compare("BeamSpotObjects", wrong, TRUTH)


def joined(weights: dict[int, int]) -> dict[str, Any]:
    """The payload of an IOV of several lumisections, of so many vertices each."""
    spot = TRUTH.mean_beam_spot(RUN, weights)
    constants = {
        "vertices": sum(weights.values()),
        **dict(zip("xyz", spot.centre, strict=True)),
        **{f"sigma_{a}": w for a, w in zip("xyz", spot.width, strict=True)},
    }
    lumis = {str(ls): [count, count] for ls, count in weights.items()}
    return {"constants": constants, "run": RUN, "lumisections": lumis}


@given(st.dictionaries(st.integers(1, 500), st.integers(50, 1000), min_size=2, max_size=21))
def test_a_beam_spot_of_several_lumisections_is_the_mean_of_theirs(weights):
    assert compare("BeamSpotObjects", joined(weights), TRUTH) == []
    spots = [TRUTH.beam_spot(RUN, ls).centre[0] for ls in weights]
    assert min(spots) <= joined(weights)["constants"]["x"] <= max(spots)


@given(st.integers(1, 500))
def test_a_mean_over_other_lumisections_does_not_agree(ls):
    wrong = joined(dict.fromkeys(range(ls, ls + 20), 1000))
    wrong["lumisections"] = {str(ls + 33 + i): [1000, 1000] for i in range(20)}
    assert compare("BeamSpotObjects", wrong, TRUTH)


def test_vertices_that_the_lumisections_do_not_explain_are_found():
    payload = joined({3: 1000, 4: 1000})
    del payload["lumisections"]["4"]
    assert "2000 vertices, with 1000 events" in compare("BeamSpotObjects", payload, TRUTH)[0]


def test_a_value_that_is_not_a_number_disagrees():
    payload = beam_spot(3)
    payload["constants"]["x"] = math.nan
    assert compare("BeamSpotObjects", payload, TRUTH)


def test_a_lumisection_that_went_in_twice_is_named():
    once = {"lumisections": {"1": [40, 40], "2": [40, 40]}}
    twice = {"lumisections": {"3": [80, 40], "4": [40, 40]}}
    assert counted_twice([once, twice]) == Lumis.of([3])


def test_an_object_type_without_a_truth_is_refused():
    with pytest.raises(ValueError, match="EcalLaser"):
        compare("EcalLaser", [], TRUTH)
