"""Sets of lumisections behave as sets do."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.lumis import Lumis

numbers = st.sets(st.integers(1, 200), max_size=60)


@given(numbers, numbers)
def test_union_difference_and_intersection_are_those_of_sets(a, b):
    x, y = Lumis.of(a), Lumis.of(b)
    assert set(x | y) == a | b
    assert set(x - y) == a - b
    assert set(x & y) == a & b


@given(numbers)
def test_text_and_back(a):
    lumis = Lumis.of(a)
    assert Lumis.parse(str(lumis)) == lumis
    assert (len(lumis), set(lumis)) == (len(a), a)


@given(numbers, st.integers(1, 200))
def test_membership(a, n):
    assert (n in Lumis.of(a)) == (n in a)


@given(st.lists(numbers, max_size=5))
def test_ranges_are_sorted_disjoint_and_never_touch(sets):
    ranges = Lumis.union(map(Lumis.of, sets)).ranges
    assert all(a <= b for a, b in ranges)
    assert all(b + 1 < c for (_, b), (c, _) in pairwise(ranges))


@given(numbers.filter(bool))
def test_first_and_last(a):
    assert (Lumis.of(a).first, Lumis.of(a).last) == (min(a), max(a))


@pytest.mark.parametrize("text", ["a", "3-1", "1-2-3", "-"])
def test_what_is_no_list_of_lumisections_is_refused(text):
    with pytest.raises(ValueError, match=r"lumisections|backwards"):
        Lumis.parse(text)
