"""What is beyond a gate's limits, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.constants import Constants, IovConstants
from condorloop.model.gate import GateLimits, QuantityLimit, SetLimit
from condorloop.policy.constants_change import compare
from condorloop.policy.gate import beyond


def constants(mean=None, dead=(), x=None):
    channels = {"mean": mean} if mean is not None else {}
    numbers = {"x": x} if x is not None else {}
    iov = IovConstants(398600, "abc", channels, {"dead": frozenset(dead)}, numbers)
    return Constants("Ped", (iov,), units={"mean": "ADC counts"})


BEFORE = constants({"1": 200.0, "2": 200.0, "3": 200.0, "4": 200.0}, dead=("9",), x=0.1)


def found(after, sets=None, **quantities):
    limits = GateLimits(quantities, sets or {})
    return beyond([compare(BEFORE, after)], limits)


def test_the_largest_shift_is_named_with_its_channel():
    after = constants({"1": 200.0, "2": 212.0, "3": 195.0, "4": 200.0})
    assert found(after, mean=QuantityLimit(largest_shift=12.0)) == []
    assert found(after, mean=QuantityLimit(largest_shift=10.0)) == [
        "mean of 2 shifts by +12 ADC counts (at most 10)"
    ]


def test_channels_count_that_change_by_more_than_what_counts():
    after = constants({"1": 200.1, "2": 202.0, "3": 203.0, "4": 200.0})
    assert found(after, mean=QuantityLimit(part_changed=0.5, change=1.0)) == []
    assert found(after, mean=QuantityLimit(part_changed=0.4, change=1.0)) == [
        "mean changes by more than 1 ADC counts in 50.0% of channels (at most 40.0%)"
    ]
    assert found(after, mean=QuantityLimit(part_changed=0.5)) == [
        "mean changes in 75.0% of channels (at most 50.0%)"
    ]


def test_channels_that_are_gone_count():
    after = constants({"1": 200.0, "2": 200.0, "3": 200.0})
    assert found(after, mean=QuantityLimit(part_gone=0.25)) == []
    assert found(after, mean=QuantityLimit(part_gone=0.2)) == [
        "mean is gone of 25.0% of channels (at most 20.0%)"
    ]


def test_a_number_of_an_interval_is_judged_too():
    after = constants({"1": 1.0}, x=0.4)
    [said] = found(after, x=QuantityLimit(largest_shift=0.2))
    assert said.startswith("x of run 398600 shifts by +0.3")


def test_what_comes_into_a_set_and_goes_is_counted():
    after = constants(dead=("1", "2", "3"))
    assert found(after, {"dead": SetLimit(come=3, gone=1)}) == []
    assert found(after, {"dead": SetLimit(come=2, gone=0)}) == [
        "3 come into dead (at most 2)",
        "1 go from dead (at most 0)",
    ]


@pytest.mark.parametrize("limits", [{"rms": QuantityLimit(largest_shift=1e9)}, {}])
def test_what_cannot_be_compared_is_beyond_any_limit(limits):
    sets = {} if limits else {"noisy": SetLimit(come=10**9)}
    [said] = found(BEFORE, sets, **limits)
    assert said.endswith("cannot be compared with the payload in force")


VALUES = st.dictionaries(st.sampled_from("12345"), st.floats(-1e3, 1e3), min_size=1)


@given(VALUES, VALUES, st.floats(0, 10))
def test_no_change_is_within_every_limit_and_a_wider_limit_never_holds_more(old, new, limit):
    narrow = QuantityLimit(limit, limit / 10, 0.5, limit / 10)
    wide = QuantityLimit(2 * limit, min(1.0, limit / 5), 0.5, min(1.0, limit / 5))

    def said(after, of):
        change = compare(constants(old), constants(after))
        return beyond([change], GateLimits({"mean": of}, {}))

    assert said(old, QuantityLimit(0.0, 0.0, 0.0, 0.0)) == []
    if old.keys() & new.keys():
        assert len(said(new, wide)) <= len(said(new, narrow))
