"""Files are whole or not there, and a JSON file is an object or nothing."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.rundir.durable import let_group_write, read_json, remove_unfinished, write_lines
from tests import boundaries


@given(st.binary(max_size=200))
def test_any_bytes_are_a_json_object_or_an_empty_one(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "x.json"
    path.write_bytes(content)
    assert isinstance(read_json(path), dict)


def test_a_writer_that_was_killed_or_had_no_room_leaves_the_old_file(tmp_path):
    path = tmp_path / "x[1].txt"
    write_lines(path, ["old"])

    def write():
        write_lines(path, ["new"])

    assert boundaries.run(write, die_before=2).died
    assert (path.read_text(), len(list(tmp_path.iterdir()))) == ("old\n", 2)
    remove_unfinished(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    for number in (1, 2):
        with pytest.raises(AssertionError, match="No space left on device"):
            boundaries.run(write, fail_before=number, error=errno.ENOSPC)
    assert ([p.name for p in tmp_path.iterdir()], path.read_text()) == ([path.name], "old\n")


def test_the_group_is_let_write_and_links_and_what_has_gone_are_left_alone(tmp_path):
    file, folder, link = tmp_path / "file", tmp_path / "folder", tmp_path / "link"
    file.touch(0o600)
    folder.mkdir(0o700)
    link.symlink_to(file)
    let_group_write([link, tmp_path / "gone"])
    assert file.stat().st_mode & 0o777 == 0o600
    let_group_write([file, folder])
    assert [p.stat().st_mode & 0o777 for p in (file, folder)] == [0o660, 0o770]
