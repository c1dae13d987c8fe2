"""What people type for a period means what they expect."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.reports.period import Period

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
DAY = 86400.0


def midnight(day):
    return datetime(2026, 11, day, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("24h", NOW - DAY),
        ("7d", NOW - 7 * DAY),
        ("90 min", NOW - 5400),
        ("1.5d", NOW - 1.5 * DAY),
        ("2026-11-24", midnight(24)),
        ("2026-11-24T06:00", midnight(24) + 6 * 3600),
        ("2026-11-24 06:00:30+01:00", midnight(24) + 5 * 3600 + 30),
    ],
)
def test_a_time_is_a_date_or_an_age(since, expected):
    assert Period.from_options(since, None, NOW) == Period(since=expected)


def test_a_number_is_a_run_and_both_ends_are_included():
    assert Period.from_options("398600", "398700", NOW) == Period(first=398600, last=398700)


def test_a_day_that_is_named_as_the_end_is_included():
    assert Period.from_options("2026-11-23", "2026-11-23", NOW) == Period(
        midnight(23), midnight(24)
    )
    assert Period.from_options(None, "2026-11-23T00:00", NOW) == Period(until=midnight(23))


def test_an_age_before_all_times_is_all_and_a_date_before_them_is_refused():
    assert Period.from_options("999999d", None, NOW) == Period(since=0.0)
    assert refusal("0001-01-01")
    assert refusal("9999-12-31")


def test_without_bounds_it_is_all():
    assert Period.from_options(None, None, NOW) == Period()


@pytest.mark.parametrize(
    ("since", "until"), [("398601", "398600"), ("1h", "2h"), ("2026-11-24", "2026-11-22")]
)
def test_an_end_before_the_beginning_is_refused(since, until):
    with pytest.raises(ValueError, match=f"'{until}' is before '{since}'"):
        Period.from_options(since, until, NOW)


def refusal(typed):
    """Why what was typed is refused; empty if it is not."""
    try:
        Period.from_options(typed, "1h", NOW)
    except ValueError as error:
        return str(error)
    return ""


@given(st.text() | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*", fullmatch=True))
def test_whatever_is_typed_is_understood_or_refused_in_one_line(typed):
    assert refusal(typed).isprintable()
    assert len(refusal(typed)) < 300
