"""A private HTCondor is found again, and used only where it works."""

import json
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from condorloop.testbed import daemons
from condorloop.testbed.prefix import elf
from condorloop.testbed.prefix import prefix as prefixes
from condorloop.testbed.prefix.cache import Copies, PrefixError

TOOLS = {"usr/sbin": ["condor_master", "condor_schedd"], "usr/libexec/condor": ["curl_plugin"]}
TOOLS["usr/bin"] = ["condor_dagman", "condor_submit", "condor_q", "xrootd", "xrdfs"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache with a private copy, on a machine without HTCondor and XRootD."""
    monkeypatch.setattr(prefixes, "_folder_on_path", lambda tools: None)
    folder = tmp_path / "cache" / "condor_25.14.1_xrootd-server_6.2.0"
    for place, names in TOOLS.items():
        (folder / place).mkdir(parents=True)
        for name in names:
            (folder / place / name).write_text("#!/bin/sh\n")
            (folder / place / name).chmod(0o755)
    (folder / "prefix.json").write_text(json.dumps({"folder": str(folder)}))
    (tmp_path / "cache" / "current").write_text(f"{folder}\n")
    return tmp_path / "cache"


def test_nothing_is_found_in_an_empty_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(prefixes, "_folder_on_path", lambda tools: None)
    assert prefixes.find(tmp_path) is None


def test_a_private_copy_is_found_again_without_a_fetch(cache):
    found = prefixes.ensure(pytest.fail, cache)
    assert found.tool("condor_master").parent == found.sbin
    assert found.libexec.parts[-2:] == ("libexec", "condor")
    assert found.tool("xrdfs").parent == found.xrootd_bin


def test_a_copy_that_was_moved_is_not_used(cache, tmp_path):
    cache.rename(tmp_path / "moved")
    assert prefixes.find(tmp_path / "moved") is None


def test_a_missing_tool_is_named(cache):
    found = prefixes.find(cache)
    assert found is not None
    with pytest.raises(PrefixError, match="condor_squid"):
        found.tool("condor_squid")


def test_the_copy_comes_first_on_path_and_once(cache):
    found = prefixes.find(cache)
    assert found is not None
    path = found.path(f"/usr/bin:{found.bin}")
    assert path.split(":") == [str(found.bin), str(found.sbin), "/usr/bin"]


def test_a_foreign_machine_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(prefixes, "_folder_on_path", lambda tools: None)
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(PrefixError, match="x86_64") as error:
        prefixes.ensure(cache=tmp_path)
    assert "\n" not in str(error.value)


def test_who_has_to_wait_for_another_fetch_is_told_and_then_goes_on(tmp_path):
    copies = Copies(tmp_path, "Chromium")
    told, go_on = threading.Event(), threading.Event()
    lines = []

    def tell(line):
        lines.append(line)
        told.set()

    def second():
        with copies.locked(tell):
            return go_on.is_set()

    with ThreadPoolExecutor(1) as pool:
        with copies.locked(pytest.fail):
            waiting = pool.submit(second)
            assert told.wait(10)
            go_on.set()
        assert waiting.result(10)
    assert lines == ["waiting for another process that is fetching Chromium"]


def elf_file(*segment_types):
    header = b"\x7fELF\x02\x01\x01" + bytes(25)
    header += struct.pack("<QQIHHHHHH", 64, 0, 0, 64, 56, len(segment_types), 0, 0, 0)
    return header + b"".join(struct.pack("<I", kind) + bytes(52) for kind in segment_types)


def test_executables_and_libraries_are_told_from_other_files(tmp_path):
    (tmp_path / "program").write_bytes(elf_file(1, elf.PT_INTERP, elf.PT_DYNAMIC))
    (tmp_path / "library.so").write_bytes(elf_file(1, elf.PT_DYNAMIC))
    (tmp_path / "static").write_bytes(elf_file(1))
    (tmp_path / "script").write_text("#!/bin/sh\n" * 100)
    (tmp_path / "libc.so.6").write_bytes(elf_file(elf.PT_INTERP, elf.PT_DYNAMIC))
    found = {file.path.name: file.executable for file in elf.scan(tmp_path)}
    assert found == {"program": True, "library.so": False}


def test_a_pid_file_of_before_a_reboot_names_no_process(tmp_path):
    pid_file = tmp_path / "pid"
    pid_file.write_text("1\n")
    assert daemons.named(pid_file, str(pid_file)) is None
