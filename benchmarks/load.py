"""The loop under load: 60 campaigns at once, 150 DAGMans, some thousand short jobs on one machine.

Knows what may not suffer then: the cycles' times, the files, `condor_q`, the limit of live DAGs.
The jobs do almost nothing: what is busy is HTCondor and condorloop.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from benchmarks import light
from benchmarks.frame import Ask, Goal, Result, Table
from condorloop.config.site import PoolSite
from condorloop.model.enums import CampaignState
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import run_dir
from condorloop.testbed.prefix import prefix
from condorloop.testbed.stack import Stack
from condorloop.testbed.verify import appeared, faults_of_reco, first_held
from tests.loop import Loop, up

STREAMS = {
    "EcalPedestals": "TestEnablesEcalHcal",
    "SiStripBad": "ExpressPhysics",
    "BeamSpot": "ExpressPhysics",
}
FIRST_RUN = 396500
SITE = "load"
USABLE = 2.0
"""Seconds in which a person gets an answer of `condor_q`."""

LIKE_A_NODE = {
    "NEGOTIATOR_INTERVAL": "20",
    "UPDATE_INTERVAL": "300",
    "STARTER_UPDATE_INTERVAL": "300",
    "SHADOW_QUEUE_UPDATE_INTERVAL": "300",
    "PERIODIC_EXPR_INTERVAL": "60",
    "PID_SNAPSHOT_INTERVAL": "15",
}
"""HTCondor's own intervals, in place of a testbed's."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it: runs of three campaigns, files of each stream of a run, seconds for them.

    `slots` is what the pool offers, `poll` the poll interval; a job takes `job` seconds.
    """

    runs: int
    files: int
    seconds: float
    slots: int
    poll: float
    job: float
    timeout: float


FULL = Size(runs=20, files=32, seconds=150.0, slots=200, poll=10.0, job=6.0, timeout=1500.0)
SMOKE = Size(runs=1, files=4, seconds=1.0, slots=8, poll=1.0, job=0.0, timeout=120.0)


def measure(ask: Ask) -> Result:
    """Measure on a testbed of its own."""
    size = FULL if ask.full else SMOKE
    found = prefix.ensure(lambda line: None)
    stack = Stack(ask.folder / "testbed", found, cpus=size.slots, settings=LIKE_A_NODE)
    with up(stack):
        return measure_on(stack, ask)


def measure_on(stack: Stack, ask: Ask) -> Result:
    """Measure on a testbed that is up."""
    size = FULL if ask.full else SMOKE
    loop = Loop(stack, ask.folder, SITE, _site(stack, ask, size))
    campaigns = size.runs * len(STREAMS)
    try:
        loop.play(_scenario(size))
        began = time.monotonic()
        submitter = loop.start()
        with _sampled(loop) as seen:
            loop.wait(
                lambda: loop.closed() == campaigns,
                lambda: submitter.poll() is None,
                timeout=size.timeout,
            )
        took = time.monotonic() - began
    finally:
        loop.close()
    return _result(loop, size, seen, took, ask)


def _site(stack: Stack, ask: Ask, size: Size) -> dict[str, Any]:
    little = {"request_cpus": 1, "request_memory_mb": 32}
    return {
        "poll_interval": size.poll,
        "cmssw": {"setup": str(light.install(ask.folder / "light", f"sleep {size.job:g}"))},
        "defaults": {
            "batching": {
                "max_files_per_job": 1,
                "reco_per_alca": 4,
                "batch_window": 60,
                "max_active_dags": 4,
            },
            "nodes": dict.fromkeys(("RECO", "ALCA", "HARVEST"), little),
        },
    }


def _scenario(size: Size) -> dict[str, object]:
    """Runs that OMS shows as being taken, whose files all come meanwhile."""
    every = size.seconds / size.files
    names = sorted(set(STREAMS.values()))
    return {
        "layout": {stream: {"events_per_ls": 1} for stream in names},
        "runs": [
            {
                "run": run,
                "calibrations": list(STREAMS),
                "start_offset": 0.1 * i,
                "lumisections": {"count": size.files, "every": 0.001},
                "unends_after": 0.0,
                "ends_again_after": size.seconds + 5.0,
                "files": [
                    {
                        "stream": stream,
                        "ls": ls,
                        "name": f"{run}_{ls}.root",
                        "late": every * (ls - i / size.runs),
                    }
                    for stream in names
                    for ls in range(1, size.files + 1)
                ],
            }
            for i, run in enumerate(range(FIRST_RUN, FIRST_RUN + size.runs))
        ],
    }


@dataclass
class Seen:
    """What was seen meanwhile.

    `cycles` has, by the time at which a cycle began, how long it took; `answers` how long each
    `condor_q` took, `silent` how many gave no answer, `starts` how long a command of HTCondor's
    took that asks nobody; `dags` and `jobs` how many were in the queue; `busy` how many processes
    wanted to run, by the kernel's mean of a minute.
    """

    cycles: dict[float, float] = field(default_factory=dict)
    answers: list[float] = field(default_factory=list)
    silent: int = 0
    starts: list[float] = field(default_factory=list)
    dags: list[int] = field(default_factory=list)
    jobs: list[int] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    @property
    def gaps(self) -> list[float]:
        """Seconds from the begin of each cycle to that of the next."""
        began = sorted(self.cycles)
        return [b - a for a, b in pairwise(began)]


@contextmanager
def _sampled(loop: Loop) -> Iterator[Seen]:
    """Look at the loop's status all the time, and at the queue every few seconds."""
    seen, over = Seen(), threading.Event()
    threads = [
        threading.Thread(target=_repeat, args=(over, 0.25, lambda: _note_cycle(loop, seen))),
        threading.Thread(target=_repeat, args=(over, 3.0, lambda: _ask_queue(seen))),
    ]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _repeat(over: threading.Event, every: float, what: Callable[[], None]) -> None:
    while not over.wait(every):
        what()


def _note_cycle(loop: Loop, seen: Seen) -> None:
    status: dict[str, Any] = read_json(loop.work_dir / "status.json")
    if status:
        seen.cycles[status["time"]] = status["cycle_time"]


def _ask_queue(seen: Seen) -> None:
    """Ask as a person does, by the command; and count what is in the queue."""
    for options in ([], ["-nobatch", "-af", "CondorloopKind"]):
        told, took = _timed("condor_q", *options)
        seen.answers.append(took)
        seen.silent += told.returncode != 0
    seen.starts.append(_timed("condor_version")[1])
    seen.busy.append(os.getloadavg()[0])
    kinds = told.stdout.split()
    seen.dags.append(kinds.count("undefined"))
    seen.jobs.append(len(kinds) - seen.dags[-1])


def _timed(*command: str) -> tuple[subprocess.CompletedProcess[str], float]:
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    return done, time.monotonic() - began


def _done(loop: Loop) -> tuple[int, int]:
    """How many DAGs and jobs there were, by the loop's ledger."""
    with closing(sqlite3.connect(loop.work_dir / "condorloop.db")) as ledger:
        [(dags,)] = ledger.execute("SELECT count(*) FROM dag")
        [(jobs,)] = ledger.execute("SELECT count(*) FROM job")
    return dags, jobs


def _faults(loop: Loop) -> tuple[list[str], list[float]]:
    """What was lost, and how long each file took into its first payload."""
    faults, took = [], []
    files = [f for f in appeared(loop.stack.folder / "appeared.jsonl") if f.run >= FIRST_RUN]
    for campaign in loop.campaigns():
        name, run = campaign["calibration"], campaign["run"]
        if campaign["state"] != CampaignState.COMPLETE:
            faults.append(f"{name} run{run} is {campaign['state']}: {campaign['reason']}")
        of_campaign = [f for f in files if f.run == run and f.stream == STREAMS[name]]
        runs = run_dir(loop.work_dir, name, run)
        faults += faults_of_reco(runs, of_campaign)
        held = first_held(runs, runs)
        faults += [f"{f.path} is in no payload" for f in of_campaign if f.path not in held]
        took += [held[f.path] - f.time for f in of_campaign if f.path in held]
    return faults, took


def _result(loop: Loop, size: Size, seen: Seen, took: float, ask: Ask) -> Result:
    (dags, jobs), (faults, ways) = _done(loop), _faults(loop)
    campaigns, most = size.runs * len(STREAMS), PoolSite().max_dags
    cycles, gaps = list(seen.cycles.values()), seen.gaps
    slowest, latest = max(cycles), max(gaps, default=0.0)
    goals = (
        Goal(
            f"no cycle starts later than its interval of {size.poll:g} s",
            f"{len(cycles)} cycles of {statistics.median(cycles):.1f} s, the slowest"
            f" {slowest:.1f} s; at most {latest:.1f} s from one to the next",
            slowest <= size.poll and latest <= 1.5 * size.poll if ask.full else None,
        ),
        Goal(
            "nothing is lost: each file in one RECO and in a payload, each campaign complete",
            f"{len(faults)} faults: {faults[0]}" if faults else f"{len(ways)} files, no fault",
            not faults,
        ),
        Goal(
            f"condor_q answers, within {USABLE:g} s",
            f"{len(seen.answers)} answers, {_range(seen.answers)} s; {seen.silent} without one",
            max(seen.answers) <= USABLE and not seen.silent if ask.full else None,
        ),
        Goal(
            f"the limit of live DAGs is reached and not exceeded: {most}",
            f"{max(seen.dags)} at the most",
            max(seen.dags) == most if ask.full else max(seen.dags) <= most,
        ),
    )
    rows = [
        ("campaigns, RAW files in them", f"{campaigns}, {len(ways)}"),
        ("DAGs, jobs", f"{dags}, {jobs}"),
        ("total", f"{took:.0f} s, {jobs / took:.1f} jobs a second"),
        ("DAGs live", _range(seen.dags)),
        ("jobs in the queue", _range(seen.jobs)),
        (f"load of {os.cpu_count()} cores", _range(seen.busy)),
        ("a cycle takes", f"{_range(cycles)} s"),
        ("from one cycle to the next", f"{_range(gaps)} s"),
        ("condor_q answers in", f"{_range(seen.answers)} s"),
        ("condor_version, which contacts no daemon, takes", f"{_range(seen.starts)} s"),
        ("a file appears → first payload with it", f"{_range(ways)} s"),
    ]
    table = Table("Under load (ranges: least, median, most)", ("what", "how much"), rows)
    data: dict[str, Any] = {
        "cycles": cycles,
        "gaps": gaps,
        "condor_q": seen.answers,
        "condor_version": seen.starts,
        "dags_live": seen.dags,
        "jobs_in_queue": seen.jobs,
        "machine_load": seen.busy,
        "dags": dags,
        "jobs": jobs,
        "seconds": took,
        "file_to_payload": {"median": statistics.median(ways), "most": max(ways)},
        "faults": faults,
    }
    return Result("load", goals, (table,), data)


def _range(values: Sequence[float]) -> str:
    if not values:
        return "none"
    told = (min(values), statistics.median(values), max(values))
    return ", ".join(f"{v:.2f}".rstrip("0").rstrip(".") for v in told)
