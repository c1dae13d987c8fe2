"""Scenarios: a YAML file of runs, their lumisections and files, and of faults.

The form is that of the loop developers' own scenario player, whose files play unchanged. Keys of
ours beside theirs: `layout`, `seed`, `clock_offset`, `past_runs` and `conditions`; in a run `fill`,
`luminosity`, `flags_off`, `flags_unknown`, `oms`, `attributes`, `stable_beam_after`,
`unends_after`, `ends_again_after`, `last_ls_after_end`, `files`, ``end_after: never`` and
``lumisections: {count: …, every: …}``;
faults of the target ``conditions``, and more modes of the others
(`condorloop.testbed.scenario.faults`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from condorloop.config.loader import ConfigError, Mistake, located
from condorloop.testbed.faults import Fault
from condorloop.testbed.scenario.conditions import ConditionsScript
from condorloop.testbed.scenario.faults import FaultScript
from condorloop.testbed.scenario.runs import (
    PastRuns,
    RunScript,
    Said,
    Script,
    StreamLayout,
    StreamName,
    contradictions,
    of_attributes,
)


class Scenario(Script):
    """A whole scenario; `seed` fixes the truth of the constants and the names of the files.

    OMS's clock is `clock_offset` seconds fast, whatever the speed. `conditions` says how the
    conditions service has its tags (`condorloop.testbed.scenario.conditions`).
    """

    runs: list[RunScript] = Field(default_factory=list)
    fault_scripts: list[FaultScript] = Field([], alias="faults")
    layout: dict[StreamName, StreamLayout] = Field(default_factory=dict)
    seed: int = 1
    clock_offset: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    past_runs: PastRuns = PastRuns()
    conditions: ConditionsScript = ConditionsScript()

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
            unread = Mistake(file, "", None, f"a readable YAML file: {reason}")
            raise ConfigError(located([unread])) from error
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
            raise ConfigError(located(mistakes))
        return scenario

    @property
    def faults(self) -> list[Fault]:
        """The faults, as `Faults.arm` and `ServiceFaults.schedule` take them."""
        return [script.fault for script in self.fault_scripts]

    @property
    def calibrations(self) -> set[str]:
        """All calibrations for which a run brings files."""
        return {name for run in self.runs for name in run.calibrations}

    def stream_layout(self, stream: str) -> StreamLayout:
        """How `stream` is cut into files: one a lumisection if the scenario does not say."""
        return self.layout.get(stream, StreamLayout())


def _mistake(error: Mapping[str, Any]) -> Said:
    """Say what pydantic found: key, value, expectation."""
    tags = {"list", "series", "oms", "conditions", "cmsrun", "upload_conditions"}
    top, *rest = error["loc"] or ("",)
    key = ".".join([str(top), *(str(part) for part in rest if part not in tags)])
    if error["type"] == "missing":
        return key, None, "this key is required"
    if error["type"] == "extra_forbidden":
        return key, error["input"], "no such key is known here"
    return key, error["input"], error["msg"]


def _contradictions(data: Mapping[str, Any]) -> Iterator[Said]:
    """Find what no single value shows, in those parts of a scenario that can be read."""
    runs = dict(_readable(RunScript, enumerate(_list(data.get("runs")))))
    layouts = dict(_readable(StreamLayout, _dict(data.get("layout")).items()))
    yield from _overlaps(runs)
    for name, layout in layouts.items():
        events = layout.events_per_ls
        if events is not None and events < layout.files_per_ls:
            said = f"{layout.files_per_ls} or more: an event for each of files_per_ls"
            yield f"layout.{name}.events_per_ls", events, said
    for i, run in runs.items():
        yield from (
            (f"runs.{i}.{key}", value, said) for key, value, said in contradictions(run, layouts)
        )
    for _, past in _readable(PastRuns, [("", data.get("past_runs", {}))]):
        found = of_attributes(past.oms)
        yield from ((f"past_runs.oms.{key}", value, said) for key, value, said in found)
    for i, script in _readable(FaultScript, enumerate(_list(data.get("faults")))):
        for key, value, said in script.contradictions():
            yield f"faults.{i}.{key}", value, said


def _overlaps(runs: Mapping[int, RunScript]) -> Iterator[Said]:
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


def _readable(kind: Any, items: Iterable[tuple[Any, object]]) -> Iterator[tuple[Any, Any]]:
    adapter = TypeAdapter(kind)
    for key, item in items:
        try:
            yield key, adapter.validate_python(item)
        except ValidationError:
            continue


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _dict(value: object) -> dict[Any, object]:
    return value if isinstance(value, dict) else {}
