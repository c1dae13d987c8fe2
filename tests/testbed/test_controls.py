"""A test finds, pauses and kills the processes of a pool; what it paused goes on whatever happens.

The processes here are plain ones with the names and arguments that HTCondor's have.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from condorloop.testbed import daemons
from condorloop.testbed.htcondor.config import MEMORY_POLICY, lines
from condorloop.testbed.htcondor.controls import ControlError, Controls
from condorloop.testbed.htcondor.pool import Pool
from condorloop.testbed.prefix.prefix import Prefix
from condorloop.testbed.xrootd import XrootdError, XrootdServer

MASTER = """
import os, subprocess, time
def child(name, *arguments, **environment):
    code = "import time; time.sleep(600)"
    subprocess.Popen([name, "-c", code, *arguments], executable="/proc/self/exe",
                     env={**os.environ, **environment})
child("condor_schedd", "-pidfile", "schedd.pid")
child("condor_shadow", "12.0", "--schedd=x")
child("condor_shadow", "13.0", "--schedd=x")
child("/usr/bin/condor_dagman", "-f", CONDOR_ID="11.0")
time.sleep(600)
"""


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    """A pool whose master and daemons are no daemons of HTCondor."""
    folder = tmp_path.resolve()
    pool = Pool(folder, Prefix.__new__(Prefix))
    pid_file = folder / "run" / "master.pid"
    pid_file.parent.mkdir()
    master = subprocess.Popen(
        ["condor_master", "-c", MASTER, "-pidfile", str(pid_file)], executable=sys.executable
    )
    pid_file.write_text(f"{master.pid}\n")
    try:
        assert daemons.wait_until(lambda: len(pool.processes("dagman")) == 1, 10)
        yield pool
    finally:
        pool.crash()
        master.wait()


def state(process: daemons.Process) -> str:
    """R, S, T … as the kernel has it."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def is_stopped(process: daemons.Process) -> bool:
    return daemons.wait_until(lambda: state(process) == "T", 5)


def goes_on(process: daemons.Process) -> bool:
    return daemons.wait_until(lambda: state(process) != "T", 5)


def test_processes_are_found_by_name_and_by_the_job_that_they_are_for(pool: Pool) -> None:
    assert pool.process("schedd").is_running()
    assert len(pool.processes("shadow")) == 2
    assert pool.process("shadow", 12) != pool.process("shadow", 13)
    assert pool.process("dagman", 11) == pool.process("dagman")
    assert pool.processes("dagman", 12) == []
    assert pool.process("master").pid == int((pool.folder / "run" / "master.pid").read_text())


def test_a_name_that_none_or_many_have_is_refused(pool: Pool) -> None:
    with pytest.raises(ControlError, match="0 processes condor_startd"):
        pool.process("startd")
    with pytest.raises(ControlError, match="2 processes condor_shadow"):
        pool.process("shadow")
    with pytest.raises(ControlError, match="no process condor_shadow of cluster 99"):
        pool.pause("shadow", 99)


def test_what_is_paused_goes_on_even_if_the_test_fails_meanwhile(pool: Pool) -> None:
    schedd, shadow = pool.process("schedd"), pool.process("shadow", 12)

    def fail() -> None:
        with pool.paused("schedd"):
            assert is_stopped(schedd)
            assert state(shadow) != "T"
            raise RuntimeError("a test fails")

    with pytest.raises(RuntimeError, match="a test fails"):
        fail()
    assert goes_on(schedd)


def test_a_pause_lasts_until_it_is_undone(pool: Pool) -> None:
    shadow = pool.process("shadow", 13)
    pool.pause("shadow", 13)
    assert is_stopped(shadow)
    pool.resume("shadow", 13)
    assert goes_on(shadow)


def test_one_process_is_killed_and_the_others_live(pool: Pool) -> None:
    pool.kill("shadow", 12)
    assert pool.processes("shadow", 12) == []
    assert pool.process("shadow", 13).is_running()


def test_a_crash_ends_everything_at_once_and_twice_is_as_good(pool: Pool) -> None:
    everything = [pool.process("master"), pool.process("schedd"), *pool.processes("shadow")]
    with pool.paused("schedd"):
        pool.crash()
    assert not any(process.is_running() for process in everything)
    assert not pool.is_running()
    pool.crash()


def test_a_process_whose_parent_has_ended_is_still_the_same(pool: Pool) -> None:
    master, *orphans = daemons.with_descendants([pool.process("master")])
    assert daemons.end([master], signal.SIGKILL, 10)
    assert all(orphan.is_running() for orphan in orphans)
    assert daemons.end(orphans, signal.SIGKILL, 10)


def test_settings_of_templates_and_plain_ones_are_written_as_htcondor_reads_them() -> None:
    assert lines({"A": "1", **MEMORY_POLICY}) == "A = 1\nuse POLICY : HOLD_IF_MEMORY_EXCEEDED\n"


class Reconfigured(Controls):
    """A pool that answers condor_config_val from its file, as if it had read it."""

    def __init__(self, config: Path, deaf: bool = False) -> None:
        self.config = config
        self.read: list[str] = []
        self._deaf = deaf

    def _family(self) -> list[daemons.Process]:
        return []

    def _run(
        self, tool: str, *arguments: str, timeout: float, within: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        if tool == "condor_reconfig":
            self.read.append(self.config.read_text())
            return subprocess.CompletedProcess([tool], int(self._deaf), "", "no answer")
        settings = dict(line.split(" = ") for line in self.read[-1].splitlines())
        return subprocess.CompletedProcess([tool], 0, settings[arguments[-1]] + "\n", "")


def test_a_running_pool_gets_its_old_settings_back_whatever_happens(tmp_path: Path) -> None:
    config = tmp_path / "condor_config"
    config.write_text("LIMIT = 1\n")
    pool = Reconfigured(config)

    def fail() -> None:
        with pool.reconfigured({"LIMIT": "7"}):
            raise RuntimeError("a test fails")

    with pytest.raises(RuntimeError, match="a test fails"):
        fail()
    assert pool.read == ["LIMIT = 1\nLIMIT = 7\n", "LIMIT = 1\n"]
    assert config.read_text() == "LIMIT = 1\n"


def test_a_pool_that_does_not_answer_is_named_and_its_file_is_as_before(tmp_path: Path) -> None:
    config = tmp_path / "condor_config"
    config.write_text("LIMIT = 1\n")
    pool = Reconfigured(config, deaf=True)
    with pytest.raises(ControlError, match="no answer"), pool.reconfigured({"LIMIT": "7"}):
        pass
    assert config.read_text() == "LIMIT = 1\n"


def test_a_server_that_does_not_run_cannot_be_paused(tmp_path: Path) -> None:
    server = XrootdServer(tmp_path, tmp_path, Prefix.__new__(Prefix))
    with pytest.raises(XrootdError, match="does not run"), server.paused():
        pass


def test_a_server_hangs_while_it_is_paused(tmp_path: Path) -> None:
    server = XrootdServer(tmp_path, tmp_path, Prefix.__new__(Prefix))
    config = str(tmp_path / "xrootd.cfg")
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", config])
    (tmp_path / "xrootd.pid").write_text(f"{process.pid}\n")
    try:
        assert daemons.wait_until(server.is_running, 10)
        [found] = [p for p in daemons.everything() if p.pid == process.pid]
        with server.paused():
            assert is_stopped(found)
        assert goes_on(found)
    finally:
        os.kill(process.pid, 9)
        process.wait()
