"""What xrdfs and edmFileUtil say is read as what it means."""

import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from condorloop.config.site import StorageSite
from condorloop.model.lumis import Lumis
from condorloop.services.edm_file_util import parse_contents
from condorloop.services.storage import Storage, StorageUnavailable, unusable_name
from condorloop.services.xrdfs import Listing, parse_listing

LISTING = """\
drwxr-xr-x daemon daemon 4096 2026-11-23 17:44:13 /eos/cms/RAW/000/398/600/00000
-rw-r--r-- root root 100000 2026-11-23 17:44:13 /eos/cms/RAW/000/398/600/00000/a.root
-rw-r--r-- root root 200 2026-11-23 17:44:13 /eos/cms/RAW/000/398/600/00001/b c.root
-rw-r--r-- root root 5 2026-11-23 17:44:13 /eos/cms/RAW/000/398/600/00000/.a.root.partial
"""

SHORT_LISTING = """\
d--x 2026-11-23 17:44:13        4096 /eos/00001
-r-- 2026-11-23 17:44:13      100000 /eos/a b.root
"""

CONTENTS = """\
root://eos/f.root
root://eos/f.root (1 runs, 2 lumis, 4536 events, 100000 bytes)

            Run           Lumi       # Events
         398348            187           2268
         398348            188           2268

"""


def test_a_listing_gives_root_files_with_their_sizes():
    assert parse_listing(LISTING).files == {
        "/eos/cms/RAW/000/398/600/00000/a.root": 100000,
        "/eos/cms/RAW/000/398/600/00001/b c.root": 200,
    }


def test_a_listing_of_a_server_that_tells_no_owners_is_read_too():
    assert parse_listing(SHORT_LISTING) == Listing({"/eos/a b.root": 100000}, ("/eos/00001",))


def test_an_odd_line_hides_no_file():
    odd = ("name.root", "---- 0000-00-00 00:00:00            ? /eos/x.root")
    assert parse_listing("\n".join([*odd, LISTING])).odd == odd
    assert len(parse_listing("\n".join([*odd, LISTING])).files) == 2


def test_a_path_outside_of_the_folder_is_no_file_of_it():
    listing = parse_listing(LISTING, "/eos/cms/RAW/000/398/600/00001")
    assert list(listing.files) == ["/eos/cms/RAW/000/398/600/00001/b c.root"]
    assert len(listing.odd) == 3


def test_a_name_that_is_not_utf_8_and_a_size_beyond_64_bits_are_odd():
    name = "-rw-r--r-- root root 5 2026-11-23 17:44:13 /eos/\udcff.root\n"
    size = f"-rw-r--r-- root root {2**63} 2026-11-23 17:44:13 /eos/b.root\n"
    listing = parse_listing(LISTING + name + size)
    assert len(listing.files) == 2
    assert len(listing.odd) == 2


def test_a_listing_that_is_cut_is_no_listing():
    with pytest.raises(StorageUnavailable, match="cut"):
        parse_listing(LISTING[:-4])


@pytest.mark.parametrize(
    "name",
    ["a,b", "a\nb", "a\rb", "a\x1b[1mb", "a?b", "a#b", "a\0b", "\udcff", "a$(DOLLAR)", "$(dollar)"],
)
def test_a_name_that_breaks_a_step_on_its_way_is_unusable(name):
    reason = unusable_name(f"/eos/{name}.root")
    assert reason
    assert reason.isprintable()


@pytest.mark.parametrize("name", ["b c", "q'uote", 'd"q', "$(touch x)", "`id`", "é", "x" * 240])
def test_a_name_that_is_only_odd_is_usable(name):
    assert unusable_name(f"/eos/{name}.root") is None


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
        ("cms::Exception caught in EdmFileUtil\nAn exception of category 'FileReadError'\n", True),
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


@pytest.mark.parametrize("code", [-9, 137, 139])
def test_a_tool_that_was_killed_says_nothing_for_good_about_the_file(code):
    assert parse_contents("", code).transient


def test_a_tool_that_a_shell_cannot_start_has_not_been_asked():
    assert not parse_contents("edmFileUtil: command not found\n", 127).answered


def test_a_site_that_is_not_set_up_for_cmssw_is_no_fault_of_a_file():
    said = "An exception of category 'Incomplete configuration' occurred\n"
    said += "Valid site-local-config not found at /cvmfs/SITECONF/local/JobConfig\n   more\n"
    contents = parse_contents(said, 1)
    assert (contents.answered, contents.transient) == (False, True)
    assert "Valid site-local-config not found at /cvmfs/SITECONF" in contents.error


@pytest.mark.parametrize(
    "row",
    [
        "0 1 5",
        "398600 0 5",
        "398600 -1 5",
        "398600 1 -5",
        "398600 4294967296 5",
        f"{10**30} 1 5",
        f"398600 1 {10**30}",
    ],
)
def test_numbers_that_cannot_be_make_a_file_bad(row):
    contents = parse_contents(f"{CONTENTS}   {row}\n", 0)
    assert contents.events == {}
    assert "what cannot be" in contents.error


def test_a_listing_of_another_form_is_not_an_empty_folder():
    with pytest.raises(StorageUnavailable, match="cannot be understood"):
        parse_listing("total 3\n")


@pytest.fixture
def storage(tmp_path):
    """Storage whose xrdfs and edmFileUtil are the shell scripts that a test writes."""
    made = []

    def make(
        xrdfs="",
        edm="",
        environment=lambda: {"PATH": "/usr/bin:/bin"},
        on_probed=lambda: None,
        **more,
    ):
        for name, text in (("xrdfs", xrdfs), ("edm", edm)):
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / name).chmod(0o755)
        site = StorageSite(
            url="root://127.0.0.1:1/",
            xrdfs=str(tmp_path / "xrdfs"),
            edm_file_util=str(tmp_path / "edm"),
            **more,
        )
        made.append(Storage(site, environment, on_probed))
        return made[-1]

    yield make
    for each in made:
        each.close()


SAID = "Server responded with an error:"


@pytest.mark.parametrize(
    ("script", "everywhere", "message"),
    [
        (f"echo '[ERROR] {SAID} [3010] Unable to open directory /eos/RAW; permission denied'"
         " >&2; exit 54", False, "permission denied: is the ticket still valid"),
        (f"echo '[ERROR] {SAID} [3010] Unable to list; Operation not permitted' >&2; exit 54",
         False, "is the ticket still valid"),
        (f"echo '[ERROR] {SAID} [3010] Stating path is disallowed.' >&2; exit 54", False,
         "does not give out this path"),
        ("echo '[FATAL] Auth failed: No protocols left to try' >&2; exit 52", True,
         "no login: is the ticket still valid"),
        ("echo '[ERROR] Operation expired' >&2; exit 52", True, "Operation expired"),
        ("echo '[FATAL] Connection error' >&2; exit 51", True, "Connection error"),
        ("kill -9 $$", False, "killed by signal 9"),
        ("sleep 60", True, "no answer in 0.3 s"),
    ],
)  # fmt: skip
def test_an_outage_of_the_server_is_told_from_a_refusal_of_one_folder(
    storage, script, everywhere, message
):
    asked = storage(script, timeout=0.3 if "sleep" in script else 30)
    with pytest.raises(StorageUnavailable, match=message) as raised:
        asked.list_run("/eos/RAW", 398600)
    assert raised.value.everywhere is everywhere


def test_a_listing_that_was_killed_in_the_middle_is_no_listing(storage):
    row = "-rw-r--r-- root root 5 2026-11-23 17:44:13 /eos/RAW/000/398/600/00000/a.root"
    for end in ("kill -9 $$", "printf -- -rw"):
        with pytest.raises(StorageUnavailable):
            storage(f"echo '{row}'; {end}").list_run("/eos/RAW", 398600)


def test_an_odd_line_is_told_once_and_kept(storage, caplog):
    row = "-rw-r--r-- root root 5 2026-11-23 17:44:13 /eos/RAW/000/398/600/00000/a.root"
    asked = storage(f"echo '{row}'; echo 'what is this'")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert asked.list_run("/eos/RAW", 398600) == {row.split()[-1]: 5}
    assert asked.odd_lines("/eos/RAW", 398600) == ("what is this",)
    assert len(caplog.messages) == 1


def test_what_is_listed_the_same_again_is_not_read_again(storage, tmp_path):
    row = "-rw-r--r-- root root {} 2026-11-23 17:44:13 /eos/RAW/000/398/600/00000/a.root\n"
    told = tmp_path / "told"
    told.write_text(row.format(5))
    asked = storage(f"cat {told}")
    first = asked.list_run("/eos/RAW", 398600)
    assert asked.list_run("/eos/RAW", 398600) is first
    told.write_text(row.format(6))
    assert [*asked.list_run("/eos/RAW", 398600).values()] == [6]
    assert [*first.values()] == [5]


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


def wait_until(condition):
    tick = threading.Event()
    for _ in range(2000):
        if condition():
            return
        tick.wait(0.01)
    raise AssertionError("it did not happen")


def test_a_result_is_given_until_it_is_forgotten(storage, tmp_path):
    asked = storage(edm=f"echo x >> {tmp_path}/probes; echo 398600 1 5")
    asked.start_probe("/eos/a.root")
    wait_until(asked.probed)
    asked.start_probe("/eos/a.root")
    assert list(asked.probed()) == list(asked.probed()) == ["/eos/a.root"]
    assert asked.probing == 1
    asked.forget("/eos/a.root")
    asked.forget("/eos/a.root")
    assert (asked.probed(), asked.probing) == ({}, 0)
    assert (tmp_path / "probes").read_text() == "x\n"
    asked.start_probe("/eos/a.root")
    wait_until(asked.probed)
    assert (tmp_path / "probes").read_text() == "x\nx\n"


def test_a_probe_that_is_under_way_is_not_forgotten(storage):
    asked = storage(edm="sleep 60")
    asked.start_probe("/eos/a.root")
    asked.forget("/eos/a.root")
    assert asked.probing == 1


def test_files_that_are_probed_together_are_told_of_together(storage, tmp_path):
    told = []
    edm = f"until [ -e {tmp_path}/go ]; do sleep 0.01; done; echo 398600 1 5"
    asked = storage(edm=edm, on_probed=lambda: told.append(len(asked.probed())), probes_at_once=2)
    for name in "abc":
        asked.start_probe(f"/eos/{name}.root")
    (tmp_path / "go").touch()
    wait_until(lambda: told)
    assert told == [3]


def test_a_probe_that_goes_wrong_in_an_unforeseen_way_ends_no_other(storage):
    environments = iter([RuntimeError("unforeseen"), {"PATH": "/usr/bin:/bin"}])

    def environment():
        if isinstance(given := next(environments), Exception):
            raise given
        return given

    asked = storage(edm="echo 398600 1 5", environment=environment, probes_at_once=1)
    for name in ("a", "b"):
        asked.start_probe(f"/eos/{name}.root")
    wait_until(lambda: len(asked.probed()) == 2)
    results = asked.probed()
    assert not results["/eos/a.root"].answered
    assert results["/eos/b.root"].events == {398600: {1: 5}}


CLOSING = """
import sys, threading
from condorloop.config.site import StorageSite
from condorloop.services.storage import Storage

site = StorageSite(url="root://127.0.0.1:1/", edm_file_util=sys.argv[1], probes_at_once=2)
storage = Storage(site, lambda: {"PATH": "/usr/bin:/bin"})
for i in range(5):
    storage.start_probe(f"/eos/{i}.root")
sys.stdin.readline()
storage.close()
"""


def test_closing_ends_the_probes_and_lets_the_process_end(tmp_path):
    tool = tmp_path / "edm"
    tool.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/began\nsleep 600\n")
    tool.chmod(0o755)
    began = tmp_path / "began"
    command = [sys.executable, "-c", CLOSING, str(tool)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        wait_until(lambda: began.exists() and len(began.read_text().splitlines()) == 2)
        process.communicate(b"\n", timeout=20)
    assert process.returncode == 0
    assert len(began.read_text().splitlines()) == 2
    for pid in began.read_text().split():
        wait_until(lambda pid=pid: not is_alive(pid))


def is_alive(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
