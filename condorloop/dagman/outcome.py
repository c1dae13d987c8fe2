"""How a DAG ended, from the files that DAGMan leaves.

Knows ``.metrics``, the node status file and the DAGMan job's own event log; asks no schedd.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from condorloop.rundir import read_json

_SUBMITTED = re.compile(r"^000 \((\d+)\.", re.MULTILINE)
_NODE = re.compile(r'Node = "([^"]*)";\s*NodeStatus = (\d+);')
_ERROR = 6


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of one DAGMan job: whether all nodes succeeded, and which failed."""

    success: bool
    failed_nodes: tuple[str, ...]


def how_ended(dag_file: Path, cluster: int) -> Ended | None:
    """Tell how a DAG's run as the DAGMan job `cluster` ended; None if it has left no word."""
    metrics = read_json(Path(f"{dag_file}.metrics"))
    if str(metrics.get("dagman_id")) != str(cluster):
        return None
    if metrics.get("exitcode") == 0:
        return Ended(True, ())
    return Ended(False, failed_nodes(dag_file))


def failed_nodes(dag_file: Path) -> tuple[str, ...]:
    """The nodes that failed by themselves, from the node status file; none if it is not there."""
    try:
        text = Path(f"{dag_file}.status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    return tuple(name for name, status in _NODE.findall(text) if int(status) == _ERROR)


def last_cluster(dag_file: Path) -> int | None:
    """The cluster id under which a DAG was last submitted; None if it never was."""
    try:
        text = Path(f"{dag_file}.dagman.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    clusters = _SUBMITTED.findall(text)
    return int(clusters[-1]) if clusters else None
