"""The failed attempts of a DAG's nodes: a file a node, a JSON line an attempt.

Knows that file and DAGMan's way of telling how a job ended; knows nothing of what jobs print.
"""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PRE_FAILED = -1004
"""What DAGMan puts in the place of the exit code of a job whose PRE script failed."""

FROM_DAGMAN: Mapping[int, str] = {
    -1001: "the job could not be submitted",
    -1002: "the job was removed",
    -1003: "DAGMan could not follow the job's events",
    PRE_FAILED: "the job did not run: its PRE script failed",
}
"""What DAGMan puts in the place of a job's exit code (src/condor_dagman/dag.h)."""

_LONGEST_LINE = 1 << 16


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt of a node that failed.

    Attributes
    ----------
    exit_code
        The job's, as a shell sees it, or one of `FROM_DAGMAN`; 0 if only its output was wrong.
    words
        Why, in a line.
    blames
        The inputs that caused it, as the manifest names them; an ALCARECO by its directory.
    time
        When the job's output came back, or its PRE script failed. It tells attempts apart.
    """

    exit_code: int
    words: str
    blames: tuple[str, ...]
    time: float


def shell_code(returned: int) -> int:
    """Give a job's end, as DAGMan tells it, as a shell would.

    >>> shell_code(84), shell_code(-9), shell_code(-1002)
    (84, 137, -1002)
    """
    return 128 - returned if -64 <= returned < 0 else returned


def words_of(returned: int) -> str:
    """Say how a job ended, where nothing else tells.

    >>> words_of(-9), words_of(-1002), words_of(3)
    ('killed by SIGKILL', 'the job was removed', 'exit 3')
    """
    if returned in FROM_DAGMAN:
        return FROM_DAGMAN[returned]
    if -64 <= returned < 0:
        try:
            return f"killed by {signal.Signals(-returned).name}"
        except ValueError:
            return f"killed by signal {-returned}"
    return f"exit {returned}"


def file_of(dag_dir: Path, node: str) -> Path:
    """Where the failed attempts of a node are told."""
    return dag_dir / f"{node}.failures"


def add(dag_dir: Path, node: str, attempt: Attempt) -> None:
    """Tell of an attempt, in one write; one that was told already is not told again."""
    told = read(dag_dir, node)
    if any((a.exit_code, a.time) == (attempt.exit_code, attempt.time) for a in told):
        return
    path = file_of(dag_dir, node)
    with path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        cut = file.read(1) not in (b"", b"\n")
        file.write(b"\n" * cut + json.dumps(asdict(attempt)).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(dag_dir: Path, node: str) -> tuple[Attempt, ...]:
    """Read the attempts of a node that failed, the first one first; what is damaged is skipped."""
    attempts = []
    try:
        with file_of(dag_dir, node).open("rb") as file:
            for line in file:
                if len(line) <= _LONGEST_LINE and (attempt := _attempt(line)):
                    attempts.append(attempt)
    except OSError:
        pass
    return tuple(attempts)


def _attempt(line: bytes) -> Attempt | None:
    try:
        data: dict[str, Any] = json.loads(line)
        exit_code, words, blames, time = (data[x] for x in Attempt.__slots__)
        if not (isinstance(words, str) and isinstance(blames, list) and math.isfinite(time)):
            return None
        return Attempt(int(exit_code), words, tuple(map(str, blames)), float(time))
    except (LookupError, TypeError, ValueError, OverflowError, RecursionError):
        return None
