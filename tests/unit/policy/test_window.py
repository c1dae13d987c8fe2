"""Until when work on a campaign is begun, with a made-up clock."""

import pytest

from condorloop.config.calibration import Closing
from condorloop.policy.window import (
    AGAIN,
    LAST_CALL,
    closing_rules,
    end_of,
    is_open_again,
    is_over,
    is_past,
    longest,
)
from tests.unit.examples import KEY, START, calibration, campaign

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
    assert end_of(KEY, START, asked_at, CONFIGURED) == START + hours * HOUR


def test_the_window_that_is_shown_is_the_one_that_is_kept():
    for configured in (CONFIGURED, OTHERS):
        end = end_of(KEY, START, None, configured)
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
