"""The runs of a scenario: their lumisections, their files, and what OMS says of them.

Knows the keys and which go together; knows nothing of other runs, nor of when a play starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    NonNegativeInt,
    PositiveInt,
    Tag,
)

from condorloop.testbed.scenario.events import CHANGING
from condorloop.testbed.scenario.oms_attributes import LUMISECTIONS, RUNS
from condorloop.testbed.scenario.paths import primary_dataset, shipped_paths

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
StreamName = Annotated[str, Field(pattern="^(TestEnablesEcalHcal|ExpressPhysics)$")]
FileFault = Literal[
    "truncated",
    "not_closed",
    "no_events",
    "empty",
    "unreadable_event",
    "crashes",
    "growing",
    "unreadable",
    "vanishes",
    "replaced",
    "other_run",
    "also_other_run",
]
Luminosity = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Said = tuple[str, object, str]
"""Key, value, and what was expected."""

_USUAL_LUMINOSITY: float = LUMISECTIONS["recorded_lumi_per_lumisection"].usual


class Script(BaseModel):
    """A part of a scenario: no key but those that are known, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class StreamLayout(Script):
    """How the data of a stream are cut into files.

    With few `events_per_ls` a file costs little, so that a run can have 10 000: for instance 100
    lumisections of 100 files and 100 events.
    """

    ls_per_file: PositiveInt = 1
    files_per_ls: PositiveInt = 1
    files_per_block: PositiveInt = 1000
    events_per_ls: PositiveInt | None = None


class LumisectionScript(Script):
    """A lumisection that ends `after` seconds since the run's previous event."""

    ls: PositiveInt
    after: Seconds = 0.0


class LumisectionSeries(Script):
    """Lumisections 1 to `count`, of `every` seconds."""

    count: PositiveInt
    every: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class FileScript(Script):
    """A file that is not as it should be.

    Attributes
    ----------
    stream, ls, part
        Which file: `ls` is any one of its lumisections.
    fault
        What is wrong with it (`condorloop.testbed.scenario.events.FileAppears`).
    late
        Seconds by which it misses its time.
    seconds
        How long a ``growing`` or ``unreadable`` file is so; for ever if absent.
    after
        Seconds from when it appears until it ``vanishes`` or is ``replaced``.
    same_events
        Whether what replaces it has the same events; it has twice as many if not.
    run
        The run of ``other_run`` and ``also_other_run``, the one before if absent.
    name
        Its name, instead of a UUID's.
    block
        Its block folder.
    """

    stream: StreamName
    ls: PositiveInt
    part: NonNegativeInt = 0
    fault: FileFault | None = None
    late: Seconds = 0.0
    seconds: Seconds | None = None
    after: Seconds | None = None
    same_events: bool = False
    run: PositiveInt | None = None
    name: str | None = None
    block: NonNegativeInt | None = None

    @property
    def changes_after(self) -> float | None:
        """Seconds from when it appears until it is another; None if it stays as it is."""
        if self.fault not in CHANGING:
            return None
        return self.after if self.seconds is None else self.seconds

    def contradictions(self) -> Iterator[Said]:
        """Say which keys do not go with the fault, as key, value, expectation."""
        for key, faults in _ONLY_WITH.items():
            value = getattr(self, key)
            if value and self.fault not in faults:
                yield key, value, f"only with the fault {' or '.join(faults)}"
        if self.fault in _ONLY_WITH["after"] and self.after is None:
            yield "after", None, f"the seconds after which it {self.fault}"
        if self.name is not None and not _is_file_name(self.name):
            yield "name", self.name, "the name of a file, at most 255 bytes"
        if not (self.fault or self.late or self.name is not None or self.block is not None):
            yield "", None, "a fault, a lateness, or both"


_ONLY_WITH: Mapping[str, tuple[str, ...]] = {
    "seconds": ("growing", "unreadable"),
    "after": ("vanishes", "replaced"),
    "same_events": ("replaced",),
    "run": ("other_run", "also_other_run"),
}


def _is_file_name(name: str) -> bool:
    encoded = name.encode(errors="replace")
    return name not in ("", ".", "..") and not set(name) & {"/", "\0"} and len(encoded) <= 255


class LastLumisection(Script):
    """What OMS says of a run's last lumisection from `after` seconds after its end on."""

    value: PositiveInt
    after: Seconds = 0.0


LumisectionScripts = Annotated[
    Annotated[list[LumisectionScript], Tag("list")] | Annotated[LumisectionSeries, Tag("series")],
    Discriminator(lambda v: "series" if isinstance(v, dict | LumisectionSeries) else "list"),
]


class RunScript(Script):
    """A run.

    Attributes
    ----------
    calibrations
        Whose streams get files.
    start_offset, end_after
        Seconds from the start of the play to the run's, and from its last lumisection to its end;
        None is a run of which OMS never says that it ended.
    unends_after, ends_again_after
        Seconds after its end at which OMS takes the end back, and from there to its saying so
        again.
    last_ls_after_end
        A correction of its last lumisection's number.
    minutes_ago
        How long before its start in the play OMS says that it started; no speed scales it.
    fill
        Its fill's number, None outside of fills.
    luminosity
        What OMS says was recorded in each of its lumisections, in 1/pb, in their order; the last
        value is that of all that follow, and null is not known.
    oms
        Attributes of the run in OMS that are to differ from the usual ones.
    attributes
        What OMS shows in place of attributes, of any kind; it selects and sorts by the others.
    stable_beam_after
        Seconds after the run's start at which OMS's ``stable_beam`` turns true.
    files
        Files that are broken or late.
    """

    calibrations: list[str] = Field(min_length=1)
    run: PositiveInt
    start_offset: Seconds = 0.0
    minutes_ago: Seconds = 0.0
    lumisections: LumisectionScripts = []
    end_after: Annotated[
        Seconds | None, BeforeValidator(lambda given: None if given == "never" else given)
    ] = 0.0
    unends_after: Seconds | None = None
    ends_again_after: Seconds | None = None
    last_ls_after_end: LastLumisection | None = None
    fill: PositiveInt | None = 11300
    luminosity: list[Luminosity | None] = Field([_USUAL_LUMINOSITY], min_length=1)
    oms: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    stable_beam_after: Seconds = 0.0
    files: list[FileScript] = []

    @property
    def start(self) -> float:
        """Seconds from the start of the play, at speed 1."""
        return self.start_offset

    @cached_property
    def lumisection_ends(self) -> list[tuple[int, float]]:
        """Each lumisection's number, and when it ends, as `start` is given."""
        if isinstance(self.lumisections, LumisectionSeries):
            every = self.lumisections.every
            return [(k, self.start + k * every) for k in range(1, self.lumisections.count + 1)]
        ends, at = [], self.start
        for script in self.lumisections:
            at += script.after
            ends.append((script.ls, at))
        return ends

    @cached_property
    def end(self) -> float:
        """When the detector is done with the run, as `start` is given."""
        last = max((at for _, at in self.lumisection_ends), default=self.start)
        return last + (self.end_after or 0.0)

    @cached_property
    def recorded(self) -> list[float | None]:
        """What was recorded in each lumisection, in 1/pb, in the order of `lumisection_ends`."""
        count = len(self.lumisection_ends)
        return [*self.luminosity, *self.luminosity[-1:] * count][:count]

    @property
    def ends(self) -> bool:
        """Whether OMS ever says that the run ended."""
        return self.end_after is not None

    def has_ended(self, passed: Callable[[float], bool]) -> bool:
        """Tell whether OMS says that the run has ended; `passed` tells whether a time is over."""
        if not self.ends or not passed(self.end):
            return False
        if self.unends_after is None or not passed(self.end + self.unends_after):
            return True
        back = self.ends_again_after
        return back is not None and passed(self.end + self.unends_after + back)


class PastRuns(Script):
    """Runs that were over before the play, each of `every` real seconds, in OMS only.

    They are cosmic runs unless `oms` says otherwise.
    """

    count: NonNegativeInt = 0
    every: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0
    oms: dict[str, Any] = {}


def contradictions(run: RunScript, layouts: Mapping[str, StreamLayout]) -> Iterator[Said]:
    """Say what does not go together in a run, as key, value, expectation."""
    lumis: set[int] = set()
    for i, (ls, _) in enumerate(run.lumisection_ends):
        if ls in lumis:
            yield f"lumisections.{i}.ls", ls, "each lumisection once"
        lumis.add(ls)
    yield from ((f"oms.{key}", value, said) for key, value, said in of_attributes(run.oms))
    if run.ends_again_after is not None and run.unends_after is None:
        yield "ends_again_after", run.ends_again_after, "only with unends_after"
    paths = shipped_paths()
    fed = {primary_dataset(paths[c]) for c in run.calibrations if c in paths}
    all_known = all(c in paths for c in run.calibrations)
    for i, file in enumerate(run.files):
        parts = layouts.get(file.stream, StreamLayout()).files_per_ls
        if file.stream not in fed and all_known:
            yield f"files.{i}.stream", file.stream, "a stream of one of the run's calibrations"
        if file.ls not in lumis:
            yield f"files.{i}.ls", file.ls, "a lumisection of this run"
        if file.part >= parts:
            yield f"files.{i}.part", file.part, f"below {parts}, the stream's files_per_ls"
        for key, value, said in file.contradictions():
            yield f"files.{i}.{key}".rstrip("."), value, said


def of_attributes(given: Mapping[str, Any]) -> Iterator[Said]:
    """Say which attributes runs do not have in OMS, or not with such a value."""
    for name, value in given.items():
        if name not in RUNS:
            yield name, value, "an attribute that runs have in OMS"
        elif not RUNS[name].accepts(value):
            yield name, value, f"a value of type {RUNS[name].type.__name__}, or null"
