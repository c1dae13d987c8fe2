"""HARVEST: the sums of ALCARECO files become payloads in a conditions file, and a DQM file.

What a payload is made of is `harvest`'s; what a harvester says, `refusals`'.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import uproot

from condorloop.testbed.cmssw.framework.job_plan import Plan, Sink
from condorloop.testbed.cmssw.io import root_file
from condorloop.testbed.cmssw.io.root_file import Columns
from condorloop.testbed.cmssw.steps import harvest, refusals
from condorloop.testbed.cmssw.steps.faults import Mishaps
from condorloop.testbed.cmssw.steps.inputs import CONTEXT, Inputs, no_product, sums_of
from condorloop.testbed.conditions import sqlite_file

_PEDE_SECONDS = 0.2
"""Of one core, for the fit of an alignment."""
_LUMI_FILE = "rawPCC.csv"
"""What the luminosity's harvest leaves for the LHC; the true one's name is not known."""


def perform(plan: Plan, inputs: Inputs, mishaps: Mishaps) -> None:
    """Write the payloads of a job, unless a fault makes the harvesters veto them."""
    counts, lumis = _read(plan, inputs)
    for workflow in plan.workflows:
        if workflow.cores > 1:
            time.sleep(_PEDE_SECONDS / min(plan.threads, workflow.cores))
    for sink in plan.sinks:
        of_product = lumis[sink.workflow.product]
        iovs = list(_iovs(sink, of_product, counts, mishaps.vetoed))
        if iovs:
            what = sink.record.object_type
            sqlite_file.write(Path(plan.database), sink.tag, sink.time_type, what, "any", iovs)
        if sink.record.name == "LumiCorrectionsRcd":
            _write_luminosity(of_product)
    for run, by_ls in counts.items():
        _write_dqm(plan, run, by_ls)


def _read(plan: Plan, inputs: Inputs) -> tuple[dict[int, harvest.Counts], dict[str, Columns]]:
    """Give the events of each run, and the sums of each producer by their own names."""
    ids: list[Columns] = []
    sums: dict[str, list[Columns]] = {sink.workflow.product: [] for sink in plan.sinks}
    for file, events in inputs:
        ids.append(events)
        for product, read in sums.items():
            if not any(b.startswith(f"{product}_") for b in file.branches("LuminosityBlocks")):
                no_product(file, product, CONTEXT)
            found = sums_of(file, [product])
            read.append({name.removeprefix(f"{product}_"): v for name, v in found.items()})
    events = root_file.joined(ids)
    counts = {run: harvest.count_events(events, run) for run in np.unique(events["run"]).tolist()}
    return counts, {name: root_file.summed(root_file.joined(read)) for name, read in sums.items()}


def _iovs(
    sink: Sink, lumis: Columns, counts: dict[int, harvest.Counts], vetoed: bool
) -> Iterator[tuple[int, bytes]]:
    """Give since and data of each payload of a record; where there are none, say why not."""
    record = sink.record.name
    for run, by_ls in counts.items():
        here = (lumis["run"] == run) & np.isin(lumis["luminosityBlock"], list(by_ls))
        of_run = {name: values[here] for name, values in lumis.items()}
        found = harvest.payloads(record, run, of_run, by_ls)
        words = None
        if not found:
            lack = harvest.too_few(record, of_run)
            words = refusals.too_few(record, lack) if lack else None
        elif vetoed:
            words = refusals.veto(record)
        skipped = refusals.skipped(record, harvest.lacking(record, of_run))
        for each in (words, *skipped) if words else skipped:
            each.say(run)
        for ls, data in found.items() if not vetoed else ():
            yield sqlite_file.lumi_since(run, ls) if sink.time_type == "Lumi" else run, data


def _write_luminosity(lumis: Columns) -> None:
    """Write the clusters of each lumisection: run, number, and their mean in an event."""
    clusters = lumis["clusters"].sum(axis=1) / np.maximum(lumis["events"], 1)
    rows = zip(lumis["run"], lumis["luminosityBlock"], clusters, strict=True)
    Path(_LUMI_FILE).write_text("".join(f"{run},{ls},{mean:.6f}\n" for run, ls, mean in rows))


def _write_dqm(plan: Plan, run: int, counts: harvest.Counts) -> None:
    name = f"DQM_V0001_R{run:09d}{plan.dqm_workflow.replace('/', '__')}.root"
    edges = np.arange(max(counts) + 2) - 0.5
    filled = np.array([counts.get(ls, (0, 0))[0] for ls in range(max(counts) + 1)])
    with uproot.recreate(name) as file:
        file[f"DQMData/Run {run}/AlCaReco/Run summary/eventsPerLumi"] = (filled, edges)
