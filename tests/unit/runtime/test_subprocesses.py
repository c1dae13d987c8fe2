"""Commands that end: with what started them, whether that was told to end or killed."""

import signal
import subprocess
import sys

from condorloop.runtime import subprocesses
from condorloop.testbed import daemons

STARTS = """\
import subprocess
from condorloop.runtime import subprocesses

child = subprocess.Popen([*subprocesses.tied(), "sleep", "600"])
print(child.pid, flush=True)
child.wait()
"""


def test_a_tied_command_ends_with_a_process_that_is_killed():
    program = [sys.executable, "-c", STARTS]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        [child] = [p for p in daemons.everything() if p.pid == pid]
        assert daemons.wait_until(lambda: daemons.command_line(pid) == ["sleep", "600"], 10)
        parent.send_signal(signal.SIGKILL)
    assert daemons.wait_until(lambda: not child.is_running(), 10)


def test_where_the_tool_is_missing_commands_run_as_they_are(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert subprocesses.tied.__wrapped__() == ()


def test_where_the_tool_does_not_know_the_option_commands_run_as_they_are(monkeypatch, tmp_path):
    tool = tmp_path / "setpriv"
    tool.write_text("#!/bin/sh\nexit 1\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert subprocesses.tied.__wrapped__() == ()
