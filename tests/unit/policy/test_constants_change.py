"""What has changed between two payloads."""

import math

from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.constants import Constants, IovConstants
from condorloop.policy.constants_change import compare

RUN = 398600


def pedestals(values, run=RUN):
    mean = {str(channel): float(value) for channel, value in values.items()}
    return Constants(
        "Ecal", (IovConstants(run, "h", {"mean": mean}),), units={"mean": "ADC counts"}
    )


def spots(positions, run=RUN):
    iovs = [
        IovConstants(run << 32 | ls, f"{ls}", numbers={"x": x})
        for ls, x in sorted(positions.items())
    ]
    return Constants("Spot", tuple(iovs))


def test_channels_are_compared_one_by_one_also_of_different_runs():
    change = compare(
        pedestals({1: 200, 2: 201, 3: 202, 9: 5}),
        pedestals({1: 200, 2: 203, 3: 201, 10: 6}, RUN + 1),
    )
    [mean] = change.quantities
    assert (mean.name, mean.unit, len(mean.shifts), mean.changed) == ("mean", "ADC counts", 3, 2)
    assert [(s.what, s.by) for s in mean.worst()] == [("2", 2.0), ("3", -1.0)]
    assert (mean.come, mean.gone) == (("10",), ("9",))
    assert math.isclose(mean.mean, 1 / 3)
    assert (mean.largest, mean.beyond(1.0), mean.beyond(0.5)) == (2.0, 1, 2)


def test_members_of_sets_come_and_go():
    def modules(*dead):
        return Constants("Bad", (IovConstants(RUN, "h", sets={"dead": frozenset(dead)}),))

    [dead] = compare(modules("2", "10", "3"), modules("3", "11", "9")).sets
    assert (dead.before, dead.after, dead.come, dead.gone) == (3, 3, ("9", "11"), ("2", "10"))


def test_numbers_are_compared_where_one_iov_of_each_serves():
    change = compare(spots({1: 0.1, 11: 0.2}), spots({1: 0.1, 6: 0.15, 11: 0.3}))
    [x] = change.quantities
    assert x.by_interval
    assert [(s.what, s.before, s.after) for s in x.shifts] == [
        ("LS 1-5", 0.1, 0.1),
        ("LS 6-10", 0.1, 0.15),
        ("LS 11-", 0.2, 0.3),
    ]


def test_where_only_one_serves_nothing_is_compared():
    [x] = compare(spots({1: 0.1, 5: 0.2}), spots({5: 0.2, 9: 0.3})).quantities
    assert [s.what for s in x.shifts] == ["LS 5-8", "LS 9-"]


def test_lumisections_of_different_runs_are_compared_by_their_number():
    [x] = compare(spots({1: 0.1, 5: 0.2}), spots({1: 0.1, 5: 0.5}, RUN + 3)).quantities
    assert [(s.what, s.after) for s in x.shifts] == [("LS 1-4", 0.1), ("LS 5-", 0.5)]


def test_channels_of_several_iovs_are_told_with_their_interval():
    def two(value):
        iovs = [IovConstants(RUN << 32 | ls, "h", {"q": {"7": value + ls}}) for ls in (1, 3)]
        return Constants("T", tuple(iovs))

    [q] = compare(two(0.0), two(1.0)).quantities
    assert [s.what for s in q.worst()] == ["LS 1-2 7", "LS 3- 7"]


def test_without_iovs_nothing_is_compared():
    assert compare(Constants("T", ()), pedestals({1: 1})).nothing


values = st.dictionaries(st.integers(0, 20), st.floats(-1e6, 1e6), max_size=8)


@given(values)
def test_the_same_payload_has_not_changed(one):
    assert compare(pedestals(one), pedestals(one)).nothing


@given(values, values)
def test_the_way_back_is_the_opposite_change(one, other):
    there, back = (
        compare(pedestals(one), pedestals(other)),
        compare(pedestals(other), pedestals(one)),
    )
    for a, b in zip(there.quantities, back.quantities, strict=True):
        assert (a.come, a.gone, a.changed) == (b.gone, b.come, b.changed)
        assert math.isclose(a.mean, -b.mean, abs_tol=1e-6)
        assert math.isclose(a.spread, b.spread, abs_tol=1e-6)
        assert a.largest == b.largest
        assert len(a.shifts) + len(a.come) == len(other)


borders = st.dictionaries(st.integers(1, 30), st.floats(-1, 1), min_size=2, max_size=8)


@given(borders, borders, st.integers(1, 40))
def test_each_lumisection_is_compared_with_what_serves_it(one, other, ls):
    def served(positions):
        return positions[max(at)] if (at := [s for s in positions if s <= ls]) else None

    def holds(label):
        first, _, last = label.removeprefix("LS ").partition("-")
        return int(first) <= ls and (ls <= int(last) if last else "-" in label or ls == int(first))

    quantities = compare(spots(one), spots(other)).quantities
    found = [s for q in quantities for s in q.shifts if holds(s.what)]
    both = None not in (served(one), served(other))
    assert [(s.before, s.after) for s in found] == ([(served(one), served(other))] if both else [])
