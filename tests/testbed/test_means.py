"""Constants that are means of clusters: right ones agree with the truth, and no others do."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.testbed.cmssw.steps import harvest
from condorloop.testbed.detectors import N_MODULES
from condorloop.testbed.means import MEANS, TooFew, constants, faults
from condorloop.testbed.truth import Truth, compare

RUN = 398600
EVENTS = 20_000
TRUTH = Truth(seed=7)
RATE = TRUTH.strip_modules(RUN).rate
RECORDS = sorted(MEANS)


def right(record: str) -> dict[str, Any]:
    """The constants that the true rates give, to a cluster."""
    entries = EVENTS * MEANS[record].skims
    found = constants(record, entries, np.rint(RATE * entries))
    assert isinstance(found, dict)
    return found


def payload(record: str, run: int = RUN) -> dict[str, Any]:
    lumisections = {"1": [EVENTS, EVENTS]}
    return {"constants": right(record), "run": run, "lumisections": lumisections}


@pytest.mark.parametrize("record", RECORDS)
def test_the_true_means_agree_and_those_of_another_run_do_not(record):
    kind = MEANS[record].object_type
    assert compare(kind, payload(record), TRUTH) == []
    assert compare(kind, payload(record, RUN + 1), TRUTH) != []


@given(st.sampled_from(RECORDS), st.sampled_from([-1, 1]), st.integers(0, N_MODULES - 1))
def test_one_wrong_constant_is_found_and_named(record, sign, at):
    found = right(record)
    name = sorted(found.keys() - {"of"})[at % (len(found) - 1)]
    means = MEANS[record]
    error = means.scale * math.sqrt(10 / EVENTS)
    found[name]["value"] += sign * 20 * error
    (words,) = faults(found, EVENTS, RATE)
    assert f"structure {name}: value is" in words


def test_a_constant_that_had_the_statistics_and_is_missing_is_found():
    found = right("SiStripApvGainRcd")
    name = min(found.keys() - {"of"})
    del found[name]
    (words,) = faults(found, EVENTS, RATE)
    assert words == f"structure {name} has no constant from {EVENTS} events"


def test_events_that_went_in_by_one_skim_of_two_are_found():
    found = right("TrackerAlignmentHGRcd")
    found["of"] = "TrackerAlignmentHGCombinedRcd"
    assert "20000 entries in 40000 events" in next(faults(found, EVENTS, RATE))


def test_constants_of_another_record_are_found():
    wrong = payload("SiPixelLorentzAngleRcd")
    (words,) = compare("Alignments", wrong, TRUTH)
    assert "constants of SiPixelLorentzAngleRcd in a payload of Alignments" in words
    wrong["constants"]["of"] = "SiPixelLorentzAngleRcdMCS"
    assert compare("SiPixelLorentzAngle", wrong, TRUTH) != []


def test_gains_want_clusters_in_all_and_in_most_structures():
    enough = np.full(N_MODULES, 9000.0)
    assert isinstance(constants("SiStripApvGainRcd", EVENTS, enough), dict)
    assert constants("SiStripApvGainRcd", EVENTS, enough / 2) == TooFew(432_000)
    enough[:6] = 24
    assert constants("SiStripApvGainRcd", EVENTS, enough) == TooFew(810_144, 90 / 96)


def test_a_structure_below_its_minimum_keeps_its_old_value():
    found = constants("SiPixelLorentzAngleRcd", EVENTS, np.array([999.0, 1000.0]))
    assert isinstance(found, dict)
    assert found.keys() == {"of", "1"}


def test_corrections_of_luminosity_hold_for_blocks_of_lumisections():
    number = 2 * harvest.LUMI_BLOCK + 1
    lumis = {
        "run": np.full(number, RUN),
        "luminosityBlock": np.arange(1, number + 1)[::-1],
        "events": np.full(number, 10),
        "clusters": np.full((number, N_MODULES), 5),
    }
    counts = dict.fromkeys(range(1, number + 1), (10, 10))
    found = harvest.payloads("LumiCorrectionsRcd", RUN, lumis, counts)
    assert list(found) == [1, 35, 69]
