"""Nothing that stands in a JSON file of the run directory is more than unknown."""

import errno
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.enums import UploadOutcome
from condorloop.model.lumis import Lumis
from condorloop.node.upload_choice import payload_rank
from condorloop.rundir.durable import let_group_write, read_json, remove_unfinished, write_lines
from condorloop.rundir.witness import Witness
from tests import boundaries

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
KEYS = ("node", "dag_id", "lumis", "events", "files", "lacking", "outcome")
HOSTILE = [
    b"",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"events": ' + b"9" * 5000 + b"}",
    b"\xff\xfe{}",
    b"{}\0",
    b'{"events": 1e999, "lumis": "1", "node": "", "dag_id": "", "files": []}',
    b'{"events": NaN, "lumis": "1", "node": "", "dag_id": "", "files": []}',
    b'{"events": 1, "lumis": "1-99999999999999999999", "node": "", "dag_id": "", "files": []}',
    b'{"events": 1, "lumis": 7, "node": "", "dag_id": "", "files": []}',
]


@pytest.mark.parametrize("content", HOSTILE)
def test_a_hostile_file_is_no_witness(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    assert Witness.read(path) is None
    assert payload_rank(read_json(path)) == (0, 0) or b"99999" not in content


@given(st.dictionaries(st.sampled_from(KEYS), VALUES) | VALUES)
def test_any_json_is_a_witness_or_none(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "x.json"
    path.write_text(json.dumps(value))
    found = Witness.read(path)
    assert found is None or len(found.lumis) >= 0
    record = read_json(path)
    assert UploadOutcome.of(record)
    assert payload_rank(record) >= (0, 0) or record["events"] < 0


@given(st.binary(max_size=200))
def test_any_bytes_are_a_json_object_or_an_empty_one(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "x.json"
    path.write_bytes(content)
    assert isinstance(read_json(path), dict)


@pytest.mark.parametrize("lacking", ["", "4,9-12"])
def test_a_witness_is_read_as_it_was_written(tmp_path, lacking):
    witness = Witness("N", "id", Lumis.span(1, 3), 7, ("a", "b"), Lumis.parse(lacking))
    witness.write(tmp_path / "w")
    assert Witness.read(tmp_path / "w") == witness


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
