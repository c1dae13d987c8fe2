"""The run directory: what its files are called, and the witnesses that mark output as whole.

Knows names and the JSON of witnesses; knows nothing of the ledger, the pool or CMSSW. It is
used on the access point by the submitter and by the DAG's own scripts, so it imports little.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condorloop.lumis import Lumis

MANIFEST = "manifest.json"
INPUTS = "inputs.txt"
LEFT_OUT = "left_out.txt"
HARVEST_RECORD = "harvest.json"
UPLOAD_RECORD = "upload.json"
UPLOAD_LOCK = "upload.lock"
PAYLOAD_DB = "promptCalibConditions.db"
JOB_REPORT = "FrameworkJobReport.xml"

PERMANENT = 66
"""What a node's POST script exits with when trying again is of no use; RETRY's UNLESS-EXIT."""


def run_dir(work_dir: Path, calibration: str, run: int) -> Path:
    """Where everything of a campaign is."""
    return work_dir / calibration / f"run{run}"


def dag_dir(run_dir: Path, number: int) -> Path:
    """The directory of a DAG."""
    return run_dir / f"dag{number:03d}"


def dag_file(run_dir: Path, number: int) -> Path:
    """The DAG description of a DAG."""
    return dag_dir(run_dir, number) / f"{run_dir.name}_dag{number:03d}.dag"


def alcareco_name(job: int) -> str:
    """The directory of an ALCARECO: what an ALCA node made."""
    return f"apJob{job:03d}"


def alcareco_job(name: str) -> int:
    """The number of an ALCARECO from the name of its directory."""
    return int(name.removeprefix("apJob"))


def harvest_name(dag: int) -> str:
    """The directory of what the HARVEST node of a DAG made."""
    return f"harvestJob{dag:03d}"


def reco_name(run: int, lumis: Lumis, batch: int, node: int, affix: str) -> str:
    """The name, without its ending, of what a RECO node makes.

    Two RECO nodes can cover the same LS, so batch and node are part of it.
    """
    return f"run{run}_LS{lumis.first:04d}To{lumis.last:04d}_b{batch:03d}_{node:04d}{affix}"


@dataclass(frozen=True, slots=True)
class Witness:
    """What marks the output of a node as whole, and tells what is in it.

    `dag_id` is the `CondorloopId` of the DAG; `files` are the inputs by name, `lumis` and `events`
    those that the job report says it read.
    """

    node: str
    dag_id: str
    lumis: Lumis
    events: int
    files: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        data = {
            "node": self.node,
            "dag_id": self.dag_id,
            "lumis": str(self.lumis),
            "events": self.events,
            "files": self.files,
        }
        write_whole(path, json.dumps(data, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Witness | None:
        """Read it; None when it is not there or not a witness."""
        data = read_json(path)
        try:
            return cls(
                node=str(data["node"]),
                dag_id=str(data["dag_id"]),
                lumis=Lumis.parse(data["lumis"]),
                events=int(data["events"]),
                files=tuple(map(str, data["files"])),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return None


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; an empty one when the file is not there or holds anything else."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON object, whole or not at all."""
    write_whole(path, json.dumps(data, indent=1) + "\n")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text file of these lines, whole or not at all."""
    write_whole(path, "".join(f"{line}\n" for line in lines))


def write_whole(path: Path, text: str) -> None:
    """Write a text file under a temporary name, and rename it when it is on the disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
