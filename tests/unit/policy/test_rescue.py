"""When a failed DAG is run again, and in which words, with a made-up clock."""

from dataclasses import replace

import pytest

from condorloop.model.enums import DagState, UploadOutcome
from condorloop.policy.rescue import (
    can_rescue,
    guilty_inputs,
    rescue_wait,
    storage_answered,
    why_rescue,
)
from tests.unit.examples import START, calibration, campaign, dag

CALIBRATION = calibration()
HOUR = 3600.0


def failed(*nodes, rescues=0, **more):
    ended = dag(0, DagState.FAILED, failed=nodes, ended_at=START, rescues=rescues)
    return replace(ended, **more)


def why(of, at=HOUR):
    return why_rescue(START + at, campaign(dags=(of,)), of, CALIBRATION)


def test_it_is_said_what_failed_when_and_which_rescue_this_is():
    assert why(failed("ALCA_0000", "UPLOAD")) == "failed (ALCA_0000, UPLOAD) 120 s ago, rescue 1"
    assert why(failed("ALCA_0000", rescues=2)) == "failed (ALCA_0000) 480 s ago, rescue 3"


def test_a_dag_that_ended_without_a_result_is_rescued_in_these_words():
    assert why(failed()) == "failed (it ended without a result) 120 s ago, rescue 1"


def test_a_dag_of_which_no_end_is_known_is_not_rescued():
    assert why(failed("ALCA_0000", ended_at=None)) is None


def test_nothing_is_rescued_from_the_end_of_the_window_on():
    end, one = CALIBRATION.closing.buffer, failed("ALCA_0000")
    assert can_rescue(START + end - 1, campaign(dags=(one,)), one, CALIBRATION)
    assert not can_rescue(START + end, campaign(dags=(one,)), one, CALIBRATION)


@pytest.mark.parametrize("state", [s for s in DagState if s is not DagState.FAILED])
def test_only_a_dag_that_failed_is_rescued_or_loses_inputs(state):
    other = replace(failed("RECO_0001", rescues=3), state=state, blames={"RECO_0001": {"a": 9}})
    assert not can_rescue(START, campaign(dags=(other,)), other, CALIBRATION)
    assert guilty_inputs(other, CALIBRATION) == {}


def test_only_inputs_that_were_blamed_often_enough_are_guilty_and_they_are_sorted():
    blames = {"RECO_0001": {"b": 3, "c": 2, "a": 4}, "ALCA_0000": {"d": 1}}
    assert guilty_inputs(failed("RECO_0001", rescues=2, blames=blames), CALIBRATION) == {
        "RECO_0001": ("a", "b")
    }


def test_storage_has_answered_only_if_it_did_after_the_dag_ended():
    reco = failed("RECO_0001")
    heard = [storage_answered(campaign(listed_at=at), reco) for at in (None, START, START + 1)]
    assert heard == [False, False, True]


def test_a_dag_of_which_no_end_is_known_believes_any_answer_of_storage():
    assert storage_answered(campaign(listed_at=0.5), failed("RECO_0001", ended_at=None))


def test_the_wait_for_a_rescue_doubles_but_never_overflows():
    waits = [rescue_wait(failed("ALCA_0000", rescues=n), CALIBRATION) for n in (0, 1, 20, 5000)]
    assert waits == [120.0, 240.0, 120.0 * 2**20, 120.0 * 2**20]


def test_an_upload_without_an_answer_never_waits_longer_than_the_set_time():
    silent = failed("UPLOAD", rescues=5000, upload=UploadOutcome.NO_ANSWER)
    assert rescue_wait(silent, CALIBRATION) == CALIBRATION.uploads.longest_wait
