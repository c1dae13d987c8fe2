"""RAW → RECO → ALCA → HARVEST with the installed tools, as the nodes of a batch run them."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from condorloop.model.lumis import Lumis
from condorloop.testbed.cmssw.install import install
from condorloop.testbed.cmssw.steps.workflows import TIME_TYPES, WORKFLOWS
from condorloop.testbed.cmssw.workflows.workflow import Record, Workflow
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.scenario.raw_files import EVENTS_PER_LS, Stream, write_raw_file
from condorloop.testbed.truth import Truth, compare, counted_twice

RUN = 398600
TRUTH = Truth(seed=3)
LUMIS = Lumis.span(1, 12)
STREAM = {
    "EcalPedestals": Stream.ECAL,
    "SiStripBad": Stream.EXPRESS,
    "BeamSpot": Stream.EXPRESS,
    "SiPixelQuality": Stream.EXPRESS,
}
PRODUCERS = {
    "EcalPedestals": "EcalTestPulsesRaw",
    "SiStripBad": "SiStripCalZeroBias+SiStripPCLHistos+PromptCalibProdSiStrip",
    "BeamSpot": "TkAlMinBias+PromptCalibProdBeamSpotHP",
    "SiPixelQuality": "SiPixelCalZeroBias+PromptCalibProdSiPixel",
}
SKIMS = {
    "EcalPedestals": "EcalTestPulsesRaw",
    "SiStripBad": "SiStripCalZeroBias+SiStripPCLHistos",
    "BeamSpot": "TkAlMinBias",
    "SiPixelQuality": "SiPixelCalZeroBias",
}


@dataclass(frozen=True)
class Chain:
    """A folder with the outputs of one calibration's steps, and the environment of its jobs."""

    workflow: Workflow
    folder: Path
    env: dict[str, str]

    def tool(self, *argv: str, folder: Path | None = None) -> None:
        done = subprocess.run(
            argv,
            cwd=folder or self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr

    def cms_run(self, folder: Path, *options: str, mods: str = "") -> None:
        folder.mkdir()
        command = ("cmsDriver.py", *options, "--no_exec", "--python_filename", "X.py")
        self.tool(*command, "--conditions", "GT", "-n", "-1", folder=folder)
        with (folder / "X.py").open("a") as config:
            config.write(mods)
        self.tool("cmsRun", "-j", "report.xml", "X.py", folder=folder)

    def reco(self, name: str, inputs: list[Path]) -> Path:
        step = f"RAW2DIGI,RECO,ALCAPRODUCER:{PRODUCERS[self.workflow.calibration]}"
        options = "--datatier ALCARECO --eventcontent ALCARECO --data --process RERECO"
        files = ("--filein", _listed(inputs), "--fileout", "file:reco.root")
        folder = self.folder / name
        self.cms_run(folder, "expressStep2", "-s", step, *options.split(), "--era", "Run3", *files)
        return folder / "reco.root"

    def alca(self, name: str, inputs: list[Path]) -> Path:
        skims = SKIMS[self.workflow.calibration]
        step = f"ALCAOUTPUT:{skims},ALCA:{self.workflow.product}"
        options = "--datatier ALCARECO --eventcontent ALCARECO --triggerResultsProcess RERECO"
        folder = self.folder / name
        files = ("--filein", _listed(inputs))
        own_filters = "".join(
            f'process.{each.module}.TriggerResultsTag = "TriggerResults::RERECO"\n'
            for each in self.workflow.filters
        )
        self.cms_run(folder, "expressStep3", "-s", step, *options.split(), *files, mods=own_filters)
        return folder / f"{self.workflow.product}.root"

    def harvest(self, name: str, inputs: list[Path]) -> Path:
        folder = self.folder / name
        self.cms_run(
            folder,
            "expressStep4",
            "-s",
            f"ALCAHARVEST:{'+'.join(reversed(list(self.workflow.harvests)))}",
            "--scenario",
            "pp",
            "--data",
            "--filein",
            _listed(inputs),
            mods="".join(
                f'process.PoolDBOutputService.toPut[{i}].tag = cms.string("Mine{i}")\n'
                for i in range(len(self.workflow.records))
            ),
        )
        return folder / "promptCalibConditions.db"


def _listed(paths: list[Path]) -> str:
    return ",".join(f"file:{path}" for path in paths)


def payloads(database: Path, tag: str = "Mine0") -> list[Any]:
    return [
        json.loads(sqlite_file.payload(database, iov.payload_hash))
        for iov in sqlite_file.iovs(database, tag)
    ]


def of_records(chain: Chain, folder: str = "harvest") -> list[tuple[Record, str, list[Any]]]:
    """Each record of a workflow with its tag in the file and its payloads."""
    database = chain.folder / folder / "promptCalibConditions.db"
    tags = [f"Mine{i}" for i in range(len(chain.workflow.records))]
    records = zip(chain.workflow.records, tags, strict=True)
    return [(record, tag, payloads(database, tag)) for record, tag in records]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """What a job has after it entered the installed environment."""
    folder = tmp_path_factory.mktemp("installation")
    install(folder, sys.executable, folder / "faults")
    lines = (
        f"source {folder}/cmsset_default.sh; export SCRAM_ARCH=el8_amd64_gcc12\n"
        "scramv1 project CMSSW CMSSW_15_0_16; cd CMSSW_15_0_16/src; eval $(scramv1 runtime -sh)\n"
        "env -0"
    )
    done = subprocess.run(
        ["bash", "-c", lines],
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
    )
    return dict(pair.split("=", 1) for pair in done.stdout.decode().split("\0") if pair)


@pytest.fixture(
    scope="module",
    params=[w for w in WORKFLOWS if w.calibration in STREAM],
    ids=lambda w: w.calibration,
)
def chain(request, tmp_path_factory, environment):
    """Two RECO jobs, an ALCA job and a harvest of 12 lumisections of a calibration's stream."""
    workflow = request.param
    chain = Chain(workflow, tmp_path_factory.mktemp(workflow.calibration), environment)
    raw = []
    for ls in (1, 4, 7, 10):
        path = chain.folder / f"raw{ls:02d}.root"
        stream = STREAM[workflow.calibration]
        write_raw_file(path, stream, RUN, Lumis.span(ls, ls + 2), TRUTH)
        raw.append(path)
    reco = [chain.reco("reco0", raw[:2]), chain.reco("reco1", raw[2:])]
    chain.harvest("harvest", [chain.alca("alca", reco)])
    return chain


def test_the_constants_agree_with_the_truth(chain):
    for record, _, found in of_records(chain):
        assert compare(record.object_type, found, TRUTH) == []


def test_the_constants_do_not_agree_with_another_truth(chain):
    for record, _, found in of_records(chain):
        assert compare(record.object_type, found, Truth(seed=4)) != []


def test_each_lumisection_is_in_the_payload_once_with_all_its_events(chain):
    events = EVENTS_PER_LS[STREAM[chain.workflow.calibration]]
    for _, _, found in of_records(chain):
        counts = [(int(ls), c) for payload in found for ls, c in payload["lumisections"].items()]
        assert sorted(counts) == [(ls, [events, events]) for ls in LUMIS]
        assert counted_twice(found) == Lumis()


def test_each_tag_is_the_one_that_was_asked_for_with_its_records_time_type(chain):
    database = chain.folder / "harvest/promptCalibConditions.db"
    assert sqlite_file.tags(database).keys() == {tag for _, tag, _ in of_records(chain)}
    for record, name, found in of_records(chain):
        tag = sqlite_file.tags(database)[name]
        assert (tag.time_type, tag.object_type) == (
            TIME_TYPES[record.time_type],
            record.object_type,
        )
        sinces = [iov.since for iov in sqlite_file.iovs(database, name)]
        first = [min(map(int, payload["lumisections"])) for payload in found]
        by_lumi = [sqlite_file.lumi_since(RUN, ls) for ls in first]
        assert sinces == (by_lumi if tag.time_type == "Lumi" else [RUN])


def test_the_tags_of_one_file_have_their_own_iovs(chain):
    borders = [[iov["lumisections"].keys() for iov in found] for _, _, found in of_records(chain)]
    counts = {"BeamSpot": [1, 1], "SiPixelQuality": [2, 1, 2]}
    assert [len(iovs) for iovs in borders] == counts.get(chain.workflow.calibration, [1])


def test_outputs_have_their_fixed_names(chain):
    alca = {path.name for path in (chain.folder / "alca").glob("*.root")}
    skims = SKIMS[chain.workflow.calibration].split("+")
    assert alca == {f"{name}.root" for name in (*skims, chain.workflow.product)}
    harvest = {path.name for path in (chain.folder / "harvest").iterdir()}
    dqm = "DQM_V0001_R000398600__Express__PCLTest__ALCAPROMPT.root"
    assert harvest == {"X.py", "report.xml", "promptCalibConditions.db", dqm}


def test_the_job_reports_say_which_lumisections_went_in(chain):
    report = ElementTree.parse(chain.folder / "reco1/report.xml")
    inputs = report.findall("InputFile")
    assert [Path(each.findtext("PFN", "")).name for each in inputs] == ["raw07.root", "raw10.root"]
    lumis = report.findall("InputFile/Runs/Run[@ID='398600']/LumiSection")
    assert Lumis.of(int(each.get("ID", 0)) for each in lumis) == Lumis.span(7, 12)
    events = EVENTS_PER_LS[STREAM[chain.workflow.calibration]]
    assert [each.findtext("EventsRead") for each in inputs] == [str(3 * events)] * 2


def test_edmfileutil_reads_what_the_steps_wrote(chain):
    chain.tool("edmFileUtil", "--eventsInLumis", "reco0/reco.root", "reco1/reco.root")


def test_an_input_that_goes_in_twice_shows(chain):
    product = chain.folder / f"alca/{chain.workflow.product}.root"
    chain.harvest("twice", [product, product])
    for _, _, found in of_records(chain, "twice"):
        assert counted_twice(found) == LUMIS


def test_too_few_events_make_no_payload_and_no_error(chain, tmp_path):
    raw = tmp_path / "few.root"
    stream = STREAM[chain.workflow.calibration]
    write_raw_file(raw, stream, RUN, Lumis.of([1]), TRUTH, events_per_ls=40)
    database = chain.harvest("few", [chain.alca("few_alca", [chain.reco("few_reco", [raw])])])
    low = [p["constants"] for p in payloads(database, "Mine1")] if database.exists() else []
    # CMSSW's pixel harvester writes what is bad for good, here nothing
    pixel = chain.workflow.calibration == "SiPixelQuality"
    assert low == ([{"kind": "stuckTBM", "bad": []}] if pixel else [])
    assert database.exists() is pixel
