"""Constants are read from JSON as they were written, and what is none is one clear error."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.constants import Constants, ConstantsError, IovConstants, Place
from tests.unit.hostile import is_one_clear_line, texts, values

names = st.text(max_size=5)
numbers = st.floats(allow_nan=False, allow_infinity=False)
by_name = st.dictionaries(names, numbers, max_size=3)
iovs = st.builds(
    IovConstants,
    since=st.integers(0, 2**64 - 1),
    hash=names,
    channels=st.dictionaries(names, by_name, max_size=2),
    sets=st.dictionaries(names, st.frozensets(names, max_size=3), max_size=2),
    numbers=by_name,
)
constants = st.builds(
    Constants,
    tag=names,
    iovs=st.lists(iovs, max_size=3).map(lambda i: tuple(sorted(i, key=lambda iov: iov.since))),
    object_type=names,
    units=st.dictionaries(names, names, max_size=2),
    places=st.dictionaries(
        names, st.builds(Place, names, st.integers(), st.integers()), max_size=2
    ),
)


@given(constants)
def test_constants_are_read_as_they_were_written(one):
    assert Constants.from_text(json.dumps(one.to_json()), "x") == one


@given(texts | values.map(lambda v: json.dumps(v, default=str)))
def test_what_is_no_constants_is_one_clear_error(text):
    with pytest.raises(ConstantsError) as caught:
        Constants.from_text(text, "a tool")
    assert is_one_clear_line(str(caught.value))


def good():
    return {
        "schema": 1,
        "tag": "Ecal",
        "iovs": [
            {"since": 1, "hash": "ab", "channels": {"mean": {"7": 200}}, "sets": {"dead": [1]}}
        ],
        "places": {"7": ["EB", 1, 2]},
    }


def test_what_is_optional_may_be_absent_and_ids_may_be_numbers():
    read = Constants.from_json(good(), "x")
    assert read.iovs[0].channels == {"mean": {"7": 200.0}}
    assert read.iovs[0].sets == {"dead": frozenset({"1"})}
    assert read.places == {"7": Place("EB", 1, 2)}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda d: d.update(schema=2), "x: schema is 2, expected 1"),
        (lambda d: d.pop("tag"), "x: tag is missing, expected text"),
        (lambda d: d.update(iovs={}), "x: iovs is {}, expected a list of objects"),
        (lambda d: d["iovs"].append(3), "x: iovs[1] is 3, expected an object"),
        (lambda d: d["iovs"][0].update(since=-1), "x: iovs[0].since is -1, expected a since"),
        (lambda d: d["iovs"][0].update(since=True), "x: iovs[0].since is True, expected a since"),
        (
            lambda d: d["iovs"][0]["channels"]["mean"].update({"8": float("nan")}),
            "x: iovs[0].channels.mean.8 is nan, expected a finite number",
        ),
        (
            lambda d: d["iovs"][0].update(numbers={"x": 10**400}),
            "x: iovs[0].numbers.x is",
        ),
        (
            lambda d: d["iovs"][0].update(sets={"dead": "all"}),
            "x: iovs[0].sets.dead is 'all', expected a list of channels",
        ),
        (lambda d: d.update(places={"7": ["EB", 1]}), "x: places.7 is ['EB', 1], expected a part"),
        (lambda d: d.update(units={"mean": 3}), "x: units.mean is 3, expected text"),
    ],
)
def test_a_mistake_is_named_with_where_it_is(spoil, said):
    data = good()
    spoil(data)
    with pytest.raises(ConstantsError) as caught:
        Constants.from_json(data, "x")
    assert str(caught.value).startswith(said)
