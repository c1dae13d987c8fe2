"""What HTCondor's own processes take: memory of a job and of a DAG, and how fast jobs start.

Knows a pool of its own and jobs that sleep or do nothing; knows nothing of condorloop. Memory is
counted as proportional share: what processes have in common is divided among them.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.frame import Ask, Result, Table
from condorloop.testbed import daemons
from condorloop.testbed.htcondor.pool import Pool
from condorloop.testbed.prefix import prefix as prefixes
from condorloop.testbed.stack import Stack

PATIENCE = 240.0

MEASURED = "Measured =?= true"
"""The jobs that are ours."""

NEVER = "requirements = false"

SLEEPS = """
My.Measured = true
executable = /bin/sleep
arguments = 600
transfer_executable = false
should_transfer_files = YES
request_cpus = 1
request_memory = 16M
request_disk = 1M
"""


def share_mb(processes: Iterable[daemons.Process]) -> float:
    """Sum the proportional share of memory of processes, in MB."""
    return sum(_share_kb(p.pid) for p in processes) / 1024


def _share_kb(pid: int) -> int:
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB$", told, re.MULTILINE)
    return int(found[1]) if found else 0


class _Queue:
    """The queue of a pool, by HTCondor's bindings, which read where it is when imported."""

    def __init__(self) -> None:
        import htcondor2

        self._htcondor = htcondor2
        self._schedd = htcondor2.Schedd()

    def submit(self, description: str, count: int = 1) -> int:
        submit = self._htcondor.Submit(description)
        return int(self._schedd.submit(submit, count=count).cluster())

    def submit_dag(self, file: Path) -> int:
        dag = self._htcondor.Submit.from_dag(str(file), {"UseDagDir": True})
        dag["My.Measured"] = "true"
        return int(self._schedd.submit(dag).cluster())

    def count(self, constraint: str = "true") -> int:
        return len(self._schedd.query(f"{MEASURED} && {constraint}", ["ClusterId"]))

    def clear(self) -> None:
        self._schedd.act(self._htcondor.JobAction.Remove, MEASURED, ("measured", 0))
        _wait(lambda: not self.count())


def measure(ask: Ask) -> Result:
    """Measure on a pool of its own."""
    slots = _running(ask)
    pool = Pool(ask.folder / "pool", prefixes.ensure(), slots, slots * 128)
    os.environ.update(pool.environment())
    try:
        pool.start()
        return _measure_on(pool, ask)
    finally:
        pool.stop()


def measure_on(stack: Stack, ask: Ask) -> Result:
    """Measure on a testbed that is up."""
    return _measure_on(stack.pool, ask)


def _running(ask: Ask) -> int:
    return 100 if ask.full else 3


def _measure_on(pool: Pool, ask: Ask) -> Result:
    """Fill a pool with jobs that sleep, run short ones, let others wait, and write DAGs of them."""
    running = _running(ask)
    short, idle = (400, 1000) if ask.full else (6, 5)
    dags: Sequence[int] = (14, 100, 1000) if ask.full else (3,)
    queue = _Queue()
    numbers = {
        # first, before the schedd has memory to spare
        "idle": idle,
        "schedd_kb_per_idle_job": _of_idle(pool, queue, idle),
        "running": running,
        **_of_running(pool, queue, running),
        "short": short,
        "short_rate": _rate_of_short(queue, short),
        "dagman_mb": {n: _of_dag(pool, queue, ask.folder / f"dag{n}", n) for n in dags},
    }
    return Result("processes", goals=[], tables=[_table(numbers)], data=numbers)


def _of_running(pool: Pool, queue: _Queue, count: int) -> dict[str, float]:
    began = time.monotonic()
    queue.submit(SLEEPS, count)
    _wait(lambda: queue.count("JobStatus == 2") == count)
    took = time.monotonic() - began
    told = {f"{name}_mb": share_mb(pool.processes(name)) / count for name in ("shadow", "starter")}
    queue.clear()
    return {"start_rate": count / took, **told}


def _rate_of_short(queue: _Queue, count: int) -> float:
    began = time.monotonic()
    queue.submit(SLEEPS.replace("600", "0"), count)
    _wait(lambda: not queue.count())
    return count / (time.monotonic() - began)


def _of_idle(pool: Pool, queue: _Queue, count: int) -> float:
    """Memory that the schedd takes for an idle job in a cluster of its own, in kB."""
    before = share_mb([pool.process("schedd")])
    for _ in range(count):
        queue.submit(SLEEPS + NEVER)
    told = (share_mb([pool.process("schedd")]) - before) * 1024 / count
    queue.clear()
    return told


def _of_dag(pool: Pool, queue: _Queue, folder: Path, nodes: int) -> float:
    """Memory of a DAGMan all of whose nodes are in the queue, in MB."""
    folder.mkdir()
    file = folder / "nodes.dag"
    jobs = (f'JOB N{i} SLEEPS\nVARS N{i} filein="/eos/cms/{i:060d}.root"\n' for i in range(nodes))
    file.write_text(f"SUBMIT-DESCRIPTION SLEEPS {{{SLEEPS}{NEVER}\n}}\n{''.join(jobs)}")
    cluster = queue.submit_dag(file)
    _wait(lambda: queue.count("JobUniverse == 5") == nodes)
    told = share_mb(pool.processes("dagman", cluster))
    queue.clear()
    return told


def _table(numbers: dict[str, Any]) -> Table:
    rows = [
        ("shadow of a running job, on the access point", f"{numbers['shadow_mb']:.1f} MB"),
        ("starter of a running job, where it runs", f"{numbers['starter_mb']:.1f} MB"),
        ("idle job, in the schedd", f"{numbers['schedd_kb_per_idle_job']:.0f} kB"),
        *(
            (f"DAGMan of {nodes} nodes", f"{taken:.1f} MB")
            for nodes, taken in numbers["dagman_mb"].items()
        ),
        (f"starts of {numbers['running']} jobs at once", f"{numbers['start_rate']:.1f} a second"),
        (
            f"{numbers['short']} jobs that do nothing, from submission to their end",
            f"{numbers['short_rate']:.1f} a second",
        ),
    ]
    return Table("Cost of HTCondor", ("what", "cost"), rows)


def _wait(condition: Callable[[], bool]) -> None:
    if not daemons.wait_until(condition, PATIENCE):
        raise TimeoutError(f"the pool does not do it within {PATIENCE:g} s")
