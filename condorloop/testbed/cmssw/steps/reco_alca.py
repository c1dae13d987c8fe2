"""RECO sums the events of skims; ALCA gives each producer the sums of the skims that it reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from condorloop.testbed.cmssw.framework.errors import CmsError
from condorloop.testbed.cmssw.framework.job_plan import Output, Plan
from condorloop.testbed.cmssw.framework.job_report import JobReport
from condorloop.testbed.cmssw.io import root_file
from condorloop.testbed.cmssw.io.products import OF_PRODUCER, Recipe, recipe_of
from condorloop.testbed.cmssw.io.root_file import EVENT_ID, LUMI_ID, Columns, Content, RootFile
from condorloop.testbed.cmssw.steps.filters import TriggerResults
from condorloop.testbed.cmssw.steps.inputs import CONTEXT, Inputs, no_product, sums_of


def reco(plan: Plan, report: JobReport, inputs: Inputs) -> None:
    """Write one file of all skims."""
    recipes = _recipes(plan)
    branches = tuple(dict.fromkeys(name for each in recipes.values() for name in each.branches))
    ids, terms = [], []
    history: tuple[str, ...] = ()
    paths: dict[str, Collection[str]] = {}
    for file, events in inputs:
        results = TriggerResults(file, events)
        for selections in plan.selections.values():
            for selection in selections:
                results.accepts(selection)
        _check_branches(file, branches)
        read = _processed(file, events, branches)
        columns = {name: events[name] for name in LUMI_ID}
        for skim, recipe in recipes.items():
            for name, values in recipe.terms(read).items():
                columns[f"{skim}_{name}"] = values
        ids.append(events)
        terms.append(root_file.summed(columns))
        history, paths = file.history, {**paths, **file.trigger_results}
    lumis = root_file.summed(root_file.joined(terms))
    whole = root_file.joined(ids)
    made = {**paths, plan.process: plan.paths}
    for output in plan.outputs:
        content = Content(whole, lumis, (*history, plan.process), made)
        _write(output, content, report)


def _recipes(plan: Plan) -> dict[str, Recipe]:
    """Give the recipes of the skims that make sums."""
    recipes = {skim: recipe_of(skim) for skim in plan.skims}
    return {
        skim: recipe for skim, recipe in recipes.items() if recipe.with_skim in ("", *plan.skims)
    }


def _processed(file: RootFile, events: Columns, branches: Collection[str]) -> Columns:
    if not branches:
        return {}
    try:
        return file.columns("Events", branches)
    except CmsError as error:
        ids = (int(events[name][0]) if len(events[name]) else 0 for name in EVENT_ID)
        run, ls, event = ids
        where = f"Processing  Event run: {run} lumi: {ls} event: {event} stream: 0"
        raise error.within(where, "Running path 'reconstruction_step'") from error


def alca(plan: Plan, report: JobReport, inputs: Inputs) -> None:
    """Write a file of each producer, and of each skim that is asked for."""
    pieces: dict[str, list[Columns]] = {output.alcareco: [] for output in plan.outputs}
    taken: dict[str, list[Columns]] = {output.alcareco: [] for output in plan.outputs}
    history: tuple[str, ...] = ()
    paths: dict[str, Collection[str]] = {}
    for file, events in inputs:
        results = TriggerResults(file, events)
        for output in plan.outputs:
            results.check(output)
        for name, (some, sums) in _split(plan, file, events, results).items():
            taken[name].append(some)
            pieces[name].append(sums)
        history, paths = file.history, {**paths, **file.trigger_results}
    made = {**paths, plan.process: plan.paths}
    for output in plan.outputs:
        lumis = root_file.summed(root_file.joined(pieces[output.alcareco]))
        ids = root_file.joined(taken[output.alcareco])
        _write(output, Content(ids, lumis, (*history, plan.process), made), report)


def _split(
    plan: Plan, file: RootFile, events: Columns, results: TriggerResults
) -> dict[str, tuple[Columns, Columns]]:
    """Give of each ALCARECO the events of a file that it takes, and their sums."""
    there = {name.partition("_")[0] for name in file.branches("LuminosityBlocks")}
    accepted: dict[str, list[str]] = {}
    for workflow in plan.workflows:
        accepted[workflow.product] = list(workflow.unfiltered)
        for selection in plan.selections[workflow.product]:
            if results.accepts(selection):
                if selection.skim not in there:
                    no_product(file, selection.skim, results.context_of(selection))
                accepted[workflow.product].append(selection.skim)
    skims = {*plan.skims, *(skim for each in plan.workflows for skim in each.skims)}
    read = sums_of(file, skims)
    ids = {name: read[name] for name in LUMI_ID}
    nothing = {name: values[:0] for name, values in events.items()}
    found = {skim: (events, {**ids, **_of(read, skim, skim)}) for skim in plan.skims}
    for workflow in plan.workflows:
        taken = accepted[workflow.product]
        sums = [_of(read, skim, workflow.product) for skim in taken if skim in there]
        none = OF_PRODUCER[workflow.sums].nothing(len(ids["run"]))
        total = {f"{workflow.product}_{name}": values for name, values in none.items()}
        for each in sums:
            total = {name: values + each[name] for name, values in total.items()}
        found[workflow.product] = (events if taken else nothing, {**ids, **total})
    return found


def _of(read: Columns, skim: str, renamed: str) -> Columns:
    """Give the sums of a skim, under another name."""
    prefix = f"{skim}_"
    mine = [name for name in read if name.startswith(prefix)]
    return {name.replace(prefix, f"{renamed}_", 1): read[name] for name in mine}


def _write(output: Output, content: Content, report: JobReport) -> None:
    root_file.write(Path(output.file), content)
    report.outputs.append((output.file, output.label, root_file.counted(content.events)))


def _check_branches(file: RootFile, branches: Iterable[str]) -> None:
    for missing in sorted(set(branches) - file.branches("Events")):
        no_product(file, missing, CONTEXT)
