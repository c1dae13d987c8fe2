"""Which IOV of a tag serves a lumisection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.enums import TimeType
from condorloop.model.tag_content import (
    NotByRun,
    TagContent,
    TagIov,
    run_and_ls,
    serving,
    since_of,
)

RUN = 398600


def tag(time_type, *iovs):
    return TagContent.of("T", time_type, None, [TagIov(*iov) for iov in iovs])


def test_a_run_tag_serves_all_lumisections_of_a_run_alike():
    content = tag(TimeType.RUN, (1, 5.0, "old"), (RUN, 6.0, "new"))
    assert [serving(content, RUN, ls).hash for ls in (1, 500)] == ["new", "new"]
    assert serving(content, RUN - 1, 500).hash == "old"
    assert serving(content, 0, 1) is None


def test_a_lumi_tag_serves_each_lumisection_from_the_last_since_before_it():
    content = tag(TimeType.LUMI, (RUN << 32 | 3, 5.0, "a"), (RUN << 32 | 7, 6.0, "b"))
    served = [
        found and found.hash for ls in (2, 3, 6, 7, 99) for found in [serving(content, RUN, ls)]
    ]
    assert served == [None, "a", "a", "b", "b"]
    assert serving(content, RUN + 1, 1).hash == "b"


def test_at_equal_since_the_latest_insertion_serves_in_whatever_order_they_are_read():
    content = tag(TimeType.RUN, (RUN, 7.0, "late"), (RUN, 6.0, "early"))
    assert serving(content, RUN, 1).hash == "late"


def test_other_time_types_say_nothing_of_lumisections():
    with pytest.raises(NotByRun, match="Time"):
        serving(tag(TimeType.TIME, (1, 1.0, "x")), RUN, 1)


lumis = st.tuples(st.integers(1, 50), st.integers(1, 50))


@given(st.lists(st.tuples(lumis, st.integers(0, 5)), max_size=12), lumis)
def test_what_serves_is_what_a_search_of_all_iovs_finds(iovs, at):
    rows = [(run << 32 | ls, float(time), f"{n:040x}") for n, ((run, ls), time) in enumerate(iovs)]
    content = tag(TimeType.LUMI, *rows)
    found = serving(content, *at)
    before = [row for row in rows if row[0] <= at[0] << 32 | at[1]]
    if not before:
        assert found is None
        return
    latest = max(row[:2] for row in before)
    assert (found.since, found.inserted) == latest


@given(st.sampled_from([TimeType.RUN, TimeType.LUMI]), st.integers(1, 2**31), st.integers(1, 2**31))
def test_a_since_names_its_run_and_lumisection(time_type, run, ls):
    assert run_and_ls(time_type, since_of(time_type, run, ls)) in ((run, ls), (run, 0))
