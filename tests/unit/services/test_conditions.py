"""What uploadConditions.py says is read as what it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.enums import TagOutcome, UploadOutcome
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
    told = judge(exit_code, log, ["T"])
    assert told.outcome is outcome
    assert said in told.words


@given(st.integers(-64, 255), st.text())
def test_every_log_has_an_outcome_and_words(exit_code, log):
    told = judge(exit_code, log, ["T"])
    assert told.words
    assert told.outcome is not UploadOutcome.UPLOADED, "nobody named the tag"


def log_of(*lines):
    """A log of the tool: its lines with time and level, then what it prints at its end."""
    return "".join(f"{TIME} {line}\n" for line in lines) + "upload ended with code: 0\n"


def good(tag):
    return f"INFO: tag {tag} successfully uploaded"


def late(tag):
    return f"ERROR: found tag {tag} failed to upload. reason: \n ... \ttoo late for {tag} "


def skipped(tag):
    return f"WARNING: found tag {tag} to be skipped. reason:  \n ... \tit holds already "


def test_a_payload_is_uploaded_if_the_tool_named_each_tag_so():
    told = judge(0, log_of(SENT, good("A"), good("B")), ["A", "B"])
    assert told.outcome is UploadOutcome.UPLOADED
    assert {told.tags[tag].outcome for tag in "AB"} == {TagOutcome.UPLOADED}


@pytest.mark.parametrize(
    ("refusal", "outcome", "reason"),
    [(late, TagOutcome.FAILED, "too late for B"), (skipped, TagOutcome.SKIPPED, "it holds")],
)
@pytest.mark.parametrize("order", [1, -1])
def test_of_two_tags_one_refused_is_a_refusal_that_names_both(refusal, outcome, reason, order):
    lines = (good("A"), refusal("B"))[::order]
    told = judge(0, log_of(SENT, *lines), ["A", "B"])
    assert told.outcome is UploadOutcome.REFUSED
    assert not told.unanswered
    assert told.words.startswith(f"tag B: {reason}")
    assert "tag A successfully uploaded" in told.words
    assert told.tags["A"].outcome is TagOutcome.UPLOADED
    assert told.tags["B"].outcome is outcome


USAGE = "Usage: uploadConditions.py [options] <file> [<file> ...]\n\nOptions:\n  -h, --help\n"


@pytest.mark.parametrize(
    "log",
    [
        "",
        USAGE,
        "upload ended with code: 0\n",
        f"{TIME} INFO: tag T successfully upl",
        f"{TIME} {good('T2')}\n",
        f"{TIME} {good('xT')}\n",
        f"{TIME} {good('T T')}\n",
        f"{TIME} INFO: tags sucessfully uploaded: ['T'] \n",
        f"{TIME} INFO: x ... tag T successfully uploaded\n",
        "T successfully uploaded\n",
        "Could not get the credentials. Exiting.\n",
    ],
)
def test_exit_0_without_a_word_of_the_tag_is_no_success(log):
    told = judge(0, log, ["T"])
    assert told.outcome is UploadOutcome.FAILED
    assert not told.unanswered
    assert "exit 0: not named as uploaded" in told.words


def test_a_file_that_was_sent_and_whose_tag_is_not_named_may_be_in():
    told = judge(0, log_of(SENT, good("A")), ["A", "B"])
    assert (told.outcome, told.unanswered) == (UploadOutcome.NO_ANSWER, True)
    assert told.tags["A"].outcome is TagOutcome.UPLOADED
    assert told.tags["B"].outcome is TagOutcome.NOT_NAMED


@pytest.mark.parametrize(
    "log",
    [
        f"{TIME} {good('T')}\nupload ended with code: 0\n",
        f"upload ended with code: 0\n{TIME} {good('T')}\n",
        f"\x1b[32m{TIME} {good('T')}\x1b[0m\n",
        f"{TIME} {good('T')}\r\n",
        f"{TIME} DEBUG: tag T successfully uploaded\n",
        "tag T successfully uploaded\n",
    ],
)
def test_the_tool_s_word_is_read_whatever_stands_around_it(log):
    assert judge(0, log, ["T"]).outcome is UploadOutcome.UPLOADED


def test_what_went_in_stays_in_though_the_tool_ends_badly_after_it():
    log = log_of(SENT, good("T"), "ERROR: got HTTP error: signing out failed")
    assert judge(255, log, ["T"]).outcome is UploadOutcome.UPLOADED


def test_a_reason_cannot_make_a_refused_tag_good():
    bad = "ERROR: found tag T failed to upload. reason: \n ... \tno\ntag T successfully uploaded"
    assert judge(0, log_of(SENT, bad), ["T"]).outcome is UploadOutcome.REFUSED


tag_names = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1)


@given(st.sets(tag_names, min_size=1, max_size=4), st.data())
def test_each_tag_is_what_the_tool_said_of_it(names, data):
    tags = sorted(names)
    said = {tag: data.draw(st.sampled_from([good, late, skipped, None])) for tag in tags}
    lines = [say(tag) for tag, say in said.items() if say]
    told = judge(0, log_of(SENT, *data.draw(st.permutations(lines))), tags)
    outcomes = {good: "uploaded", late: "failed", skipped: "skipped", None: "not named"}
    assert {tag: told.tags[tag].outcome for tag in tags} == {
        tag: outcomes[say] for tag, say in said.items()
    }
    assert (told.outcome is UploadOutcome.UPLOADED) == all(say is good for say in said.values())


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
    assert judge(exit_code, log, ["T"]).unanswered == unanswered


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
