"""A DAGMan that waits for a job that is gone is found out, and none that only waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.dagman.logs.lost_jobs import LostJobs, is_missing

QUIET, AGAIN = 300.0, 120.0


@pytest.fixture
def asked():
    """Look at a DAG whose log is so long; say whether the schedd is asked, and whether it is lost.

    The schedd answers that a job is missing, or that none is.
    """
    hearing = LostJobs()

    def look(now, read_to, missing):
        if not hearing.is_due(1, read_to, now, QUIET):
            return None
        return hearing.is_lost(1, missing, now, QUIET, AGAIN)

    return look


def test_a_job_that_is_missed_twice_while_nothing_is_told_of_it_is_lost(asked):
    assert asked(0, 100, True) is None
    assert asked(QUIET - 1, 100, True) is None
    assert asked(QUIET, 100, True) is False
    assert asked(QUIET + AGAIN - 1, 100, True) is None
    assert asked(QUIET + AGAIN, 100, True) is True
    assert asked(QUIET + AGAIN + 10, 100, True) is None


def test_a_job_whose_end_comes_into_the_log_was_not_lost(asked):
    asked(0, 100, True)
    assert asked(QUIET, 100, True) is False
    assert asked(QUIET + AGAIN, 600, True) is None
    assert asked(2 * QUIET + AGAIN, 600, True) is False


def test_a_long_job_is_asked_for_now_and_then_and_never_lost(asked):
    answers = [asked(now, 100, False) for now in range(0, 7200, 10)]
    assert set(answers) == {None, False}
    assert answers.count(False) == 7200 / QUIET - 1


def test_a_job_that_was_missed_once_and_is_there_again_is_not_lost(asked):
    asked(0, 100, True)
    assert [asked(QUIET, 100, True), asked(QUIET + AGAIN, 100, False)] == [False, False]
    assert asked(2 * QUIET + AGAIN, 100, True) is False


def test_dags_that_have_left_are_forgotten():
    hearing = LostJobs()
    hearing.is_due(1, 100, 0.0, QUIET)
    hearing.keep({2})
    assert not hearing.is_due(1, 100, QUIET, QUIET)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_no_job_is_missing_whose_end_dagman_has_only_not_read_yet(running, ended, read):
    read = min(ended, read)
    assert not is_missing(running + ended - read, ended, running)
    assert is_missing(running + ended + 1, ended, running)
