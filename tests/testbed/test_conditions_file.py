"""Conditions files hold what was written, by the rules of the conditions database."""

import hashlib
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.enums import TimeType
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.conditions.sqlite_file import ConditionsFileError, Tag

ECAL = ("Run", "EcalPedestals", "any")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "promptCalibConditions.db"


def test_what_is_written_is_read_back(file):
    sqlite_file.write(file, "Ecal", *ECAL, [(20, b"second"), (10, b"first")])
    assert sqlite_file.tags(file) == {"Ecal": Tag("Ecal", TimeType.RUN, "EcalPedestals", "any")}
    assert [iov.since for iov in sqlite_file.iovs(file, "Ecal")] == [10, 20]
    assert [sqlite_file.payload_for(file, "Ecal", run) for run in (9, 10, 19, 20, 99)] == [
        None,
        b"first",
        b"first",
        b"second",
        b"second",
    ]


def test_a_payload_is_known_by_the_hash_of_type_and_data(file):
    sqlite_file.write(file, "Ecal", *ECAL, [(10, b"data")])
    assert sqlite_file.iovs(file, "Ecal")[0].payload_hash == (
        hashlib.sha1(b"EcalPedestals" + b"data").hexdigest()
    )


def test_the_same_payload_is_stored_once(file):
    sqlite_file.write(file, "Ecal", *ECAL, [(10, b"data"), (20, b"data")])
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM PAYLOAD").fetchone() == (1,)


def test_at_equal_since_the_latest_insertion_wins_and_the_other_stays(file):
    for data in (b"old", b"new"):
        sqlite_file.write(file, "Ecal", *ECAL, [(10, data)])
    assert sqlite_file.payload_for(file, "Ecal", 10) == b"new"
    assert len(sqlite_file.iovs(file, "Ecal")) == 1
    everything = sqlite_file.iovs(file, "Ecal", hidden=True)
    assert [sqlite_file.payload(file, iov.payload_hash) for iov in everything] == [b"old", b"new"]


def test_several_tags_share_a_file(file):
    sqlite_file.write(file, "Ecal", *ECAL, [(10, b"ecal")])
    sqlite_file.write(file, "Spot", "Lumi", "BeamSpotObjects", "any", [(5 << 32 | 1, b"spot")])
    assert set(sqlite_file.tags(file)) == {"Ecal", "Spot"}
    assert len(sqlite_file.iovs(file, "Ecal")) == len(sqlite_file.iovs(file, "Spot")) == 1


def test_a_tag_without_iovs_holds_nothing(file):
    sqlite_file.write(file, "Ecal", *ECAL, [])
    assert sqlite_file.iovs(file, "Ecal") == []
    assert sqlite_file.iov_for(file, "Ecal", 10) is None


def test_the_tables_are_those_of_cmssw(file):
    sqlite_file.create(file)
    with closing(sqlite3.connect(file)) as connection:
        columns = {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for table in ("TAG", "IOV", "PAYLOAD", "TAG_LOG")
        }
    assert columns == {
        "TAG": [
            "NAME",
            "TIME_TYPE",
            "OBJECT_TYPE",
            "SYNCHRONIZATION",
            "DESCRIPTION",
            "LAST_VALIDATED_TIME",
            "END_OF_VALIDITY",
            "INSERTION_TIME",
            "MODIFICATION_TIME",
            "PROTECTION_CODE",
        ],
        "IOV": ["TAG_NAME", "SINCE", "PAYLOAD_HASH", "INSERTION_TIME"],
        "PAYLOAD": ["HASH", "OBJECT_TYPE", "DATA", "STREAMER_INFO", "VERSION", "INSERTION_TIME"],
        "TAG_LOG": [
            "TAG_NAME",
            "EVENT_TIME",
            "USER_NAME",
            "HOST_NAME",
            "COMMAND",
            "ACTION",
            "USER_TEXT",
        ],
    }


def test_a_change_that_fails_leaves_the_file_as_it_was(file):
    sqlite_file.write(file, "Ecal", *ECAL, [(10, b"data")])
    with pytest.raises(ConditionsFileError, match="UNIQUE"):
        sqlite_file.write(file, "Ecal", *ECAL, [(20, b"once"), (20, b"twice")])
    assert [iov.since for iov in sqlite_file.iovs(file, "Ecal")] == [10]


def test_a_time_type_that_does_not_exist_is_refused(file):
    with pytest.raises(ValueError, match="Fill"):
        sqlite_file.write(file, "Ecal", "Fill", "EcalPedestals", "any", [(10, b"data")])


@pytest.mark.parametrize("content", [None, b"", b"not a database at all" * 9])
def test_a_file_that_is_missing_empty_or_damaged_is_one_kind_of_error(file, content):
    if content is not None:
        file.write_bytes(content)
    for read in (
        lambda: sqlite_file.tags(file),
        lambda: sqlite_file.iovs(file, "Ecal"),
        lambda: sqlite_file.payload(file, "0" * 40),
    ):
        with pytest.raises(ConditionsFileError, match=file.name):
            read()


def test_a_file_cut_in_the_middle_is_an_error_too(file):
    sqlite_file.write(file, "Ecal", *ECAL, [(run, bytes(5000) + bytes([run])) for run in range(50)])
    file.write_bytes(file.read_bytes()[:20_000])
    with pytest.raises(ConditionsFileError):
        sqlite_file.payload_for(file, "Ecal", 49)


def test_a_payload_that_is_not_there_is_an_error(file):
    sqlite_file.create(file)
    with pytest.raises(ConditionsFileError, match="no payload"):
        sqlite_file.payload(file, "0" * 40)


@given(st.integers(1, 2**31 - 1), st.integers(0, 2**32 - 1))
def test_run_and_lumisection_survive_packing(run, lumisection):
    assert sqlite_file.split_lumi_since(sqlite_file.lumi_since(run, lumisection)) == (
        run,
        lumisection,
    )


@given(*[st.tuples(st.integers(1, 2**31 - 1), st.integers(0, 2**32 - 1))] * 2)
def test_packed_sinces_are_ordered_as_runs_and_lumisections_are(one, other):
    assert (sqlite_file.lumi_since(*one) < sqlite_file.lumi_since(*other)) == (one < other)
