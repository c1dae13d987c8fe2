"""Trouble as data: what is wrong with a node, a DAG or a file, and all that was found of a run.

Knows the fields of ``condorloop analyze --json``; finds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from pydantic import TypeAdapter

from condorloop.model.campaign import CampaignKey
from condorloop.rundir.records.attempts import Attempt


class Sign(StrEnum):
    """What is wrong with a node or a DAG."""

    FAILED = "failed"
    """It was given up."""
    TRIED_AGAIN = "tried again"
    """An attempt failed, and another is under way or to come."""
    HELD = "held"
    """It is on hold."""
    IDLE = "idle"
    """It is in the queue, and nothing runs it."""
    REMOVED = "removed"
    """A person took it out of the queue."""
    NOT_UPLOADED = "not uploaded"
    """Its payload is not in the database."""
    LACKING = "lacking"
    """It did not read all of its input."""
    QUARANTINED = "quarantined"
    """It went on without an input that kept failing."""
    BAD_FILE = "bad file"
    """A RAW file that no node has read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong with a node, a DAG (`node` is empty) or a file (`dag` is, too).

    Attributes
    ----------
    job_id, host
        Of its last job.
    exit_code
        Of its last failed attempt, as a shell sees it.
    meaning
        What exit code, hold or wait mean, in words.
    reason
        The line that matters: of the log, of HTCondor, or of the conditions service.
    attempts
        Those that failed, the first one first.
    inputs, blamed
        What it was to read, and which of that was the cause.
    log, log_end
        Where its log is, and the end of it without the lines that only count events.
    advice, commands
        What to do, and what to type.
    stream, calibrations
        The stream that calibrations share, and those that it touches, where it is about what they
        have in common; `calibration` is one of them then.
    """

    calibration: str
    run: int
    dag: str = ""
    node: str = ""
    kind: str = ""
    sign: Sign
    job_id: str = ""
    host: str = ""
    since: float | None = None
    exit_code: int | None = None
    meaning: str = ""
    reason: str = ""
    attempts: tuple[Attempt, ...] = ()
    inputs: tuple[str, ...] = ()
    blamed: tuple[str, ...] = ()
    log: str = ""
    log_end: tuple[str, ...] = ()
    advice: str = ""
    commands: tuple[str, ...] = ()
    stream: str = ""
    calibrations: tuple[str, ...] = ()

    @property
    def key(self) -> CampaignKey:
        """Whose it is."""
        return CampaignKey(self.calibration, self.run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What ``condorloop analyze --json`` prints; `silent` says why the queue was not asked."""

    schema: Literal[1] = 1
    run: int
    findings: tuple[Finding, ...]
    silent: str = ""


_ADAPTER: TypeAdapter[Analysis] = TypeAdapter(Analysis)


def to_json(analysis: Analysis) -> dict[str, Any]:
    """Give the object that ``condorloop analyze --json`` prints."""
    data: dict[str, Any] = _ADAPTER.dump_python(analysis, mode="json")
    return data
