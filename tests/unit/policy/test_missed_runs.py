"""Which runs should have been latched and were not: none on a healthy night."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.config.tuning import Latching
from condorloop.model.campaign import CampaignKey, MissedRun, Run
from condorloop.policy.missed_runs import LONG, ONCE_ENDED, WHILE_TAKEN, missed_runs
from condorloop.policy.planner import why_not_latch
from tests.unit.examples import RUN, START, calibration

ECAL = calibration()
HOUR = 3600.0
V2 = replace(RUN, l1_hlt_mode="collisions2026_v2")


def with_reco(name, **reco):
    return ECAL.model_copy(update={"name": name, "reco": ECAL.reco.model_copy(update=reco)})


COSMICS = with_reco("Cosmics", fill_types=("COSMICS",), modes=("cosmics2026",), stable_beam=False)


def missed(run, *others, at=HOUR, known=frozenset(), first=ECAL):
    by_name = {c.name: c for c in (first, *others)}
    return list(missed_runs(START + at, [run], known, by_name))


def test_a_mode_of_another_name_is_told_with_the_key_that_selects_it():
    assert missed(V2) == [
        MissedRun(
            RUN.number,
            "EcalPedestals",
            "stable beams and a matching fill, but l1_hlt_mode is 'collisions2026_v2',"
            " not collisions2026",
            "step_2_config.l1hltmode",
        )
    ]


@pytest.mark.parametrize(
    ("change", "words", "key"),
    [
        ({"l1_hlt_mode": None}, "but OMS tells no l1_hlt_mode", "l1hltmode"),
        ({"fill_type": "PB"}, "but fill_type_runtime is 'PB', not PROTONS", "filltype"),
        ({"fill_type": None}, "but OMS tells no fill_type_runtime", "filltype"),
        (
            {"stable_beam": False, "last_ls": LONG},
            f"a matching fill and L1/HLT mode and {LONG} LS, but no stable beams",
            "stable_beam",
        ),
    ],
)
def test_each_reason_that_a_person_can_do_something_about_is_told(change, words, key):
    [told] = missed(replace(RUN, **change))
    assert words in told.reason
    assert told.key == f"step_2_config.{key}"


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"fill_type": "COSMICS", "l1_hlt_mode": "cosmics2026", "stable_beam": False},
        {"fill_type": "COSMICS", "l1_hlt_mode": "cosmics2026"},
        {"fill_type": None, "l1_hlt_mode": None},
        {"l1_hlt_mode": "circulating2026", "stable_beam": False},
        {"stable_beam": False, "last_ls": LONG - 1},
        {"end": START + 60, "last_ls": 49, "l1_hlt_mode": "collisions2026_v2"},
        {"end": START + 60, "last_ls": None, "l1_hlt_mode": "collisions2026_v2"},
    ],
    ids=str,
)
def test_cosmics_no_beam_and_short_runs_are_normal(change):
    assert missed(replace(RUN, **change)) == []


def test_a_run_that_was_latched_is_not_missed():
    assert missed(V2, known=frozenset([CampaignKey("EcalPedestals", RUN.number)])) == []


def test_a_run_that_another_calibration_selects_is_left_to_it():
    special = with_reco("Special", modes=("collisions2026_v2",))
    assert missed(V2, special) == []
    assert missed(RUN, special) == []
    assert [m.calibration for m in missed(V2, COSMICS)] == ["EcalPedestals"]


def test_a_mode_that_is_passed_over_on_purpose_is_not_told():
    ignoring = ECAL.model_copy(update={"latching": Latching(ignored_modes=("vdM2026",))})
    assert missed(replace(RUN, l1_hlt_mode="vdM2026"), first=ignoring) == []
    assert missed(V2, first=ignoring)


def test_oms_is_given_time_to_tell_of_a_run():
    assert missed(V2, at=WHILE_TAKEN - 1) == []
    assert missed(V2, at=WHILE_TAKEN)
    ended = replace(V2, end=START + HOUR, last_ls=150)
    assert missed(ended, at=HOUR + ONCE_ENDED - 1) == []
    assert missed(ended, at=HOUR + ONCE_ENDED)


def test_a_run_outside_of_the_window_is_not_told_any_more():
    assert missed(V2, at=8 * HOUR)
    assert missed(V2, at=8 * HOUR + 1) == []


RUNS = st.builds(
    Run,
    number=st.integers(398600, 398603),
    fill=st.just(1),
    start=st.just(START),
    end=st.none() | st.floats(START, START + 12 * HOUR),
    last_ls=st.none() | st.integers(0, 4000),
    fill_type=st.sampled_from(["PROTONS", "COSMICS", "PB", None]),
    l1_hlt_mode=st.sampled_from(["collisions2026", "cosmics2026", "new", None]),
    stable_beam=st.booleans(),
)
SETS = st.sets(st.sampled_from(["EcalPedestals", "Cosmics", "Special"]), min_size=1)
ALL = {
    "EcalPedestals": ECAL,
    "Cosmics": COSMICS,
    "Special": with_reco("Special", fill_types=("PB",)),
}


@given(st.lists(RUNS, max_size=4), SETS, st.floats(0, 10 * HOUR))
def test_what_is_missed_is_inside_the_window_and_would_not_be_latched(runs, names, at):
    by_name = {name: ALL[name] for name in names}
    for told in missed_runs(START + at, runs, frozenset(), by_name):
        same = [r for r in runs if r.number == told.run]
        assert any(why_not_latch(START + at, r, by_name[told.calibration]) for r in same)
        assert at <= by_name[told.calibration].closing.buffer
        assert told.reason
        assert told.key.startswith("step_2_config.")


@given(st.lists(RUNS, max_size=4), st.floats(0, 10 * HOUR))
def test_runs_of_what_is_configured_are_never_missed(runs, at):
    for run in runs:
        for wanted in ALL.values():
            good = replace(
                run, fill_type=wanted.reco.fill_types[0], l1_hlt_mode=wanted.reco.modes[0]
            )
            good = replace(good, last_ls=min(good.last_ls or 0, LONG - 1))
            assert missed(good, *ALL.values(), at=at) == []
