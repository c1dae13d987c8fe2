"""What is in a scenario's RAW file: when it appears, and after it has changed.

Knows the faults of files (`condorloop.testbed.scenario.timeline`); knows nothing of time or
of places.
"""

from __future__ import annotations

from pathlib import Path

from condorloop.testbed.cmssw.io.root_file import Columns, joined
from condorloop.testbed.scenario.events import FileAppears
from condorloop.testbed.scenario.raw_files import (
    BadFile,
    Stream,
    first_part,
    simulate,
    write_bad_raw_file,
    write_events,
)
from condorloop.testbed.truth import Truth

PADDING = 4096
"""By how many bytes a file with the same events is larger than the one that it replaces."""


def good_at_first(file: FileAppears) -> bool:
    """Tell whether the lumisections of a file can be processed when it appears."""
    return file.fault in (None, "replaced", "vanishes", "also_other_run")


def good_after_change(file: FileAppears) -> bool:
    """Tell whether they can when the file has changed as its fault says."""
    return file.fault != "vanishes"


def write_first(path: Path, file: FileAppears, truth: Truth, events_per_ls: int | None) -> None:
    """Write the file as it appears; with it goes `whole_of` if it is still growing."""
    if file.fault in set(BadFile):
        what = (Stream.of(file.path), file.run, file.lumis, truth, file.part, file.parts)
        write_bad_raw_file(path, str(file.fault), *what, _events(file, events_per_ls))
    elif file.fault == "growing":
        write_second(whole_of(path), file, truth, events_per_ls)
        path.write_bytes(first_part(whole_of(path).read_bytes()))
    else:
        columns = _columns(file, truth, events_per_ls)
        fewer = file.fault == "replaced" and not file.same_events
        write_events(path, {n: v[::2] for n, v in columns.items()} if fewer else columns)


def write_second(path: Path, file: FileAppears, truth: Truth, events_per_ls: int | None) -> None:
    """Write the file as it is when it has grown, or what replaces it."""
    padding = PADDING if file.same_events else 0
    write_events(path, _columns(file, truth, events_per_ls), padding)


def whole_of(path: Path) -> Path:
    """Name the second version of a file whose first is at `path`."""
    return path.with_suffix(".whole")


def _columns(file: FileAppears, truth: Truth, events_per_ls: int | None) -> Columns:
    def of(run: int) -> Columns:
        stream, number = Stream.of(file.path), _events(file, events_per_ls)
        return simulate(stream, run, file.lumis, truth, file.part, file.parts, number)

    other = file.run - 1 if file.other_run is None else file.other_run
    if file.fault == "other_run":
        return of(other)
    if file.fault == "also_other_run":
        return joined([of(file.run), of(other)])
    return of(file.run)


def _events(file: FileAppears, events_per_ls: int | None) -> int | None:
    return events_per_ls if file.events_per_ls is None else file.events_per_ls
