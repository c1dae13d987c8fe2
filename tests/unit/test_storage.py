"""What xrdfs and edmFileUtil say is read as what it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.lumis import Lumis
from condorloop.storage import parse_contents, parse_listing

LISTING = """\
drwxr-xr-x daemon daemon 4096 2026-11-23 17:44:13 /eos/cms/RAW/000/398/600/00000
-rw-r--r-- root root 100000 2026-11-23 17:44:13 /eos/cms/RAW/000/398/600/00000/a.root
-rw-r--r-- root root 200 2026-11-23 17:44:13 /eos/cms/RAW/000/398/600/00001/b c.root
-rw-r--r-- root root 5 2026-11-23 17:44:13 /eos/cms/RAW/000/398/600/00000/.a.root.partial
"""

CONTENTS = """\
root://eos/f.root
root://eos/f.root (1 runs, 2 lumis, 4536 events, 100000 bytes)

            Run           Lumi       # Events
         398348            187           2268
         398348            188           2268

"""


def test_a_listing_gives_root_files_with_their_sizes():
    assert parse_listing(LISTING) == {
        "/eos/cms/RAW/000/398/600/00000/a.root": 100000,
        "/eos/cms/RAW/000/398/600/00001/b c.root": 200,
    }


def test_contents_are_events_by_run_and_lumisection():
    contents = parse_contents(CONTENTS, 0)
    assert contents.events == {398348: {187: 2268, 188: 2268}}
    assert contents.lumis(398348) == Lumis.parse("187-188")
    assert not contents.lumis(1).ranges


@pytest.mark.parametrize(
    ("output", "transient"),
    [
        ("root://eos/f.root\nERR Could not open file root://eos/f.root\n", True),
        ("f.root\nf.root appears not to have been closed correctly and has been autorecovered \n"
         "Stopping. Use --allowRecovery to try ignoring this\n", False),
        ("f.root\nTree Events appears to be missing. Not a valid collection\nExiting\n", False),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_says_why(output, transient):
    contents = parse_contents(output, 1)
    assert contents.events == {}
    assert contents.transient is transient
    assert "exit 1" in contents.error


def test_a_tool_that_says_nothing_is_an_error_too():
    assert "no message" in parse_contents("", 2).error


@given(st.text(), st.integers(0, 255))
def test_whatever_the_tools_print_is_understood_or_said_to_be_unknown(text, code):
    contents = parse_contents(text, code)
    assert contents.events or contents.error
    parse_listing(text)
