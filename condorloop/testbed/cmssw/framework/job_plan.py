"""What a configuration asks cmsRun to do: which step, of which workflows, from where to where."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from condorloop.testbed.cmssw.framework import fwcore as cms
from condorloop.testbed.cmssw.framework.errors import CmsError
from condorloop.testbed.cmssw.framework.fwcore import LumiRange
from condorloop.testbed.cmssw.framework.process import Process
from condorloop.testbed.cmssw.steps.workflows import (
    BY_PRODUCT,
    BY_RECORD,
    HARVESTS,
    SKIMS,
    TIME_TYPES,
    WORKFLOWS,
    paths_of,
    served_by_reco,
)
from condorloop.testbed.cmssw.workflows.workflow import Record, Workflow


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
    selects
        The paths of other processes by which it takes events, each with the process.
    """

    label: str
    file: str
    alcareco: str
    selects: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """A filter on trigger results, by which a producer takes the events of a skim.

    Attributes
    ----------
    module, path
        Its label, and the path that it is on.
    skim
        What the producer takes of the events that it accepts.
    process
        Whose trigger results it reads.
    patterns
        The paths that it wants, by their names or with ``*`` and ``?``.
    throws
        Whether a path that does not exist ends the job.
    """

    module: str
    path: str
    skim: str
    process: str
    patterns: tuple[str, ...]
    throws: bool


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
    skims
        The skims that RECO makes, or ALCA writes.
    selections
        The filters of producers, by their names.
    paths
        The paths of its own that its trigger results have.
    max_events
        -1 for all. Only RECO honours it.
    wanted
        The lumisections that the source gives; all if there is no range.
    threads
        How many it runs.
    outputs, sinks
        What it writes.
    database
        The conditions file of harvesting.
    dqm_workflow
        What harvesting's DQM file is named by.
    """

    step: Step | None
    process: str
    workflows: tuple[Workflow, ...]
    inputs: tuple[str, ...]
    skims: tuple[str, ...] = ()
    selections: Mapping[str, tuple[Selection, ...]] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    max_events: int = -1
    wanted: tuple[LumiRange, ...] = ()
    threads: int = 1
    outputs: tuple[Output, ...] = ()
    sinks: tuple[Sink, ...] = ()
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
    modules = [module for path in process.paths() for module in path.members()]
    outputs = tuple(_output(each) for each in modules if isinstance(each, cms.OutputModule))
    harvested = HARVESTS.keys() & set(names)
    step = _step(names, outputs, harvested)
    harvest = step is Step.HARVEST
    written = [output.alcareco for output in outputs]
    if step is Step.RECO:
        skims = _run(names, SKIMS)
        products = _without_parts(_run(names, BY_PRODUCT))
        workflows = served_by_reco(skims, products)
    else:
        skims = tuple(name for name in SKIMS if name in written)
        products = tuple(name for name in BY_PRODUCT if name in written)
        workflows = tuple(
            w for w in WORKFLOWS if w.product in products or harvested & w.harvests.keys()
        )
    own = [path for name in (*_run(names, SKIMS), *products) for path in paths_of(name)]
    return Plan(
        step=step,
        process=process.name_(),
        workflows=workflows,
        inputs=tuple(process.source.fileNames.value()),
        skims=skims,
        selections={name: _selections(process, BY_PRODUCT[name]) for name in products},
        paths=tuple(dict.fromkeys(own)),
        max_events=process.maxEvents.input.value() if "maxEvents" in labels else -1,
        wanted=_wanted(process),
        threads=process.options.numberOfThreads.value() if "options" in labels else 1,
        outputs=outputs,
        sinks=_sinks(process, harvested) if harvest else (),
        database=process.CondDB.connect.value().partition(":")[2] if harvest else "",
        dqm_workflow=process.dqmSaver.workflow.value() if harvest else "",
    )


def _step(
    names: Collection[str], outputs: Iterable[Output], harvested: Collection[str]
) -> Step | None:
    """Tell what a job does: without RAW2DIGI too, RECO is what writes one file of everything."""
    written = [output.alcareco for output in outputs]
    if "raw2digi_step" in names or "" in written:
        return Step.RECO
    if harvested:
        return Step.HARVEST
    return Step.ALCA if written else None


def _run(names: Collection[str], alcarecos: Iterable[str]) -> tuple[str, ...]:
    """Give the skims or producers that run: all of their paths do."""
    return tuple(each for each in alcarecos if set(paths_of(each)) <= set(names))


def _without_parts(products: Collection[str]) -> tuple[str, ...]:
    """Leave out producers all of whose paths are a part of another one's: they may be its own."""
    paths = {each: set(paths_of(each)) for each in products}
    return tuple(e for e in products if not any(paths[e] < other for other in paths.values()))


def _wanted(process: Process) -> tuple[LumiRange, ...]:
    ranges = process.source.parameters().get("lumisToProcess")
    return tuple(ranges.value()) if ranges else ()


def _output(module: cms.OutputModule) -> Output:
    file = module.fileName.value().removeprefix("file:")
    selects = (each.partition(":") for each in module.SelectEvents.SelectEvents.value())
    of_others = tuple((path, process) for path, colon, process in selects if colon)
    return Output(module.label(), file, module.dataset.filterName.value(), of_others)


def _selections(process: Process, workflow: Workflow) -> tuple[Selection, ...]:
    modules = [(each, process.labels()[each.module]) for each in workflow.filters]
    return tuple(
        Selection(
            module=each.module,
            path=each.path,
            skim=each.skim,
            process=module.TriggerResultsTag.process,
            patterns=tuple(module.HLTPaths.value()),
            throws=module.throw.value(),
        )
        for each, module in modules
    )


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


def _shown(entry: cms.PSet) -> dict[str, Any]:
    return {name: parameter.value() for name, parameter in entry.parameters().items()}
