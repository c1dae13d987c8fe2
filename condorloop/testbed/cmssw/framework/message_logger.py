"""cmsRun's log, on stderr, in the form of CMSSW's MessageLogger."""

from __future__ import annotations

import sys
import time
from typing import Literal

Severity = Literal["w", "e", "p"]


def now() -> str:
    """Give the time as the log writes it: ``23-Nov-2026 17:44:13 CET``."""
    return time.strftime("%d-%b-%Y %H:%M:%S %Z")


def log(text: str) -> None:
    """Write a line."""
    print(text, file=sys.stderr, flush=True)


def file_action(action: str, name: str) -> None:
    """Write that a file is about to be opened, was opened, or was closed."""
    log(f"{now()}  {action} file {name}")


def begin_record(number: int, run: int, event: int, ls: int) -> None:
    """Write that the event which is the `number`-th record is being processed."""
    clock = time.time()
    stamp = time.strftime("%d-%b-%Y %H:%M:%S", time.localtime(clock))
    zone = time.strftime("%Z", time.localtime(clock))
    log(
        f"Begin processing the {_ordinal(number)} record. Run {run}, Event {event}, "
        f"LumiSection {ls} on stream 0 at {stamp}.{int(clock % 1 * 1000):03d} {zone}"
    )


def message(severity: Severity, category: str, module: str, text: str, context: str) -> None:
    """Write what a module has to say; a log shows no information unless it is asked to.

    Parameters
    ----------
    severity
        ``w`` for a warning, ``e`` for an error; ``p`` for ``LogPrint``, which has no header.
    category
        What it is about.
    module
        Class, label and transition: ``SiStripQualityHotStripIdentifierRoot:harvester@endRun``.
    text
        The message; empty where all is in the category.
    context
        What is being processed: ``Run: 398600``.
    """
    if severity == "p":
        log(text)
        return
    log(f"%MSG-{severity} {category}:  {module}  {now()} {context}\n{text}\n%MSG")


def fatal(text: str) -> None:
    """Write an exception that ends the job."""
    log(f"----- Begin Fatal Exception {now()}-----------------------")
    log(text)
    log("----- End Fatal Exception -------------------------------------------------")


def _ordinal(number: int) -> str:
    special = {1: "st", 2: "nd", 3: "rd"} if number % 100 not in (11, 12, 13) else {}
    return f"{number}{special.get(number % 10, 'th')}"
