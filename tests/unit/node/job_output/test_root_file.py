"""Whether a ROOT file is whole, from its header, against files that the testbed writes."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condorloop.model.lumis import Lumis
from condorloop.node.job_output.root_file import why_not_whole
from condorloop.testbed.cmssw.io import root_header
from condorloop.testbed.scenario.raw_files import Stream, write_raw_file
from condorloop.testbed.truth import Truth
from tests.unit.node_examples import root_bytes


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    path = tmp_path_factory.mktemp("raw") / "raw.root"
    write_raw_file(path, Stream.EXPRESS, 398600, Lumis.span(1, 2), Truth(1), events_per_ls=20)
    return path


def judged(tmp, content):
    path = tmp / "x.root"
    path.write_bytes(content)
    return why_not_whole(path)


def large(content):
    """The same file with the header of one beyond 2 GB, whose positions are 64 bits wide.

    The wider header needs 12 bytes more, so that all behind it moves.
    """
    version, begin, end, free, free_length, nfree, names, units, compress, info, info_length = (
        struct.unpack(">iiiiiiibiii", content[4:45])
    )
    at = begin + names
    moved = 100
    header = b"root" + struct.pack(
        ">iiqqiiibiqi",
        version + 1_000_000,
        begin + moved,
        end + moved,
        free + moved,
        free_length,
        nfree,
        names,
        units,
        compress,
        info + moved,
        info_length,
    )
    (keys_at,) = struct.unpack(">i", content[at + 26 : at + 30])
    directory = struct.pack(">h", 1005) + content[at + 2 : at + 18]
    directory += struct.pack(">qqq", begin + moved, 0, keys_at + moved)
    body = bytearray(content)
    body[at : at + len(directory)] = directory
    return header.ljust(begin + moved, b"\0") + bytes(body[begin:])


def test_what_the_testbed_writes_is_whole(raw, tmp_path):
    assert why_not_whole(raw) is None
    assert judged(tmp_path, root_bytes()) is None
    assert judged(tmp_path, root_bytes() + b"rubbish") is None


def test_a_file_of_more_than_2_gb_is_read_by_its_wider_header(tmp_path):
    content = large(root_bytes())
    assert judged(tmp_path, content) is None
    assert (
        judged(tmp_path, content[:-1]) == f"it is cut: {len(content) - 1} of {len(content)} bytes"
    )


@settings(max_examples=200)
@given(st.data())
def test_a_file_that_is_cut_at_any_byte_is_not_whole(raw, tmp_path_factory, data):
    content = raw.read_bytes()
    cut = data.draw(st.integers(0, len(content) - 1))
    assert judged(tmp_path_factory.getbasetemp(), content[:cut])


@settings(max_examples=100)
@given(st.data())
def test_a_file_whose_end_is_zeros_is_not_whole(raw, tmp_path_factory, data):
    content = raw.read_bytes()
    cut = data.draw(st.integers(0, len(content) - 64))
    assert judged(tmp_path_factory.getbasetemp(), content[:cut].ljust(len(content), b"\0"))


def test_a_file_that_was_left_open_is_not_whole(raw, tmp_path):
    assert "was not closed" in judged(tmp_path, root_header.left_open(raw.read_bytes()))


@given(st.binary(max_size=300), st.booleans())
def test_no_content_is_more_than_not_whole(tmp_path_factory, content, rooted):
    assert judged(tmp_path_factory.getbasetemp(), b"root" * rooted + content)


def test_a_file_that_is_not_there_is_an_error_of_the_disk(tmp_path):
    with pytest.raises(FileNotFoundError):
        why_not_whole(tmp_path / "gone.root")
