"""The jobs of a DAG, from the event log that HTCondor writes for its nodes.

Knows the text of job events (HTCondor's manual, "Job Event Log Codes"); asks no schedd. A log can
be cut or damaged anywhere: what cannot be read is left out, never an error.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from condorloop.model import JobRecord

_EVENT = re.compile(
    r"^(?P<code>\d{3}) \((?P<cluster>\d{1,18})\.(?P<proc>\d{1,9})\.\d+\) "
    r"(?P<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?) "
    r"(?P<text>.*?)^\.\.\.$",
    re.M | re.S,
)
_NODE = re.compile(r'DAGNodeName = "([^"]*)"|DAG Node: (\S+)')
_SLOT = re.compile(r"SlotName: \S*?@?([^@\s]+)$", re.M)
_ADDRESS = re.compile(r"[?&]alias=([^&>\s]+)")
_NORMAL = re.compile(r"Normal termination \(return value (\d{1,10})\)")
_SIGNAL = re.compile(r"Abnormal termination \(signal (\d{1,3})\)")
_CPU = re.compile(
    r"Usr (\d+) (\d\d):(\d\d):(\d\d), Sys (\d+) (\d\d):(\d\d):(\d\d)\s+-\s+Total Remote Usage"
)
_MEMORY = re.compile(r"^\s*Memory \(MB\)\s*:(?P<used>.{0,9})(?P<asked>.{0,10})", re.M)
_LONGEST_REASON = 400


def nodes_log(dag_file: Path) -> Path:
    """Where the events of a DAG's jobs are."""
    return dag_file.with_name(f"{dag_file.name}.nodes.log")


def jobs_of(dag_file: Path) -> tuple[JobRecord, ...]:
    """Read the jobs of a DAG's nodes, in the order of their submission; none if there is no log."""
    try:
        log = nodes_log(dag_file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    return parse(log)


def parse(log: str) -> tuple[JobRecord, ...]:
    """Read the jobs that an event log tells of; an event of no node is left out."""
    jobs: dict[str, JobRecord] = {}
    for event in _EVENT.finditer(log):
        job_id = f"{int(event['cluster'])}.{int(event['proc'])}"
        time = _seconds(event["time"])
        if time is None:
            continue
        if event["code"] == "000":
            node = _NODE.search(event["text"])
            if node:
                jobs[job_id] = JobRecord(node[1] or node[2], job_id, time)
        elif job_id in jobs:
            jobs[job_id] = _after(jobs[job_id], event["code"], time, event["text"])
    return tuple(jobs.values())


def _after(job: JobRecord, code: str, time: float, text: str) -> JobRecord:
    """What is known of a job after one more event."""
    match code:
        case "001":
            return replace(
                job,
                host=_host(text),
                started_at=time,
                ended_at=None,
                exit_code=None,
                starts=job.starts + 1,
            )
        case "005":
            return _terminated(job, time, text)
        case "009":
            return replace(job, ended_at=time, removed=True, hold_reason=None)
        case "012":
            reason = " ".join(text.partition("\n")[2].split())[:_LONGEST_REASON]
            return replace(job, holds=job.holds + 1, hold_reason=reason or "no reason given")
        case "013":
            return replace(job, hold_reason=None, started_at=None)
        case "004" | "007" | "024":
            return replace(job, started_at=None)
    return job


def _terminated(job: JobRecord, time: float, text: str) -> JobRecord:
    code, by_signal = _NORMAL.search(text), _SIGNAL.search(text)
    cpu, memory = _CPU.search(text), _MEMORY.search(text)
    return replace(
        job,
        ended_at=time,
        exit_code=int(code[1]) if code else -int(by_signal[1]) if by_signal else None,
        cpu_time=_cpu_seconds(cpu) if cpu else None,
        memory_used=_whole(memory["used"]) if memory else None,
        memory_asked=_whole(memory["asked"]) if memory else None,
    )


def _cpu_seconds(match: re.Match[str]) -> float:
    numbers = [int(n) for n in match.groups()]
    sizes = (86400, 3600, 60, 1) * 2
    return float(sum(n * size for n, size in zip(numbers, sizes, strict=True)))


def _whole(text: str) -> int | None:
    number = text.strip()
    return int(number) if number.isdecimal() else None


def _host(text: str) -> str:
    found = _SLOT.search(text) or _ADDRESS.search(text)
    return found[1] if found else ""


def _seconds(text: str) -> float | None:
    """A time of the log, which is local time unless it names its zone."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
