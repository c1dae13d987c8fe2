"""A campaign with something of everything, written down as the submitter does it.

EcalPedestals of run 398600: LS 1-8 are in a payload, the job of LS 9-12 has failed, LS 13-16 are in
a DAG that runs, LS 17-20 wait, one file is bad. SiStripBad has read nothing yet.
"""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from condorloop.config.loader import Config
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey, Probe
from condorloop.model.enums import FileState, NodeKind, UploadOutcome
from condorloop.model.jobs import FailedNode, HarvestRecord, JobRecord, PlannedNode
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.rundir.layout import dag_file, run_dir
from condorloop.rundir.records import attempts
from condorloop.rundir.records.attempts import Attempt
from condorloop.rundir.records.harvest import HarvestResult, Iov
from condorloop.rundir.records.manifest import (
    CmsswArea,
    HarvestSettings,
    Manifest,
    UploadMetadata,
    UploadSettings,
    UploadTool,
)
from tests.unit.examples import KEY, RUN, START, config

STREAM = "/eos/cms/RAW"
FOLDER = f"{STREAM}/000/398/600/00000"
BAD = f"{FOLDER}/bad.root"
HASH = "8fae12cd" * 5
MANIFEST = Manifest(
    stream=KEY.calibration,
    run=KEY.run,
    dag=0,
    batch=0,
    id="",
    release="CMSSW_16_0_7",
    global_tag="160X_dataRun3_v1",
    templates={"reco.sh": "a83da621921c"},
    cmssw=CmsswArea(Path("/setup.sh"), "el8_amd64_gcc13", "CMSSW_16_0_7", Path("/area")),
    settings={
        KEY.calibration: HarvestSettings(
            conditions=UploadTool(("uploadConditions.py",), None, 300.0),
            alca_root="alca.root",
            alca_witness="alca_job.txt",
            upload=UploadSettings(
                UploadMetadata(
                    "prod", {"EcalPedestals_hlt": {}}, "EcalPedestals", RUN.number, "words"
                ),
                "payload.txt",
                "payload.db",
                "hlt",
            ),
        )
    },
    lumis=EMPTY,
    files=(),
    nodes={},
)
"""What the directory of each DAG tells; its nodes are in the ledger alone."""
RUNNING = """\
000 (0070.000.000) 2026-09-21 14:14:00Z Job submitted from host: <127.0.0.1:1>
    DAG Node: RECO_0000
...
001 (0070.000.000) 2026-09-21 14:14:05Z Job executing on host: <127.0.0.1:1>
\tSlotName: slot1@wn07
...
"""


def path(name: str) -> str:
    """Where the RAW file of a name is."""
    return f"{FOLDER}/{name}.root"


def nodes(batch: int, *groups: tuple[str, ...]) -> list[PlannedNode]:
    """The nodes of a batch's DAG: a RECO node for each group of files, and one ALCA node."""
    recos = [
        PlannedNode(
            f"RECO_{i:04d}",
            NodeKind.RECO,
            f"reco{batch}{i}",
            f"reco{batch}{i}_job.txt",
            paths=tuple(map(path, group)),
            child="ALCA_0000",
        )
        for i, group in enumerate(groups)
    ]
    made = f"apJob{batch:03d}"
    alca = PlannedNode("ALCA_0000", NodeKind.ALCA, made, f"{made}/w.txt", job=batch)
    return [*recos, alca, *harvest(batch)]


def harvest(number: int) -> list[PlannedNode]:
    """The HARVEST and UPLOAD nodes of a DAG."""
    folder = f"harvestJob{number:03d}"
    return [
        PlannedNode("HARVEST", NodeKind.HARVEST, folder, f"{folder}/harvest.json"),
        PlannedNode("UPLOAD", NodeKind.UPLOAD, folder, f"{folder}/upload.json"),
    ]


def job(node: str, job_id: str, exit_code: int = 0) -> JobRecord:
    """A job that has ended."""
    return JobRecord(
        node,
        job_id,
        submitted_at=START + 10,
        host="wn01",
        started_at=START + 11,
        ended_at=START + 60,
        exit_code=exit_code,
        starts=1,
    )


def written(folder: Path) -> Config:
    """Write the ledger and the DAGs' directories; return the configuration of their site."""
    found = config(folder)
    shutil.copytree(_once(), found.site.work_dir)
    return found


@cache
def _once() -> Path:
    """The work_dir, written once: a ledger waits for the disk at each step."""
    work_dir = Path(mkdtemp())
    atexit.register(shutil.rmtree, work_dir, ignore_errors=True)
    with Ledger(work_dir / "condorloop.db") as ledger:
        _fill(ledger, run_dir(work_dir, KEY.calibration, KEY.run))
    return work_dir


def _fill(ledger: Ledger, runs: Path) -> None:
    ledger.campaigns.latch(KEY, STREAM, RUN, "running", START)
    ledger.campaigns.latch(CampaignKey("SiStripBad", RUN.number), STREAM, RUN, "running", START)
    names = {"a": (1, 4), "b": (5, 8), "c": (9, 12), "d": (13, 16), "e": (17, 20)}
    sizes = {path(name): 3_000_000 for name in names} | {BAD: 10}
    ledger.raw_files.add(STREAM, RUN.number, sizes, START + 1)
    for name, (first, last) in names.items():
        good = Probe(Lumis.span(first, last), 100)
        ledger.raw_files.probed(path(name), FileState.GOOD, good, START + 2)
    ledger.raw_files.probed(BAD, FileState.BAD, Probe(EMPTY, 0, "exit 1: it is no file"), START + 2)
    [campaign] = ledger.campaigns.of_run(RUN.number, KEY.calibration)
    _first(ledger, campaign.id, runs)
    _second(ledger, campaign.id, runs)
    _third(ledger, campaign.id, runs)


def _first(ledger: Ledger, campaign: int, runs: Path) -> None:
    """A DAG that is done, its payload in the database."""
    dag = ledger.dags.plan(campaign, 0, 0, nodes(0, ("a",), ("b",)), "two files", START + 3)
    ledger.dags.submitted(dag, 40, START + 4)
    for name, first, last in (("RECO_0000", 1, 4), ("RECO_0001", 5, 8), ("ALCA_0000", 1, 8)):
        ledger.dags.node_done(
            dag, name, Lumis.span(first, last), 25 * (last - first + 1), START + 70
        )
    record = HarvestRecord(
        frozenset({0}),
        Lumis.span(1, 8),
        200,
        harvested_at=START + 80,
        outcome=UploadOutcome.UPLOADED,
        answer="tag EcalPedestals_hlt successfully uploaded",
        tag="EcalPedestals_hlt",
        hash=HASH,
        since=RUN.number,
        answered_at=START + 90,
    )
    ledger.payloads.record(dag, campaign, record)
    for name in ("HARVEST", "UPLOAD"):
        ledger.dags.node_done(dag, name, Lumis.span(1, 8), 200, START + 90)
    ids = ("41.0", "42.0", "43.0", "44.0", "45.0")
    names = ("RECO_0000", "RECO_0001", "ALCA_0000", "HARVEST", "UPLOAD")
    ledger.dags.record_jobs(dag, [job(n, i) for n, i in zip(names, ids, strict=True)])
    ledger.dags.ended(dag, None, START + 91)
    _directory(runs, 0)
    made = runs / "harvestJob000"
    made.mkdir()
    result = HarvestResult(
        dag_id=f"{ledger.id}/{KEY.calibration}/{KEY.run}/0",
        inputs=("apJob000",),
        left_out={},
        overlaps=(),
        lumis=Lumis.span(1, 8),
        events=200,
        iovs=(Iov("EcalPedestals_hlt", RUN.number, HASH),),
        time=START + 80,
    )
    result.write(made / "harvest.json")


def _second(ledger: Ledger, campaign: int, runs: Path) -> None:
    """A DAG whose job has failed twice."""
    dag = ledger.dags.plan(campaign, 1, 1, nodes(1, ("c",)), "one file", START + 5)
    ledger.dags.submitted(dag, 50, START + 6)
    ledger.dags.record_jobs(dag, [job("RECO_0000", "51.0", 84), job("RECO_0000", "52.0", 84)])
    why = FailedNode("RECO_0000", 84, "FileReadError: broken basket", {path("c"): 2})
    ledger.dags.ended(dag, [why], START + 60)
    directory = _directory(runs, 1)
    for number in (1, 2):
        attempt = Attempt(84, "FileReadError: broken basket", (path("c"),), START + 20 * number)
        attempts.add(directory, "RECO_0000", attempt)


def _third(ledger: Ledger, campaign: int, runs: Path) -> None:
    """A DAG that runs."""
    dag = ledger.dags.plan(campaign, 2, 2, nodes(2, ("d",)), "one file", START + 7)
    ledger.dags.submitted(dag, 60, START + 8)
    _directory(runs, 2)
    dag_file(runs, 2).with_name(f"{dag_file(runs, 2).name}.nodes.log").write_text(RUNNING)


def _directory(runs: Path, number: int) -> Path:
    file = dag_file(runs, number)
    file.parent.mkdir(parents=True)
    file.write_text("# a DAG\n")
    MANIFEST.write(file.parent / "manifest.json")
    return file.parent
