"""How long it takes to read how a DAG of 10 000 nodes stands, from the files that DAGMan writes.

Knows what the tracker reads of a DAG; beside it, what HTCondor brings for the same question.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import classad2
import htcondor2

from benchmarks import dagman_files, timing
from benchmarks.frame import Ask, Goal, Result, Table
from condorloop.dagman.logs.dag_outcome import Ended, failed_nodes, how_ended
from condorloop.dagman.logs.job_events import nodes_log
from condorloop.dagman.logs.nodes_log import NodesLog
from condorloop.testbed.daemons import wait_until
from condorloop.testbed.htcondor.pool import Pool
from condorloop.testbed.prefix import prefix
from condorloop.testbed.stack import Stack

NODES = 10_000
NEW = 100
LIMIT = 0.3

_DAG = """\
CONFIG {folder}/dagman.config
SUBMIT-DESCRIPTION it {{
    executable = /bin/true
    hold = true
}}
"""
_CONFIG = "DAGMAN_AVOID_SLASH_TMP = False\nDAGMAN_QUEUE_UPDATE_INTERVAL = 1\n"


class Files:
    """DAGMan's files of a DAG of which so many nodes have run."""

    def __init__(self, folder: Path, nodes: int) -> None:
        self.dag_file = folder / "it.dag"
        self.nodes = nodes
        dagman_files.write_events(self.dag_file, 0, nodes)
        dagman_files.write_end(self.dag_file, nodes)

    def grow(self, nodes: int) -> None:
        """Let more nodes run."""
        dagman_files.write_events(self.dag_file, self.nodes, self.nodes + nodes)
        self.nodes += nodes


def read_whole(dag_file: Path) -> tuple[int, Ended | None]:
    """Read all that the tracker reads of a DAG: its jobs and their times, and how it ended."""
    log = NodesLog(dag_file)
    log.read_on()
    failed_nodes(dag_file)
    return len(log.jobs), how_ended(dag_file, dagman_files.CLUSTER)


def with_job_event_log(dag_file: Path) -> int:
    """Read the events of the jobs by HTCondor's bindings, and nothing from them."""
    log = htcondor2.JobEventLog(str(nodes_log(dag_file)))
    return sum(1 for _ in log.events(stop_after=0))


def with_classads(dag_file: Path) -> int:
    """Read the node status file as the ClassAds that it is."""
    text = Path(f"{dag_file}.status").read_text(encoding="utf-8")
    return sum(1 for _ in classad2.parseAds(text))


def increments(files: Files, times: int) -> tuple[float, float]:
    """Say how long a look takes when nothing is new, and when so many nodes have run."""
    log = NodesLog(files.dag_file)
    log.read_on()
    nothing = timing.side_by_side({"it": log.read_on}, times)["it"]
    took = []
    for _ in range(times):
        files.grow(NEW)
        began = time.perf_counter()
        log.read_on()
        took.append(time.perf_counter() - began)
    assert len(log.jobs) == files.nodes
    return nothing, sorted(took)[len(took) // 2]


@contextmanager
def dag_status(pool: Pool, folder: Path, nodes: int) -> Iterator[Callable[[], str]]:
    """Give what runs `htcondor dag status` of a DAG of so many nodes, whose first job is held."""
    cluster = _submit(pool, folder, nodes)
    # HTCondor's script is Python, and needs the package that is beside the bindings.
    script = shutil.which("htcondor", path=pool.environment()["PATH"])
    command = (sys.executable, str(script), "dag", "status", cluster)
    try:
        assert wait_until(lambda: f"contains {nodes + 1} node" in _run(pool, *command), 60.0)
        yield lambda: _run(pool, *command)
    finally:
        _run(pool, "condor_rm", cluster)


def _submit(pool: Pool, folder: Path, nodes: int) -> str:
    names = [dagman_files.node_name(number) for number in range(nodes)]
    lines = [f"JOB {name} it\n" for name in ("FIRST", *names)]
    folder.mkdir()
    (folder / "dagman.config").write_text(_CONFIG)
    dag = folder / "it.dag"
    text = f"{_DAG.format(folder=folder)}{''.join(lines)}PARENT FIRST CHILD {' '.join(names)}\n"
    dag.write_text(text)
    said = _run(pool, "condor_submit_dag", "-usedagdir", str(dag))
    submitted = re.search(r"submitted to cluster (\d+)", said)
    assert submitted, said
    return submitted[1]


def _run(pool: Pool, *command: str) -> str:
    done = subprocess.run(
        command, env=pool.environment(), capture_output=True, text=True, check=False, timeout=60.0
    )
    return done.stdout + done.stderr


def measure(ask: Ask) -> Result:
    """Measure with a pool of its own."""
    pool = Pool(ask.folder / "pool", prefix.ensure(), cpus=1)
    pool.start()
    try:
        return _measured(pool, ask)
    finally:
        pool.stop()


def measure_on(stack: Stack, ask: Ask) -> Result:
    """Measure with the pool of a testbed that is up."""
    return _measured(stack.pool, ask)


def _measured(pool: Pool, ask: Ask) -> Result:
    """Read a DAG's files whole and by increments; ask HTCondor's tools the same."""
    nodes, times = (NODES, 9) if ask.full else (100, 1)
    files = Files(ask.folder, nodes)
    assert read_whole(files.dag_file) == (nodes, Ended(True, ()))
    with dag_status(pool, ask.folder / "queue", nodes) as status:
        took = timing.side_by_side(
            {
                "condorloop": lambda: read_whole(files.dag_file),
                "JobEventLog": lambda: with_job_event_log(files.dag_file),
                "classad2": lambda: with_classads(files.dag_file),
                "htcondor dag status": status,
            },
            times,
        )
    nothing, new = increments(files, times)
    whole = took["condorloop"]
    return Result(
        "reading",
        goals=[
            Goal(
                f"states and times of {nodes} nodes are read in less than {LIMIT} s",
                timing.told(whole),
                whole < LIMIT if ask.full else None,
            ),
            Goal(
                "faster than htcondor2.JobEventLog, the only tool that gives the same",
                f"{took['JobEventLog'] / whole:.1f} times",
                whole < took["JobEventLog"] if ask.full else None,
            ),
            Goal(
                f"afterwards, {NEW} more nodes cost at most twice their share of the time",
                f"{new / whole:.1%} of the time for {NEW / nodes:.0%} of the nodes",
                new / whole <= 2 * NEW / nodes if ask.full else None,
            ),
        ],
        tables=[
            Table(
                f"{nodes} nodes",
                ("what", "what it gives", "took"),
                [
                    (
                        "condorloop, whole",
                        "jobs, hosts, times; failed nodes; how it ended",
                        *_of(whole),
                    ),
                    (f"condorloop, {NEW} more nodes", "the same", *_of(new)),
                    ("condorloop, nothing new", "that there is nothing", *_of(nothing)),
                    ("htcondor2.JobEventLog", "the same events, unread", *_of(took["JobEventLog"])),
                    ("classad2.parseAds", "nodes' states", *_of(took["classad2"])),
                    ("htcondor dag status", "counts", *_of(took["htcondor dag status"])),
                ],
            )
        ],
        data={"nodes": nodes, "seconds": {**took, "new": new, "nothing": nothing}},
    )


def _of(seconds: float) -> tuple[str]:
    return (timing.told(seconds),)
