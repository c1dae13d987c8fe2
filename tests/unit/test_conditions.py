"""What uploadConditions.py says is read as what it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.conditions import PayloadError, iovs, judge, missing_credentials
from condorloop.model import UploadOutcome

CUT = "the connection was cut"
TIME = "[2026-11-23 20:00:00,000]"


@pytest.mark.parametrize(
    ("exit_code", "line", "outcome", "said"),
    [
        (0, "INFO: tag T successfully uploaded", UploadOutcome.UPLOADED, "successfully"),
        (
            1,
            "WARNING: found tag T to be skipped. reason:\n ... \tolder",
            UploadOutcome.REFUSED,
            "older",
        ),
        (
            1,
            "ERROR: found tag T failed to upload. reason:\n ... \tlate",
            UploadOutcome.REFUSED,
            "late",
        ),
        (1, f"ERROR: Error from uploading: {CUT}\n ... \t{CUT}", UploadOutcome.FAILED, CUT),
        (255, "ERROR: connection refused", UploadOutcome.FAILED, "connection refused"),
        (254, "ERROR: sign-in failed", UploadOutcome.FAILED, "sign-in"),
        (1, "INFO: nothing that is known", UploadOutcome.FAILED, "exit 1"),
        (-9, "INFO: x", UploadOutcome.FAILED, "exit -9"),
    ],
)
def test_the_outcome_follows_from_exit_code_and_words(exit_code, line, outcome, said):
    log = f"{TIME} INFO: begin\n{TIME} {line}\n{TIME} INFO: upload ended with code: {exit_code}\n"
    told, words = judge(exit_code, log)
    assert told is outcome
    assert said in words


@given(st.integers(-64, 255), st.text())
def test_every_log_has_an_outcome_and_words(exit_code, log):
    outcome, words = judge(exit_code, log)
    assert words
    assert (outcome is UploadOutcome.UPLOADED) == (exit_code == 0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "No such file"),
        ("machine Other login a password b\n", "no entry for machine ConditionUploader"),
        ("machine\n", "not a netrc file"),
        ("machine ConditionUploader login a password b\n", None),
    ],
)
def test_credentials_are_looked_at_before_the_tool_would_ask(tmp_path, text, problem):
    if text is not None:
        (tmp_path / ".netrc").write_text(text)
        (tmp_path / ".netrc").chmod(0o600)
    found = missing_credentials(tmp_path)
    assert (found is None) if problem is None else (found is not None and problem in found)


def test_a_file_that_is_no_database_is_told_from_none(tmp_path):
    file = tmp_path / "promptCalibConditions.db"
    assert iovs(file) == []
    file.write_text("no database at all, but longer than a header of a hundred bytes" * 3)
    with pytest.raises(PayloadError):
        iovs(file)
