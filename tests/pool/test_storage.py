"""A real XRootD server is listed for what it has, and its troubles are told for what they are."""

import os
import signal
from contextlib import contextmanager

import pytest

from condorloop.config.site import StorageSite
from condorloop.services.storage import Storage, StorageUnavailable

STREAM = "/eos/storage-test/RAW"
RUN = 398600

USABLE = ["plain", "b c", "q'uote", 'd"q', "$(touch x)", "`id`", "é", "-dash", "back\\slash",
          "star*", "semi;x", "pct%20", "amp&x", "colon:x", "x" * 200]  # fmt: skip
"""Names that look odd, and that XRootD lists as they are."""


@pytest.fixture
def storage(xrootd):
    """Storage of the session's server, and a function that puts files there."""
    made = []

    def make(timeout=20.0):
        xrdfs = str(xrootd.prefix.tool("xrdfs"))
        made.append(Storage(StorageSite(url=xrootd.url, xrdfs=xrdfs, timeout=timeout), dict))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def run_folder(xrootd, request):
    """The run's folder on the server's disk; it can be deleted whatever a test did to it."""
    folder = xrootd.localroot / STREAM[1:] / request.node.name.replace("/", "_")[:40]
    run = folder / "000" / "398" / "600"
    run.mkdir(parents=True)
    yield run
    run.chmod(0o755)
    for path in run.iterdir():
        path.chmod(0o755)


@pytest.fixture
def stream(xrootd, run_folder):
    return f"/{run_folder.parents[2].relative_to(xrootd.localroot)}"


def put(run_folder, block, *names):
    folder = run_folder / f"{block:05d}"
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"1234567")
    return folder


def listed_names(listing):
    return sorted(path.rpartition("/")[2] for path in listing)


@contextmanager
def stopped(xrootd):
    """Stop the server as a machine that hangs does: connections are taken, nothing is answered."""
    pid = int((xrootd.folder / "xrootd.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_run_without_a_folder_has_no_files(storage, stream):
    assert storage().list_run(stream, 398601) == {}


def test_all_block_folders_of_a_run_are_listed(storage, stream, run_folder):
    put(run_folder, 0, "a.root")
    put(run_folder, 1, "b.root", "c.root.partial")
    base = f"{stream}/000/398/600"
    assert storage().list_run(stream, RUN) == {
        f"{base}/00000/a.root": 7,
        f"{base}/00001/b.root": 7,
    }


def test_ten_thousand_files_are_listed_by_one_call(storage, stream, run_folder):
    names = [f"{i:05d}.root" for i in range(10_000)]
    put(run_folder, 0, *names)
    assert listed_names(storage().list_run(stream, RUN)) == names


def test_odd_names_are_listed_as_they_are(storage, stream, run_folder):
    names = [f"{name}.root" for name in USABLE]
    put(run_folder, 0, *names)
    asked = storage()
    assert listed_names(asked.list_run(stream, RUN)) == sorted(names)
    assert asked.odd_lines(stream, RUN) == ()


def test_a_name_with_a_line_end_hides_no_other_file(storage, stream, run_folder):
    forged = "z\n-rw-r--r-- root root 5 2026-11-23 17:44:13 \N{DIVISION SLASH}eos.root"
    put(run_folder, 0, "a.root", "new\nline.root", forged, "b c.root")
    put(run_folder, 1, "d.root")
    asked = storage()
    assert listed_names(asked.list_run(stream, RUN)) == ["a.root", "b c.root", "d.root"]
    odd = " ".join(asked.odd_lines(stream, RUN))
    assert "/00000/new" in odd
    assert "/00000/line.root" in odd


def test_a_name_that_is_not_utf_8_is_odd(storage, stream, run_folder):
    put(run_folder, 0, "a.root", os.fsdecode(b"bad\xff.root"))
    asked = storage()
    assert listed_names(asked.list_run(stream, RUN)) == ["a.root"]
    assert len(asked.odd_lines(stream, RUN)) == 1


def test_a_run_folder_that_may_not_be_read_is_no_empty_one(storage, stream, run_folder):
    put(run_folder, 0, "a.root")
    run_folder.chmod(0)
    with pytest.raises(StorageUnavailable, match="permission denied: is the ticket") as raised:
        storage().list_run(stream, RUN)
    assert not raised.value.everywhere


def test_a_block_folder_that_may_not_be_read_makes_the_listing_a_part(storage, stream, run_folder):
    put(run_folder, 0, "a.root")
    put(run_folder, 1, "b.root").chmod(0)
    with pytest.raises(
        StorageUnavailable, match=r"only a part.*00001.*permission denied"
    ) as raised:
        storage().list_run(stream, RUN)
    assert listed_names(raised.value.files) == ["a.root"]
    (run_folder / "00001").chmod(0o755)
    assert listed_names(storage().list_run(stream, RUN)) == ["a.root", "b.root"]


def test_a_path_that_is_not_exported_is_no_empty_folder(storage):
    with pytest.raises(StorageUnavailable, match="does not give out this path"):
        storage().list_run("/elsewhere", RUN)


def test_a_server_that_hangs_is_an_outage_and_no_longer_when_it_goes_on(
    storage, stream, run_folder, xrootd
):
    put(run_folder, 0, "a.root")
    with stopped(xrootd), pytest.raises(StorageUnavailable, match="no answer in 1 s") as raised:
        storage(timeout=1.0).list_run(stream, RUN)
    assert raised.value.everywhere
    assert listed_names(storage().list_run(stream, RUN)) == ["a.root"]


def test_a_port_where_no_server_is_is_an_outage(xrootd):
    xrdfs = str(xrootd.prefix.tool("xrdfs"))
    asked = Storage(StorageSite(url="root://127.0.0.1:9/", xrdfs=xrdfs, timeout=10.0), dict)
    with pytest.raises(StorageUnavailable) as raised:
        asked.list_run(STREAM, RUN)
    assert raised.value.everywhere
