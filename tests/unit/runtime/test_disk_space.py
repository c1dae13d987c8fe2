"""Room on a disk: what counts as enough, and what the real file system says."""

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.runtime.disk_space import FULL, TIGHT, DiskSpace, Room, disk
from condorloop.text import size


def test_the_numbers_are_those_of_the_file_system(tmp_path):
    told, known = disk(tmp_path), shutil.disk_usage(tmp_path)
    assert told.path == tmp_path
    assert told.total_bytes == known.total
    assert 0 <= told.free_bytes <= told.total_bytes


def test_a_work_dir_that_is_to_be_made_has_the_room_of_its_nearest_parent(tmp_path):
    assert disk(tmp_path / "not" / "yet").path == tmp_path


def test_a_file_in_the_way_is_an_error_and_no_room(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        disk(tmp_path / "file" / "work")


@given(st.integers(0, 10**15), st.none() | st.integers(0, 10**9))
def test_the_scarcer_of_bytes_and_inodes_decides(free, inodes):
    space = DiskSpace(None, free, 10**15, inodes, None if inodes is None else 10**9)
    part = min(free / 10**15, 1.0 if inodes is None else inodes / 10**9)
    expected = Room.NONE if part < FULL else Room.LITTLE if part < TIGHT else Room.ENOUGH
    assert space.room is expected


def test_it_says_what_is_free(tmp_path):
    assert str(DiskSpace(tmp_path, 12_300_000_000, 10**12, 25, 100)) == (
        "12 GB of 1.0 TB free, 25 % of the inodes"
    )
    assert str(DiskSpace(tmp_path, 0, 10**12, None, None)) == "0 B of 1.0 TB free"


@given(st.integers(0, 10**18))
def test_a_size_has_two_or_three_digits(count):
    number, unit = size(count).split()
    assert float(number) < 1000 or unit == "TB"
    assert float(number) * {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit] == (
        pytest.approx(count, rel=0.06)
    )
