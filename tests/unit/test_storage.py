"""What xrdfs and edmFileUtil say is read as what it means."""

import threading
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.lumis import Lumis
from condorloop.site import StorageSite
from condorloop.storage import Storage, StorageUnavailable, parse_contents, parse_listing

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
    with suppress(StorageUnavailable):
        assert all(path.endswith(".root") for path in parse_listing(text))


def test_a_listing_of_another_form_is_not_an_empty_folder():
    with pytest.raises(StorageUnavailable, match="cannot be understood"):
        parse_listing("total 3\n")


@pytest.fixture
def storage(tmp_path):
    """Storage whose xrdfs and edmFileUtil are the shell scripts that a test writes."""
    made = []

    def make(xrdfs="", edm="", **more):
        for name, text in (("xrdfs", xrdfs), ("edm", edm)):
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / name).chmod(0o755)
        site = StorageSite(
            url="root://127.0.0.1:1/",
            xrdfs=str(tmp_path / "xrdfs"),
            edm_file_util=str(tmp_path / "edm"),
            **more,
        )
        made.append(Storage(site, lambda: {"PATH": "/usr/bin:/bin"}))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize(
    ("script", "everywhere"),
    [
        ("echo '[ERROR] [3010] denied' >&2; exit 54", False),
        ("echo '[FATAL] Connection error' >&2; exit 51", True),
        ("sleep 60", True),
    ],
)
def test_an_outage_of_the_server_is_told_from_a_refusal_of_one_folder(storage, script, everywhere):
    with pytest.raises(StorageUnavailable) as raised:
        storage(script, timeout=0.3).list_run("/eos/RAW", 398600)
    assert raised.value.everywhere is everywhere


def test_a_folder_that_is_not_there_yet_has_no_files(storage):
    missing = "echo '[ERROR] Server responded with an error: [3011] Unable to locate' >&2; exit 54"
    assert storage(missing).list_run("/eos/RAW", 398600) == {}


def test_a_tool_that_is_not_there_says_nothing_about_files(storage, tmp_path):
    asked = storage()
    for name in ("xrdfs", "edm"):
        (tmp_path / name).unlink()
    with pytest.raises(StorageUnavailable, match="No such file"):
        asked.list_run("/eos/RAW", 398600)
    assert not asked.probe("/eos/a.root").answered


def test_a_probe_has_a_time_limit(storage):
    contents = storage(edm="sleep 60", probe_timeout=0.2).probe("/eos/a.root")
    assert "took more than 0.2 s" in contents.error
    assert contents.transient


def test_closing_ends_the_probes_that_run(storage, tmp_path):
    asked = storage(edm=f"touch {tmp_path}/began; sleep 60")
    asked.start_probe("/eos/a.root")
    tick = threading.Event()
    while not (tmp_path / "began").exists():
        tick.wait(0.01)
    asked.close()
    while not asked.probed():
        tick.wait(0.01)
