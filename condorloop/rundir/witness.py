"""Witnesses: the files that mark a node's output as whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condorloop.model.lumis import EMPTY, Lumis
from condorloop.rundir.durable import load_json, read_json, read_lumis, write_whole


@dataclass(frozen=True, slots=True)
class Witness:
    """What marks the output of a node as whole, and tells what is in it.

    `dag_id` is the `CondorloopId` of the DAG; `files` are the inputs by name, `lumis` and `events`
    those that the job report says it read, `lacking` LS that the inputs had and it does not tell.
    """

    node: str
    dag_id: str
    lumis: Lumis
    events: int
    files: tuple[str, ...]
    lacking: Lumis = EMPTY

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        data: dict[str, Any] = {
            "node": self.node,
            "dag_id": self.dag_id,
            "lumis": str(self.lumis),
            "events": self.events,
            "files": self.files,
        }
        if self.lacking:
            data["lacking"] = str(self.lacking)
        write_whole(path, json.dumps(data, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Witness | None:
        """Read it; None when it is not there or not a witness."""
        return cls._of(read_json(path))

    @classmethod
    def load(cls, path: Path) -> Witness | None:
        """Read it as `read` does, but do not take a disk that fails for a witness that is gone.

        Raises
        ------
        OSError
            The machine does not give it.
        """
        return cls._of(load_json(path))

    @classmethod
    def _of(cls, data: Mapping[str, Any]) -> Witness | None:
        try:
            return cls(
                node=str(data["node"]),
                dag_id=str(data["dag_id"]),
                lumis=read_lumis(data["lumis"]),
                events=int(data["events"]),
                files=tuple(map(str, data["files"])),
                lacking=read_lumis(data.get("lacking", "")),
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
