"""Each lumisection is in one state, and in the best that it deserves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.enums import DagState, NodeState
from condorloop.model.lumi_fates import FileFate, LumiState, fates
from condorloop.model.lumis import EMPTY, Lumis

ACTIVE, DONE, FAILED = DagState.ACTIVE, DagState.DONE, DagState.FAILED

lumis = st.frozensets(st.integers(1, 30)).map(Lumis.of)
files = st.builds(
    FileFate,
    lumis=lumis,
    gone=st.booleans(),
    unreadable=st.booleans(),
    dag=st.none() | st.sampled_from(DagState),
    reco=st.sampled_from(["", "waiting", "done", "failed", "dropped"]),
    alca=st.sampled_from(["", "waiting", "done", "failed", "dropped"]),
    given_up=st.booleans(),
    lacking=lumis,
)


def of(file, *, is_open=True, harvested=EMPTY, in_payload=EMPTY, last=10):
    told = fates([file], harvested=harvested, in_payload=in_payload, last=last, is_open=is_open)
    return {state: str(lumis) for state, lumis in told.items()}


@given(st.lists(files, max_size=8), lumis, lumis, st.integers(0, 30), st.booleans())
def test_every_lumisection_is_in_exactly_one_state(found, harvested, in_payload, last, is_open):
    told = fates(found, harvested=harvested, in_payload=in_payload, last=last, is_open=is_open)
    everything = Lumis.union([*(f.lumis for f in found), harvested, in_payload])
    assert Lumis.union(told.values()) == everything | Lumis.span(1, last)
    assert sum(map(len, told.values())) == len(Lumis.union(told.values()))
    assert all(told.values())


@pytest.mark.parametrize(
    ("file", "state"),
    [
        (FileFate(Lumis.span(1, 10)), LumiState.GOOD),
        (FileFate(Lumis.span(1, 10), gone=True), LumiState.BAD_FILE),
        (FileFate(Lumis.span(1, 10), unreadable=True), LumiState.BAD_FILE),
        (FileFate(Lumis.span(1, 10), unreadable=True, dag=ACTIVE), LumiState.IN_WORK),
        (FileFate(Lumis.span(1, 10), dag=ACTIVE, reco=NodeState.WAITING), LumiState.IN_WORK),
        (FileFate(Lumis.span(1, 10), dag=ACTIVE, reco=NodeState.FAILED), LumiState.FAILED),
        (FileFate(Lumis.span(1, 10), dag=FAILED, reco=NodeState.WAITING), LumiState.FAILED),
        (
            FileFate(Lumis.span(1, 10), dag=FAILED, reco=NodeState.DONE, alca=NodeState.DONE),
            LumiState.IN_WORK,
        ),
        (
            FileFate(Lumis.span(1, 10), dag=DONE, reco=NodeState.DONE, given_up=True),
            LumiState.BAD_FILE,
        ),
    ],
)
def test_what_became_of_a_file_is_what_became_of_its_lumisections(file, state):
    assert of(file) == {state: "1-10"}


def test_what_a_job_did_not_read_is_told_from_what_it_read():
    file = FileFate(
        Lumis.span(1, 10), dag=DONE, reco=NodeState.DONE, alca=NodeState.DONE, lacking=Lumis.of([4])
    )
    assert of(file, in_payload=Lumis.span(1, 10) - Lumis.of([4])) == {
        LumiState.IN_PAYLOAD: "1-3,5-10",
        LumiState.BAD_FILE: "4",
    }


def test_what_no_file_covers_is_awaited_until_the_campaign_is_closed():
    file = FileFate(Lumis.span(1, 6))
    assert of(file)[LumiState.AWAITED] == "7-10"
    assert of(file, is_open=False)[LumiState.MISSING] == "7-10"


def test_a_payload_counts_more_than_a_harvest_and_a_harvest_more_than_work():
    file = FileFate(Lumis.span(1, 10), dag=ACTIVE, reco=NodeState.DONE, alca=NodeState.DONE)
    assert of(file, harvested=Lumis.span(1, 8), in_payload=Lumis.span(1, 5)) == {
        LumiState.IN_PAYLOAD: "1-5",
        LumiState.HARVESTED: "6-8",
        LumiState.IN_WORK: "9-10",
    }
