"""A payload file is read as what it is, whatever has been done to it."""

import sqlite3
from contextlib import closing, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.node.job_output import payload_db
from condorloop.node.job_output.payload_db import PayloadError, iovs
from condorloop.rundir.records.harvest import Iov


def test_a_file_that_is_no_database_is_told_from_none(tmp_path):
    file = tmp_path / "promptCalibConditions.db"
    assert iovs(file) == []
    file.write_text("no database at all, but longer than a header of a hundred bytes" * 3)
    with pytest.raises(PayloadError):
        iovs(file)


def test_a_payload_file_that_nothing_was_written_into_is_no_payload(tmp_path):
    (tmp_path / "promptCalibConditions.db").touch()
    assert iovs(tmp_path / "promptCalibConditions.db") == []


def payload_file(path, since=398600):
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE IOV (TAG_NAME, SINCE, PAYLOAD_HASH, INSERTION_TIME)")
    db.executemany("INSERT INTO IOV VALUES ('T', ?, 'abc', 0)", [[since]] * 500)
    db.commit()
    db.close()
    return path


def test_iovs_are_read_whatever_the_folder_is_called(tmp_path):
    folder = tmp_path / "50% of? #1"
    folder.mkdir()
    assert iovs(payload_file(folder / "p.db"))[0] == Iov("T", 398600, "abc")


@pytest.mark.parametrize("since", ["soon", None, b"\xff"])
def test_an_iov_whose_since_is_no_number_is_a_damaged_payload(tmp_path, since):
    with pytest.raises(PayloadError):
        iovs(payload_file(tmp_path / "p.db", since))


def test_a_payload_file_whose_iovs_read_well_may_be_damaged_all_the_same(tmp_path):
    path = payload_file(tmp_path / "p.db")
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE PAYLOAD (DATA)")
    db.executemany("INSERT INTO PAYLOAD VALUES (?)", [[b"x" * 3000]] * 9)
    db.commit()
    db.close()
    with path.open("r+b") as file:
        file.seek(-4096 * 2, 2)
        file.write(b"\0" * 4096)
    with pytest.raises(PayloadError, match=r"damaged|malformed"):
        iovs(path)


ENDLESS = (
    "CREATE VIEW IOV AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT 'T' AS TAG_NAME, i AS SINCE, 'abc' AS PAYLOAD_HASH, 0 AS INSERTION_TIME FROM n"
)


def test_a_payload_file_whose_iovs_never_end_is_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / "p.db")) as db:
        db.execute(ENDLESS)
    with pytest.raises(PayloadError, match="view"):
        iovs(tmp_path / "p.db")


def test_more_iovs_than_any_run_has_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(payload_db, "MOST_IOVS", 500)
    assert len(iovs(payload_file(tmp_path / "p.db"))) == 500
    monkeypatch.setattr(payload_db, "MOST_IOVS", 499)
    with pytest.raises(PayloadError, match="more than 499 IOVs"):
        iovs(tmp_path / "p.db")


def test_a_payload_file_that_takes_too_long_to_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(payload_db, "LONGEST", -1.0)
    monkeypatch.setattr(payload_db, "_STEPS", 1)
    with pytest.raises(PayloadError, match="interrupted"):
        iovs(payload_file(tmp_path / "p.db"))


@given(cut=st.integers(0, 20000), flipped=st.integers(0, 20000), value=st.binary(max_size=9))
def test_no_damage_to_a_payload_file_is_more_than_a_payload_error(whole, cut, flipped, value):
    content = bytearray(whole.read_bytes())
    content[flipped : flipped + len(value)] = value
    path = whole.with_name("damaged.db")
    path.write_bytes(content[:cut])
    with suppress(PayloadError):
        iovs(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return payload_file(tmp_path_factory.mktemp("payload") / "p.db")
