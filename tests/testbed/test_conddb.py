"""Conditions files hold what was written, by the rules of the conditions database."""

import hashlib
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.testbed import conddb
from condorloop.testbed.conddb import ConditionsFileError, Tag, TimeType

ECAL = ("Run", "EcalPedestals", "any")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "promptCalibConditions.db"


def test_what_is_written_is_read_back(file):
    conddb.write(file, "Ecal", *ECAL, [(20, b"second"), (10, b"first")])
    assert conddb.tags(file) == {"Ecal": Tag("Ecal", TimeType.RUN, "EcalPedestals", "any")}
    assert [iov.since for iov in conddb.iovs(file, "Ecal")] == [10, 20]
    assert [conddb.payload_for(file, "Ecal", run) for run in (9, 10, 19, 20, 99)] == [
        None,
        b"first",
        b"first",
        b"second",
        b"second",
    ]


def test_a_payload_is_known_by_the_hash_of_type_and_data(file):
    conddb.write(file, "Ecal", *ECAL, [(10, b"data")])
    assert conddb.iovs(file, "Ecal")[0].payload_hash == (
        hashlib.sha1(b"EcalPedestals" + b"data").hexdigest()
    )


def test_the_same_payload_is_stored_once(file):
    conddb.write(file, "Ecal", *ECAL, [(10, b"data"), (20, b"data")])
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM PAYLOAD").fetchone() == (1,)


def test_at_equal_since_the_latest_insertion_wins_and_the_other_stays(file):
    for data in (b"old", b"new"):
        conddb.write(file, "Ecal", *ECAL, [(10, data)])
    assert conddb.payload_for(file, "Ecal", 10) == b"new"
    assert len(conddb.iovs(file, "Ecal")) == 1
    everything = conddb.iovs(file, "Ecal", hidden=True)
    assert [conddb.payload(file, iov.payload_hash) for iov in everything] == [b"old", b"new"]


def test_several_tags_share_a_file(file):
    conddb.write(file, "Ecal", *ECAL, [(10, b"ecal")])
    conddb.write(file, "Spot", "Lumi", "BeamSpotObjects", "any", [(5 << 32 | 1, b"spot")])
    assert set(conddb.tags(file)) == {"Ecal", "Spot"}
    assert len(conddb.iovs(file, "Ecal")) == len(conddb.iovs(file, "Spot")) == 1


def test_a_tag_without_iovs_holds_nothing(file):
    conddb.write(file, "Ecal", *ECAL, [])
    assert conddb.iovs(file, "Ecal") == []
    assert conddb.iov_for(file, "Ecal", 10) is None


def test_the_tables_are_those_of_cmssw(file):
    conddb.create(file)
    with closing(sqlite3.connect(file)) as connection:
        columns = {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for table in ("TAG", "IOV", "PAYLOAD", "TAG_LOG")
        }
    assert columns == {
        "TAG": [
            *("NAME", "TIME_TYPE", "OBJECT_TYPE", "SYNCHRONIZATION", "DESCRIPTION"),
            *("LAST_VALIDATED_TIME", "END_OF_VALIDITY", "INSERTION_TIME", "MODIFICATION_TIME"),
            "PROTECTION_CODE",
        ],
        "IOV": ["TAG_NAME", "SINCE", "PAYLOAD_HASH", "INSERTION_TIME"],
        "PAYLOAD": ["HASH", "OBJECT_TYPE", "DATA", "STREAMER_INFO", "VERSION", "INSERTION_TIME"],
        "TAG_LOG": [
            *("TAG_NAME", "EVENT_TIME", "USER_NAME", "HOST_NAME", "COMMAND", "ACTION"),
            "USER_TEXT",
        ],
    }


def test_a_change_that_fails_leaves_the_file_as_it_was(file):
    conddb.write(file, "Ecal", *ECAL, [(10, b"data")])
    with pytest.raises(ConditionsFileError, match="UNIQUE"):
        conddb.write(file, "Ecal", *ECAL, [(20, b"once"), (20, b"twice")])
    assert [iov.since for iov in conddb.iovs(file, "Ecal")] == [10]


def test_a_time_type_that_does_not_exist_is_refused(file):
    with pytest.raises(ValueError, match="Fill"):
        conddb.write(file, "Ecal", "Fill", "EcalPedestals", "any", [(10, b"data")])


@pytest.mark.parametrize("content", [None, b"", b"not a database at all" * 9])
def test_a_file_that_is_missing_empty_or_damaged_is_one_kind_of_error(file, content):
    if content is not None:
        file.write_bytes(content)
    for read in (
        lambda: conddb.tags(file),
        lambda: conddb.iovs(file, "Ecal"),
        lambda: conddb.payload(file, "0" * 40),
    ):
        with pytest.raises(ConditionsFileError, match=file.name):
            read()


def test_a_file_cut_in_the_middle_is_an_error_too(file):
    conddb.write(file, "Ecal", *ECAL, [(run, bytes(5000) + bytes([run])) for run in range(50)])
    file.write_bytes(file.read_bytes()[:20_000])
    with pytest.raises(ConditionsFileError):
        conddb.payload_for(file, "Ecal", 49)


def test_a_payload_that_is_not_there_is_an_error(file):
    conddb.create(file)
    with pytest.raises(ConditionsFileError, match="no payload"):
        conddb.payload(file, "0" * 40)


@given(st.integers(1, 2**31 - 1), st.integers(0, 2**32 - 1))
def test_run_and_lumisection_survive_packing(run, lumisection):
    assert conddb.split_lumi_since(conddb.lumi_since(run, lumisection)) == (run, lumisection)


@given(*[st.tuples(st.integers(1, 2**31 - 1), st.integers(0, 2**32 - 1))] * 2)
def test_packed_sinces_are_ordered_as_runs_and_lumisections_are(one, other):
    assert (conddb.lumi_since(*one) < conddb.lumi_since(*other)) == (one < other)
