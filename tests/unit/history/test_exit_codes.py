"""Exit codes and hold codes are told in words, with what to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.dagman.submit_description import HELD_FOR_TIME
from condorloop.history.exit_codes import exit_words, hold_words
from condorloop.model.enums import NodeKind
from condorloop.model.queue import HELD_BY_PERSON
from condorloop.node.post_script import TRANSIENT

CMSSW_KINDS = (NodeKind.RECO, NodeKind.ALCA, NodeKind.HARVEST)


@pytest.mark.parametrize("kind", CMSSW_KINDS)
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (65, "8001"),
        (84, "8020"),
        (85, "8021"),
        (92, "8028"),
        (134, "SIGABRT"),
        (137, "memory"),
        (139, "SIGSEGV"),
    ],
)
def test_the_codes_of_cmsrun_are_told_by_their_names(kind, code, words):
    assert words in exit_words(kind, code)[0]


def test_the_codes_of_an_upload_are_those_of_its_tool():
    assert "sign-in" in exit_words(NodeKind.UPLOAD, 254)[0]
    assert "refused" in exit_words(NodeKind.UPLOAD, 66)[0]
    assert "C++" in exit_words(NodeKind.RECO, 66)[0]


def test_exit_0_of_a_failed_node_is_no_success():
    assert "not whole" in exit_words(NodeKind.RECO, 0)[0]


@given(st.sampled_from(NodeKind), st.integers(-1100, 400))
def test_every_code_has_words_and_advice(kind, code):
    assert all(exit_words(kind, code))
    assert all(hold_words(code))


@pytest.mark.parametrize("code", sorted(TRANSIENT & set(range(128, 140))))
def test_a_signal_that_is_tried_again_is_told_as_what_it_is(code):
    assert "which no list" not in exit_words(NodeKind.RECO, code)[0]


def test_the_holds_that_the_loop_sets_itself_are_told():
    assert "time limit" in hold_words(HELD_FOR_TIME)[0]
    assert hold_words(3, HELD_FOR_TIME) == hold_words(HELD_FOR_TIME)
    assert "a person" in hold_words(HELD_BY_PERSON)[0]


@pytest.mark.parametrize("code", [21, 34, HELD_FOR_TIME])
def test_what_is_advised_about_a_held_job_reaches_that_job(code):
    """A job in the queue does not read a YAML file: release, not resubmit."""
    _, advice = hold_words(code)
    assert "release" in advice
    assert "resubmit" not in advice


@pytest.mark.parametrize("code", [68, 73, 94, 96, 97, 137])
def test_advice_to_change_the_configuration_says_that_the_submitter_must_read_it(code):
    assert "kill -HUP PID" in exit_words(NodeKind.RECO, code)[1]
