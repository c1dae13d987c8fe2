"""The three steps: RECO sums events, ALCA merges sums, HARVEST makes constants of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import uproot

from condorloop.testbed.cmssw.framework import message_logger
from condorloop.testbed.cmssw.framework.errors import CmsError
from condorloop.testbed.cmssw.framework.job_plan import Plan, Sink, Step
from condorloop.testbed.cmssw.framework.job_report import JobReport
from condorloop.testbed.cmssw.io import root_file
from condorloop.testbed.cmssw.io.products import RECIPES
from condorloop.testbed.cmssw.io.root_file import EVENT_ID, LUMI_ID, Columns, Content, RootFile
from condorloop.testbed.cmssw.steps import harvest, refusals
from condorloop.testbed.cmssw.steps.faults import Mishaps
from condorloop.testbed.conditions import sqlite_file

_CONTEXT = ("Processing  Event", "Running path")
_CONSTRUCTING = (
    "Constructing the EventProcessor",
    "Constructing input source of type PoolSource",
)


class Crash(Exception):
    """The events of a file crash whoever processes them."""


def perform(plan: Plan, report: JobReport, mishaps: Mishaps) -> None:
    """Do a job.

    Parameters
    ----------
    plan
        What to do.
    report
        Gets each file as it is done with.
    mishaps
        Is asked at each file with events, before anything is made of them, and whether harvesters
        refuse what they made.

    Raises
    ------
    CmsError
        Something failed.
    Crash
        Nothing more is done, not even a report.
    """
    if plan.step is Step.RECO:
        _write(plan, report, _reco(plan, _inputs(plan, report, mishaps)))
    elif plan.step is Step.ALCA:
        _write(plan, report, _alca(plan, _inputs(plan, report, mishaps)))
    elif plan.step is Step.HARVEST:
        _harvest(plan, _inputs(plan, report, mishaps), mishaps)
    else:
        for _ in _inputs(plan, report, mishaps):
            pass


def _inputs(plan: Plan, report: JobReport, mishaps: Mishaps) -> Iterator[tuple[RootFile, Columns]]:
    """Open one input after the other, up to the configured number of events."""
    if not plan.inputs:
        raise CmsError("Configuration", "PoolSource: no input files specified")
    seen = 0
    for number, name in enumerate(plan.inputs):
        left = None if plan.max_events < 0 or plan.step is not Step.RECO else plan.max_events - seen
        if left == 0:
            break
        file, events = _opened(name, left, ("Calling InputSource::readFile_",) * bool(number))
        if len(events["run"]):
            run = int(events["run"][0])
            file.lost = mishaps.watch(run, set(events["luminosityBlock"].tolist()))
            if file.lost:
                events = file.event_ids()
        if len(events["run"]) and plan.step is not Step.HARVEST:
            run, ls, event = (int(events[column][0]) for column in EVENT_ID)
            message_logger.begin_record(seen + 1, run, event, ls)
        seen += len(events["run"])
        yield file, events
        message_logger.file_action("Closed", name)
        report.inputs.append((name, root_file.counted(events)))


def _opened(name: str, stop: int | None, context: tuple[str, ...]) -> tuple[RootFile, Columns]:
    """Open an input and read which events are in it; `context` is empty for the first one."""
    context = context or _CONSTRUCTING
    message_logger.file_action("Initiating request to open", name)
    try:
        file = RootFile(name, stop=stop)
    except CmsError as error:
        raise error.within(*context, "Calling RootInputFileSequence::initTheFile()") from error
    message_logger.file_action("Successfully opened", name)
    if file.deadly:
        raise Crash(name)
    try:
        return file, file.event_ids()
    except CmsError as error:
        raise error.within(*context) from error


def _reco(plan: Plan, inputs: Iterator[tuple[RootFile, Columns]]) -> Content:
    ids, terms = [], []
    history: tuple[str, ...] = ()
    for file, events in inputs:
        history = file.history
        _check_trigger_results(plan, history)
        columns = {name: events[name] for name in LUMI_ID}
        for workflow in plan.workflows:
            recipe = RECIPES[workflow.producer]
            _check_branches(file, "Events", recipe.branches)
            read = _processed(file, events, recipe.branches)
            for name, values in recipe.terms(read).items():
                columns[f"{workflow.producer}_{name}"] = values
        ids.append(events)
        terms.append(root_file.summed(columns))
    lumis = root_file.summed(root_file.joined(terms))
    return Content(root_file.joined(ids), lumis, (*history, plan.process))


def _processed(file: RootFile, events: Columns, branches: tuple[str, ...]) -> Columns:
    try:
        return file.columns("Events", branches)
    except CmsError as error:
        ids = (int(events[name][0]) if len(events[name]) else 0 for name in EVENT_ID)
        run, ls, event = ids
        where = f"Processing  Event run: {run} lumi: {ls} event: {event} stream: 0"
        raise error.within(where, "Running path 'reconstruction_step'") from error


def _alca(plan: Plan, inputs: Iterator[tuple[RootFile, Columns]]) -> Content:
    ids, sums = [], []
    history: tuple[str, ...] = ()
    for file, events in inputs:
        history = file.history
        _check_trigger_results(plan, history)
        lumis: Columns = {}
        for workflow in plan.workflows:
            lumis |= _sums(file, workflow.producer, workflow.product)
        ids.append(events)
        sums.append(lumis)
    lumis = root_file.summed(root_file.joined(sums))
    return Content(root_file.joined(ids), lumis, (*history, plan.process))


def _write(plan: Plan, report: JobReport, content: Content) -> None:
    products = {workflow.product for workflow in plan.workflows}
    for output in plan.outputs:
        wanted = {
            name: values
            for name, values in content.lumis.items()
            if name in LUMI_ID or not output.alcareco or name.startswith(f"{output.alcareco}_")
        }
        skim = output.alcareco and output.alcareco not in products
        lumis = {} if skim else wanted
        root_file.write(Path(output.file), Content(content.events, lumis, content.history))
        report.outputs.append((output.file, output.label, root_file.counted(content.events)))


def _harvest(plan: Plan, inputs: Iterator[tuple[RootFile, Columns]], mishaps: Mishaps) -> None:
    ids: list[Columns] = []
    sums: dict[str, list[Columns]] = {sink.workflow.product: [] for sink in plan.sinks}
    for file, events in inputs:
        ids.append(events)
        for product, read in sums.items():
            read.append(_sums(file, product, ""))
    events = root_file.joined(ids)
    counts = {run: harvest.count_events(events, run) for run in np.unique(events["run"]).tolist()}
    lumis = {product: root_file.summed(root_file.joined(read)) for product, read in sums.items()}
    for sink in plan.sinks:
        iovs = list(_iovs(sink, lumis[sink.workflow.product], counts, mishaps.vetoed))
        if iovs:
            what = sink.record.object_type
            sqlite_file.write(Path(plan.database), sink.tag, sink.time_type, what, "any", iovs)
    for run, by_ls in counts.items():
        _write_dqm(plan, run, by_ls)


def _iovs(
    sink: Sink, lumis: Columns, counts: dict[int, harvest.Counts], vetoed: bool
) -> Iterator[tuple[int, bytes]]:
    """Give since and data of each payload of a record; where there are none, say why not."""
    record = sink.record.name
    for run, by_ls in counts.items():
        of_run = {name: values[lumis["run"] == run] for name, values in lumis.items()}
        found = harvest.payloads(record, run, of_run, by_ls)
        if not found:
            words = refusals.too_few(record, sum(events for events, _ in by_ls.values()))
        else:
            words = refusals.veto(record) if vetoed else None
        if words:
            words.say(run)
        for ls, data in found.items() if not vetoed else ():
            yield sqlite_file.lumi_since(run, ls) if sink.time_type == "Lumi" else run, data


def _write_dqm(plan: Plan, run: int, counts: harvest.Counts) -> None:
    name = f"DQM_V0001_R{run:09d}{plan.dqm_workflow.replace('/', '__')}.root"
    edges = np.arange(max(counts) + 2) - 0.5
    filled = np.array([counts.get(ls, (0, 0))[0] for ls in range(max(counts) + 1)])
    with uproot.recreate(name) as file:
        file[f"DQMData/Run {run}/AlCaReco/Run summary/eventsPerLumi"] = (filled, edges)


def _sums(file: RootFile, product: str, renamed: str) -> Columns:
    """Read a product's sums; `renamed` replaces the product in their names."""
    prefix = f"{product}_"
    branches = [b for b in file.branches("LuminosityBlocks") if b.startswith(prefix)]
    if not branches:
        _no_product(file, "LuminosityBlocks", product)
    read = file.columns("LuminosityBlocks", [*LUMI_ID, *branches])
    new = f"{renamed}_" if renamed else ""
    return {name.replace(prefix, new, 1): values for name, values in read.items()}


def _check_branches(file: RootFile, tree: str, branches: tuple[str, ...]) -> None:
    for missing in sorted(set(branches) - file.branches(tree)):
        _no_product(file, tree, missing)


def _check_trigger_results(plan: Plan, history: tuple[str, ...]) -> None:
    for process in plan.trigger_processes:
        if process and process not in history:
            raise CmsError(
                "ProductNotFound",
                "Principal::getByToken: Found zero products matching all criteria\n"
                "Looking for type: edm::TriggerResults\nLooking for module label: TriggerResults\n"
                f"Looking for productInstanceName: \nLooking for process: {process}\n",
                _CONTEXT,
            )


def _no_product(file: RootFile, tree: str, product: str) -> None:
    raise CmsError(
        "ProductNotFound",
        "Principal::getByToken: Found zero products matching all criteria\n"
        f"Looking for {product} in {tree} of {file.name}\n",
        _CONTEXT,
    )
