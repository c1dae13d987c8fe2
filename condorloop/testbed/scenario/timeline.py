"""What happens in a play and when: runs, their lumisections, and the files of their streams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING

from condorloop.model.lumis import Lumis

if TYPE_CHECKING:
    from condorloop.testbed.scenario.runs import RunScript
    from condorloop.testbed.scenario.scenario import Scenario

_STORE = "/eos/cms/tier0/store"
CHANGING = ("growing", "unreadable", "vanishes", "replaced")
"""Faults of files that are not the same for ever: cut, or not to be opened, at first; or gone, or
another file, later."""

PATHS: Mapping[str, str] = MappingProxyType(
    {
        "EcalPedestals": f"{_STORE}/data/Run2026D/TestEnablesEcalHcal/RAW/Express-v1/000/",
        "SiStripBad": f"{_STORE}/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/",
        "BeamSpot": f"{_STORE}/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/",
    }
)
"""Where each calibration's RAW files are when nobody says otherwise."""


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
        What is wrong with it: None, a `condorloop.testbed.scenario.raw_files.BadFile`, or something that passes
        or comes in time (`CHANGING`), or ``other_run`` (it holds another run's events) and
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


def base_path(file_in_path: str) -> str:
    """Take the ``000/`` off a calibration's `file_in_path`.

    >>> base_path("/eos/cms/tier0/store/data/Run2026D/ExpressPhysics/FEVT/Express-v1/000/")
    '/eos/cms/tier0/store/data/Run2026D/ExpressPhysics/FEVT/Express-v1'
    """
    path = PurePosixPath(file_in_path)
    return str(path.parent if path.name == "000" else path)


def primary_dataset(file_in_path: str) -> str:
    """Name the stream of a path of the form ``…/<dataset>/<tier>/<processing>/000/``.

    >>> primary_dataset("/eos/cms/tier0/store/data/Run2026D/ExpressPhysics/FEVT/Express-v1/000/")
    'ExpressPhysics'
    """
    return PurePosixPath(base_path(file_in_path)).parts[-3]


def timeline(scenario: Scenario, speed: float, paths: Mapping[str, str]) -> list[Event]:
    """List what happens, in order of time.

    Parameters
    ----------
    scenario
        What to play.
    speed
        2 is twice as fast.
    paths
        `file_in_path` of each calibration.

    Raises
    ------
    ValueError
        The scenario has a calibration without a path.
    """
    if unknown := scenario.calibrations - paths.keys():
        raise ValueError(f"no file_in_path is known for {', '.join(sorted(unknown))}")
    events: list[Event] = []
    for run in sorted(scenario.runs, key=lambda r: r.start):
        events.append(RunStart(run.start / speed, run.run))
        events += (LumisectionEnds(at / speed, run.run, ls) for ls, at in run.lumisection_ends)
        for path in sorted({base_path(paths[c]) for c in run.calibrations}):
            events += _files(scenario, run, path, speed)
        if run.ends:
            events.append(RunEnds(run.end / speed, run.run))
    return sorted(events, key=lambda event: event.at)


def _files(
    scenario: Scenario, run: RunScript, path: str, speed: float
) -> Iterator[FileAppears | FileChanges]:
    stream = primary_dataset(path)
    layout = scenario.stream_layout(stream)
    special = {(s.stream, s.ls, s.part): s for s in run.files}
    ends = run.lumisection_ends
    for first in range(0, len(ends), layout.ls_per_file):
        group = ends[first : first + layout.ls_per_file]
        whole = len(group) == layout.ls_per_file
        nominal = group[-1][1] if whole else run.end
        lumis = Lumis.of(ls for ls, _ in group)
        for part in range(layout.files_per_ls):
            number = first // layout.ls_per_file * layout.files_per_ls + part
            found = (special.get((stream, ls, part)) for ls, _ in group)
            script = next(filter(None, found), None)
            late = script.late if script else 0.0
            asked = script.block if script else None
            file = FileAppears(
                at=(nominal + late) / speed,
                run=run.run,
                stream=stream,
                path=path,
                lumis=lumis,
                part=part,
                parts=layout.files_per_ls,
                block=number // layout.files_per_block if asked is None else asked,
                fault=script.fault if script else None,
                late=late,
                name=script.name if script else None,
                other_run=script.run if script else None,
                same_events=script is not None and script.same_events,
                events_per_ls=layout.events_per_ls,
            )
            yield file
            if script and script.changes_after is not None:
                yield FileChanges(file.at + script.changes_after / speed, file)
