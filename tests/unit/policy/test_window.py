"""Until when work on a campaign is begun, with a made-up clock."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.config.tuning import Closing
from condorloop.model.campaign import LONGEST_RUN, window_from
from condorloop.model.latency import LUMISECTION
from condorloop.model.lumis import LAST_LS, Lumis
from condorloop.model.status import LumiSets
from condorloop.policy.window import (
    AGAIN,
    LAST_CALL,
    closing_rules,
    end_of,
    is_open_again,
    is_over,
    is_past,
    leaves_at,
    leaving,
    longest,
    serve_by,
    still_in_buffer,
    window_end,
)
from tests.unit.examples import KEY, START, calibration, campaign, campaign_status

HOUR = 3600.0
OWN = Closing(buffer=6 * HOUR, quiet_time=7.0, tolerance=0.5)
CONFIGURED = {
    KEY.calibration: calibration().model_copy(update={"closing": OWN}),
    "BeamSpot": calibration("BeamSpot").model_copy(update={"closing": Closing(buffer=20 * HOUR)}),
}
OTHERS = {"BeamSpot": CONFIGURED["BeamSpot"]}
ASKED = 10 * HOUR
"""When a person asks for the campaign again, long after its own window."""


def test_a_campaign_closes_by_the_rules_of_its_own_calibration():
    assert closing_rules(KEY, CONFIGURED) == OWN


def test_a_campaign_whose_calibration_is_not_configured_has_the_longest_window():
    assert closing_rules(KEY, OTHERS) == Closing(buffer=20 * HOUR)


def test_where_no_calibration_is_configured_the_default_window_holds():
    assert longest({}) == Closing().buffer
    assert closing_rules(KEY, {}) == Closing()


@pytest.mark.parametrize(
    ("asked_after", "hours"),
    [(None, 6), (1 * HOUR, 6), (ASKED, 10 + AGAIN / HOUR)],
    ids=["never asked for", "asked for early", "asked for late"],
)
def test_the_window_ends_by_the_own_rules_or_a_while_after_a_person_asked(asked_after, hours):
    asked_at = None if asked_after is None else START + asked_after
    assert end_of(campaign_status(asked_at=asked_at), CONFIGURED) == START + hours * HOUR


def test_the_window_that_is_shown_is_the_one_that_is_kept():
    for configured in (CONFIGURED, OTHERS):
        end = end_of(campaign_status(), configured)
        closing = closing_rules(KEY, configured)
        assert not is_over(end - 1, campaign(), closing)
        assert is_over(end, campaign(), closing)


def test_a_window_is_open_again_from_its_own_end_to_the_end_that_a_person_gave_it():
    again = campaign(asked_at=START + ASKED)
    own, late = START + OWN.buffer, START + ASKED + AGAIN
    opened = [is_open_again(at, again, OWN) for at in (own - 1, own, late - 1, late)]
    assert opened == [False, True, True, False]
    assert not is_open_again(own, campaign(), OWN)


def test_what_was_in_hand_at_the_end_is_finished_for_a_while_and_no_longer():
    end = START + OWN.buffer + LAST_CALL
    assert [is_past(at, campaign(), OWN) for at in (end - 1, end)] == [False, True]


def by_lumi(**changes):
    """A campaign whose payload has IOVs by lumisection."""
    return replace(campaign(**changes), by_lumi=True)


def test_by_lumisection_the_window_counts_from_the_end_of_what_was_taken():
    ended = by_lumi(run_end=START + 26 * HOUR, last_ls=4015)
    assert not is_over(START + 32 * HOUR - 1, ended, OWN)
    assert is_over(START + 32 * HOUR, ended, OWN)
    taken = by_lumi(last_ls=1000)
    assert is_over(START + 1000 * LUMISECTION + OWN.buffer, taken, OWN)
    assert not is_over(START + 1000 * LUMISECTION + OWN.buffer - 1, taken, OWN)


def test_a_file_tells_how_long_a_run_is_taken_where_oms_does_not():
    seen = by_lumi(last_ls=None, seen=Lumis.span(900, 1000))
    assert seen.window_from == START + 1000 * LUMISECTION


STARTS = st.floats(0, 2e9)
ENDS = st.none() | st.floats(-1e6, 1e12)
LASTS = st.integers(0, LAST_LS)


@given(STARTS, ENDS, LASTS)
def test_whatever_is_told_of_a_run_its_window_has_an_end(start, end, last):
    for lumi in (False, True):
        counts_from = window_from(start, end, last, by_lumi=lumi)
        assert start <= counts_from <= start + LONGEST_RUN
    assert window_from(start, end, last, by_lumi=False) == start


@given(STARTS, st.integers(0, 7000), st.integers(0, 7000))
def test_a_run_that_goes_on_never_makes_its_window_shorter(start, last, more):
    before = window_from(start, None, last, by_lumi=True)
    assert window_from(start, None, last + more, by_lumi=True) >= before


@given(st.floats(0, 60 * HOUR), st.integers(1, 5000))
def test_a_lumisection_is_in_the_buffer_until_it_leaves_it(after, lumi):
    leaves = leaves_at(START, lumi, OWN)
    at = START + after
    if abs(leaves - at) > 1e-3:
        assert (lumi in still_in_buffer(at, START, OWN)) == (leaves > at)


@given(st.floats(0, 60 * HOUR), st.floats(0, 10 * HOUR), st.integers(1, 5000))
def test_what_leaves_within_a_time_is_what_is_there_now_and_not_then(after, within, lumi):
    at, leaves = START + after, leaves_at(START, lumi, OWN)
    if min(abs(leaves - at), abs(leaves - at - within)) > 1e-3:
        assert (lumi in leaving(at, within, START, OWN)) == (at < leaves <= at + within)


@given(st.integers(1, 5000), st.floats(0, 26 * HOUR))
def test_no_lumisection_leaves_the_buffer_after_the_window_of_its_campaign(last, later):
    end = START + last * LUMISECTION + later
    ends = window_end(window_from(START, end, last, by_lumi=True), None, OWN)
    assert leaves_at(START, last, OWN) < ends


def status(**changes):
    return campaign_status(run_start=START, last_ls=1000, **changes)


def lacking(missing):
    return LumiSets(missing=Lumis.parse(missing))


def test_a_payload_by_lumisection_is_due_when_the_next_one_leaves_that_has_none():
    told = status(by_lumi=True, lumis=lacking("1-10,500-1000"))
    assert serve_by(START, told, CONFIGURED) == leaves_at(START, 1, OWN)
    late = leaves_at(START, 10, OWN) + 1
    assert serve_by(late, told, CONFIGURED) == leaves_at(START, 500, OWN)
    assert serve_by(leaves_at(START, 1000, OWN) + 1, told, CONFIGURED) is None
    assert serve_by(START, status(by_lumi=True, lumis=lacking("")), CONFIGURED) is None


def test_a_payload_by_run_is_due_at_the_end_of_the_window_if_anything_is_missing():
    assert serve_by(START, status(lumis=lacking("1000")), CONFIGURED) == START + OWN.buffer
    assert serve_by(START, status(lumis=lacking("")), CONFIGURED) is None
