"""Failed attempts are told once each, and read whatever became of the file."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.node.job_output.job_end import shell_code, words_of
from condorloop.rundir.records.attempts import Attempt, add, file_of, read

FIRST = Attempt(85, "8021 FileReadError: bad", ("/eos/a.root", "/eos/b.root"), 1.5)
SECOND = Attempt(137, "killed", (), 2.5)


def test_attempts_are_read_as_they_were_told(tmp_path):
    assert read(tmp_path, "RECO_0000") == ()
    for attempt in (FIRST, SECOND, FIRST):
        add(tmp_path, "RECO_0000", attempt)
    assert read(tmp_path, "RECO_0000") == (FIRST, SECOND)
    assert read(tmp_path, "RECO_0001") == ()


def test_a_half_written_line_spoils_neither_the_others_nor_the_next(tmp_path):
    add(tmp_path, "N", FIRST)
    with file_of(tmp_path, "N").open("a") as file:
        file.write('{"exit_code": 84, "wor')
    assert read(tmp_path, "N") == (FIRST,)
    add(tmp_path, "N", SECOND)
    assert read(tmp_path, "N") == (FIRST, SECOND)


LINES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"[" * 50_000, b"\0", b"\xff\xfe", b"9" * 5000, b'"\\ud800"', b"NaN"]),
    st.dictionaries(
        st.sampled_from([*Attempt.__slots__, "more"]),
        st.none() | st.text(max_size=3) | st.floats() | st.integers() | st.lists(st.integers()),
    ).map(lambda found: json.dumps(found).encode()),
)


@given(st.lists(LINES, max_size=6), st.booleans())
def test_whatever_is_in_the_file_an_attempt_can_be_told_and_read(tmp_path_factory, lines, ended):
    folder = tmp_path_factory.mktemp("dag")
    file_of(folder, "N").write_bytes(b"\n".join(lines) + b"\n" * ended)
    before = read(folder, "N")
    add(folder, "N", FIRST)
    assert read(folder, "N") == (*before, FIRST)


@pytest.mark.parametrize(
    ("returned", "code", "words"),
    [
        (84, 84, "exit 84"),
        (-9, 137, "killed by SIGKILL"),
        (-64, 192, "killed by SIGRTMAX"),
        (-33, 161, "killed by signal 33"),
        (-1001, -1001, "the job could not be submitted"),
        (-1002, -1002, "the job was removed"),
    ],
)
def test_dagmans_return_is_told_as_a_shell_would_and_its_own_codes_in_words(returned, code, words):
    assert (shell_code(returned), words_of(returned)) == (code, words)
