"""What happens in a play and when: runs, their lumisections, and the files of their streams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from condorloop.model.lumis import Lumis
from condorloop.testbed.scenario.events import (
    Event,
    FileAppears,
    FileChanges,
    LumisectionEnds,
    RunEnds,
    RunStart,
)
from condorloop.testbed.scenario.paths import base_path, primary_dataset, shipped_paths
from condorloop.testbed.scenario.runs import RunScript
from condorloop.testbed.scenario.scenario import Scenario


def timeline(
    scenario: Scenario, speed: float = 1.0, paths: Mapping[str, str] | None = None
) -> list[Event]:
    """List what happens, in order of time.

    Parameters
    ----------
    scenario
        What to play.
    speed
        2 is twice as fast.
    paths
        `file_in_path` of each calibration; None for those that ship with condorloop.

    Raises
    ------
    ValueError
        The scenario has a calibration without a path.
    """
    paths = shipped_paths() if paths is None else paths
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


def duration(
    scenario: Scenario, speed: float = 1.0, paths: Mapping[str, str] | None = None
) -> float:
    """Seconds from the start of the play to its last event."""
    return max((event.at for event in timeline(scenario, speed, paths)), default=0.0)
