"""A cleanup that a person asks for goes on cycle by cycle, and is answered when all is deleted."""

import pytest

from condorloop.cycle import cleaner
from condorloop.model.enums import RequestKind
from condorloop.model.request import ALL_RUNS, Request
from condorloop.requests.command import command_of
from tests.unit.cycle.test_cleaner import AGES, LATER
from tests.unit.cycle.test_cleaner import Place as Closed
from tests.unit.requests.place import Requests

CLEANUP = RequestKind.CLEANUP


@pytest.fixture
def place(tmp_path):
    """A closed campaign whose files may be deleted."""
    place = Closed(tmp_path, AGES)
    place.close()
    yield place
    place.ledger.close()


@pytest.fixture
def requests(place):
    return Requests(place.config, place.ledger, now=LATER)


@pytest.mark.parametrize(
    ("run", "calibration", "whose"),
    [
        (ALL_RUNS, None, "all runs"),
        (398600, None, "run 398600"),
        (398600, "BeamSpot", "BeamSpot, run 398600"),
    ],
)
def test_a_plan_says_whose_files_are_deleted(place, run, calibration, whose):
    plan = command_of(CLEANUP).plan(Request(CLEANUP, run, calibration), place.ledger)
    assert plan.words == (f"delete files past their retention time of {whose}",)


def test_it_is_answered_when_the_last_part_is_deleted_with_all_that_went(
    requests, place, monkeypatch
):
    monkeypatch.setattr(cleaner, "ON_REQUEST", 4)
    number = requests.leave(CLEANUP, run=ALL_RUNS)
    for _ in range(2):
        requests.handle()
        assert requests.answer(number) is None
    requests.handle()
    assert requests.answer(number) == (True, "10 files, 100 B removed")
    assert len(place.gone()) == 10


def test_one_that_was_cut_short_goes_on_where_it_was(requests, place, monkeypatch):
    monkeypatch.setattr(cleaner, "ON_REQUEST", 4)
    number = requests.leave(CLEANUP, run=ALL_RUNS)
    requests.handle()
    after_a_kill = Requests(place.config, place.ledger, now=LATER)
    for _ in range(2):
        after_a_kill.handle()
    assert requests.answer(number) == (True, "6 files, 60 B removed")
    assert len(place.gone()) == 10


def test_where_nothing_may_go_that_is_the_answer(requests):
    assert requests.answered(CLEANUP, run=1) == (True, "0 files, 0 B removed")


def test_what_cannot_be_deleted_is_named_and_the_request_is_not_done(requests, monkeypatch):
    def refuse(*_):
        raise OSError(13, "Permission denied", "/data/ngt/RECO_0000.root")

    monkeypatch.setattr(cleaner, "remove", refuse)
    done, words = requests.answered(CLEANUP, run=ALL_RUNS)
    assert not done
    assert words.startswith("0 files, 0 B removed; EcalPedestals run398600: ")
    assert "Permission denied" in words
