"""A step's effects, as a process makes them: to die, or to have no room, before any one of them.

Knows Python's audit events and processes; knows nothing of the steps. A step runs in a forked
child. What raises no audit event, such as a commit of SQLite, tells of itself by `here`.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import IO, Any

PACKAGE = "condorloop"
EFFECTS = frozenset(
    {
        "os.rename",
        "os.link",
        "os.symlink",
        "os.remove",
        "os.mkdir",
        "os.rmdir",
        "os.chmod",
        "os.truncate",
        "os.utime",
        "os.posix_spawn",
        "os.exec",
        "os.fork",
        "os.system",
        "os.kill",
        "os.killpg",
        "subprocess.Popen",
        "shutil.copyfile",
        "shutil.copytree",
        "shutil.move",
        "shutil.rmtree",
    }
)
"""Audit events that are effects; so is ``open``, for writing."""

Step = Callable[[], object]

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_SCRATCH = ("/dev/", "/proc/")


@dataclass(frozen=True, slots=True)
class Site:
    """Where in the program an effect is made: the event, and the package's functions, with lines.

    The innermost function is the last.
    """

    event: str
    stack: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.event} in {' > '.join(self.stack) or 'the test'}"


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect that a step was about to make, and what it was to be made on."""

    site: Site
    target: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How a step ended: its effects, the one that it did not make included.

    `exit_code` is what the step returned, 0 if that was no number, and None if it was killed;
    `output` is what it printed.
    """

    effects: tuple[Effect, ...]
    exit_code: int | None
    output: str

    @property
    def died(self) -> bool:
        """Whether it was killed before it ended by itself."""
        return self.exit_code is None


def run(
    step: Step,
    *,
    die_before: int = 0,
    fail_before: int = 0,
    error: int = errno.ENOSPC,
    only: Callable[[Effect], bool] = lambda effect: True,
    timeout: float = 60.0,
) -> Ended:
    """Run a step in a child process.

    Parameters
    ----------
    step
        What to run. What it returns is its exit code; an exception that it raises is a failure of
        the test and is printed.
    die_before
        The effect, counted from 1, before which the child is killed; 0 lets it live.
    fail_before
        The effect that fails with an `OSError` instead of being made.
    error
        The error's number.
    only
        Which effects count.
    timeout
        Seconds that the child may take.
    """
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if not child:
            os.close(reading)
            _Child(writing, die_before, fail_before, error, only).run(step, output)
        os.close(writing)
        try:
            told = _read_all(reading, time.monotonic() + timeout)
        except BaseException:
            os.kill(child, signal.SIGKILL)
            raise
        finally:
            os.close(reading)
            _, status = os.waitpid(child, 0)
        output.seek(0)
        text = output.read().decode(errors="replace")
    effects = tuple(
        Effect(Site(event, tuple(stack)), target)
        for event, stack, target in map(json.loads, told.splitlines())
    )
    code = os.waitstatus_to_exitcode(status)
    assert code != _Child.BROKEN, text
    assert code >= 0 or code == -signal.SIGKILL, f"ended by signal {-code}: {text}"
    return Ended(effects, None if code < 0 else code, text)


def deaths(step: Callable[[int], Step], **options: Any) -> Iterator[Ended]:
    """Let a step die before its first effect, its second, …, until it ends by itself.

    `step` makes the step of each round, with everything as it was before the first.
    """
    for number in _counted():
        ended = run(step(number), die_before=number, **options)
        if not ended.died:
            return
        yield ended


def shortages(step: Callable[[int], Step], **options: Any) -> Iterator[Ended]:
    """Let a step's first effect fail, its second, …, until there is none left to fail."""
    for number in _counted():
        ended = run(step(number), fail_before=number, **options)
        if len(ended.effects) < number:
            return
        yield ended


def one_of_each_site(effects: Iterable[Effect]) -> dict[Site, int]:
    """The number of the first effect at each site."""
    first: dict[Site, int] = {}
    for number, effect in enumerate(effects, 1):
        first.setdefault(effect.site, number)
    return first


def here(event: str, target: str = "") -> None:
    """Tell of an effect that raises no audit event; outside a watched child, of nothing."""
    if _watched is not None:
        _watched.meet(event, target)


class _Child:
    """The watched process."""

    BROKEN = 99

    def __init__(
        self,
        writing: int,
        die_before: int,
        fail_before: int,
        error: int,
        only: Callable[[Effect], bool],
    ) -> None:
        self._writing = writing
        self._die_before = die_before
        self._fail_before = fail_before
        self._error = error
        self._only = only
        self._count = 0
        self._pid = os.getpid()
        self._busy = False

    def run(self, step: Step, output: IO[bytes]) -> None:
        """Run the step, and end the process."""
        global _watched
        code = self.BROKEN
        try:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            sys.stdout = open(1, "w", closefd=False, buffering=1)  # noqa: SIM115
            sys.stderr = open(2, "w", closefd=False, buffering=1)  # noqa: SIM115
            sys.dont_write_bytecode = True
            sys.addaudithook(self._hook)
            _watched = self
            result = step()
            code = int(result) if isinstance(result, int) else 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in EFFECTS or (event == "open" and _writes(arguments)):
            self.meet(event, str(arguments[0]))

    def meet(self, event: str, target: str) -> None:
        """An effect is about to be made."""
        if self._busy or os.getpid() != self._pid:
            return
        self._busy = True
        try:
            effect = Effect(Site(event, _stack()), target)
            if not self._only(effect):
                return
            self._count += 1
            line = json.dumps([event, effect.site.stack, target]) + "\n"
            os.write(self._writing, line.encode())
            if self._count == self._die_before:
                os.kill(self._pid, signal.SIGKILL)
            if self._count == self._fail_before:
                raise OSError(self._error, os.strerror(self._error), target)
        finally:
            self._busy = False


_watched: _Child | None = None


def _writes(arguments: tuple[object, ...]) -> bool:
    path, _, flags = (*arguments, 0, 0)[:3]
    if not isinstance(path, str | bytes | os.PathLike) or not isinstance(flags, int):
        return False
    return bool(flags & _WRITING) and not os.fsdecode(path).startswith(_SCRATCH)


def _stack() -> tuple[str, ...]:
    """The package's functions that are being run, the outermost first."""
    found = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module == PACKAGE or module.startswith(f"{PACKAGE}."):
            found.append(f"{module}.{frame.f_code.co_qualname}:{frame.f_lineno}")
        frame = frame.f_back
    return tuple(reversed(found))


def _read_all(descriptor: int, deadline: float) -> str:
    pieces: list[bytes] = []
    while True:
        left = deadline - time.monotonic()
        ready, _, _ = select.select([descriptor], [], [], max(left, 0))
        assert ready, "the step does not end"
        piece = os.read(descriptor, 1 << 16)
        if not piece:
            return b"".join(pieces).decode()
        pieces.append(piece)


def _counted() -> Iterator[int]:
    yield from range(1, 10_000)
    raise AssertionError("the step has no end of effects")
