"""Where log lines go: the terminal, and the seed's five files of each calibration.

Knows handlers and formats. A record with a `calibration` goes to that calibration's files,
one without to all. No log line raises: where one cannot be written, the loop goes on.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from condorloop.model import CampaignKey
from condorloop.plain import plain, shown

_LEVELS = ("INFO", "WARNING", "ERROR", "CRITICAL")


log = logging.getLogger("condorloop.campaign")


def say(key: CampaignKey, message: str, level: int = logging.INFO) -> None:
    """Log what was decided or seen of a campaign."""
    log.log(level, "%s: %s", key, message, extra={"calibration": key.calibration, "run": key.run})


class _Utc(logging.Formatter):
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-8s %(message)s")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        try:
            return plain(super().format(record))
        except Exception:  # arguments that do not fit the message
            head = f"{self.formatTime(record)} {record.levelname:<8}"
            return f"{head} {shown(record.msg, 300)} % {shown(record.args, 300)}"


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


class _Terminal(logging.StreamHandler):  # type: ignore[type-arg]
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Do nothing: where the terminal is gone, there is nobody to be told."""


class _File(logging.Handler):
    """A file that is made anew, with its folder, when somebody has moved or deleted it.

    Parameters
    ----------
    path
        The file.
    failing
        The files of all handlers that cannot be written. The first one is told on the terminal.
    """

    def __init__(self, path: Path, failing: set[Path]) -> None:
        super().__init__()
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
            reason = f"{plain(str(self._path))}: {error.strerror or error}"
            with suppress(OSError, ValueError, AttributeError):
                print(f"condorloop: log lines cannot be written: {reason}", file=sys.stderr)
        self._failing.add(self._path)


def start(work_dir: Path | None, calibrations: Iterable[str], *, verbose: bool = False) -> None:
    """Send log lines to the terminal and, with a `work_dir`, to the calibrations' files.

    A file that cannot be written is told once on the terminal, and written again when it can be.
    """
    root = logging.getLogger("condorloop")
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    root.propagate = False
    handlers: list[logging.Handler] = [_Terminal()]
    failing: set[Path] = set()
    for name in calibrations if work_dir else ():
        folder = (work_dir or Path()) / name
        for level in ("ALL", *_LEVELS):
            file = _File(folder / f"condorloop_{level}.log", failing)
            number = None if level == "ALL" else logging.getLevelNamesMapping()[level]
            file.addFilter(_OfCalibration(name, number))
            handlers.append(file)
    for handler in handlers:
        handler.setFormatter(_Utc())
    for old in root.handlers:
        old.close()
    root.handlers = handlers
