"""The three jobs of the Prompt Calibration Loop in the current folder, with the stand-ins.

Knows how cmsDriver.py and cmsRun are called; knows nothing of what comes of it.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from condorloop.model.lumis import Lumis
from condorloop.testbed.cmssw.tools import cmsdriver, cmsrun
from condorloop.testbed.cmssw.workflows.workflow import Workflow
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.scenario.raw_files import Stream, simulate, write_events
from condorloop.testbed.truth import Truth

RUN = 398600
TRUTH = Truth(seed=3)
DATABASE = Path("promptCalibConditions.db")
REPORT = Path("report.xml")


def write_raw(path: Path, lumis: Lumis, events_per_ls: int) -> None:
    """Write a RAW file with the branches of both streams."""
    columns = simulate(Stream.EXPRESS, RUN, lumis, TRUTH, events_per_ls=events_per_ls)
    ecal = simulate(Stream.ECAL, RUN, lumis, TRUTH, events_per_ls=events_per_ls)
    write_events(path, {**columns, "adc": ecal["adc"]})


def run(step: str, inputs: Iterable[Path], *options: str, mods: str = "") -> int:
    """Write X.py, and run it; give cmsRun's exit code. The report is in `REPORT`."""
    listed = ",".join(f"file:{path}" for path in inputs)
    given = f"-s {step} --conditions GT --data -n -1 --no_exec --python_filename X.py"
    assert cmsdriver.main(["step", *given.split(), *options, "--filein", listed]) == 0
    with Path("X.py").open("a") as config:
        config.write(mods)
    return cmsrun.main(["-j", str(REPORT), "X.py"])


def reco(alcarecos: Iterable[str], raw: Path, *options: str, process: str = "RERECO") -> int:
    """Make reco.root."""
    content = "--datatier ALCARECO --eventcontent ALCARECO --fileout file:reco.root --process"
    step = f"RAW2DIGI,RECO,ALCAPRODUCER:{'+'.join(alcarecos)}"
    return run(step, [raw], *content.split(), process, *options)


def alca(
    products: Iterable[str],
    inputs: Iterable[Path],
    *options: str,
    skims: Iterable[str] = (),
    mods: str = "",
    process: str = "RERECO",
) -> int:
    """Make a file of each producer and each skim."""
    steps = [f"ALCAOUTPUT:{'+'.join(skims)}"] if skims else []
    steps.append(f"ALCA:{'+'.join(products)}")
    content = "--datatier ALCARECO --eventcontent ALCARECO --triggerResultsProcess"
    return run(",".join(steps), inputs, *content.split(), process, *options, mods=mods)


def reads_from(process: str, workflows: Iterable[Workflow]) -> str:
    """Give the lines by which the filters of producers read the trigger results of a process."""
    modules = dict.fromkeys(each.module for w in workflows for each in w.filters)
    return "".join(
        f'process.{m}.TriggerResultsTag = "TriggerResults::{process}"\n' for m in modules
    )


def harvest(workflow: Workflow, inputs: Iterable[Path], *options: str) -> int:
    """Make the payloads of a workflow."""
    step = f"ALCAHARVEST:{'+'.join(workflow.harvests)}"
    return run(step, inputs, "--scenario", "pp", *options)


def payloads(tag: str) -> list[Any]:
    """Read the payloads of a tag of `DATABASE`."""
    iovs = sqlite_file.iovs(DATABASE, tag)
    return [json.loads(sqlite_file.payload(DATABASE, iov.payload_hash)) for iov in iovs]


def error() -> tuple[str, str]:
    """Give the full exit code of the last job, and the exception's text."""
    found = ElementTree.parse(REPORT).find("FrameworkError")
    assert found is not None
    return found.attrib["ExitStatus"], found.text or ""


def outputs() -> list[str]:
    """Give the files that the report of the last job names."""
    return [each.text or "" for each in ElementTree.parse(REPORT).findall("File/PFN")]
