"""Why a job failed and which input is to blame, from cmsRun's report, log and exit code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.node.job_output.diagnosis import blamed, relevant, words
from condorloop.node.job_output.job_report import FrameworkError
from condorloop.testbed.cmssw.framework.errors import CmsError

A, B = "/eos/cms/000/a.root", "/eos/cms/000/b.root"
INPUTS = (A, B)
OPENED = f"23-Nov-2026 17:44:13 CET  Successfully opened file root://eos//{A}"
CLOSED = f"23-Nov-2026 17:44:14 CET  Closed file root://eos//{A}"
ASKED = f"23-Nov-2026 17:44:15 CET  Initiating request to open file root://eos//{B}"
CRASH = "A fatal system signal has occurred: segmentation violation"


def error(category, message, *notes):
    found = CmsError(category, message, ["Calling InputSource::readFile_"], notes)
    return FrameworkError(found.code, str(found))


OPEN = error("FileOpenError", f"Failed to open the file 'root://eos//{B}'", "a note")
READ = error("FileReadError", "", f"Fatal Root Error: @SUB=TBranch::GetBasket\nFile: root:/{A} bad")
OTHER = error("StdException", "out of range")


@pytest.mark.parametrize(
    ("found", "log", "said"),
    [
        (OPEN, [], f"8020 FileOpenError: Failed to open the file 'root://eos//{B}'"),
        (
            READ,
            [],
            f"8021 FileReadError: Fatal Root Error: @SUB=TBranch::GetBasket File: root:/{A}",
        ),
        (FrameworkError(8002, "odd"), [], "8002: odd"),
        (None, ["begin", CRASH, "The following is the call stack"], CRASH),
        (None, ["one", "the last  ", ""], "the last"),
        (None, [], ""),
        (
            None,
            ["----- Begin Fatal Exception 23-Nov-2026---", *OPEN.text.splitlines(), "after"],
            "FileOpenError: Failed to open",
        ),
    ],
)
def test_the_line_that_matters_is_found(found, log, said):
    assert words(found, log).startswith(said)


@pytest.mark.parametrize(
    ("exit_code", "found", "log", "blames"),
    [
        (84, OPEN, [], (B,)),
        (85, READ, [OPENED], (A,)),
        (86, error("FatalRootError", f"{A} and {B}"), [], (A, B)),
        (139, None, [OPENED], (A,)),
        (134, None, [OPENED, CLOSED, ASKED], (B,)),
        (139, None, [OPENED, CLOSED], ()),
        (139, None, [], ()),
        (85, error("FileReadError", "no name"), [OPENED, CLOSED, ASKED], (B,)),
        (66, OTHER, [OPENED], ()),
        (66, error("StdException", f"bad {A}"), [], (A,)),
        (90, error("ConfigFileReadError", f"bad {A}"), [OPENED], ()),
        (73, error("Configuration", f"bad {A}"), [OPENED], ()),
        (137, None, [OPENED], ()),
        (84, error("FileOpenError", f"{A}2 and /other{A[8:]} and {A[:-1]}"), [], ()),
        (84, error("FileOpenError", f"Failed to open {A}."), [], (A,)),
    ],
)
def test_the_input_that_failed_a_job_is_blamed_and_no_other(exit_code, found, log, blames):
    assert blamed(exit_code, found, log, INPUTS) == blames


def test_a_log_of_millions_of_events_is_not_kept():
    log = [OPENED, "Begin processing the 1st record. Run 1", CLOSED]
    assert relevant(log) == [OPENED, CLOSED]


@given(st.integers(-2000, 300), st.text(), st.lists(st.text(max_size=40), max_size=5))
def test_every_failure_has_its_words_in_a_line_and_blames_inputs_only(exit_code, text, log):
    for found in (None, FrameworkError(8001, text)):
        said = words(found, log)
        assert len(said) <= 400
        assert "\n" not in said
        assert set(blamed(exit_code, found, log, INPUTS)) <= set(INPUTS)
