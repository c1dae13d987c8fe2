"""Framework job reports: what a job of cmsRun read, and why it failed.

Knows the XML of FWCore/MessageLogger/src/JobReport.cc in cms-sw/cmssw; knows nothing of nodes.
A report is another program's output: whatever is in it, reading it ends, with a clear error.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from condorloop.errors import CondorloopError
from condorloop.model.lumis import LAST_LS, Lumis
from condorloop.runtime.machine_errors import is_of_machine

LARGEST = 64 << 20
"""Bytes; a report of some thousand lumisections has a hundredth of it."""

_NUMBER = re.compile(r"\s*[0-9]{1,18}\s*", re.ASCII)


class ReportError(CondorloopError):
    """There is no job report, or it is damaged."""


@dataclass(frozen=True, slots=True)
class JobReport:
    """What a framework job report tells: the LS of a run and the events that were read."""

    lumis: Lumis
    events: int


@dataclass(frozen=True, slots=True)
class FrameworkError:
    """The exception that ended a job: its full code and its text."""

    code: int
    text: str


def read_job_report(path: Path, run: int) -> JobReport:
    """Read what a job read, from its ``FrameworkJobReport.xml``.

    Raises
    ------
    ReportError
        The report is missing, cut or damaged.
    OSError
        The machine does not give it.
    """
    try:
        root = ElementTree.fromstring(_content(path))
        lumis: list[int] = []
        events = 0
        for read in root.iter("InputFile"):
            events += _number(read.findtext("EventsRead") or "0")
            for of_run in read.iterfind("Runs/Run"):
                if of_run.get("ID") == str(run):
                    lumis += [_lumisection(x.get("ID", "")) for x in of_run.iter("LumiSection")]
    except (OSError, ElementTree.ParseError, ValueError, LookupError) as error:
        if is_of_machine(error):
            raise
        raise ReportError(f"{path.name}: no job report: {error}") from error
    return JobReport(Lumis.of(lumis), events)


def read_error(path: Path) -> FrameworkError | None:
    """Read why a job failed, from a report that may be cut; None if it does not tell.

    Raises
    ------
    OSError
        The machine does not give it.
    """
    found = None
    try:
        for _, element in ElementTree.iterparse(io.BytesIO(_content(path))):
            if element.tag == "FrameworkError":
                found = element
    except (OSError, ElementTree.ParseError, ValueError, LookupError) as error:
        if is_of_machine(error):
            raise
    if found is None:
        return None
    code = found.get("ExitStatus", "")
    return FrameworkError(
        int(code) if _NUMBER.fullmatch(code) else 0, "".join(found.itertext()).strip()
    )


def _content(path: Path) -> bytes:
    """The report's bytes, without what could make a parser read for ever.

    Raises
    ------
    ValueError
        It is too large, in a wide encoding, or declares entities.
    """
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"larger than {LARGEST} bytes")
    if b"\0" in content or b"<!DOCTYPE" in content:
        raise ValueError("not what cmsRun writes")
    return content


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"not a number of events: {text[:20]!r}")
    return int(text)


def _lumisection(text: str) -> int:
    if not _NUMBER.fullmatch(text) or not 0 < int(text) <= LAST_LS:
        raise ValueError(f"not a lumisection: {text[:20]!r}")
    return int(text)
