"""Processes that outlive their starter: found again by pid file and command line, and ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

POLL = 0.05


@dataclass(frozen=True)
class Process:
    """A process, told from a later one of the same pid by its start time in clock ticks.

    It stays the same when its parent ends and it gets another.
    """

    pid: int
    parent: int = field(compare=False)
    started: int

    def is_running(self) -> bool:
        """Tell whether this very process is there and not a zombie."""
        return _read(self.pid) == self

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process is still there."""
        if self.is_running():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, number)


def command_line(pid: int) -> list[str]:
    """Give a process' arguments; the empty list if it is gone, or cannot be read."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def everything() -> list[Process]:
    """Give all running processes."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [process for pid in pids if (process := _read(pid))]


def named(pid_file: Path, argument: str) -> Process | None:
    """Find the process of a pid file, if `argument` is on its command line.

    A pid file can be of before a reboot, its number now another process'.
    """
    try:
        pid = int(pid_file.read_text().strip())
    except (OSError, ValueError):
        return None
    return _read(pid) if argument in command_line(pid) else None


def with_descendants(roots: Iterable[Process]) -> list[Process]:
    """Give processes and all that they started, directly or not."""
    children: dict[int, list[Process]] = {}
    for process in everything():
        children.setdefault(process.parent, []).append(process)

    def walk(process: Process) -> Iterator[Process]:
        yield process
        for child in children.get(process.pid, []):
            yield from walk(child)

    return list(dict.fromkeys(p for root in roots for p in walk(root)))


def end(processes: Collection[Process], number: signal.Signals, timeout: float) -> bool:
    """Signal processes and wait until they are gone; False if some are not after `timeout` s."""
    for process in processes:
        process.signal(number)
    return wait_until(lambda: not any(p.is_running() for p in processes), timeout)


def pause(processes: Iterable[Process]) -> None:
    """Stop processes where they are (SIGSTOP), until `resume`."""
    for process in processes:
        process.signal(signal.SIGSTOP)


def resume(processes: Iterable[Process]) -> None:
    """Let processes go on that were paused."""
    for process in processes:
        process.signal(signal.SIGCONT)


@contextmanager
def paused(processes: Collection[Process]) -> Iterator[None]:
    """Pause processes meanwhile; afterwards they go on whatever happened."""
    try:
        pause(processes)
        yield
    finally:
        resume(processes)


def crash(family: Callable[[], Collection[Process]], timeout: float) -> bool:
    """Kill a family of processes as a power cut would: none sees that another is gone.

    Parameters
    ----------
    family
        Gives its processes, new ones too.
    timeout
        Seconds to wait for their end; False if some are there after them.
    """
    frozen: set[Process] = set()
    while new := set(family()) - frozen:
        pause(new)
        frozen |= new
    return end(frozen, signal.SIGKILL, timeout)


def wait_until(condition: Callable[[], bool], timeout: float) -> bool:
    """Wait for a condition; False if it does not hold within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def last_lines(log: Path, count: int = 8) -> str:
    """Give the end of a log file, indented; a line that says so if there is none."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-count:]
    except OSError:
        lines = ["(no such file)"]
    return "\n".join(f"  {line}" for line in lines or ["(empty)"])


def _read(pid: int) -> Process | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    state, parent, started = fields[0], int(fields[1]), int(fields[19])
    return None if state in "ZX" else Process(pid, parent, started)
