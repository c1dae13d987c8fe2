"""Scenarios: a YAML file of runs, their lumisections and files, and of faults.

The form is that of the loop developers' own scenario player, whose files play unchanged. Keys of
ours beside theirs: `layout` and `seed`; in a run `fill`, `oms`, `stable_beam_after`, `files` and
``lumisections: {count: …, every: …}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    NonNegativeInt,
    PositiveInt,
    Tag,
    ValidationError,
)

from condorloop.config import ConfigError, Mistake
from condorloop.testbed.faults import Fault, OmsMode
from condorloop.testbed.oms_attributes import RUNS
from condorloop.testbed.timeline import PATHS, Event, primary_dataset, timeline

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
StreamName = Annotated[str, Field(pattern="^(TestEnablesEcalHcal|ExpressPhysics)$")]
FileFault = Literal["truncated", "not_closed", "no_events", "empty"]
Times = Annotated[
    PositiveInt | None, BeforeValidator(lambda given: None if given == "unlimited" else given)
]


class _Script(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class StreamLayout(_Script):
    """How the data of a stream are cut into files."""

    ls_per_file: PositiveInt = 1
    files_per_ls: PositiveInt = 1
    files_per_block: PositiveInt = 1000


class LumisectionScript(_Script):
    """A lumisection that ends `after` seconds since the run's previous event."""

    ls: PositiveInt
    after: Seconds = 0.0


class LumisectionSeries(_Script):
    """Lumisections 1 to `count`, of `every` seconds."""

    count: PositiveInt
    every: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class FileScript(_Script):
    """A file that is not as it should be; `ls` is any one of its lumisections."""

    stream: StreamName
    ls: PositiveInt
    part: NonNegativeInt = 0
    fault: FileFault | None = None
    late: Seconds = 0.0


_Lumisections = Annotated[
    Annotated[list[LumisectionScript], Tag("list")] | Annotated[LumisectionSeries, Tag("series")],
    Discriminator(lambda v: "series" if isinstance(v, dict | LumisectionSeries) else "list"),
]


class RunScript(_Script):
    """A run.

    Attributes
    ----------
    calibrations
        Whose streams get files.
    start_offset, end_after
        Seconds from the start of the play to the run's, and from its last lumisection to its end.
    minutes_ago
        How long before its start in the play OMS says that it started; no speed scales it.
    fill
        Its fill's number, None outside of fills.
    oms
        Attributes of the run in OMS that are to differ from the usual ones.
    stable_beam_after
        Seconds after the run's start at which OMS's ``stable_beam`` turns true.
    files
        Files that are broken or late.
    """

    calibrations: list[str] = Field(min_length=1)
    run: PositiveInt
    start_offset: Seconds = 0.0
    minutes_ago: Seconds = 0.0
    lumisections: _Lumisections = []
    end_after: Seconds = 0.0
    fill: PositiveInt | None = 11300
    oms: dict[str, Any] = {}
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
        """When the run ends, as `start` is given."""
        return max((at for _, at in self.lumisection_ends), default=self.start) + self.end_after


class OmsFaultScript(_Script):
    """A fault of OMS."""

    target: Literal["oms"]
    mode: Annotated[OmsMode, Field(strict=False)]
    at: Seconds = 0.0
    times: Times = 1
    status: Annotated[int, Field(ge=400, le=599)] | None = None
    run: PositiveInt | None = None
    message: str | None = None


class JobFaultScript(_Script):
    """A fault of cmsRun or of uploadConditions.py."""

    target: Literal["cmsrun", "upload_conditions"]
    mode: Literal["exit_code"]
    exit_code: Annotated[int, Field(ge=1, le=255)]
    calibration: str
    at: Seconds = 0.0
    times: Times = 1
    run: PositiveInt | None = None
    step: Literal["step2", "step3", "step4"] | None = None
    message: str | None = None


_FaultScript = Annotated[OmsFaultScript | JobFaultScript, Field(discriminator="target")]


class Scenario(_Script):
    """A whole scenario; `seed` fixes the truth of the constants and the names of the files."""

    runs: list[RunScript] = []
    fault_scripts: list[_FaultScript] = Field([], alias="faults")
    layout: dict[StreamName, StreamLayout] = {}
    seed: int = 1

    @classmethod
    def load(cls, file: Path | str) -> Self:
        """Read a scenario.

        Raises
        ------
        ConfigError
            With every mistake in it.
        """
        file = Path(file)
        try:
            data = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            reason = " ".join(str(error).split())
            raise ConfigError(
                [Mistake(file, "", None, f"a readable YAML file: {reason}")]
            ) from error
        return cls.of(data, file)

    @classmethod
    def of(cls, data: object, file: Path | str = "scenario") -> Self:
        """Check the data of a scenario, that `file` held.

        Raises
        ------
        ConfigError
            With every mistake in it.
        """
        file = Path(file)
        try:
            scenario = cls.model_validate(data)
            mistakes = []
        except ValidationError as error:
            mistakes = [Mistake(file, *_mistake(dict(e))) for e in error.errors()]
        top: Mapping[str, Any] = data if isinstance(data, dict) else {}
        mistakes += [Mistake(file, *m) for m in _contradictions(top)]
        if mistakes:
            raise ConfigError(mistakes)
        return scenario

    @property
    def faults(self) -> list[Fault]:
        """The faults, as `Faults.arm` and `OmsFaults.schedule` take them."""
        return [Fault(**script.model_dump()) for script in self.fault_scripts]

    @property
    def calibrations(self) -> set[str]:
        """All calibrations for which a run brings files."""
        return {name for run in self.runs for name in run.calibrations}

    def stream_layout(self, stream: str) -> StreamLayout:
        """How `stream` is cut into files: one a lumisection if the scenario does not say."""
        return self.layout.get(stream, StreamLayout())

    def timeline(self, speed: float = 1.0, paths: Mapping[str, str] = PATHS) -> list[Event]:
        """List what happens, in order of time, as `condorloop.testbed.timeline` tells."""
        return timeline(self, speed, paths)

    def duration(self, speed: float = 1.0, paths: Mapping[str, str] = PATHS) -> float:
        """Seconds from the start of the play to its last event."""
        return max((event.at for event in self.timeline(speed, paths)), default=0.0)


_Model = TypeVar("_Model", bound=BaseModel)
_Said = tuple[str, object, str]


def _mistake(error: Mapping[str, Any]) -> _Said:
    """Say what pydantic found: key, value, expectation."""
    tags = {"list", "series", "oms", "cmsrun", "upload_conditions"}
    key = ".".join(str(part) for part in error["loc"] if part not in tags)
    if error["type"] == "missing":
        return key, None, "this key is required"
    if error["type"] == "extra_forbidden":
        return key, error["input"], "no such key is known here"
    return key, error["input"], error["msg"]


def _contradictions(data: Mapping[str, Any]) -> Iterator[_Said]:
    """Find what no single value shows, in those parts of a scenario that can be read."""
    runs = dict(_readable(RunScript, enumerate(_list(data.get("runs")))))
    layouts = dict(_readable(StreamLayout, _dict(data.get("layout")).items()))
    yield from _overlaps(runs)
    for i, run in runs.items():
        yield from ((f"runs.{i}.{key}", value, said) for key, value, said in _in_run(run, layouts))
    for i, script in _readable(OmsFaultScript, enumerate(_list(data.get("faults")))):
        if (script.mode is OmsMode.HTTP_ERROR) != (script.status is not None):
            said = "a status from 400 to 599 with http_error, and with no other mode"
            yield f"faults.{i}.status", script.status, said


def _overlaps(runs: Mapping[int, RunScript]) -> Iterator[_Said]:
    before: RunScript | None = None
    numbers: set[int] = set()
    for i, run in sorted(runs.items(), key=lambda item: item[1].start):
        if run.run in numbers:
            yield f"runs.{i}.run", run.run, "a number that no other run has"
        numbers.add(run.run)
        if before and run.start < before.end:
            taken = f"run {before.run} is taken until then, and CMS takes one run at a time"
            yield f"runs.{i}.start_offset", run.start, f"{before.end:g} or later: {taken}"
        if not before or run.end > before.end:
            before = run


def _in_run(run: RunScript, layouts: Mapping[str, StreamLayout]) -> Iterator[_Said]:
    lumis: set[int] = set()
    for i, (ls, _) in enumerate(run.lumisection_ends):
        if ls in lumis:
            yield f"lumisections.{i}.ls", ls, "each lumisection once"
        lumis.add(ls)
    for name, value in run.oms.items():
        if name not in RUNS:
            yield f"oms.{name}", value, "an attribute that runs have in OMS"
        elif not RUNS[name].accepts(value):
            yield f"oms.{name}", value, f"a value of type {RUNS[name].type.__name__}, or null"
    fed = {primary_dataset(PATHS[c]) for c in run.calibrations if c in PATHS}
    all_known = all(c in PATHS for c in run.calibrations)
    for i, file in enumerate(run.files):
        parts = layouts.get(file.stream, StreamLayout()).files_per_ls
        if file.stream not in fed and all_known:
            yield f"files.{i}.stream", file.stream, "a stream of one of the run's calibrations"
        if file.ls not in lumis:
            yield f"files.{i}.ls", file.ls, "a lumisection of this run"
        if file.part >= parts:
            yield f"files.{i}.part", file.part, f"below {parts}, the stream's files_per_ls"
        if file.fault is None and not file.late:
            yield f"files.{i}", None, "a fault, a lateness, or both"


def _readable(
    model: type[_Model], items: Iterable[tuple[Any, object]]
) -> Iterator[tuple[Any, _Model]]:
    for key, item in items:
        try:
            yield key, model.model_validate(item)
        except ValidationError:
            continue


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _dict(value: object) -> dict[Any, object]:
    return value if isinstance(value, dict) else {}
