"""A tag's synchronisation lets in what its consumers have not passed, and never rewrites the past.

The table of cases is that of the upload service's own developers.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.enums import Synchronisation, TimeType
from condorloop.testbed.conditions.sqlite_file import lumi_since, split_lumi_since
from condorloop.testbed.conditions.synchronisation import (
    RULES,
    RefusedError,
    Rule,
    in_words,
    starting_at,
    synchronise,
)

SAFE = 1000
RUN = TimeType.RUN

runs = st.integers(SAFE - 8, SAFE + 8)
files = st.dictionaries(runs, st.text(max_size=3), min_size=1).map(lambda d: sorted(d.items()))
histories = st.dictionaries(runs, st.text(max_size=3)).map(lambda d: sorted(d.items()))
lumis = st.builds(lumi_since, runs, st.integers(1, 5))
files_by_lumi = st.dictionaries(lumis, st.text(max_size=3), min_size=1).map(
    lambda d: sorted(d.items())
)
synchronizations = st.sampled_from(Synchronisation)


def by(rule):
    return st.sampled_from([name for name, found in RULES.items() if found is rule])


def admitted(synchronization, iovs, *, last=None, time_type=RUN):
    """The IOVs that enter; None if the tag refuses them."""
    try:
        return synchronise(synchronization, time_type, iovs, last=last, first_safe_run=SAFE)
    except RefusedError:
        return None


def holding(iovs, time):
    return next((payload for since, payload in reversed(iovs) if since <= time), None)


@pytest.mark.parametrize(
    ("synchronization", "last", "since", "enters_at"),
    [
        ("any", None, 900, 900),
        ("any", 950, 900, 900),
        ("any", 900, 900, 900),
        ("validation", 950, 950, 950),
        ("mc", None, 1, 1),
        ("mc", 1, 1, None),
        ("mc", 1, 200, None),
        ("hlt", 900, 950, SAFE),
        ("express", 900, 950, SAFE),
        ("prompt", 1200, 950, SAFE),
        ("express", 1000, 1200, 1200),
        ("express", 1200, 1100, 1100),
        ("pcl", 900, 950, None),
        ("pcl", 900, SAFE, SAFE),
        ("pcl", 1200, 1100, 1100),
        ("offline", None, 900, 900),
        ("offline", 900, 950, 950),
        ("offline", 950, 920, None),
        ("offline", 950, 950, None),
        ("runmc", 950, 920, None),
        ("runmc", 950, 951, 951),
    ],
)
def test_the_table(synchronization, last, since, enters_at):
    found = admitted(Synchronisation(synchronization), [(since, "x")], last=last)
    assert found == (None if enters_at is None else [(enters_at, "x")])


def test_every_synchronisation_has_a_rule():
    assert set(RULES) == set(Synchronisation)


def test_a_refusal_says_what_was_too_late_for_what():
    with pytest.raises(RefusedError, match=r"since 999 .* first safe run 1000.* pcl"):
        synchronise(Synchronisation.PCL, RUN, [(999, "x")], last=None, first_safe_run=SAFE)


@given(by(Rule.APPEND), files, runs)
def test_offline_is_strictly_increasing(synchronization, iovs, last):
    found = admitted(synchronization, iovs, last=last)
    assert (found is None) == (iovs[0][0] <= last)
    assert found is None or found == iovs


@given(files, runs | st.none())
def test_pcl_takes_a_file_as_it_is_or_not_at_all(iovs, last):
    found = admitted(Synchronisation.PCL, iovs, last=last)
    assert found == (iovs if iovs[0][0] >= SAFE else None)


@given(by(Rule.MOVE_UP), files, st.integers(SAFE, SAFE + 8))
def test_moved_up_constants_hold_where_they_would_have_from_the_first_safe_run_on(
    synchronization, iovs, time
):
    found = admitted(synchronization, iovs)
    assert found is not None
    assert all(since >= SAFE for since, _ in found)
    assert holding(found, time) == holding(iovs, time)


@given(st.sampled_from(["hlt", "express", "prompt", "pcl"]), files_by_lumi)
def test_no_lumisection_of_an_unsafe_run_gets_new_constants(name, iovs):
    found = admitted(Synchronisation(name), iovs, time_type=TimeType.LUMI)
    assert found is None or all(split_lumi_since(since)[0] >= SAFE for since, _ in found)


@given(by(Rule.MOVE_UP), files_by_lumi.filter(lambda iovs: iovs[0][0] < lumi_since(SAFE, 0)))
def test_a_lumi_since_moves_to_the_first_lumisection_of_the_first_safe_run(name, iovs):
    found = admitted(name, iovs, time_type=TimeType.LUMI)
    assert found is not None
    assert found[0][0] == lumi_since(SAFE, 1)


@given(synchronizations, histories, files)
def test_what_held_before_the_first_new_since_still_does(synchronization, history, iovs):
    last = history[-1][0] if history else None
    found = admitted(synchronization, iovs, last=last) or []
    after = sorted((dict(history) | dict(found)).items())
    assert {since for since, _ in history} <= {since for since, _ in after}
    first_new = found[0][0] if found else SAFE + 9
    assert all(holding(after, t) == holding(history, t) for t in range(SAFE - 9, first_new))


@given(synchronizations, files)
def test_what_enters_is_in_order_and_was_in_the_file(synchronization, iovs):
    found = admitted(synchronization, iovs) or []
    sinces = [since for since, _ in found]
    assert sinces == sorted(set(sinces))
    assert {payload for _, payload in found} <= {payload for _, payload in iovs}


@given(st.sampled_from([TimeType.TIME, TimeType.HASH, TimeType.USER]), files)
def test_sinces_that_name_no_run_are_not_held_against_one(time_type, iovs):
    for name in (Synchronisation.EXPRESS, Synchronisation.PCL):
        assert admitted(name, iovs, time_type=time_type) == iovs


@given(files, runs)
def test_a_given_since_cuts_the_file_there(iovs, start):
    if start < iovs[0][0]:
        with pytest.raises(RefusedError, match="no IOV of the file holds"):
            starting_at(iovs, start)
        return
    cut = starting_at(iovs, start)
    assert cut[0][0] == start
    assert all(holding(cut, t) == holding(iovs, t) for t in range(start, SAFE + 9))


@given(files)
def test_without_a_given_since_a_file_stays_whole(iovs):
    assert starting_at(iovs, None) == iovs


def test_a_since_is_written_as_people_read_it():
    assert in_words(TimeType.LUMI, lumi_since(398600, 7)) == "398600:7"
    assert in_words(RUN, 398600) == "398600"
