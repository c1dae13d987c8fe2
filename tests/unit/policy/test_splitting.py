"""A job gets no more work than it should, and each lumisection of a RAW file is read once."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.campaign import RawFile
from condorloop.model.lumis import Lumis
from condorloop.policy.splitting import FEWEST_JOBS, Limits, even, event_time, split

raw_files = st.lists(
    st.tuples(
        st.sets(st.integers(1, 40), min_size=1, max_size=12).map(Lumis.of), st.integers(0, 90)
    ),
    max_size=12,
).map(lambda held: [RawFile(f"/eos/f{i}.root", 1, ls, n) for i, (ls, n) in enumerate(held)])
limits = st.builds(Limits, files=st.integers(1, 6), events=st.integers(1, 100))
of_files_alone = st.builds(Limits, files=st.integers(1, 6))


def raw(lumis, events, name="f"):
    return RawFile(f"/eos/{name}.root", 1, Lumis.parse(lumis), events)


def told(jobs):
    return [[(file.path[5:-5], str(file.lumis), file.events) for file in job] for job in jobs]


def in_order(file):
    return file.lumis.first, file.lumis.last, file.path


def fits(job, limits):
    return len(job) == 1 or (len(job) <= limits.files and events_of(job) <= limits.events)


def events_of(job):
    return sum(file.events for file in job)


def of_whole_files(jobs):
    return [job for job in jobs if not job[0].is_part]


@given(raw_files, limits | of_files_alone)
def test_each_lumisection_of_each_file_is_read_once(files, limits):
    read = defaultdict(list)
    for job in split(files, limits):
        for file in job:
            read[file.whole].append(file.lumis)
    assert {f: Lumis.union(parts) for f, parts in read.items()} == {f: f.lumis for f in files}
    assert all(sum(map(len, parts)) == len(f.lumis) for f, parts in read.items())
    assert all(a.last < b.first for parts in read.values() for a, b in pairwise(parts))


@given(raw_files, limits | of_files_alone)
def test_a_job_that_reads_a_part_of_a_file_reads_nothing_else(files, limits):
    for job in split(files, limits):
        assert len(job) == 1 or not any(file.is_part for file in job)
        assert all(file in files or file.is_part for file in job)


@given(raw_files, limits | of_files_alone)
def test_hardly_an_event_is_lost_and_none_is_counted_twice(files, limits):
    counted, parts = defaultdict(int), defaultdict(int)
    for job in split(files, limits):
        for file in job:
            counted[file.whole] += file.events
            parts[file.whole] += 1
    assert all(f.events - parts[f] < counted[f] <= f.events for f in files)


@given(raw_files, limits)
def test_a_job_is_over_its_limits_only_with_one_lumisection(files, limits):
    for job in split(files, limits):
        assert 0 < len(job) <= limits.files
        assert events_of(job) <= limits.events or (len(job) == 1 and len(job[0].lumis) == 1)


@given(raw_files, limits | of_files_alone)
def test_jobs_and_their_files_are_in_the_order_of_their_lumisections(files, limits):
    jobs = split(files, limits)
    assert jobs == sorted(jobs, key=lambda job: in_order(job[0]))
    whole = [file for job in of_whole_files(jobs) for file in job]
    assert whole == sorted(whole, key=in_order)


@given(raw_files, limits | of_files_alone, st.randoms())
def test_the_order_in_which_files_are_given_changes_nothing(files, limits, random):
    expected = split(files, limits)
    random.shuffle(files)
    assert split(files, limits) == expected


@given(raw_files, of_files_alone)
def test_without_a_limit_of_events_whole_files_are_counted(files, limits):
    jobs = split(files, limits)
    assert [*map(list, jobs)] == [*map(list, even(sorted(files, key=in_order), limits.files))]


@given(raw_files, st.integers(1, 6))
def test_a_limit_that_nothing_reaches_cuts_no_file(files, most):
    limits = Limits(most, events=max((f.events for f in files), default=1) or 1)
    assert of_whole_files(split(files, limits)) == split(files, limits)


@given(raw_files, limits)
def test_parts_that_wait_are_read_as_parts_again(files, limits):
    parts = [job[0] for job in split(files, limits) if job[0].is_part]
    assert split(parts, limits) == [(part,) for part in parts]
    assert split(parts, Limits(limits.files)) == [(part,) for part in parts]


@given(raw_files.filter(lambda files: len(files) < 10), limits)
def test_there_are_as_few_jobs_as_can_be_and_the_largest_is_as_small_as_can_be(files, limits):
    jobs = of_whole_files(split(files, limits))
    whole = [file for job in jobs for file in job]
    possible = []
    for count in range(len(jobs) + 1):
        for inner in combinations(range(1, len(whole)), max(0, count - 1)):
            cut = [whole[a:b] for a, b in pairwise([0, *inner, len(whole)])] if whole else []
            if len(cut) == count and all(fits(job, limits) for job in cut):
                possible.append(cut)
    assert min(map(len, possible)) == len(jobs)
    largest = min(max(map(events_of, cut), default=0) for cut in possible)
    assert max(map(events_of, jobs), default=0) == largest


@given(st.integers(1, 200), st.integers(0, 5000), st.integers(1, 500), st.integers(1, 5))
def test_the_parts_of_a_file_are_even(lumis, events, most, files):
    file = RawFile("/eos/f.root", 1, Lumis.span(1, lumis), events)
    parts = [part for job in split([file], Limits(files, most)) for part in job]
    lengths = [len(part.lumis) for part in parts]
    assert max(lengths) - min(lengths) <= 1
    counted = [part.events for part in parts]
    assert max(counted) - min(counted) <= events / lumis + 1
    fewer = len(parts) - 1
    assert not fewer or -(-lumis // fewer) * events > most * lumis


@pytest.mark.parametrize(
    ("files", "limits", "groups"),
    [
        ([], Limits(5, 100), []),
        # a file that fits is left whole
        ([raw("1-10", 400)], Limits(5, 400), [[("f", "1-10", 400)]]),
        ([raw("1-10", 401)], Limits(5, 400), [[("f", "1-5", 200)], [("f", "6-10", 200)]]),
        # three lumisections with 300 events: two jobs would have one with 200
        (
            [raw("4-6", 300)],
            Limits(5, 150),
            [[("f", "4", 100)], [("f", "5", 100)], [("f", "6", 100)]],
        ),
        # a lumisection is never cut, and what has none is no reason to cut
        ([raw("7", 900)], Limits(5, 100), [[("f", "7", 900)]]),
        ([raw("7-8", 900)], Limits(5, 100), [[("f", "7", 450)], [("f", "8", 450)]]),
        # lumisections that lack count for nothing
        ([raw("1-2,9-10", 40)], Limits(5, 30), [[("f", "1-2", 20)], [("f", "9-10", 20)]]),
        ([raw("1-3,9", 40)], Limits(5, 20), [[("f", "1-2", 20)], [("f", "3,9", 20)]]),
        # what is small goes together, and the largest job is as small as can be
        (
            [raw("1-2", 60, "a"), raw("3", 10, "b"), raw("4", 20, "c")],
            Limits(5, 40),
            [[("a", "1", 30)], [("a", "2", 30)], [("b", "3", 10), ("c", "4", 20)]],
        ),
        # files that fit are read together, whatever is cut between them
        (
            [raw("1-2", 5, "a"), raw("3-4", 40, "b"), raw("5-6", 5, "c")],
            Limits(5, 20),
            [[("a", "1-2", 5), ("c", "5-6", 5)], [("b", "3", 20)], [("b", "4", 20)]],
        ),
        # the parts of files with the same lumisections stand beside each other
        (
            [raw("1-2", 20, "b"), raw("1-2", 20, "a")],
            Limits(5, 10),
            [[("a", "1", 10)], [("b", "1", 10)], [("a", "2", 10)], [("b", "2", 10)]],
        ),
        # as even as can be
        (
            [raw(str(i), 10, f"{i}") for i in range(1, 7)],
            Limits(5, 50),
            [[(f"{i}", f"{i}", 10) for i in (1, 2, 3)], [(f"{i}", f"{i}", 10) for i in (4, 5, 6)]],
        ),
    ],
)
def test_how_files_are_spread(files, limits, groups):
    assert told(split(files, limits)) == groups


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ({}, None),
        ({"events": 400}, 400),
        ({"time": 600.0}, None),
        ({"time": 600.0, "event_time": 2.0}, 300),
        ({"events": 400, "time": 600.0}, 400),
        ({"events": 400, "time": 600.0, "event_time": 2.0}, 300),
        ({"events": 200, "time": 600.0, "event_time": 2.0}, 200),
        ({"time": 600.0, "event_time": 700.0}, 1),
        ({"events": 400, "event_time": 2.0}, 400),
    ],
)
def test_the_time_of_a_job_counts_once_that_of_an_event_is_known(given_, expected):
    assert Limits.of_work(5, **given_) == Limits(5, expected)


jobs = st.lists(st.tuples(st.floats(1, 1e5), st.integers(1, 10**6)), min_size=FEWEST_JOBS)


@given(jobs)
def test_half_of_the_events_took_no_longer_than_an_event_is_said_to_take(jobs):
    said = event_time(jobs)
    in_all = sum(events for _, events in jobs)
    assert sum(n for took, n in jobs if took / n <= said) >= in_all / 2
    assert sum(n for took, n in jobs if took / n < said) < in_all / 2


@given(st.lists(st.floats(1e3, 1e9), max_size=9), st.lists(st.floats(60, 600), max_size=90))
def test_neither_slow_machines_nor_many_small_jobs_change_much(slow, small):
    usual = [(500.0, 1000)] * 10
    odd = [*((took, 1000) for took in slow), *((took, 1) for took in small)]
    assert event_time(usual + odd) == 0.5


@pytest.mark.parametrize("count", range(FEWEST_JOBS))
def test_too_few_jobs_tell_nothing(count):
    assert event_time([(10.0, 10)] * count + [(10.0, 0)] * 9) is None
    assert event_time([(10.0, 10)] * FEWEST_JOBS) == 1.0
