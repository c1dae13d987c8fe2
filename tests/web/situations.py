"""States of the loop for the page to show: a quiet shift, a bad night."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from condorloop.model.enums import CampaignState, NodeKind, UploadOutcome
from condorloop.model.latency import LatencyPoint
from condorloop.model.lumi_fates import LumiState
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.model.problem import Problem, ProblemKind, by_urgency
from condorloop.model.service import Service
from condorloop.model.status import (
    CampaignStatus,
    Decision,
    LumiSets,
    ReconstructionStatus,
    Status,
)

HOUR = 3600.0


def services(now: float) -> tuple[Service, ...]:
    """Services that have just answered."""
    names = ("OMS", "storage", "schedd", "probing", "conditions", "ledger")
    return tuple(Service(name, now - 2 * n - 1) for n, name in enumerate(names))


def campaign(
    now: float,
    fates: dict[LumiState, str],
    *,
    run: int = 398600,
    age: float = HOUR,
    **changes: Any,
) -> CampaignStatus:
    """A campaign whose lumisections have these fates."""
    sets = {state: Lumis.parse(text) for state, text in fates.items()}
    known = Lumis.union(sets.values())
    last = known.last
    unseen = (LumiState.AWAITED, LumiState.MISSING, LumiState.BAD_FILE)
    seen = Lumis.union(s for state, s in sets.items() if state not in unseen)
    in_payload = sets.get(LumiState.IN_PAYLOAD, EMPTY)
    usual = CampaignStatus(
        calibration="EcalPedestals",
        run=run,
        fill=11_021,
        state=CampaignState.ACTIVE,
        reason="",
        state_since=now - age,
        latched_at=now - age + 30,
        run_start=now - age,
        run_end=None,
        window_ends=now - age + 8 * HOUR,
        last_ls=last,
        lumis=LumiSets(seen, in_payload, in_payload, Lumis.span(1, last) - in_payload),
        fates=sets,
        files={"good": len(seen)},
        bad_files={},
        dags={"active": 1, "done": 3},
        jobs={"running": 6, "idle": 2},
        uploads=3 if in_payload else 0,
        last_upload_at=now - 95 if in_payload else None,
        last_outcome=UploadOutcome.UPLOADED if in_payload else None,
    )
    return replace(usual, **changes)


def closed(now: float, last: int, *, run: int, age: float, **changes: Any) -> CampaignStatus:
    """A campaign that is complete."""
    over = {
        "state": CampaignState.COMPLETE,
        "reason": "every lumisection is in the payload",
        "run_end": now - age + last * 23.31,
        "dags": {"done": 9},
        "jobs": {},
        "uploads": 7,
        "last_upload_at": now - age + last * 23.31 + 140,
    }
    return campaign(now, {LumiState.IN_PAYLOAD: f"1-{last}"}, run=run, age=age, **over | changes)


def latencies(now: float) -> tuple[LatencyPoint, ...]:
    """Three days of runs; an outage held up two of them."""
    points = []
    for n in range(24):
        for calibration, usual in (
            ("BeamSpot", 70.0),
            ("EcalPedestals", 110.0),
            ("SiStripBad", 190.0),
        ):
            median = usual * (1 + 0.3 * ((n * 7) % 5) / 5) * (9 if n in (11, 12) else 1)
            start = now - 72 * HOUR + 3 * HOUR * n
            points.append(
                LatencyPoint(
                    calibration=calibration,
                    run=398500 + n,
                    run_start=start,
                    uploaded_at=start + 2.5 * HOUR,
                    lumis=300,
                    median=median,
                    worst=3.5 * median,
                    total=300 * 1.2 * median,
                    counts=(),
                    after_start=2.5 * HOUR,
                    after_end=2 * median,
                )
            )
    return tuple(points)


def quiet() -> Status:
    """A run is taken, one is done, all is well."""
    now = time.time()
    work = {
        LumiState.IN_PAYLOAD: "1-120",
        LumiState.IN_WORK: "121-150",
        LumiState.AWAITED: "151-154",
    }
    names = ("BeamSpot", "EcalPedestals", "SiStripBad")
    return Status(
        site="calibration-node",
        time=now,
        pid=4242,
        poll_interval=10.0,
        cycle_time=0.42,
        services=services(now),
        campaigns=(
            *(campaign(now, work, calibration=name) for name in names),
            *(closed(now, 412, run=398588, age=4 * HOUR, calibration=name) for name in names),
        ),
        decisions=tuple(
            Decision(
                now - 30 * n, "info", f"EcalPedestals run398600: DAG {n} submitted: 40 files wait"
            )
            for n in range(20, 0, -1)
        ),
        latencies=latencies(now),
    )


def bad_files(run: int, count: int) -> tuple[Problem, ...]:
    """So many files of a run that cannot be read."""
    names = (f"ls{n:04d}.root" for n in range(count))
    return tuple(
        Problem(ProblemKind.BAD_FILE, f"run {run}: bad file {n}: broken", run=run) for n in names
    )


def many_problems() -> Status:
    """A bad night in which files of many runs are bad, too: 40 problems, most of them those."""
    night = bad_night()
    others = [p for p in night.problems if p.kind is not ProblemKind.BAD_FILE]
    bad = [p for run in range(398600, 398606) for p in bad_files(run, 6)]
    return replace(night, problems=by_urgency([*bad, *others, bad_files(398610, 1)[0]]))


def bad_night() -> Status:
    """A long run with all that can go wrong."""
    now = time.time()
    at_oms = Service("OMS", now - 1260, "connection refused", now - 1250)
    fates = {
        LumiState.IN_PAYLOAD: "1-977,979-1500,1521-2100",
        LumiState.HARVESTED: "2101-2240",
        LumiState.IN_WORK: "2241-2590,2600-2700",
        LumiState.GOOD: "2701-2790",
        LumiState.FAILED: "1501-1520",
        LumiState.BAD_FILE: "978,2591-2599",
        LumiState.AWAITED: "2791-3000",
    }
    strips = fates | {
        LumiState.FAILED: "1501-1502",
        LumiState.IN_PAYLOAD: "1-977,979-1500,1503-2100",
    }
    lost = {
        LumiState.IN_PAYLOAD: "1-100,141-300",
        LumiState.MISSING: "101-140",
        LumiState.BAD_FILE: "301-304",
    }
    name = "run398600_ls0978_streamALCALumiPixelsCountsExpress_StorageManager.root"
    problems = (
        Problem(
            ProblemKind.SERVICE,
            "OMS does not answer: connection refused",
            "condorloop doctor",
            since=now - 1250,
        ),
        Problem(
            ProblemKind.HELD,
            "EcalPedestals run398600: b003 RECO_0001 (job 812.0) is held: memory exceeded",
            "condorloop analyze 398600 -c EcalPedestals --node b003/RECO_0001",
            "EcalPedestals",
            398600,
            now - 400,
        ),
        Problem(
            ProblemKind.BAD_FILE,
            f"run 398600: bad file {name}: edmFileUtil: file is truncated",
            f"condorloop find {name}",
            run=398600,
        ),
        Problem(
            ProblemKind.UPLOAD,
            "SiStripBad run398588: upload refused: SiStripBad_v1 is closed before 398590",
            "condorloop show 398588 -c SiStripBad",
            "SiStripBad",
            398588,
        ),
    )
    return replace(
        quiet(),
        services=(at_oms, *services(now)[1:]),
        problems=problems,
        campaigns=(
            campaign(
                now,
                fates,
                age=5.4 * HOUR,
                dags={"active": 4, "done": 22, "failed": 1},
                jobs={"running": 12, "idle": 40, "held": 1},
                files={"good": 2960, "new": 12, "bad": 2},
            ),
            campaign(now, strips, age=5.4 * HOUR, calibration="SiStripBad", held_by="anna"),
            closed(now, 412, run=398588, age=7.6 * HOUR),
            campaign(
                now,
                lost,
                run=398588,
                age=7.6 * HOUR,
                calibration="SiStripBad",
                state=CampaignState.INCOMPLETE,
                reason="44 of 304 LS are missing, more than 4 %",
                run_end=now - 6 * HOUR,
                last_outcome=UploadOutcome.REFUSED,
                dags={"done": 9},
                jobs={},
            ),
        ),
    )


def sharing() -> Status:
    """Three calibrations of a stream; one was switched on during the run."""
    now = time.time()
    fates = {
        LumiState.IN_PAYLOAD: "1-80",
        LumiState.IN_WORK: "81-130",
        LumiState.FAILED: "131-140",
        LumiState.AWAITED: "141-154",
    }
    late = fates | {LumiState.IN_PAYLOAD: "41-80", LumiState.NOT_MADE: "1-40"}
    of_stream: dict[str, Any] = {"stream": "Express", "dags": {}, "jobs": {}}
    ends = of_stream | {"dags": {"done": 1}}
    stream = ReconstructionStatus(
        stream="Express",
        run=398600,
        calibrations=("BeamSpot", "EcalPedestals", "SiStripBad"),
        last_ls=154,
        seen=Lumis.span(1, 140),
        made=Lumis.span(1, 80),
        files={"good": 140, "new": 2},
        dags={"active": 1, "done": 3, "failed": 1},
        nodes={
            NodeKind.RECO: {"done": 16, "failed": 2, "waiting": 10},
            NodeKind.ALCA: {"done": 4, "waiting": 3},
        },
        jobs={"running": 6, "idle": 4},
    )
    names = stream.calibrations
    failed = Problem.of_stream(
        ProblemKind.FAILED,
        "Express",
        398600,
        names,
        "b003 RECO_0001 failed: exit 84: FileReadError: broken basket",
        "condorloop analyze 398600 -c BeamSpot --node b003/RECO_0001",
        dag="b003",
        node="RECO_0001",
    )
    alone = replace(quiet().campaigns[-1], calibration="OwnStream", stream="OwnStream")
    return replace(
        quiet(),
        problems=(failed,),
        campaigns=(
            campaign(now, fates, calibration=names[0], **ends),
            campaign(now, fates, calibration=names[1], **of_stream),
            campaign(now, late, calibration=names[2], **of_stream),
            alone,
        ),
        reconstructions=(stream,),
    )
