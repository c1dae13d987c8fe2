"""When what happened to the nodes of a DAG, by the logs of HTCondor's daemons.

Knows the lines of the logs of DAGMan, shadow and starter; the logs must have fractions of a second
(`FRACTIONS`). What a log does not tell, or tells in whole seconds, is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from condorloop.dagman.logs.job_events import nodes_log, parse

FRACTIONS = {
    "DEFAULT_USERLOG_FORMAT_OPTIONS": "ISO_DATE SUB_SECOND",
    "DAGMAN_DEBUG": "D_SUB_SECOND",
    "SHADOW_DEBUG": "D_SUB_SECOND",
    "STARTER_DEBUG": "D_SUB_SECOND",
}
"""Settings with which a pool's logs have fractions of a second."""

STEPS = (
    "process ends",
    "its output is back, and the event log has its end",
    "DAGMan reads that",
    "POST script ends",
    "DAGMan reads that, too",
    "DAGMan submits the next node",
    "it is matched, and its shadow starts",
    "its starter has the input files",
    "its process starts",
)
"""From the end of a job's process to the start of that of the next node, in this order."""

WAITS = (STEPS[2], STEPS[4], STEPS[5])
"""In which nothing is done: DAGMan's next look is waited for."""

MATCH = STEPS[6]

Times = Mapping[str, float]
"""When which of the `STEPS` was reached: seconds of the epoch."""

_STAMP = r"^(\d\d/\d\d/\d\d \d\d:\d\d:\d\d\.\d+) "
_READ = re.compile(_STAMP + r"Event: ULOG_(\w+) for HTCondor Node \S+ \((\d+)\.", re.M)
_SHADOW = re.compile(
    _STAMP + r"(?:\(\?\.\?\) \(\d+\): )?Initializing a VANILLA shadow for job (\d+)\.0$", re.M
)
_STARTER = re.compile(
    _STAMP + r"(?:\*\* condor_starter .* (?P<begin>STARTING UP)$"
    r"|(?P<input>File transfer completed)"
    r"|Starting a VANILLA universe job with ID: (?P<job>\d+)\.0$"
    r"|(?P<start>Create_Process succeeded)"
    r"|(?P<end>Process exited))",
    re.M,
)
_JUDGED = re.compile(r"^016 \(0*(\d+)\.\d+\.\d+\) (\S+ \S+\.\d+) ", re.M)


def between(dag_file: Path, logs: Path, chain: tuple[str, ...]) -> list[Times]:
    """Read when each step from a node to the next was reached.

    Parameters
    ----------
    logs
        Where the pool's daemons have their logs.
    chain
        Nodes, each the only parent of the next.
    """
    events = nodes_log(dag_file).read_text()
    jobs = {job.node: job for job in parse(events)}
    looked = {(m[2], m[3]): _seconds(m[1]) for m in _READ.finditer(_dagman_out(dag_file))}
    judged = {m[1]: datetime.fromisoformat(m[2]).timestamp() for m in _JUDGED.finditer(events)}
    shadows = {m[2]: _seconds(m[1]) for m in _SHADOW.finditer(_text(logs, "ShadowLog"))}
    starters = dict(_starters(_text(logs, "StarterLog.slot*")))
    found: list[Times] = []
    for before, after in pairwise(jobs[name] for name in chain):
        ended, begun = _cluster(before.job_id), _cluster(after.job_id)
        times = (
            starters.get(ended, {}).get("end"),
            before.ended_at,
            looked.get(("JOB_TERMINATED", ended)),
            judged.get(ended),
            looked.get(("POST_SCRIPT_TERMINATED", ended)),
            after.submitted_at,
            shadows.get(begun),
            starters.get(begun, {}).get("input"),
            starters.get(begun, {}).get("start"),
        )
        told = zip(STEPS, times, strict=True)
        found.append({step: time for step, time in told if time is not None})
    return found


def durations(times: Times) -> dict[str, float]:
    """How long each step took until it was reached."""
    return {b: times[b] - times[a] for a, b in pairwise(times)}


def whole(times: Times) -> float:
    """Seconds from the end of a process to the start of the next."""
    return times[STEPS[-1]] - times[STEPS[0]]


def _starters(text: str) -> Iterator[tuple[str, dict[str, float]]]:
    """When the job of each starter had its input, its process, and its process' end."""
    times: dict[str, float] = {}
    for found in _STARTER.finditer(text):
        kind = found.lastgroup or ""
        if kind == "begin":
            times = {}
        elif kind == "job":
            yield found["job"], times
        else:
            times.setdefault(kind, _seconds(found[1]))


def _dagman_out(dag_file: Path) -> str:
    return dag_file.with_name(f"{dag_file.name}.dagman.out").read_text()


def _text(logs: Path, pattern: str) -> str:
    return "".join(file.read_text(errors="replace") for file in sorted(logs.glob(pattern)))


def _cluster(job_id: str) -> str:
    return job_id.partition(".")[0]


def _seconds(stamp: str) -> float:
    return datetime.strptime(stamp, "%m/%d/%y %H:%M:%S.%f").timestamp()
