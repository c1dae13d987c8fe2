"""What a configuration asks cmsRun to do: which step, of which workflows, from where to where."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from condorloop.testbed.cmssw.framework import fwcore as cms
from condorloop.testbed.cmssw.framework.errors import CmsError
from condorloop.testbed.cmssw.framework.process import Process
from condorloop.testbed.cmssw.steps.workflows import (
    ALCARECOS,
    BY_RECORD,
    HARVESTS,
    TIME_TYPES,
    Record,
    Workflow,
    made_by,
)


class Step(StrEnum):
    """The steps of a calibration, numbered as in the loop's scenarios."""

    RECO = "step2"
    ALCA = "step3"
    HARVEST = "step4"


@dataclass(frozen=True, slots=True)
class Output:
    """A file that the job writes.

    Attributes
    ----------
    label
        Of its output module.
    file
        Its name.
    alcareco
        Which ALCARECO it holds; empty for the whole of what RECO made.
    """

    label: str
    file: str
    alcareco: str


@dataclass(frozen=True, slots=True)
class Sink:
    """What harvesting writes of a record: the tag, and the time type of its IOVs."""

    workflow: Workflow
    record: Record
    tag: str
    time_type: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A job.

    Attributes
    ----------
    step
        None for a job that makes no calibration's step.
    process
        The process's name.
    workflows
        The workflows that it serves.
    inputs
        Names of files.
    max_events
        -1 for all. Only RECO honours it.
    outputs, sinks
        What it writes.
    trigger_processes
        The processes whose trigger results it selects on.
    database
        The conditions file of harvesting.
    dqm_workflow
        What harvesting's DQM file is named by.
    """

    step: Step | None
    process: str
    workflows: tuple[Workflow, ...]
    inputs: tuple[str, ...]
    max_events: int = -1
    outputs: tuple[Output, ...] = ()
    sinks: tuple[Sink, ...] = ()
    trigger_processes: tuple[str, ...] = ()
    database: str = ""
    dqm_workflow: str = ""


def plan_of(process: Process) -> Plan:
    """Read a process.

    Raises
    ------
    CmsError
        ``Configuration``: it has no source, or a parameter is missing.
    """
    try:
        return _read(process)
    except AttributeError as error:
        raise CmsError(
            "Configuration", f"Missing parameter: {error}", ["Constructing the EventProcessor"]
        ) from error


def _read(process: Process) -> Plan:
    labels = process.labels()
    names = [path.label() for path in process.paths()]
    alcarecos = [name for name in ALCARECOS if f"pathALCARECO{name}" in names]
    modules = [module for path in process.paths() for module in path.members()]
    written = [module for module in modules if isinstance(module, cms.OutputModule)]
    harvested = HARVESTS.keys() & set(names)
    if "raw2digi_step" in names:
        step: Step | None = Step.RECO
    elif harvested:
        step = Step.HARVEST
    else:
        step = Step.ALCA if alcarecos else None
    harvest = step is Step.HARVEST
    return Plan(
        step=step,
        process=process.name_(),
        workflows=made_by([*alcarecos, *harvested]),
        inputs=tuple(process.source.fileNames.value()),
        max_events=process.maxEvents.input.value() if "maxEvents" in labels else -1,
        outputs=tuple(_output(module) for module in written),
        sinks=_sinks(process, harvested) if harvest else (),
        trigger_processes=_trigger_processes(process, alcarecos, written),
        database=process.CondDB.connect.value().partition(":")[2] if harvest else "",
        dqm_workflow=process.dqmSaver.workflow.value() if harvest else "",
    )


def _output(module: cms.OutputModule) -> Output:
    file = module.fileName.value().removeprefix("file:")
    return Output(module.label(), file, module.dataset.filterName.value())


def _sinks(process: Process, harvested: Collection[str]) -> tuple[Sink, ...]:
    """Give what is written: of the records that may be, those whose harvester runs."""
    made = {record.name for name in harvested for record in HARVESTS[name]}
    sinks = []
    for entry in process.PoolDBOutputService.toPut.value():
        name, time_type = entry.record.value(), entry.timetype.value()
        if name not in BY_RECORD or time_type not in TIME_TYPES:
            raise CmsError("Configuration", f"PoolDBOutputService: cannot write {_shown(entry)}")
        if name in made:
            sinks.append(Sink(*BY_RECORD[name], entry.tag.value(), TIME_TYPES[time_type]))
    if missing := made - {sink.record.name for sink in sinks}:
        raise CmsError("Configuration", f"PoolDBOutputService: no tag for {min(missing)}")
    return tuple(sinks)


def _trigger_processes(
    process: Process, alcarecos: list[str], written: list[cms.OutputModule]
) -> tuple[str, ...]:
    selections = [each for module in written for each in module.SelectEvents.SelectEvents.value()]
    selecting = [process.labels()[f"ALCARECO{name}"] for name in alcarecos]
    selecting += [
        process.labels()[f"ALCARECO{module.dataset.filterName.value()}"]
        for module in written
        if module.dataset.filterName.value()
    ]
    tags = [module.TriggerResultsTag.process for module in selecting]
    return tuple(dict.fromkeys([*(s.partition(":")[2] for s in selections if ":" in s), *tags]))


def _shown(entry: cms.PSet) -> dict[str, Any]:
    return {name: parameter.value() for name, parameter in entry.parameters().items()}
