"""The framework job report: which files, runs, lumisections and events a job read and wrote.

The layout is that of FWCore/MessageLogger/src/JobReport.cc of CMSSW.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as Xml

Rows = Sequence[tuple[int, int, int]]
"""Run, lumisection, number of events."""


@dataclass(slots=True)
class JobReport:
    """What is known of a job so far."""

    inputs: list[tuple[str, Rows]] = field(default_factory=list)
    """Each file that was read to its end, and what was in it."""
    outputs: list[tuple[str, str, Rows]] = field(default_factory=list)
    """Each file that was written, the label of its output module, and what is in it."""
    error: tuple[int, str] | None = None
    """The full exit code, and the exception's text."""

    def write(self, path: Path) -> None:
        """Write the report as XML."""
        report = Xml.Element("FrameworkJobReport")
        Xml.SubElement(report, "ReadBranches")
        for name, rows in self.inputs:
            entry = _file(report, "InputFile", name, "source", rows)
            _texts(entry, InputType="primaryFiles", InputSourceClass="PoolSource")
            _texts(entry, EventsRead=str(_events(rows)))
        for name, label, rows in self.outputs:
            entry = _file(report, "File", name, label, rows)
            _texts(entry, OutputModuleClass="PoolOutputModule", TotalEvents=str(_events(rows)))
            inputs = Xml.SubElement(entry, "Inputs")
            for source, _ in self.inputs:
                _texts(Xml.SubElement(inputs, "Input"), LFN=_lfn(source), PFN=source)
        if self.error is not None:
            status, text = self.error
            attributes = {"ExitStatus": str(status), "Type": "Fatal Exception"}
            Xml.SubElement(report, "FrameworkError", attributes).text = f"\n{text}\n"
        Xml.indent(report)
        Xml.ElementTree(report).write(path, encoding="unicode")


def _file(report: Xml.Element, kind: str, name: str, label: str, rows: Rows) -> Xml.Element:
    entry = Xml.SubElement(report, kind)
    _texts(entry, LFN=_lfn(name), PFN=name, Catalog="", ModuleLabel=label)
    runs = Xml.SubElement(entry, "Runs")
    for run in dict.fromkeys(run for run, _, _ in rows):
        element = Xml.SubElement(runs, "Run", ID=str(run))
        for ls, events in ((ls, events) for of, ls, events in rows if of == run):
            Xml.SubElement(element, "LumiSection", ID=str(ls), NEvents=str(events))
    return entry


def _texts(parent: Xml.Element, **texts: str) -> None:
    for name, text in texts.items():
        Xml.SubElement(parent, name).text = text


def _lfn(name: str) -> str:
    """Give the logical name, where the physical one tells it."""
    _, store, path = name.partition("/store/")
    return f"/store/{path}" if store else ""


def _events(rows: Iterable[tuple[int, int, int]]) -> int:
    return sum(events for _, _, events in rows)
