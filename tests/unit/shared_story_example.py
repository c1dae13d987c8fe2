"""Three calibrations that share a stream in one run, written down as the submitter does it.

Express of run 398600: LS 1-8 are in b000, which was made for BeamSpot and EcalPedestals alone:
SiStripBad was switched on after it. The payload of EcalPedestals is in the database; the HARVEST of
BeamSpot failed there, and harvest003 has made up for it. The RECO of LS 9-12 has failed in b001,
LS 13-16 are in b002, which runs, LS 17-20 wait, one file is bad.
"""

from __future__ import annotations

from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey, Probe
from condorloop.model.enums import FileState, NodeKind, UploadOutcome
from condorloop.model.jobs import FailedNode, HarvestRecord, JobRecord, PlannedNode
from condorloop.model.lumis import EMPTY, Lumis
from tests.unit.examples import RUN, START
from tests.unit.story_example import BAD, STREAM, path

EXPRESS = "Express"
SPOT = CampaignKey("BeamSpot", RUN.number)
ECAL = CampaignKey("EcalPedestals", RUN.number)
STRIP = CampaignKey("SiStripBad", RUN.number)
EARLY, ALL = (SPOT, ECAL), (SPOT, ECAL, STRIP)
HASH = "5eed" * 10


def nodes(
    batch: int, groups: list[tuple[str, ...]], made_for: tuple[CampaignKey, ...]
) -> list[PlannedNode]:
    """The nodes of a batch's DAG: RECO for each group of files, ALCA, and the ends of each."""
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
    return [*recos, alca, *(node for key in made_for for node in harvest(batch, key))]


def harvest(number: int, key: CampaignKey) -> list[PlannedNode]:
    """The HARVEST and UPLOAD nodes of a calibration in a DAG."""
    folder, name = f"harvestJob{number:03d}", key.calibration
    return [
        PlannedNode(
            f"HARVEST_{name}",
            NodeKind.HARVEST,
            folder,
            f"{folder}/harvest.json",
            calibration=name,
        ),
        PlannedNode(
            f"UPLOAD_{name}", NodeKind.UPLOAD, folder, f"{folder}/upload.json", calibration=name
        ),
    ]


def job(node: str, job_id: str, exit_code: int = 0) -> JobRecord:
    """A job that has ended, after 36 s of CPU time."""
    return JobRecord(
        node,
        job_id,
        submitted_at=START + 10,
        host="wn01",
        started_at=START + 11,
        ended_at=START + 60,
        exit_code=exit_code,
        cpu_time=36.0,
        starts=1,
    )


def fill(ledger: Ledger, *, answered: bool = True) -> int:
    """Write it down, and give the id of the reconstruction.

    Without `answered` the failed HARVEST of BeamSpot was not made up for yet.
    """
    for key in EARLY:
        latch(ledger, key)
    names = {"a": (1, 4), "b": (5, 8), "c": (9, 12), "d": (13, 16), "e": (17, 20)}
    sizes = {path(name): 3_000_000 for name in names} | {BAD: 10}
    ledger.raw_files.add(STREAM, RUN.number, sizes, START + 1)
    for name, (first, last) in names.items():
        good = Probe(Lumis.span(first, last), 100)
        ledger.raw_files.probed(path(name), FileState.GOOD, good, START + 2)
    ledger.raw_files.probed(BAD, FileState.BAD, Probe(EMPTY, 0, "exit 1: it is no file"), START + 2)
    mine = ledger.campaigns.of_run(RUN.number, None)[0].reconstruction_id
    _b000(ledger, mine)
    latch(ledger, STRIP)
    _b001(ledger, mine)
    b002 = ledger.dags.plan(mine, 2, 2, nodes(2, [("d",)], ALL), "one file", START + 7)
    ledger.dags.submitted(b002, 60, START + 8)
    if answered:
        answer(ledger, mine)
    return mine


def latch(ledger: Ledger, key: CampaignKey) -> None:
    """Open the campaign of a calibration of the stream."""
    ledger.campaigns.latch(key, STREAM, RUN, "running", START, stream=EXPRESS)


def campaign_id(ledger: Ledger, key: CampaignKey) -> int:
    """The id of a campaign."""
    [found] = ledger.campaigns.of_run(key.run, key.calibration)
    return found.id


def _b000(ledger: Ledger, mine: int) -> None:
    dag = ledger.dags.plan(mine, 0, 0, nodes(0, [("a",), ("b",)], EARLY), "two files", START + 3)
    ledger.dags.submitted(dag, 40, START + 4)
    for name, first, last in (("RECO_0000", 1, 4), ("RECO_0001", 5, 8), ("ALCA_0000", 1, 8)):
        lumis = Lumis.span(first, last)
        ledger.dags.node_done(dag, name, lumis, 25 * len(lumis), START + 70)
    uploaded(ledger, dag, ECAL, HASH)
    ids = {"RECO_0000": 41, "RECO_0001": 42, "ALCA_0000": 43}
    ids |= {"HARVEST_EcalPedestals": 44, "UPLOAD_EcalPedestals": 45}
    jobs = [job(name, f"{cluster}.0") for name, cluster in ids.items()]
    ledger.dags.record_jobs(dag, [*jobs, job("HARVEST_BeamSpot", "46.0", 84)])
    failed = FailedNode("HARVEST_BeamSpot", 84, "no vertex")
    ledger.dags.ended(dag, [failed], START + 91)


def _b001(ledger: Ledger, mine: int) -> None:
    dag = ledger.dags.plan(mine, 1, 1, nodes(1, [("c",)], ALL), "one file", START + 5)
    ledger.dags.submitted(dag, 50, START + 6)
    ledger.dags.record_jobs(dag, [job("RECO_0000", "51.0", 84), job("RECO_0000", "52.0", 84)])
    why = FailedNode("RECO_0000", 84, "FileReadError: broken basket", {path("c"): 2})
    ledger.dags.ended(dag, [why], START + 60)


def answer(ledger: Ledger, mine: int) -> None:
    dag = ledger.dags.plan(mine, None, 3, harvest(3, SPOT), "b000 has failed", START + 92)
    ledger.dags.submitted(dag, 70, START + 93)
    uploaded(ledger, dag, SPOT, "beef" * 10)
    ids = {"HARVEST_BeamSpot": 71, "UPLOAD_BeamSpot": 72}
    ledger.dags.record_jobs(dag, [job(name, f"{cluster}.0") for name, cluster in ids.items()])
    ledger.dags.ended(dag, None, START + 99)


def uploaded(ledger: Ledger, dag: int, key: CampaignKey, digest: str) -> None:
    """Let HARVEST and UPLOAD of a calibration go well in a DAG, from the ALCARECO of b000."""
    record = HarvestRecord(
        frozenset({0}),
        Lumis.span(1, 8),
        200,
        harvested_at=START + 80,
        outcome=UploadOutcome.UPLOADED,
        answer="successfully uploaded",
        tag=key.calibration,
        hash=digest,
        since=RUN.number,
        answered_at=START + 90,
    )
    ledger.payloads.record(dag, campaign_id(ledger, key), record)
    for kind in (NodeKind.HARVEST, NodeKind.UPLOAD):
        name = f"{kind}_{key.calibration}"
        ledger.dags.node_done(dag, name, Lumis.span(1, 8), 200, START + 90)
