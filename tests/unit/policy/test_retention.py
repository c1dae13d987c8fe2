"""What retention lets go, and when: never anything of a campaign that may still need it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.config.tuning import Retention
from condorloop.model.campaign import ClosedCampaign
from condorloop.model.enums import Artifact, CampaignState
from condorloop.model.lumis import EMPTY
from condorloop.policy.retention import due, goes_at, is_configured
from tests.unit.examples import KEY, START

HOUR, DAY = 3600.0, 86400.0
WINDOW = 8 * HOUR
CLOSED = ClosedCampaign(1, KEY, 1, CampaignState.COMPLETE, START + HOUR, START, EMPTY, busy=False)

AGES = st.one_of(st.none(), st.floats(0, 100 * DAY))
RETENTIONS = st.builds(Retention, reco=AGES, alcareco=AGES, logs=AGES, dags=AGES, runs=AGES)
SETTLED = st.builds(
    ClosedCampaign,
    id=st.just(1),
    key=st.just(KEY),
    state=st.sampled_from(CampaignState),
    closed_at=st.floats(START, START + 20 * HOUR),
    window_from=st.just(START),
    in_payload=st.just(EMPTY),
    busy=st.booleans(),
    cleaned=st.frozensets(st.sampled_from(Artifact)),
)
TIMES = st.floats(START, START + 200 * DAY)


@given(TIMES, SETTLED, RETENTIONS, st.floats(0, 24 * HOUR))
def test_nothing_goes_of_what_is_open_or_busy_or_inside_its_window(now, settled, ages, window):
    going = due(now, settled, ages, window)
    if settled.state.open or settled.busy or now < START + window:
        assert going == ()
    for kept in going:
        age = getattr(ages, kept)
        assert age is not None
        assert now >= settled.closed_at + age
        assert kept not in settled.cleaned
    assert Artifact.RUNS not in settled.cleaned or not going


@given(TIMES, SETTLED, RETENTIONS, st.floats(0, 24 * HOUR))
def test_what_goes_now_is_what_its_time_says(now, settled, ages, window):
    at = goes_at(settled, ages, window)
    ripe = {kept for kept, when in at.items() if when <= now}
    assert set(due(now, settled, ages, window)) == (
        {Artifact.RUNS} if Artifact.RUNS in ripe else ripe
    )


@given(TIMES, SETTLED)
def test_without_a_retention_all_is_kept_for_ever(now, settled):
    assert due(now, settled, Retention(), WINDOW) == ()


def test_what_was_begun_goes_on():
    begun = replace(CLOSED, begun=frozenset([Artifact.LOGS]))
    assert due(START + DAY, begun, Retention(logs=0), WINDOW) == (Artifact.LOGS,)


@pytest.mark.parametrize(("text", "seconds"), [("36 h", 36 * HOUR), ("7 d", 7 * DAY), (60, 60.0)])
def test_ages_are_written_in_days_and_hours(text, seconds):
    assert Retention(reco=text).reco == seconds


def test_each_thing_goes_its_time_after_closing_and_never_inside_the_window():
    ages = Retention(reco=2 * HOUR, logs=DAY)
    assert goes_at(CLOSED, ages, WINDOW) == {
        Artifact.RECO: START + WINDOW,
        Artifact.LOGS: START + HOUR + DAY,
    }


def test_retention_is_configured_if_anything_ever_goes():
    assert not is_configured(Retention())
    assert is_configured(Retention(logs=0))
