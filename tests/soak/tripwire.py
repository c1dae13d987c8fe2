"""Effects that are not made: a process that dies before one of them, or a disk that is full.

Knows Python's audit events on files and the ledger's transactions. One hook serves all days of a
process, for Python cannot take a hook away.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from condorloop.ledger.connection import Connection, ledger_error
from tests.boundaries import EFFECTS
from tests.soak.weather import Weather


class Killed(BaseException):
    """The process was killed before an effect."""


class Tripwire:
    """Watches what is written below a folder."""

    def __init__(self, folder: str, rng: Random, weather: Weather) -> None:
        self._folder = folder
        self._rng = rng
        self._weather = weather
        self._left = 0
        self._then: Callable[[], None] | None = None
        self._busy = False

    @property
    def full(self) -> bool:
        """Whether the disk is full: then most of what is written fails."""
        return self._weather["the disk is full"]

    @contextmanager
    def deadly(self, effects: int, then: Callable[[], None] | None = None) -> Iterator[None]:
        """Let whatever runs inside be killed before its effect of this number; 0 is for none.

        With `then` it is not killed: that is called instead.
        """
        self._left, self._then = effects, then
        try:
            yield
        finally:
            self._left = 0

    def effect(self) -> bool:
        """An effect is about to be made; True if there is no room for it."""
        if self._left:
            self._left -= 1
            if not self._left and self._then:
                self._then()
            elif not self._left:
                raise Killed
        return self.full and self._rng.random() < 0.7

    def meet(self, path: object) -> None:
        """A file is about to be changed."""
        if self._busy or not isinstance(path, str | os.PathLike):
            return
        if os.fspath(path).startswith(self._folder):
            self._busy = True
            try:
                if self.effect():
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))
            finally:
                self._busy = False


_armed: Tripwire | None = None
_hooked = False
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_MAKING_ROOM = frozenset({"os.remove", "os.rmdir", "shutil.rmtree"})


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    wire = _armed
    if wire is None or not (event == "open" or event in EFFECTS):
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITING):
        return
    if event in _MAKING_ROOM and wire.full:
        return
    wire.meet(arguments[0])


@contextmanager
def armed(wire: Tripwire) -> Iterator[None]:
    """Let a tripwire watch this process, and the transactions of ledgers."""
    global _armed, _hooked
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked = True
    whole = Connection.transaction

    @contextmanager
    def transaction(self: Connection) -> Iterator[None]:
        _effect_of(self, wire)
        with whole(self):
            yield
            _effect_of(self, wire)
        wire.effect()

    _armed = wire
    Connection.transaction = transaction  # type: ignore[method-assign]
    try:
        yield
    finally:
        _armed = None
        Connection.transaction = whole  # type: ignore[method-assign]


@contextmanager
def unwatched() -> Iterator[None]:
    """Let what runs inside be done by somebody else: it is no effect of the watched process."""
    global _armed
    before, _armed = _armed, None
    try:
        yield
    finally:
        _armed = before


def _effect_of(ledger: Connection, wire: Tripwire) -> None:
    if wire.effect():
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise ledger_error(ledger.path, error)
