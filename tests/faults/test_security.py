"""After a run of the loop: where the password is, who may read and write what, who gets in."""

from __future__ import annotations

import base64
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import DESTINATIONS
from condorloop.rundir.work_dir import objections
from condorloop.testbed import daemons
from condorloop.testbed.services import PASSWORD, USER
from tests.faults.scenarios import run_of
from tests.loop import Loop

RUN = 399260
LISTENING = "0A"
LOOPBACK = {"0100007F", "00000000000000000000000001000000"}


def secrets() -> list[bytes]:
    """The password as it is, and as HTTP sends it."""
    return [PASSWORD.encode(), base64.b64encode(f"{USER}:{PASSWORD}".encode())]


def holds_secret(data: bytes) -> bool:
    return any(secret in data for secret in secrets())


def of_processes() -> Iterator[tuple[str, bytes]]:
    """The command line and the environment of every process that this user may look at."""
    for folder in Path("/proc").glob("[0-9]*"):
        if folder.name == str(os.getpid()):
            continue
        for name in ("cmdline", "environ"):
            with suppress(OSError):
                yield str(folder / name), (folder / name).read_bytes()


@dataclass
class Story:
    """A run, and what could be seen of processes while it was uploaded."""

    loop: Loop
    processes: list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def story(stack, tmp_path_factory):
    settings = {
        "conditions": {"timeout": 6},
        "defaults": {"uploads": {"wait": 0.5}, "nodes": {"UPLOAD": {"retries": 0}}},
    }
    loop = Loop(stack, tmp_path_factory.mktemp("security"), "security", settings)
    port = read_json(stack.folder / "services.json")["conditions_port"]
    faults = f"http://127.0.0.1:{port}/_testbed/faults"
    try:
        requests.post(faults, json={"mode": "hang"}, timeout=10)
        loop.play(run_of(RUN, ["EcalPedestals"], lumisections=4))
        submitter = loop.start()
        loop.wait(lambda: requests.get(faults, timeout=10).json() == [])
        processes = list(of_processes())
        loop.wait(lambda: loop.closed() == 1)
        submitter.terminate()
        submitter.wait(30)
        yield Story(loop, processes)
    finally:
        requests.delete(faults, timeout=10)
        loop.close()


def test_the_password_is_in_no_command_line_and_no_environment_while_it_is_used(story):
    tools = [where for where, data in story.processes if b"upload_conditions" in data]
    assert tools, "the tool was at work when the processes were looked at"
    assert [where for where, data in story.processes if holds_secret(data)] == []


def test_the_password_is_in_no_file_but_the_netrc(story):
    netrc = story.loop.stack.folder / "auth" / ".netrc"
    assert holds_secret(netrc.read_bytes())
    found = []
    for folder in (story.loop.folder, story.loop.stack.folder):
        for path in folder.rglob("*"):
            if path.is_file() and path != netrc and "eos" not in path.parts:
                with suppress(OSError):
                    found += [path] if holds_secret(path.read_bytes()) else []
    assert found == []


def test_the_password_is_in_no_classad_of_any_job(story):
    for command in ("condor_history", "condor_q"):
        told = story.loop.tool(command, "-l").stdout
        assert command != "condor_history" or f"CondorloopRun = {RUN}" in told
        assert not holds_secret(told.encode())


def test_files_that_hold_a_secret_are_their_owners_alone(story):
    folder = story.loop.stack.folder
    assert stat.S_IMODE((folder / "auth" / ".netrc").stat().st_mode) == 0o600
    for private in ("tokens.d", "passwords.d"):
        assert stat.S_IMODE((folder / "pool" / private).stat().st_mode) == 0o700


def test_the_group_can_go_on_with_the_work_of_any_member(story):
    work = story.loop.work_dir
    run = work / "EcalPedestals" / f"run{RUN}"
    paths = [work, *work.glob("condorloop*"), work / "EcalPedestals", run, *run.rglob("*")]
    wrong = {}
    for path in paths:
        mode = stat.S_IMODE(path.lstat().st_mode)
        wanted = 0o070 if path.is_dir() else 0o060
        if mode & wanted != wanted and not path.is_symlink():
            wrong[str(path.relative_to(work))] = oct(mode)
    assert wrong == {}


def test_nothing_in_the_work_dir_can_be_written_by_everybody(story):
    work = story.loop.work_dir
    paths = [path for path in work.rglob("*") if not path.is_symlink()]
    assert [path for path in paths if path.stat().st_mode & stat.S_IWOTH] == []


def test_ledger_and_locks_are_for_account_and_group_and_the_state_is_for_all(story):
    work = story.loop.work_dir
    locks = [*work.glob(".*.lock"), *work.glob(f"{DESTINATIONS}/*.lock"), work / "condorloop.lock"]
    assert len(locks) == 3
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (*locks, *work.glob("*.db*"))}
    assert {mode & 0o007 for mode in modes.values()} == {0}, modes
    for name in ("status.json", "status.html"):
        assert (work / name).stat().st_mode & stat.S_IROTH


def test_the_loop_makes_nothing_that_it_would_not_work_with(story):
    assert list(objections(story.loop.work_dir)) == []


def sockets_of(pids: list[int]) -> set[str]:
    """The inodes of the sockets that processes hold."""
    found = set()
    for pid in pids:
        with suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if match := re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink())):
                        found.add(match[1])
    return found


def listening(pids: list[int]) -> dict[str, str]:
    """The addresses at which processes listen for TCP, in /proc's form, by inode."""
    ours = sockets_of(pids)
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and fields[9] in ours:
                found[fields[9]] = fields[1].partition(":")[0]
    return found


def test_services_and_pool_listen_on_loopback_only(story):
    stack = story.loop.stack
    named = ("master", "collector", "negotiator", "schedd", "startd", "shared_port")
    pool = [process.pid for name in named for process in stack.pool.processes(name)]
    services = int((stack.folder / "services.pid").read_text())
    for pids in (pool, [services]):
        addresses = listening(pids)
        assert addresses
        assert set(addresses.values()) <= LOOPBACK


def test_xrootd_listens_everywhere_and_lets_in_none_but_loopback(story):
    """There is no setting for the interface: whoever comes from elsewhere is cut off."""
    xrootd = story.loop.stack.xrootd
    allowed = re.findall(
        r"^xrd\.allow host (.*)$", (xrootd.folder / "xrootd.cfg").read_text(), re.M
    )
    assert allowed == ["127.0.0.1", "localhost"]
    assert "all.export /eos r/o" in (xrootd.folder / "xrootd.cfg").read_text()


STRANGERS = {
    "says who it is, and proves nothing": {"SEC_DEFAULT_AUTHENTICATION_METHODS": "CLAIMTOBE"},
    "says nothing of itself": {"SEC_DEFAULT_AUTHENTICATION_METHODS": "ANONYMOUS"},
    "does not authenticate": {"SEC_DEFAULT_AUTHENTICATION": "NEVER"},
    "has a password of its own": {"SEC_DEFAULT_AUTHENTICATION_METHODS": "PASSWORD"},
}


@pytest.mark.parametrize("settings", STRANGERS.values(), ids=STRANGERS)
def test_the_pool_takes_no_job_of_a_stranger(story, settings, tmp_path, monkeypatch):
    submit = tmp_path / "stranger.sub"
    submit.write_text("executable = /bin/true\nrequest_memory = 1\nqueue\n")
    for name, value in settings.items():
        monkeypatch.setenv(f"_CONDOR_{name}", value)
    refused = story.loop.tool("condor_submit", str(submit), cwd=tmp_path, check=False)
    assert refused.returncode != 0
    assert "submitted to cluster" not in refused.stdout


def test_the_daemons_themselves_say_that_they_ask_everybody_who_they_are(story):
    def told(name: str) -> str:
        done = story.loop.tool("condor_config_val", "-schedd", name)
        return str(done.stdout).strip()

    assert told("SEC_DEFAULT_AUTHENTICATION") == "REQUIRED"
    assert told("SEC_DEFAULT_AUTHENTICATION_METHODS") == "FS"
    [me] = {told(f"ALLOW_{level}") for level in ("READ", "WRITE", "DAEMON", "ADMINISTRATOR")}
    assert "*" not in me
    assert me.count("@") == 1


def test_what_is_started_for_the_testbed_is_this_users(story):
    family = story.loop.stack.pool.processes("master")
    assert {Path(f"/proc/{p.pid}").stat().st_uid for p in family} == {os.getuid()}
    assert all(daemons.command_line(p.pid) for p in family)
