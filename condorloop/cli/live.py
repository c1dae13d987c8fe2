"""Watching: the state of the loop as it changes, until a key ends it.

Knows ``status.json``, the keyboard and the screen; knows nothing of what is shown.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console, RenderableType
from rich.live import Live

from condorloop.model.status import Status
from condorloop.monitoring import status_file as states
from condorloop.monitoring.status_file import StatusError
from condorloop.runtime.lock import running_submitter

TICK = 1.0
"""Seconds between two looks: ages are counted in seconds."""

View = Callable[[Status | str, float, str | None], RenderableType]


class NoTerminal(StatusError):
    """There is no screen to watch on."""


def watch(work_dir: Path, calibrations: Collection[str], terminal: Console, view: View) -> None:
    """Show the state until ``q``, Ctrl-C or the end of the terminal.

    Parameters
    ----------
    view
        Lays out the state, or why there is none, at a time, and who submits.

    Raises
    ------
    NoTerminal
        The output is no terminal, or one that cannot be written all over.
    """
    if not terminal.is_terminal or terminal.is_dumb_terminal:
        raise NoTerminal("watch needs a terminal; without one: condorloop status")
    latest = _Latest(work_dir, calibrations)
    live = Live(console=terminal, screen=True, auto_refresh=False)
    with _ended_by_signals(), _keyboard() as pressed, live:
        while True:
            shown = view(latest.read(), time.time(), running_submitter(work_dir))
            live.update(shown, refresh=True)
            if pressed(TICK) in ("q", "Q"):
                return


class _Latest:
    """The state as ``status.json`` has it, read again when that has changed."""

    def __init__(self, work_dir: Path, calibrations: Collection[str]) -> None:
        self._work_dir = work_dir
        self._calibrations = calibrations
        self._mark: tuple[int, int] | None = None
        self._known: Status | str = ""

    def read(self) -> Status | str:
        mark = self._look()
        if mark is None or mark != self._mark:
            self._mark = mark
            try:
                self._known = states.only(states.read(self._work_dir), self._calibrations)
            except StatusError as error:
                self._known = str(error)
        return self._known

    def _look(self) -> tuple[int, int] | None:
        try:
            there = (self._work_dir / states.STATUS).stat()
        except OSError:
            return None
        return there.st_ino, there.st_mtime_ns


@contextmanager
def _keyboard() -> Iterator[Callable[[float], str]]:
    """Give what waits for a key, so many seconds: the key, or nothing; ``q`` if there is no more.

    Without a keyboard it waits.
    """
    if not sys.stdin.isatty():
        yield _wait
        return
    keys = sys.stdin.fileno()
    before = termios.tcgetattr(keys)

    def pressed(seconds: float) -> str:
        ready, _, _ = select.select([keys], [], [], seconds)
        return (os.read(keys, 1).decode(errors="replace") or "q") if ready else ""

    try:
        tty.setcbreak(keys)
        yield pressed
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)


def _wait(seconds: float) -> str:
    time.sleep(seconds)
    return ""


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and the end of the terminal end it, with the screen as it was before."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # Ctrl-C, too: who starts this in the background of a script lets it be ignored
    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in ending}
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
