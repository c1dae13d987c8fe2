"""In which order runs go into a tag, by its synchronisation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.enums import Synchronisation, TagOutcome
from condorloop.policy.upload_order import Order, known, once_a_run, order_of, why_kept, why_turn

S = Synchronisation
FREE = [S.ANY, S.VALIDATION, S.MC, S.PCL]
MOVES_UP = [S.HLT, S.EXPRESS, S.PROMPT]
APPENDS = [S.OFFLINE, S.RUNMC]

synchronisations = st.none() | st.sampled_from(Synchronisation)
HOUR = 3600.0


@pytest.mark.parametrize("synchronisation", FREE)
def test_where_each_since_is_its_own_no_run_waits_for_another(synchronisation):
    assert order_of(synchronisation) is Order.FREE
    assert why_kept(synchronisation, by_lumi=False, younger=7, turn=False) is None


@pytest.mark.parametrize("synchronisation", [*MOVES_UP, None])
def test_an_older_run_is_overtaken_where_its_since_would_be_moved_up(synchronisation):
    kept = why_kept(synchronisation, by_lumi=False, younger=7, turn=True)
    assert kept
    assert (kept.outcome, kept.overtaken_by) == (TagOutcome.OVERTAKEN, 7)
    assert why_kept(synchronisation, by_lumi=False, younger=None, turn=False) is None


@pytest.mark.parametrize("synchronisation", APPENDS)
def test_a_run_is_appended_once_at_its_end(synchronisation):
    kept = why_kept(synchronisation, by_lumi=False, younger=None, turn=False)
    assert kept
    assert kept.outcome is TagOutcome.PENDING
    assert why_kept(synchronisation, by_lumi=False, younger=None, turn=True) is None
    late = why_kept(synchronisation, by_lumi=False, younger=7, turn=True)
    assert late
    assert late.outcome is TagOutcome.OVERTAKEN


@pytest.mark.parametrize("synchronisation", [*MOVES_UP, *APPENDS, S.PCL, S.MC])
def test_a_payload_by_lumisection_that_cannot_be_restated_goes_up_once(synchronisation):
    assert once_a_run(synchronisation, by_lumi=True)
    kept = why_kept(synchronisation, by_lumi=True, younger=None, turn=False)
    assert kept
    assert kept.outcome is TagOutcome.PENDING


@pytest.mark.parametrize("synchronisation", [S.ANY, S.VALIDATION, None])
def test_a_payload_by_lumisection_that_is_restated_does_not_wait(synchronisation):
    assert not once_a_run(synchronisation, by_lumi=True)
    assert why_kept(synchronisation, by_lumi=True, younger=None, turn=False) is None


@given(synchronisations, st.booleans(), st.none() | st.integers(1, 10))
def test_what_has_its_turn_is_never_pending(synchronisation, by_lumi, younger):
    kept = why_kept(synchronisation, by_lumi=by_lumi, younger=younger, turn=True)
    assert kept is None or kept.outcome is TagOutcome.OVERTAKEN


def turn(synchronisation, *, waited=0.0, older=(), last=True):
    return why_turn(
        1000.0 + waited,
        synchronisation=synchronisation,
        last=last,
        pending_since=1000.0,
        older=older,
        order_wait=8 * HOUR,
    )


def test_a_younger_run_waits_for_older_ones_at_most_for_a_time():
    assert turn(S.OFFLINE, older=[5, 4]) is None
    assert turn(S.OFFLINE, older=[5, 4], waited=7.9 * HOUR) is None
    assert turn(S.OFFLINE, older=[5, 4], waited=8 * HOUR) == (
        "run 4, run 5 had nothing to send in 8 h"
    )
    assert turn(S.OFFLINE) == "no other payload of the run is to come"


@given(synchronisations, st.floats(0, 1e6), st.lists(st.integers(1, 9)))
def test_no_turn_comes_before_the_last_payload(synchronisation, waited, older):
    assert turn(synchronisation, waited=waited, older=older, last=False) is None


@given(synchronisations, st.lists(st.integers(1, 9)))
def test_each_turn_comes_in_the_end(synchronisation, older):
    assert turn(synchronisation, waited=8 * HOUR, older=older)


@given(st.sampled_from([*FREE, *MOVES_UP]), st.lists(st.integers(1, 9)))
def test_only_where_sinces_are_appended_older_runs_are_waited_for(synchronisation, older):
    assert turn(synchronisation, older=older)


@pytest.mark.parametrize("word", ["", "None", "nonsense", 7, None])
def test_what_is_no_synchronisation_is_not_known(word):
    assert known(word) is None
