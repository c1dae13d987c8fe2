"""The stand-in joins lumisections into IOVs where CMSSW's beam spot manager joins them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.testbed.cmssw.steps import beam_spot
from condorloop.testbed.cmssw.steps.beam_spot import Spot
from condorloop.testbed.truth import Truth

FAR = 0.01
"""A move in cm that ends an IOV, as 0.0025 would."""


def spot(ls: int, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Spot:
    return Spot(ls, 1000, (x, y, z), (0.0015, 0.0013, 3.6))


def lumis(spots: list[Spot]) -> list[list[int]]:
    return [[each.ls for each in iov] for iov in beam_spot.joined(spots)]


def still(*numbers: int) -> list[Spot]:
    """Spots that are all in the same place."""
    return [spot(ls) for ls in numbers]


@pytest.mark.parametrize("numbers", [[], [7], [7, 8]])
def test_one_or_two_lumisections_are_not_joined(numbers):
    assert lumis(still(*numbers)) == [[ls] for ls in numbers]


def test_twenty_lumisections_are_one_iov_at_most():
    found = lumis(still(*range(1, 51)))
    assert found == [[*range(1, 21)], [*range(21, 41)], [*range(41, 51)]]


def test_the_last_iov_takes_a_lumisection_more_rather_than_leave_it_alone():
    assert lumis(still(*range(1, 42))) == [[*range(1, 21)], [*range(21, 42)]]


def test_a_hole_ends_no_iov():
    assert lumis(still(1, 2, 3, 90, 91)) == [[1, 2, 3, 90, 91]]


def test_a_lumisection_that_comes_late_moves_every_border_behind_it():
    without = lumis(still(*range(1, 5), *range(6, 61)))
    whole = lumis(still(*range(1, 81)))
    assert [iov[0] for iov in without] == [1, 22, 42]
    assert [iov[0] for iov in whole] == [1, 21, 41, 61]


@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_move_down_ends_an_iov(axis):
    spots = [*still(1, 2, 3), *(spot(ls, **{axis: -FAR}) for ls in (4, 5, 6))]
    assert lumis(spots) == [[1, 2, 3], [4, 5, 6]]


def test_a_move_up_alone_ends_none():
    """The manager compares the difference with its sign."""
    spots = [*still(1, 2, 3), *(spot(ls, x=FAR) for ls in (4, 5, 6))]
    assert lumis(spots) == [[1, 2, 3, 4, 5, 6]]


def test_two_moves_the_same_way_end_an_iov_before_the_first():
    spots = [*still(1, 2, 3), spot(4, x=FAR), spot(5, x=2 * FAR), spot(6, x=2 * FAR)]
    assert lumis(spots) == [[1, 2, 3], [4, 5, 6]]


def test_a_lumisection_that_is_elsewhere_alone_ends_no_iov():
    assert lumis([*still(1, 2), spot(3, x=-FAR), *still(4, 5)]) == [[1, 2, 3, 4, 5]]


def test_a_move_before_the_last_lumisection_leaves_it_alone():
    assert lumis([*still(1, 2, 3), spot(4, x=-FAR)]) == [[1, 2, 3], [4]]


def test_a_drift_within_the_width_ends_no_iov():
    assert lumis([spot(ls, x=-0.001 * ls) for ls in range(1, 11)]) == [[*range(1, 11)]]


def test_another_width_ends_an_iov():
    wide = [replace(spot(ls), width=(0.003, 0.0013, 3.6)) for ls in (4, 5, 6)]
    assert lumis([*still(1, 2, 3), *wide]) == [[1, 2, 3], [4, 5, 6]]


def test_a_move_along_the_beam_ends_an_iov_from_half_its_length():
    near = [*still(1, 2, 3), *(spot(ls, z=1.7) for ls in (4, 5))]
    far = [*still(1, 2, 3), *(spot(ls, z=1.9) for ls in (4, 5))]
    assert lumis(near) == [[1, 2, 3, 4, 5]]
    assert lumis(far) == [[1, 2, 3], [4, 5]]


@given(
    st.lists(
        st.tuples(st.integers(1, 300), st.sampled_from([0.0, -FAR, FAR, 0.001])),
        unique_by=lambda pair: pair[0],
    )
)
def test_each_lumisection_is_in_one_iov_in_its_order(places):
    found = lumis([spot(ls, x) for ls, x in sorted(places)])
    assert [ls for iov in found for ls in iov] == sorted(ls for ls, _ in places)
    assert all(found)
    assert all(len(iov) <= 20 for iov in found[:-1])
    assert len(found) == 0 or len(found[-1]) <= 21


def test_the_simulated_beam_gives_long_iovs_and_moves_that_end_them():
    """Of the borders that no count of 20 explains, there is one a few dozen lumisections."""
    truth = Truth(seed=2026)
    spots = []
    for ls in range(1, 401):
        centre, width = truth.beam_spot(398600, ls).centre, truth.beam_spot(398600, ls).width
        rng = np.random.default_rng(ls)
        x, y, z = rng.normal(centre, np.array(width) / np.sqrt(1000)).tolist()
        spots.append(Spot(ls, 1000, (x, y, z), width))
    lengths = [len(iov) for iov in beam_spot.joined(spots)]
    assert lengths.count(20) >= 5
    assert sum(1 for length in lengths if 1 < length < 20) >= 5


def test_the_mean_weights_by_vertices():
    one, two = spot(1), replace(spot(2, x=3.0), vertices=2000)
    assert beam_spot.mean([one, two]).centre[0] == pytest.approx(2.0)
    assert beam_spot.mean([one, two]).vertices == 3000
