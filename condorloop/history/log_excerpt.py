"""The end of the log of a node that failed, or of DAGMan's where no node did.

Knows where a DAG's directory has the logs of jobs; knows nothing of why they failed.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from condorloop.history.finding import Finding, Sign
from condorloop.node.job_output.diagnosis import relevant
from condorloop.text import plain

LINES = 12
"""How many lines are shown."""

_LONGEST = 300
_ATTEMPT = re.compile(r"\.failed(\d+)$")


def with_log(finding: Finding, directory: Path) -> Finding:
    """Add the end of the log to a finding about a node or a DAG, if the directory has one."""
    node = finding.node
    for path in _logs(directory, node) if node else _dagman_logs(finding, directory):
        if lines := _end_of(path):
            return replace(finding, log=str(path), log_end=lines)
    return finding


def _dagman_logs(finding: Finding, directory: Path) -> Iterator[Path]:
    """What DAGMan itself has said of a DAG that failed."""
    if finding.sign is Sign.FAILED:
        yield from sorted(directory.glob("*.dagman.out"))
        yield from sorted(directory.glob("*.lib.err"))


def _logs(directory: Path, node: str) -> Iterator[Path]:
    """The logs of a node, the one that tells most first: cmsRun's of the last failed attempt."""
    aside = [path for path in directory.glob(f"{node}.failed*") if _ATTEMPT.search(path.name)]
    newest = sorted(aside, key=lambda path: int(path.name.rpartition("failed")[2]), reverse=True)
    for folder in (*newest[:1], directory / node):
        yield from sorted(folder.glob("*.log"), key=lambda path: path.name.startswith("std"))
    yield directory / f"{node}.err"
    yield directory / f"{node}.out"


def _end_of(path: Path) -> tuple[str, ...]:
    kept: deque[str] = deque(maxlen=LINES)
    with suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.strip() and relevant([line]):
                kept.append(plain(line.rstrip("\n")[:_LONGEST]))
    return tuple(kept)
