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
from condorloop.testbed.cmssw.steps.workflows import TIME_TYPES, WORKFLOWS, Workflow
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
}
PRODUCERS = {
    "EcalPedestals": "EcalTestPulsesRaw",
    "SiStripBad": "SiStripCalZeroBias+SiStripPCLHistos+PromptCalibProdSiStrip",
    "BeamSpot": "TkAlMinBias+PromptCalibProdBeamSpotHP",
}
SKIMS = {
    "EcalPedestals": "EcalTestPulsesRaw",
    "SiStripBad": "SiStripCalZeroBias+SiStripPCLHistos",
    "BeamSpot": "TkAlMinBias",
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
        self.cms_run(folder, "expressStep3", "-s", step, *options.split(), *files)
        return folder / f"{self.workflow.product}.root"

    def harvest(self, name: str, inputs: list[Path]) -> Path:
        folder = self.folder / name
        self.cms_run(
            folder,
            "expressStep4",
            "-s",
            f"ALCAHARVEST:{self.workflow.harvest}",
            "--scenario",
            "pp",
            "--data",
            "--filein",
            _listed(inputs),
            mods='process.PoolDBOutputService.toPut[0].tag = cms.string("Mine")\n',
        )
        return folder / "promptCalibConditions.db"


def _listed(paths: list[Path]) -> str:
    return ",".join(f"file:{path}" for path in paths)


def payloads(database: Path) -> list[Any]:
    return [
        json.loads(sqlite_file.payload(database, iov.payload_hash))
        for iov in sqlite_file.iovs(database, "Mine")
    ]


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


@pytest.fixture(scope="module", params=WORKFLOWS, ids=lambda w: w.calibration)
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
    found = payloads(chain.folder / "harvest/promptCalibConditions.db")
    assert compare(chain.workflow.object_type, found, TRUTH) == []


def test_the_constants_do_not_agree_with_another_truth(chain):
    found = payloads(chain.folder / "harvest/promptCalibConditions.db")
    assert compare(chain.workflow.object_type, found, Truth(seed=4)) != []


def test_each_lumisection_is_in_the_payload_once_with_all_its_events(chain):
    found = payloads(chain.folder / "harvest/promptCalibConditions.db")
    counts = {int(ls): c for payload in found for ls, c in payload["lumisections"].items()}
    events = EVENTS_PER_LS[STREAM[chain.workflow.calibration]]
    assert counts == {ls: [events, events] for ls in LUMIS}
    assert counted_twice(found) == Lumis()


def test_the_tag_is_the_one_that_was_asked_for_with_the_workflows_time_type(chain):
    database = chain.folder / "harvest/promptCalibConditions.db"
    tag = sqlite_file.tags(database)["Mine"]
    assert (tag.time_type, tag.object_type) == (
        TIME_TYPES[chain.workflow.time_type],
        chain.workflow.object_type,
    )
    sinces = [iov.since for iov in sqlite_file.iovs(database, "Mine")]
    first = [min(map(int, p["lumisections"])) for p in payloads(database)]
    by_lumi = [sqlite_file.lumi_since(RUN, ls) for ls in first]
    assert sinces == (by_lumi if tag.time_type == "Lumi" else [RUN])


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
    found = payloads(chain.harvest("twice", [product, product]))
    assert counted_twice(found) == LUMIS


def test_too_few_events_make_no_payload_and_no_error(chain, tmp_path):
    raw = tmp_path / "few.root"
    stream = STREAM[chain.workflow.calibration]
    write_raw_file(raw, stream, RUN, Lumis.of([1]), TRUTH, events_per_ls=40)
    database = chain.harvest("few", [chain.alca("few_alca", [chain.reco("few_reco", [raw])])])
    assert not database.exists()
