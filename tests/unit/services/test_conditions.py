"""What uploadConditions.py says is read as what it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.enums import UploadOutcome
from condorloop.services.conditions import judge, missing_credentials

CUT = "the connection was cut"
SENT = "INFO: host: x: Uploading file (abc, size 9) to the online backend..."
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
        (1, f"ERROR: Error from uploading: {CUT}\n ... \t{CUT}", UploadOutcome.NO_ANSWER, CUT),
        (255, "ERROR: connection refused", UploadOutcome.NO_ANSWER, "connection refused"),
        (254, "ERROR: sign-in failed", UploadOutcome.NO_ANSWER, "sign-in"),
        (
            254,
            "ERROR: Invalid credentials provided.\nERROR: Aborting.",
            UploadOutcome.NO_ANSWER,
            "wrong user or password in the netrc file",
        ),
        (253, "ERROR: no data file", UploadOutcome.FAILED, "no data file"),
        (252, "ERROR: no IOV", UploadOutcome.FAILED, "no IOV"),
        (251, "ERROR: the check failed", UploadOutcome.FAILED, "the check failed"),
        (1, "INFO: nothing that is known", UploadOutcome.FAILED, "exit 1"),
        (-9, "INFO: x", UploadOutcome.FAILED, "exit -9"),
    ],
)
def test_the_outcome_follows_from_exit_code_and_words(exit_code, line, outcome, said):
    log = f"{TIME} INFO: begin\n{TIME} {line}\n{TIME} INFO: upload ended with code: {exit_code}\n"
    told = judge(exit_code, log)
    assert told.outcome is outcome
    assert said in told.words


@given(st.integers(-64, 255), st.text())
def test_every_log_has_an_outcome_and_words(exit_code, log):
    told = judge(exit_code, log)
    assert told.words
    assert (told.outcome is UploadOutcome.UPLOADED) == (exit_code == 0)


@pytest.mark.parametrize(
    ("exit_code", "lines", "unanswered"),
    [
        (0, [SENT, "INFO: tag T successfully uploaded"], False),
        (1, [SENT, "ERROR: found tag T failed to upload. reason:\n ... \tlate"], False),
        (1, [SENT, f"ERROR: Error from uploading: {CUT}\n ... \t{CUT}"], True),
        (1, [SENT, "Traceback (most recent call last):\nKeyError: 'upload'"], True),
        (-9, [SENT], True),
        (255, [SENT, "ERROR: got HTTP error: signing out failed"], True),
        (1, ["Traceback (most recent call last):\nImportError: requests"], False),
        (-9, ["INFO: Checking x..."], False),
        (255, ["ERROR: connection refused"], False),
        (254, ["ERROR: sign-in failed"], False),
        (252, ["ERROR: no IOV"], False),
    ],
)
def test_only_a_tool_that_may_have_sent_the_file_leaves_it_open_whether_it_was_taken(
    exit_code, lines, unanswered
):
    log = "".join(f"{TIME} {line}\n" for line in lines)
    assert judge(exit_code, log).unanswered == unanswered


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "No such file"),
        ("machine Other login a password b\n", "no entry for machine ConditionUploader"),
        ("machine\n", "not a netrc file"),
        ("machine ConditionUploader login \udcff password b\n", "not a netrc file"),
        ("machine ConditionUploader login a password b\n", None),
    ],
)
def test_credentials_are_looked_at_before_the_tool_would_ask(tmp_path, text, problem):
    if text is not None:
        (tmp_path / ".netrc").write_text(text, errors="surrogateescape")
        (tmp_path / ".netrc").chmod(0o600)
    found = missing_credentials(tmp_path)
    assert (found is None) if problem is None else (found is not None and problem in found)
