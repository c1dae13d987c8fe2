"""The failed attempts of a DAG's nodes: a file a node, a JSON line an attempt."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from condorloop.rundir.records.record import Members, RecordError

_LONGEST_LINE = 1 << 16


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt of a node that failed.

    Attributes
    ----------
    exit_code
        The job's, as a shell sees it, or one of `job_end.FROM_DAGMAN`; 0 if only its output was
        wrong.
    words
        Why, in a line.
    blames
        The inputs that caused it, as the manifest names them; an ALCARECO by its directory.
    time
        When the job's output came back, or its PRE script failed. It tells attempts apart.
    calibrations
        Those of a shared stream whose part of the process caused it, as far as that is told.
    """

    exit_code: int
    words: str
    blames: tuple[str, ...]
    time: float
    calibrations: tuple[str, ...] = ()

    @classmethod
    def from_line(cls, line: bytes, file: Path) -> Self:
        """Take it from a line of a file.

        Raises
        ------
        RecordError
            The line is damaged.
        """
        if len(line) > _LONGEST_LINE:
            raise RecordError(file, "", line, f"a line of at most {_LONGEST_LINE} bytes")
        members = Members.of_text(line, file)
        return cls(
            members.number("exit_code"),
            members.text("words"),
            members.texts("blames"),
            members.seconds("time"),
            members.texts("calibrations") if "calibrations" in members else (),
        )

    def to_line(self) -> bytes:
        """Give its line."""
        told: dict[str, Any] = {
            "exit_code": self.exit_code,
            "words": self.words,
            "blames": self.blames,
            "time": self.time,
        }
        if self.calibrations:
            told["calibrations"] = self.calibrations
        return json.dumps(told).encode() + b"\n"


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
        file.write(b"\n" * cut + attempt.to_line())
        file.flush()
        os.fsync(file.fileno())


def read(dag_dir: Path, node: str) -> tuple[Attempt, ...]:
    """Read the attempts of a node that failed, the first one first; what is damaged is skipped."""
    attempts = []
    path = file_of(dag_dir, node)
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    attempts.append(Attempt.from_line(line, path))
                except RecordError:
                    continue
    except OSError:
        pass
    return tuple(attempts)
