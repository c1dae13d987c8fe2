"""Small campaigns, runs and calibrations that the tests of the pure parts build on."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path

from condorloop.config.calibration import OwnStreamCalibration
from condorloop.config.loader import Config, load
from condorloop.model.campaign import (
    Alcareco,
    Campaign,
    CampaignKey,
    Dag,
    RawFile,
    Reconstruction,
    Run,
    WaitingFile,
)
from condorloop.model.enums import CampaignState, DagState, UploadOutcome
from condorloop.model.lumi_fates import LumiState
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.model.status import CampaignStatus, LumiSets, Status

TOP = Path(__file__).resolve().parents[2]
START = 1_790_000_000.0
RUN = Run(398600, 10900, START, None, None, "PROTONS", "collisions2026", True)
KEY = CampaignKey("EcalPedestals", 398600)

SITE = """
name: example
work_dir: {work_dir}
calibrations: {calibrations}
oms: {{url: "http://127.0.0.1:1/agg/api"}}
storage: {{url: "root://127.0.0.1:2/"}}
cmssw: {{setup: {work_dir}/cmsset_default.sh}}
"""


def site_file(folder: Path) -> Path:
    """Write a small valid site file into a folder."""
    path = folder / "site.yaml"
    path.write_text(SITE.format(work_dir=folder / "work", calibrations=TOP / "calibrationYAML"))
    return path


def config(folder: Path) -> Config:
    """The shipped calibrations at a small site."""
    return load(site_file(folder), TOP / "calibrationYAML")


@cache
def calibration(name: str = "EcalPedestals") -> OwnStreamCalibration:
    """A shipped calibration."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        found = config(Path(folder)).calibrations[name]
    assert isinstance(found, OwnStreamCalibration)
    return found


def raw_file(i: int, first: int, last: int) -> RawFile:
    """A RAW file of some lumisections."""
    return RawFile(f"/eos/cms/f{i:04d}.root", 1000, Lumis.span(first, last), 100)


def dag(
    number: int,
    state: DagState = DagState.ACTIVE,
    *,
    failed: tuple[str, ...] = (),
    inputs: frozenset[int] | None = None,
    ended_at: float | None = None,
    rescues: int = 0,
) -> Dag:
    """A batch's DAG."""
    return Dag(
        id=number,
        number=number,
        batch=number,
        state=state,
        cluster=number + 1,
        ended_at=ended_at,
        rescues=rescues,
        failed_nodes=failed,
        harvest_inputs=inputs,
        upload=None,
    )


def campaign(
    *,
    state: CampaignState = CampaignState.ACTIVE,
    run_end: float | None = None,
    last_ls: int | None = None,
    last_new_at: float = START,
    listed_at: float | None = START,
    seen: Lumis = EMPTY,
    harvested: Lumis = EMPTY,
    in_payload: Lumis = EMPTY,
    waiting: tuple[WaitingFile, ...] = (),
    probing: int = 0,
    dags: tuple[Dag, ...] = (),
    unharvested: Collection[int] = (),
    asked_at: float | None = None,
) -> Campaign:
    """A campaign of run 398600."""
    return Campaign(
        id=1,
        key=KEY,
        reconstruction_id=1,
        state=state,
        run_start=START,
        run_end=run_end,
        last_ls=last_ls,
        last_new_at=last_new_at,
        listed_at=listed_at,
        seen=seen,
        harvested=harvested,
        in_payload=in_payload,
        waiting=waiting,
        probing=probing,
        dags=dags,
        dag_count=len(dags),
        unharvested={job: Alcareco(START) for job in unharvested},
        asked_at=asked_at,
    )


def alone(campaign: Campaign) -> Reconstruction:
    """What a campaign is made from whose stream has no other calibration."""
    return Reconstruction(
        id=campaign.reconstruction_id,
        key=campaign.reconstruction,
        campaigns=(campaign,),
        dags=campaign.dags,
    )


def waiting(count: int, since: float = START) -> tuple[WaitingFile, ...]:
    """So many good files that wait, of one lumisection each."""
    return tuple(WaitingFile(raw_file(i, i + 1, i + 1), since) for i in range(count))


def campaign_status(**changes):
    """A campaign in the middle of its run: 38 of 40 LS seen, 20 in its payload."""
    fields = {
        "calibration": KEY.calibration,
        "run": KEY.run,
        "fill": 10900,
        "state": CampaignState.ACTIVE,
        "reason": "running",
        "state_since": START,
        "latched_at": START,
        "run_start": START,
        "run_end": None,
        "window_ends": START + 8 * 3600,
        "serve_by": START + 8 * 3600,
        "last_ls": 40,
        "lumis": LumiSets(
            Lumis.span(1, 38), Lumis.span(1, 30), Lumis.span(1, 20), Lumis.span(21, 40)
        ),
        "fates": {
            LumiState.IN_PAYLOAD: Lumis.span(1, 20),
            LumiState.HARVESTED: Lumis.span(21, 30),
            LumiState.IN_WORK: Lumis.span(31, 38),
            LumiState.AWAITED: Lumis.span(39, 40),
        },
        "files": {"good": 8},
        "bad_files": {},
        "dags": {"active": 1, "done": 2},
        "uploads": 2,
        "last_upload_at": START + 60,
        "last_outcome": UploadOutcome.UPLOADED,
    }
    return CampaignStatus(**(fields | changes))


def loop_status(*campaigns, **changes):
    """The state of a loop with these campaigns."""
    fields = {"site": "here", "time": START + 100, "pid": 1, "poll_interval": 10.0}
    return Status(**(fields | {"campaigns": campaigns} | changes))
