"""How a DAG ended, from the files that DAGMan leaves, or from what the history says of its job.

Knows ``.metrics``, the node status file, the DAGMan job's own event log and the attributes of a
job that is gone; asks no schedd. Files can be cut or damaged: that is no word, never an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condorloop.model.queue import OURS
from condorloop.rundir.durable import read_json

_NODE = re.compile(r'Node = "([^"]*)";\s*NodeStatus = (\d{1,3});')
_ERROR = 6

_EVENT = re.compile(
    r"^(?P<code>\d{3}) \((?P<cluster>[0-9]{1,18})\.\d+\.\d+\) (?P<text>.*?)^\.\.\.$", re.M | re.S
)
_SUBMITTED = re.compile(r"^000 \(([0-9]{1,18})\.", re.MULTILINE)
_CLUSTER = re.compile(r"[0-9]{1,18}")
_EXECUTES, _TERMINATED, _ABORTED = "001", "005", "009"
_RETURN_VALUE = re.compile(r"Normal termination \(return value (\d{1,3})\)")

_ABANDONED = re.compile(rf"{OURS}abandoned by (\S+)")
_BY_USER = re.compile(r"\(by user ([^()\s]+)\)\s*$")
_REMOVED = 3


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of one DAGMan job: whether all nodes succeeded, and which failed.

    `removed_by` is the person who took it out of the queue; empty if none did.
    """

    success: bool
    failed_nodes: tuple[str, ...]
    removed_by: str = ""


@dataclass(frozen=True, slots=True)
class HistoryEnd:
    """What the schedd's history says of a DAGMan job.

    `exit_code` and `signal` are None where there is none, as for a job that was removed;
    `removed_by` is the person who removed it, empty if that was a policy or condorloop itself.
    """

    exit_code: int | None
    signal: int | None
    removed: bool
    removed_by: str
    reason: str
    ended_at: float


def our_reason(why: str) -> str:
    """Write a reason so that what condorloop does is told from what a person does."""
    return f"{OURS}{' '.join(why.split())}"


def removed_by(reason: str) -> str:
    """Tell from a RemoveReason who removed a job; empty if it was no person.

    >>> removed_by("via condor_rm (by user alice)")
    'alice'
    >>> removed_by("condorloop: abandoned by alice@node (by user ngt)")
    'alice@node'
    >>> removed_by("The system macro SYSTEM_PERIODIC_REMOVE expression 'true' evaluated to TRUE")
    ''
    """
    if match := _ABANDONED.match(reason):
        return match[1]
    match = _BY_USER.search(reason)
    return match[1] if match and not reason.startswith(OURS) else ""


def history_end(ad: Mapping[str, Any]) -> HistoryEnd:
    """Read the ad of a job that has left the queue."""
    removed = ad.get("JobStatus") == _REMOVED
    by_signal = ad.get("ExitBySignal") is True
    code, signal = ad.get("ExitCode"), ad.get("ExitSignal")
    ended = ad.get("EnteredCurrentStatus")
    reason = str(ad.get("RemoveReason", "")) if removed else ""
    return HistoryEnd(
        exit_code=code if isinstance(code, int) and not by_signal and not removed else None,
        signal=signal if isinstance(signal, int) and by_signal else None,
        removed=removed,
        removed_by=removed_by(reason),
        reason=reason,
        ended_at=float(ended) if isinstance(ended, (int, float)) else 0.0,
    )


def how_ended(dag_file: Path, cluster: int) -> Ended | None:
    """Tell how a DAG's run as the DAGMan job `cluster` ended; None if it has left no word."""
    metrics = read_json(Path(f"{dag_file}.metrics"))
    known = str(metrics.get("dagman_id")) == str(cluster)
    ran, code, who = known, metrics.get("exitcode") if known else None, None
    for event in _EVENT.finditer(_text(f"{dag_file}.dagman.log")):
        if int(event["cluster"]) != cluster:
            continue
        if event["code"] == _EXECUTES:
            ran = True
        elif event["code"] == _TERMINATED and not known:
            match = _RETURN_VALUE.search(event["text"])
            known, code = True, int(match[1]) if match else None
        elif event["code"] == _ABORTED:
            known, who = True, removed_by(event["text"].partition("\n")[2].strip())
    if not known:
        return None
    if code == 0:
        return Ended(True, ())
    return Ended(False, failed_nodes(dag_file) if ran else (), who or "")


def failed_nodes(dag_file: Path) -> tuple[str, ...]:
    """The nodes that failed by themselves, from the node status file; none if it is not there."""
    found = _NODE.findall(_text(f"{dag_file}.status"))
    return tuple(name for name, status in found if int(status) == _ERROR)


def clusters(dag_file: Path) -> tuple[int, ...]:
    """The cluster ids under which a DAG was submitted, the first one first."""
    told = map(int, _SUBMITTED.findall(_text(f"{dag_file}.dagman.log")))
    return tuple(dict.fromkeys(told))


def last_cluster(dag_file: Path) -> int | None:
    """The cluster id under which a DAG was last submitted; None if it never was."""
    if known := clusters(dag_file):
        return known[-1]
    told = str(read_json(Path(f"{dag_file}.metrics")).get("dagman_id"))
    return int(told) if _CLUSTER.fullmatch(told) else None


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
