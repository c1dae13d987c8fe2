"""What the manager adds to a batch: the loop against its very own DAG, submitted by hand.

Knows the loop's testbed and what a DAG leaves in its directory. The jobs do almost nothing; they
are the same on both sides, and so is all that HTCondor does.
"""

from __future__ import annotations

import shutil
import sqlite3
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import light
from benchmarks.frame import Ask, Goal, Result, Table
from condorloop.dagman.logs.job_events import jobs_of
from condorloop.model.enums import NodeKind, UploadOutcome
from condorloop.rundir.layout import MANIFEST, UPLOAD_RECORD, dag_dir, dag_file, harvest_name
from condorloop.rundir.records.manifest import Manifest
from condorloop.rundir.records.upload import UploadResult
from condorloop.testbed.prefix import prefix
from condorloop.testbed.stack import Stack
from condorloop.testbed.verify import appeared
from tests.loop import Loop, up

CALIBRATION = "EcalPedestals"
STREAM = "TestEnablesEcalHcal"
FILES = 10
"""Of one batch, all of which appear at the same moment; one a RECO."""
RECO_PER_ALCA = 5
PAIRS = 5
POLL = 1.0
MOST = 1.15
"""How many times as long as by hand it may take, and one poll interval."""
FIRST_RUN = 396100
SPACING = 45.0
"""Seconds from one run to the next; the DAG by hand has what the loop leaves of them."""
SITE = "overhead"

START = "file appears, or condor_submit_dag is called"
Times = Mapping[str, float]
"""When what was over, in the order in which it happens, from `START` on: seconds of the epoch."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One run, as the loop did it, and its DAG as submitted by hand."""

    run: int
    loop: Times
    hand: Times


def measure(ask: Ask) -> Result:
    """Measure on a testbed of its own."""
    with up(Stack(ask.folder / "testbed", prefix.ensure(lambda line: None), cpus=16)) as stack:
        return measure_on(stack, ask)


def measure_on(stack: Stack, ask: Ask) -> Result:
    """Measure on a testbed that is up: loop and hand, one after the other, run by run."""
    site = {
        "poll_interval": POLL,
        "cmssw": {"setup": str(light.install(ask.folder / "light"))},
        "defaults": {"batching": {"max_files_per_job": 1, "reco_per_alca": RECO_PER_ALCA}},
    }
    loop = Loop(stack, ask.folder, SITE, site)
    pairs = []
    try:
        runs = range(FIRST_RUN, FIRST_RUN + (PAIRS if ask.full else 1))
        loop.play(scenario(runs, FILES))
        submitter = loop.start()
        for run in runs:
            folder = loop.work_dir / CALIBRATION / f"run{run}"
            loop.wait(partial(is_uploaded, folder), lambda: submitter.poll() is None)
            by_hand, called = _submit_by_hand(loop, run)
            loop.wait(partial(is_uploaded, by_hand))
            hand = {START: called, **_of_dag(by_hand)}
            pairs.append(Pair(run, _by_the_loop(loop, run, folder), hand))
    finally:
        loop.close()
    return _result(pairs, ask)


def scenario(runs: Sequence[int], files: int) -> dict[str, object]:
    """Runs one after another, each long enough to be latched before its files appear at once."""
    return {
        "layout": {STREAM: {"events_per_ls": 1}},
        "runs": [
            {
                "run": run,
                "calibrations": [CALIBRATION],
                "start_offset": SPACING * i,
                "lumisections": [
                    {"ls": ls, "after": 0.0 if ls > 1 else 5.0} for ls in range(1, files + 1)
                ],
                "files": [
                    {"stream": STREAM, "ls": ls, "name": f"{run}_{ls}.root"}
                    for ls in range(1, files + 1)
                ],
                "end_after": SPACING / 2,
            }
            for i, run in enumerate(runs)
        ],
    }


def is_uploaded(folder: Path) -> bool:
    """Tell whether the first payload of a run directory is in the database."""
    result = UploadResult.find(folder / harvest_name(0) / UPLOAD_RECORD)
    return result is not None and result.outcome is UploadOutcome.UPLOADED


def _submit_by_hand(loop: Loop, run: int) -> tuple[Path, float]:
    """Submit the DAG that the loop has written for a run once more, in a folder of its own.

    Gives its run directory, and when condor_submit_dag was called.
    """
    file = copy_dag(loop, run, "by-hand")
    called = time.time()
    loop.tool("condor_submit_dag", file.name, cwd=file.parent)
    return file.parent.parent, called


def copy_dag(loop: Loop, run: int, site: str) -> Path:
    """Copy the DAG that the loop has written for a run, as one of another site; give its file."""
    written = dag_dir(loop.work_dir / CALIBRATION / f"run{run}", 0)
    work_dir = loop.folder / site
    copy = dag_dir(work_dir / CALIBRATION / f"run{run}", 0)
    copy.mkdir(parents=True)
    as_written = ("*.sh", "*.dag", "dagman.config", MANIFEST)
    for file in (f for pattern in as_written for f in written.glob(pattern)):
        shutil.copy(file, copy)
        text = file.read_text().replace(str(loop.work_dir), str(work_dir))
        (copy / file.name).write_text(text.replace(f'"{SITE}"', f'"{site}"'))
    return dag_file(copy.parent, 0)


def _by_the_loop(loop: Loop, run: int, folder: Path) -> Times:
    record = loop.stack.folder / "appeared.jsonl"
    files = [f for f in appeared(record) if f.run == run]
    read = Manifest.read(dag_dir(folder, 0) / MANIFEST).files
    if len(read) != FILES:
        raise RuntimeError(f"run {run}: the first batch has {len(read)} of {FILES} files")
    query = """
        SELECT max(seen_at), max(probed_at), planned_at, submitted_at FROM dag
        JOIN reconstruction ON reconstruction.id = dag.reconstruction_id
        JOIN reconstruction_file AS held ON held.dag_id = dag.id
        JOIN raw_file ON raw_file.id = file_id
        WHERE reconstruction.run = ? AND dag.number = 0"""
    with closing(sqlite3.connect(loop.work_dir / "condorloop.db")) as ledger:
        seen, probed, planned, submitted = ledger.execute(query, (run,)).fetchone()
    return {
        START: max(f.time for f in files),
        "the cycle that lists it begins": seen,
        "the last of its files is probed": probed,
        "the cycle that plans its DAG begins": planned,
        "the cycle that submits it begins": submitted,
        **_of_dag(folder),
    }


def _of_dag(folder: Path) -> Times:
    """When the nodes of the first DAG of a run directory were where, by the pool's event log."""
    jobs = jobs_of(dag_file(folder, 0))
    times: dict[str, float] = {}
    for kind in NodeKind:
        of_kind = [job for job in jobs if job.node.startswith(kind)]
        times[f"the last {kind} job is submitted"] = max(j.submitted_at for j in of_kind)
        times[f"the last {kind} job starts"] = max(j.started_at or 0.0 for j in of_kind)
        if kind is not NodeKind.UPLOAD:
            times[f"the last {kind} job is over"] = max(j.ended_at or 0.0 for j in of_kind)
    uploaded = UploadResult.read(folder / harvest_name(0) / UPLOAD_RECORD).time
    return times | {"the payload is in the database": uploaded}


def _whole(times: Times) -> float:
    return list(times.values())[-1] - times[START]


def _steps(times: Times) -> dict[str, float]:
    """How long each step took until it was over."""
    return {b: times[b] - times[a] for a, b in pairwise(times)}


def _result(pairs: Sequence[Pair], ask: Ask) -> Result:
    loop = [_whole(p.loop) for p in pairs]
    hand = [_whole(p.hand) for p in pairs]
    in_the_loop, by_hand = statistics.median(loop), statistics.median(hand)
    allowed = MOST * by_hand + POLL
    goal = Goal(
        f"from file to payload at most {MOST} times as long as by hand, and one poll ({POLL:g} s)",
        f"{in_the_loop:.1f} s against {by_hand:.1f} s, where {allowed:.1f} s are allowed",
        in_the_loop <= allowed if ask.full else None,
    )
    medians = [
        {name: statistics.median(s[name] for s in map(_steps, of)) for name in _steps(of[0])}
        for of in ([p.loop for p in pairs], [p.hand for p in pairs])
    ]
    rows = [(name, *(_told(m.get(name)) for m in medians)) for name in medians[0]]
    rows.append(("total", f"{in_the_loop:.2f}", f"{by_hand:.2f}"))
    table = Table(
        f"One batch of {FILES} RECO, {FILES // RECO_PER_ALCA} ALCA, HARVEST and UPLOAD:"
        f" where the time goes (seconds, medians of {len(pairs)})",
        ("until", "condorloop", "by hand"),
        rows,
    )
    data: dict[str, Any] = {"poll_interval": POLL, "loop": loop, "by_hand": hand}
    data["steps"] = [{"loop": _steps(p.loop), "by_hand": _steps(p.hand)} for p in pairs]
    return Result("overhead", (goal,), (table,), data)


def _told(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f}"
