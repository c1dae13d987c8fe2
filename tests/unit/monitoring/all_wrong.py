"""What a cycle sees and the ledger holds when everything is wrong that can be."""

from __future__ import annotations

from dataclasses import dataclass, replace

from condorloop.model.campaign import CampaignKey, MissedRun
from condorloop.model.enums import CampaignState, HeldFor, NoPayloadCause, UploadOutcome
from condorloop.model.no_payload import NoPayload
from condorloop.model.queue import HeldJob, Obstacle, QueuedDag, WaitingJob, WaitingScript
from condorloop.model.service import CONDITIONS, Service
from condorloop.model.status import CampaignStatus, UnsentPayload
from condorloop.monitoring.publisher import CycleReport
from tests.unit.examples import KEY, START, campaign_status

SPOT = CampaignKey("BeamSpot", KEY.run)
SERVICES = ("OMS", "EOS", "schedd")
BAD = {"/eos/cms/a: b.root": "edmFileUtil, exit 1: broken", "/eos/cms/c.root": "no events"}


@dataclass(frozen=True)
class Seen:
    """What problems are found in."""

    report: CycleReport
    campaigns: tuple[CampaignStatus, ...]
    conditions: Service
    disk: str = ""
    ticket: str = ""


def service(name: str, error: str = "") -> Service:
    """A service that answers, or has not for long."""
    return Service(name, START - 60, error, START - 50 if error else None)


def well() -> Seen:
    """Nothing is wrong."""
    report = CycleReport(
        services=tuple(map(service, SERVICES)),
        errors={},
        not_cleaned={},
        odd_lines=(),
        dags=(),
        held_jobs=(),
        idle_dags=0,
    )
    both = (campaign_status(), campaign_status(calibration=SPOT.calibration))
    return Seen(report, both, service(CONDITIONS))


def all_wrong(*, silent: str = "EOS") -> Seen:
    """Everything is wrong; of the services, this one does not answer, and conditions does not."""
    calm = well()
    late = QueuedDag("x", KEY, 4, 17, None, {"JobsIdle": 5, "JobsHeld": 1}, batch=3)
    held = QueuedDag("y", SPOT, 4, 18, "via condor_hold: spool", {"JobsHeld": 2}, batch=3)
    report = replace(
        calm.report,
        services=tuple(
            service(n, "failed: [3011] refused" if n == silent else "") for n in SERVICES
        ),
        errors={KEY: "OSError: x: no such file"},
        not_cleaned={SPOT: "/x: it is a link"},
        odd_lines=("drwx ?: what", "-rw ?: is this"),
        dags=(late, held),
        held_jobs=(
            HeldJob("x", "RECO_0001", "19.0", 47, 0, "ran: too long", START),
            HeldJob("z", "ALCA_0001", "20.0", 47, 0, "ran: too long", START),
        ),
        idle_dags=3,
        late_scripts=(WaitingScript(late, "RECO_0002", "POST", START, "No space: x"),),
        put_off=2,
        stuck=(
            WaitingJob("x", KEY, "RECO_0003", "21.0", START, Obstacle.FULL, "the pool: full"),
            WaitingJob("y", SPOT, "RECO_0003", "22.0", START, Obstacle.FULL, "the pool: full"),
            WaitingJob("x", KEY, "HARVEST", "23.0", START, Obstacle.NO_MATCH, "asks for 1 TB"),
        ),
        not_archived="condorloop-2026.db: disk I/O error",
        not_taken_up=("BeamSpot.yaml: retention: 3", START),
        strangers={KEY: ("dag001", "dag002")},
        missed_runs=(
            MissedRun(KEY.run + 1, KEY.calibration, "but l1_hlt_mode is 'x: y'", "l1hltmode"),
            MissedRun(KEY.run + 1, SPOT.calibration, "but l1_hlt_mode is 'x: y'", "l1hltmode"),
            MissedRun(KEY.run + 2, SPOT.calibration, "no stable beams", "stable_beam"),
        ),
    )
    ecal = campaign_status(
        state=CampaignState.CLOSING,
        run_start=START - 9 * 3600,
        bad_files=BAD,
        failed_nodes=("b001 RECO_0002", "b002 UPLOAD", "b003 UPLOAD"),
        failed_dags=("b004",),
        refused_uploads=("b002 UPLOAD",),
        errors={
            "b001 RECO_0002": "exit 84: no answer: x",
            "b002 UPLOAD": "exit 66: refused: too late",
            "b003 UPLOAD": "exit 253: killed",
        },
        removed={"b005": "alice@node"},
        refused={"b006": "schedd: bad attribute"},
        quarantined=("/eos/cms/d.root",),
        lacking={"b001 RECO_0003": "5-7"},
        left_out=("apJob007",),
        overlaps={"apJob008": "RAW file f1.root (LS 1-5) is in apJob003: used instead"},
        contradictions={"harvestJob000 in Ecal_hlt": "the tag lacks it: payload 8fae since 398600"},
        unconfirmed={"harvestJob001 in Ecal_prompt": START - 7200.0},
        odd_changes=("b003 went from done to active",),
        copies={"/eos/cms/f.root": "f.root and g.root have the same LS 1-5 and 7 events each"},
        last_outcome=UploadOutcome.REFUSED,
        last_answer="too late: superseded by run 398601",
        held_by="alice@node",
        held_at=START,
        restored="harvestJob001 was put back by alice@node: the last one is empty",
        unsent=(
            UnsentPayload(
                harvest="harvestJob003",
                outcome=UploadOutcome.HELD,
                answer="33 % of channels changed",
                since=START,
                held_for=HeldFor.GATE,
            ),
        ),
    )
    spot = campaign_status(
        calibration=SPOT.calibration,
        bad_files=BAD,
        last_outcome=UploadOutcome.NO_ANSWER,
        last_answer="uploadConditions.py, exit 254: no message",
        failed_nodes=("b000 UPLOAD",),
        errors={"b000 UPLOAD": "exit 1: no answer: refused: x"},
    )
    closed = campaign_status(
        run=KEY.run - 1,
        state=CampaignState.INCOMPLETE,
        reason="20 of 40 LS missing: 21-40",
        run_end=START - 3600,
        last_outcome=UploadOutcome.NO_ANSWER,
        last_answer="the service has not answered",
        uploading=True,
    )
    vetoed = campaign_status(
        run=KEY.run - 2,
        state=CampaignState.NO_PAYLOAD,
        reason="40 of 40 LS missing (1-40), all of them harvested; no payload: veto: Large",
        run_end=START - 7200,
        last_outcome=UploadOutcome.NO_PAYLOAD,
        last_answer="Large: Variations",
        no_payload=NoPayload(NoPayloadCause.VETO, "Large: Variations"),
    )
    forgotten = campaign_status(calibration="Forgotten")
    return Seen(
        report,
        (vetoed, closed, ecal, spot, forgotten),
        service(CONDITIONS, "exit 254: no answer"),
        disk="/data: 3 GB: nearly full",
        ticket="FILE:/x: no such file",
    )
