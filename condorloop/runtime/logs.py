"""Where log lines go: the terminal or journal, and the seed's five files of each calibration.

Knows handlers and formats. A record with a `calibration` goes to that calibration's files,
one without to all. No log line raises: where one cannot be written, the loop goes on.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from copy import copy
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from condorloop.model.campaign import CampaignKey, ReconstructionKey
from condorloop.text import plain, shown

_LEVELS = ("INFO", "WARNING", "ERROR", "CRITICAL")


log = logging.getLogger("condorloop.campaign")


def say(key: CampaignKey | ReconstructionKey, message: str, level: int = logging.INFO) -> None:
    """Log what was decided or seen of a campaign, or of what several share."""
    log.log(level, "%s: %s", key, message, extra={"calibration": key.name, "run": key.run})


class Format(StrEnum):
    """How a line reads on the terminal and in the journal; the files are always plain."""

    PLAIN = "plain"
    """Time, level and text."""
    JSON = "json"
    """An object: time, level, logger, message, and calibration and run where there is one."""


_PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
"""The journal's, by our levels: sd-daemon(3)."""


class _OneLine(logging.Formatter):
    """Makes one printable line of a record, whatever is in it."""

    def format(self, record: logging.LogRecord) -> str:
        try:
            return plain(super().format(record))
        except Exception:  # arguments that do not fit the message
            told = copy(record)
            told.msg, told.args = f"{shown(record.msg, 300)} % {shown(record.args, 300)}", ()
            return plain(super().format(told))


class _Utc(_OneLine):
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-8s %(message)s")
        self.converter = time.gmtime


class _Json(_OneLine):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _Utc().formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": super().format(record),
        }
        found = {name: getattr(record, name, None) for name in ("calibration", "run")}
        return json.dumps(
            line | {name: value for name, value in found.items() if value is not None}
        )


class _Journal(logging.Formatter):
    """Puts before a line what the journal takes for its level; the journal has its own time."""

    def __init__(self, line: logging.Formatter) -> None:
        super().__init__()
        self._line = line

    def format(self, record: logging.LogRecord) -> str:
        return f"<{_PRIORITIES.get(record.levelname, 6)}>{self._line.format(record)}"


def complain(text: str) -> None:
    """Say on standard error why a command ends; in the journal, too, that is an error."""
    head = f"<{_PRIORITIES['ERROR']}>" if _is_journal(sys.stderr, os.environ) else ""
    with suppress(OSError, ValueError, AttributeError):
        for line in text.splitlines():
            sys.stderr.write(f"{head}{plain(line)}\n")


def _is_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a stream ends in the journal, and not just its process's first one did."""
    try:
        there = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"


class _OfCalibration(logging.Filter):
    def __init__(self, calibration: str, level: int | None) -> None:
        super().__init__()
        self._calibration = calibration
        self._level = level

    def filter(self, record: logging.LogRecord) -> bool:
        calibration = getattr(record, "calibration", None)
        if calibration not in (None, self._calibration):
            return False
        return self._level in (None, record.levelno)


class _Terminal(logging.Handler):
    """Standard error; where it is gone, there is nobody to be told."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(Exception):
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()


class _File(logging.Handler):
    """A file that is made anew, with its folder, when somebody has moved or deleted it.

    Parameters
    ----------
    path
        The file.
    failing
        The files of all handlers that cannot be written.
    terminal
        Where the first one of them is told.
    """

    def __init__(self, path: Path, failing: set[Path], terminal: logging.Handler) -> None:
        super().__init__()
        self._terminal = terminal
        self._path = path
        self._failing = failing
        self._descriptor: int | None = None
        self._torn = False
        try:
            self._open()
        except OSError as error:
            self._tell(error)

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{self.format(record)}\n".encode(errors="backslashreplace")
        try:
            self._write(self._open(), line)
        except OSError as error:
            self._tell(error)
        else:
            self._failing.discard(self._path)

    def close(self) -> None:
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None
        super().close()

    def _open(self) -> int:
        if self._descriptor is not None:
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._descriptor), self._path.stat()):
                    return self._descriptor
            moved, self._descriptor, self._torn = self._descriptor, None, False
            os.close(moved)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # what is no file, such as a pipe that nobody reads, is refused at once
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        self._descriptor = os.open(self._path, flags, 0o666)
        return self._descriptor

    def _write(self, descriptor: int, line: bytes) -> None:
        """Write a whole line; what a full disk has cut is ended by a line end first."""
        left = b"\n" + line if self._torn else line
        while left:
            left = left[os.write(descriptor, left) :]
            self._torn = bool(left)

    def _tell(self, error: OSError) -> None:
        if not self._failing:
            line = "log lines cannot be written: %s: %s"
            told = (self._path, error.strerror or error)
            self._terminal.handle(
                logging.LogRecord(__name__, logging.ERROR, __file__, 0, line, told, None)
            )
        self._failing.add(self._path)


class _Files(logging.Handler):
    """The files of all calibrations that are followed; one that is followed once stays so."""

    def __init__(self, work_dir: Path, terminal: logging.Handler) -> None:
        super().__init__()
        self._work_dir = work_dir
        self._terminal = terminal
        self._failing: set[Path] = set()
        self._files: dict[str, list[_File]] = {}

    def follow(self, calibrations: Iterable[str]) -> None:
        """Write files for these calibrations, too."""
        for name in set(calibrations) - self._files.keys():
            self._files[name] = [self._open(name, level) for level in ("ALL", *_LEVELS)]

    def _open(self, calibration: str, level: str) -> _File:
        path = self._work_dir / calibration / f"condorloop_{level}.log"
        file = _File(path, self._failing, self._terminal)
        number = None if level == "ALL" else logging.getLevelNamesMapping()[level]
        file.addFilter(_OfCalibration(calibration, number))
        file.setFormatter(_Utc())
        return file

    def emit(self, record: logging.LogRecord) -> None:
        for files in self._files.values():
            for file in files:
                file.handle(record)

    def close(self) -> None:
        for files in self._files.values():
            for file in files:
                file.close()
        super().close()


def follow(calibrations: Iterable[str]) -> None:
    """Write files for these calibrations, too, where `start` has begun to write any."""
    for handler in logging.getLogger("condorloop").handlers:
        if isinstance(handler, _Files):
            handler.follow(calibrations)


def start(
    work_dir: Path | None,
    calibrations: Iterable[str],
    *,
    verbose: bool = False,
    form: Format = Format.PLAIN,
) -> None:
    """Send log lines to the terminal and, with a `work_dir`, to the calibrations' files.

    Where the terminal is systemd's journal, lines have the journal's levels and no time. A file
    that cannot be written is told once on the terminal, and written again when it can be.
    """
    root = logging.getLogger("condorloop")
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    root.propagate = False
    terminal = _Terminal()
    terminal.setFormatter(_terminal_format(form))
    handlers: list[logging.Handler] = [terminal]
    if work_dir:
        files = _Files(work_dir, terminal)
        files.follow(calibrations)
        handlers.append(files)
    for old in root.handlers:
        old.close()
    root.handlers = handlers


def _terminal_format(form: Format) -> logging.Formatter:
    journal = _is_journal(sys.stderr, os.environ)
    if form is Format.JSON:
        return _Journal(_Json()) if journal else _Json()
    return _Journal(_OneLine("%(message)s")) if journal else _Utc()
