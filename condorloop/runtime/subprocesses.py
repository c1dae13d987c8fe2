"""Commands that must end: run in a session of their own, and ended with all that they started.

Knows processes and nothing else.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

_PIPES = 5.0
"""Seconds for the output of a command that was ended; what left its session may hold it open."""

_SETPRIV = 10.0
"""Seconds for util-linux's setpriv to do nothing."""


@cache
def tied() -> tuple[str, ...]:
    """Give the words before a command that let it end with the thread that starts it.

    There are none where setpriv of util-linux is missing, or older than this option.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return ()
    words = (setpriv, "--pdeathsig", "KILL", "--")
    try:
        done = subprocess.run([*words, "true"], capture_output=True, timeout=_SETPRIV, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return () if done.returncode else words


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    timeout: float,
    folder: Path | None = None,
    merged: bool = False,
    holding: Sequence[int] = (),
) -> subprocess.CompletedProcess[bytes]:
    """Run a command without a terminal or input, and return its end and its output.

    Parameters
    ----------
    command, environment, folder
        What to run, with which environment variables, in which folder.
    timeout
        Seconds until it is ended, with all that it started.
    merged
        Let its errors go where its output goes.
    holding
        File descriptors that it keeps open, such as a lock's: should this process be killed, the
        lock is held until the command has ended too.

    Raises
    ------
    OSError
        It cannot be started.
    subprocess.TimeoutExpired
        It took too long.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merged else subprocess.PIPE,
        start_new_session=True,
        pass_fds=holding,
    )
    try:
        output, errors = process.communicate(timeout=timeout)
    except BaseException:
        _end(process)
        raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=_PIPES)
