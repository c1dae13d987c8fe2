"""What happens in a play, as plain data; times are seconds after its start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from condorloop.model.lumis import Lumis

if TYPE_CHECKING:
    pass


CHANGING = ("growing", "unreadable", "vanishes", "replaced")
"""Faults of files that are not the same for ever: cut, or not to be opened, at first; or gone, or
another file, later."""


@dataclass(frozen=True, slots=True)
class RunStart:
    """A run starts, `at` seconds after the start of the play."""

    at: float
    run: int


@dataclass(frozen=True, slots=True)
class LumisectionEnds:
    """A lumisection is over; OMS counts it from now on."""

    at: float
    run: int
    ls: int


@dataclass(frozen=True, slots=True)
class RunEnds:
    """A run ends; OMS gives it an end time from now on."""

    at: float
    run: int


@dataclass(frozen=True, slots=True)
class FileAppears:
    """A RAW file becomes visible on EOS.

    Attributes
    ----------
    at
        Seconds after the start of the play, its lateness included.
    stream, path
        The primary dataset, and the folder above the folders of runs, without its ``000/``.
    lumis, part, parts
        The lumisections that it covers, and which of their `parts` files it is, from 0.
    block
        Which of the run's block folders it is in.
    fault
        What is wrong with it: None, a `condorloop.testbed.scenario.raw_files.BadFile`, or something
        that passes or comes in time (`CHANGING`), or ``other_run`` (it holds another run's events)
        and
        ``also_other_run`` (those too).
    late
        By how many seconds (of the play) it missed its time.
    name
        Its name; None for one that says nothing.
    other_run
        Of ``other_run`` and ``also_other_run``.
    same_events
        Of ``replaced``: whether what comes then has the same events.
    events_per_ls
        In all parts together; None for the usual number.
    """

    at: float
    run: int
    stream: str
    path: str
    lumis: Lumis
    part: int
    parts: int
    block: int
    fault: str | None
    late: float
    name: str | None = None
    other_run: int | None = None
    same_events: bool = False
    events_per_ls: int | None = None


@dataclass(frozen=True, slots=True)
class FileChanges:
    """A file that appeared changes as its fault says: becomes whole, vanishes, is replaced."""

    at: float
    file: FileAppears


Event = RunStart | LumisectionEnds | FileAppears | FileChanges | RunEnds
