"""RAW files with the same lumisections and events are named, whatever they are called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.campaign import RawFile
from condorloop.model.lumis import Lumis
from condorloop.model.raw_copies import SMALL, copies

SPAN = Lumis.span(1, 5)
SIZE = 2 * SMALL


def file(name, lumis="1-5", events=100, size=SIZE):
    return RawFile(f"/eos/{name}.root", size, Lumis.parse(lumis), events)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3), st.integers(-1, 2)), max_size=12))
def test_all_that_have_the_same_ls_and_events_are_named_together_and_no_other(rows):
    files = [file(f"f{i}", str(ls), events, size) for i, (ls, events, size) in enumerate(rows)]
    found = copies(files)
    named = [path for each in found for path in each.paths]
    assert len(named) == len(set(named))
    of = {f.path: f for f in files}
    for each in found:
        assert len(each.paths) > 1
        assert {(of[p].lumis, of[p].events) for p in each.paths} == {(each.lumis, each.events)}
    alone = [f for f in files if f.path not in named and f.events]
    assert len({(f.lumis, f.events) for f in alone}) == len(alone)
    assert copies(reversed(files)) == found


def test_files_without_events_are_no_copies():
    assert copies([file("a", events=0), file("b", events=0)]) == ()


def one_file_each(*lumis):
    return [file(f"x{ls}", ls, 90 + i, SIZE + 100 + i) for i, ls in enumerate(lumis)]


def test_one_file_more_than_the_others_have_is_hardly_chance():
    [found] = copies([file("a"), file("b", size=SIZE + 1), *one_file_each("6-10", "11-15")])
    assert found.likely
    assert str(found) == "a.root and b.root have the same LS 1-5 and 100 events each"
    assert copies([file("a"), file("b", size=SIZE + 1)], alone=2) == (found,)


def two_files_each(*lumis):
    return [
        file(f"{name}{ls}", ls, events, SIZE + events)
        for ls in lumis
        for name, events in (("x", 90), ("y", 110))
    ]


def test_as_many_events_can_be_chance_where_a_stream_has_several_files_an_ls():
    others = two_files_each("6-10", "11-15")
    [found] = copies([file("a"), file("b", size=SIZE + 1), *others])
    assert not found.likely
    [same] = copies([file("a"), file("b"), *others])
    assert same.likely
    [third] = copies([file("a"), file("b", size=SIZE + 1), file("c", events=7), *others])
    assert third.likely


@pytest.mark.parametrize("size", [-1, 0, 5000, SMALL - 1])
def test_a_size_that_is_small_or_not_known_is_no_evidence(size):
    others = two_files_each("6-10", "11-15")
    [found] = copies([file("a", size=size), file("b", size=size), *others])
    assert not found.likely
    [third] = copies([file(name, size=size) for name in "abc"] + others)
    assert third.likely


def test_where_each_ls_has_files_of_one_size_none_is_likely_a_copy():
    files = [file(f"{name}{ls}", str(ls)) for ls in range(1, 9) for name in "ab"]
    assert [found.likely for found in copies(files)] == [False] * 8
    third = file("c3", "3")
    [found] = [found for found in copies([*files, third]) if found.likely]
    assert found.paths == tuple(f"/eos/{name}3.root" for name in "abc")


def test_the_first_ls_of_a_run_does_not_tell_what_is_usual():
    assert [found.likely for found in copies([file("a"), file("b")])] == [False]
