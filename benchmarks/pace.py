"""How long a RAW file takes into the database at the true pace of data taking, and if any is lost.

Knows the input on which the three loops of 2025 were measured, and what they took; plays it on the
testbed, with the settings that a calibration node has by default.
"""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.frame import Ask, Goal, Result, Table
from condorloop.config.tuning import Batching, Closing, Harvesting, Rescues
from condorloop.testbed.prefix import prefix
from condorloop.testbed.stack import Stack
from condorloop.testbed.verify import Verdict, appeared
from tests.loop import Loop, up

CALIBRATION = "EcalPedestals"
STREAM = "TestEnablesEcalHcal"
RUN = 396300
LUMISECTIONS = 60
LS_PER_FILE = 5
LS_SECONDS = 23.3
JOB_SECONDS = 2.0
"""What each cmsRun takes beside its own work."""

OLD_MEDIAN, OLD_LEAST, OLD_MOST = 677.0, 410.0, 908.0
"""Seconds that the three loops took, from a file's appearance to the first payload with it."""
FASTER = 20


def measure(ask: Ask) -> Result:
    """Measure on a testbed of its own."""
    with up(Stack(ask.folder / "testbed", prefix.ensure(lambda line: None), cpus=8)) as stack:
        return measure_on(stack, ask)


def measure_on(stack: Stack, ask: Ask) -> Result:
    """Measure on a testbed that is up; at full scale a run takes its true 23 minutes."""
    every = LS_SECONDS if ask.full else 0.1
    poll = 10.0 if ask.full else 0.5
    sections = (Batching(), Harvesting(), Closing(), Rescues())
    names = ("batching", "harvesting", "closing", "rescues")
    defaults = {name: s.model_dump() for name, s in zip(names, sections, strict=True)}
    loop = Loop(stack, ask.folder, "pace", {"poll_interval": poll, "defaults": defaults})
    try:
        play = loop.play(_scenario(every))
        submitter = loop.start()
        loop.wait(
            lambda: _is_over(loop),
            lambda: submitter.poll() is None,
            timeout=LUMISECTIONS * every + 300.0,
        )
    finally:
        loop.close()
    verdict = play.assay(CALIBRATION, RUN)
    files = [f for f in appeared(stack.folder / "appeared.jsonl") if f.run == RUN]
    return _result(verdict, [str(f.lumis) for f in files], poll, ask)


def _scenario(every: float) -> dict[str, object]:
    run = {
        "run": RUN,
        "calibrations": [CALIBRATION],
        "lumisections": {"count": LUMISECTIONS, "every": every},
        "end_after": every / 10,
    }
    sleep = {
        "target": "cmsrun",
        "mode": "hang",
        "seconds": JOB_SECONDS,
        "calibration": CALIBRATION,
        "times": "unlimited",
    }
    return {"layout": {STREAM: {"ls_per_file": LS_PER_FILE}}, "runs": [run], "faults": [sleep]}


def _is_over(loop: Loop) -> bool:
    lumis = loop.campaign(CALIBRATION, RUN).get("lumis", {})
    return bool(lumis.get("in_payload") == f"1-{LUMISECTIONS}")


def _result(verdict: Verdict, files: list[str], poll: float, ask: Ask) -> Result:
    took = verdict.latencies
    median = statistics.median(took)
    wanted = OLD_MEDIAN / FASTER
    lost = len(files) - len(took)
    goals = (
        Goal(
            f"file appears → payload with it: median at least {FASTER} times faster than the"
            f" loops of 2025 on the same input ({OLD_MEDIAN:.0f} s), that is {wanted:.1f} s",
            f"{median:.1f} s ({min(took):.1f} to {max(took):.1f} s):"
            f" {OLD_MEDIAN / median:.0f} times faster",
            median <= wanted if ask.full else None,
        ),
        Goal(
            "no file is lost (the loops lost the last one in 29 % of runs), no constant is wrong",
            "; ".join(verdict.faults) or f"{lost} of {len(files)} lost, all constants right",
            not verdict.faults and not lost,
        ),
    )
    rows = [(ls, f"{seconds:.1f}") for ls, seconds in zip(files, took, strict=False)]
    table = Table(
        f"Each RAW file of a run of {LUMISECTIONS} LS at {LS_SECONDS if ask.full else 'no'} s:"
        f" {verdict.uploads} payloads were uploaded",
        ("LS", "file appears → first payload with it (s)"),
        [
            *rows,
            ("median", f"{median:.1f}"),
            ("loops of 2025", f"{OLD_MEDIAN:.0f} ({OLD_LEAST:.0f} to {OLD_MOST:.0f})"),
        ],
    )
    data: dict[str, Any] = {
        "poll_interval": poll,
        "seconds": list(took),
        "median": median,
        "faster": OLD_MEDIAN / median,
        "uploads": verdict.uploads,
        "faults": list(verdict.faults),
    }
    return Result("pace", goals, (table,), data)
