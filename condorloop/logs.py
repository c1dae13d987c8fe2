"""Where log lines go: the terminal, and the seed's five files of each calibration.

Knows handlers and formats. A record with a `calibration` goes to that calibration's files,
one without to all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from pathlib import Path

from condorloop.model import CampaignKey

_LEVELS = ("INFO", "WARNING", "ERROR", "CRITICAL")


log = logging.getLogger("condorloop.campaign")


def say(key: CampaignKey, message: str, level: int = logging.INFO) -> None:
    """Log what was decided or seen of a campaign."""
    log.log(level, "%s: %s", key, message, extra={"calibration": key.calibration})


class _Utc(logging.Formatter):
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-8s %(message)s")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\r", "\\r").replace("\n", "\\n")


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


def start(work_dir: Path | None, calibrations: Iterable[str], *, verbose: bool = False) -> None:
    """Send log lines to the terminal and, with a `work_dir`, to the calibrations' files.

    Raises
    ------
    OSError
        A log file cannot be written.
    """
    root = logging.getLogger("condorloop")
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    root.propagate = False
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    for name in calibrations if work_dir else ():
        folder = (work_dir or Path()) / name
        folder.mkdir(parents=True, exist_ok=True)
        for level in ("ALL", *_LEVELS):
            file = logging.FileHandler(folder / f"condorloop_{level}.log", encoding="utf-8")
            number = None if level == "ALL" else logging.getLevelNamesMapping()[level]
            file.addFilter(_OfCalibration(name, number))
            handlers.append(file)
    for handler in handlers:
        handler.setFormatter(_Utc())
    for old in root.handlers:
        old.close()
    root.handlers = handlers
