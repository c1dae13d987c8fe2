"""The jobs of a DAG, from the event log that HTCondor writes for its nodes.

Knows the text of job events (HTCondor's manual, "Job Event Log Codes"); asks no schedd. A log can
be cut or damaged anywhere: what cannot be read is left out, never an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from condorloop.model.jobs import JobRecord

END = "\n...\n"
"""What an event ends with."""

_HEAD = re.compile(
    r"^(\d{3}) \((\d{1,18})\.(\d{1,9})\.\d+\) "
    r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?) ",
    re.M,
)
_UNTOLD = ("006 (", "040 (")
"""The most frequent events that nothing is read from: sizes, and transfers of files."""

_ENDS = ("005", "009")
"""A job has terminated, or was removed: its POST script follows."""

_NODE = re.compile(r'DAG(?:NodeName = "([^"]*)"| Node: (\S+))')
_SLOT = re.compile(r"SlotName: \S*?@?([^@\s]+)$", re.M)
_ADDRESS = re.compile(r"[?&]alias=([^&>\s]+)")
_NORMAL = re.compile(r"Normal termination \(return value (\d{1,10})\)")
_SIGNAL = re.compile(r"Abnormal termination \(signal (\d{1,3})\)")
_CPU = re.compile(
    r"Usr (\d+) (\d\d):(\d\d):(\d\d), Sys (\d+) (\d\d):(\d\d):(\d\d)\s+-\s+Total Remote Usage"
)
_MEMORY = re.compile(r"Memory \(MB\)\s*:(?P<used>.{0,9})(?P<asked>.{0,10})")
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
    told = EventSummary()
    told.read(log)
    return told.jobs


class EventSummary:
    """What the events that were read have told; more can be read.

    `succeeded` are the nodes whose POST script has ended well, so that their output is whole, in
    the order in which they did. `unjudged` are the nodes whose job has ended and whose POST script
    has not, with the time of the job's end.
    """

    def __init__(self) -> None:
        self.succeeded: list[str] = []
        self.unjudged: dict[str, float] = {}
        self._jobs: dict[str, dict[str, Any]] = {}
        self._judged: set[str] = set()

    @property
    def jobs(self) -> tuple[JobRecord, ...]:
        """The jobs, in the order of their submission."""
        return tuple([JobRecord(**job) for job in self._jobs.values()])

    def read(self, log: str) -> None:
        """Read what comes next in the log; an event without its end is left out."""
        for event in log.split(END)[:-1]:
            if event.startswith(_UNTOLD):
                continue
            if head := _HEAD.search(event):
                code, cluster, proc, when = head.groups()
                time = _seconds(when)
                if time is not None:
                    self._take(code, _job_id(cluster, proc), time, event[head.end() :])

    def _take(self, code: str, job_id: str, time: float, text: str) -> None:
        if code == "000":
            if node := _NODE.search(text):
                told = {"node": node[1] or node[2], "job_id": job_id, "submitted_at": time}
                self._jobs[job_id] = told | {"starts": 0, "holds": 0}
        elif code == "016":
            self._judge(job_id, text)
        elif job := self._jobs.get(job_id):
            job |= _changes(job, code, time, text)
            if code in _ENDS and job_id not in self._judged:
                self.unjudged.setdefault(job["node"], time)

    def _judge(self, job_id: str, text: str) -> None:
        """Take the end of a POST script; what its job does after that does not count."""
        self._judged.add(job_id)
        node, returned = _NODE.search(text), _NORMAL.search(text)
        if node is None:
            return
        name = node[1] or node[2]
        self.unjudged.pop(name, None)
        if returned and returned[1] == "0":
            self.succeeded.append(name)


def _changes(job: Mapping[str, Any], code: str, time: float, text: str) -> Mapping[str, Any]:
    """What one more event changes in what is known of a job."""
    match code:
        case "001":
            started = {"host": _host(text), "started_at": time, "starts": job["starts"] + 1}
            return started | {"ended_at": None, "exit_code": None}
        case "005":
            return _terminated(time, text)
        case "009":
            return {"ended_at": time, "removed": True, "hold_reason": None}
        case "012":
            reason = " ".join(text.partition("\n")[2].split())[:_LONGEST_REASON]
            return {"holds": job["holds"] + 1, "hold_reason": reason or "no reason given"}
        case "013":
            return {"hold_reason": None, "started_at": None}
        case "004" | "007" | "024":
            return {"started_at": None}
    return {}


def _terminated(time: float, text: str) -> Mapping[str, Any]:
    code = _NORMAL.search(text)
    by_signal = None if code else _SIGNAL.search(text)
    cpu, memory = _CPU.search(text), _MEMORY.search(text)
    return {
        "ended_at": time,
        "exit_code": int(code[1]) if code else -int(by_signal[1]) if by_signal else None,
        "cpu_time": _cpu_seconds(cpu) if cpu else None,
        "memory_used": _whole(memory["used"]) if memory else None,
        "memory_asked": _whole(memory["asked"]) if memory else None,
    }


def _cpu_seconds(match: re.Match[str]) -> float:
    days, hours, minutes, seconds, *of_system = map(int, match.groups())
    d, h, m, s = of_system
    return 86400.0 * (days + d) + 3600 * (hours + h) + 60 * (minutes + m) + seconds + s


def _whole(text: str) -> int | None:
    number = text.strip()
    return int(number) if number.isdecimal() else None


def _host(text: str) -> str:
    found = _SLOT.search(text) or _ADDRESS.search(text)
    return found[1] if found else ""


@lru_cache
def _job_id(cluster: str, proc: str) -> str:
    return f"{int(cluster)}.{int(proc)}"


@lru_cache
def _seconds(text: str) -> float | None:
    """A time of the log, which is local time unless it names its zone."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
