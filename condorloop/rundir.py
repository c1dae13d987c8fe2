"""The run directory: what its files are called, and the witnesses that mark output as whole.

Knows names and the JSON of witnesses; knows nothing of the ledger, the pool or CMSSW. It is
used on the access point by the submitter and by the DAG's own scripts, so it imports little.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from condorloop.model.lumis import EMPTY, Lumis

MANIFEST = "manifest.json"
RUN_START = "runStart.log"
RUN_END = "runEnd.log"
INPUTS = "inputs.txt"
LEFT_OUT = "left_out.txt"
HARVEST_RECORD = "harvest.json"
UPLOAD_RECORD = "upload.json"
UPLOAD_LOCK = "upload.lock"
ASK_AGAIN = "ask_again"
"""Beside an upload's record: a person wants the service to be asked again."""
PAYLOAD_DB = "promptCalibConditions.db"
JOB_REPORT = "FrameworkJobReport.xml"
MADE = "made.txt"
"""In what a job leaves: its files, as it says itself; others are an earlier attempt's."""

LAST_LS = (1 << 32) - 1
"""The highest number that CMS's data formats have room for."""

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


def iso_time(seconds: float) -> str:
    """A time as `runStart.log` and `runEnd.log` hold it.

    >>> iso_time(1790000000.0)
    '2026-09-21T14:13:20+00:00'
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat()


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
        data = read_json(path)
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


def read_lumis(text: object) -> Lumis:
    """Read LS from a value in one of our JSON files.

    Raises
    ------
    ValueError
        It is not a list of lumisections.
    """
    lumis = Lumis.parse(text) if isinstance(text, str) else None
    if lumis is None or lumis.last > LAST_LS:
        raise ValueError(f"not a list of lumisections: {str(text)[:40]!r}")
    return lumis


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; an empty one when the file is not there or holds anything else."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON object, whole or not at all."""
    write_whole(path, json_text(data))


def json_text(data: Mapping[str, Any]) -> str:
    """Write a JSON object for people and programs: a line for each member, and for each of theirs.

    The encoder of `json` that indents is ten times slower.

    >>> print(json_text({"run": 1, "files": [{"path": "a", "size": 1}, {"path": "b", "size": 2}]}))
    {
     "run": 1,
     "files": [
      {"path": "a", "size": 1},
      {"path": "b", "size": 2}
     ]
    }
    <BLANKLINE>
    """
    members = [f"{_key(name)}: {_of_members(value)}" for name, value in data.items()]
    return _lines("{", members, "}", " ") + "\n"


def _of_members(value: object) -> str:
    if isinstance(value, dict):
        return _lines("{", [f"{_key(k)}: {json.dumps(v)}" for k, v in value.items()], "}", "  ")
    if isinstance(value, (list, tuple)):
        return _lines("[", [json.dumps(v) for v in value], "]", "  ")
    return json.dumps(value)


def _key(name: object) -> str:
    return json.dumps(str(name))


def _lines(begin: str, members: list[str], end: str, indent: str) -> str:
    if not members:
        return begin + end
    separator = f",\n{indent}"
    return f"{begin}\n{indent}{separator.join(members)}\n{indent[1:]}{end}"


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text file of these lines, whole or not at all."""
    write_whole(path, "".join(f"{line}\n" for line in lines))


def write_whole(path: Path, text: str, mode: int | None = None) -> None:
    """Write a text file under a temporary name, and rename it when it is on the disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_to_disk(temporary, text, mode)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def outputs(runs: Path, name: str) -> list[Path]:
    """The files that the RECO node of an output has left in the run directory: witness and all."""
    return sorted(p for p in runs.glob(f"{glob.escape(name)}*") if p.is_file())


def set_aside(folder: Path, into: Path) -> None:
    """Move a folder out of the way, under a name that is free; nothing is done if it is not there.

    Raises
    ------
    OSError
        It cannot be moved.
    """
    if not folder.is_dir():
        return
    if not into.is_dir():
        into.mkdir()
    number = 0
    while (free := into / f"{folder.name}.failed{number}").exists():
        number += 1
    folder.replace(free)


def sync_files(paths: Iterable[Path]) -> None:
    """Have files on the disk before anything says that they are whole; power may fail at any time.

    Raises
    ------
    OSError
        One is not there, or the disk does not take it.
    """
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())


def write_to_disk(path: Path, text: str, mode: int | None = None) -> None:
    """Write a text file that is on the disk when this returns; half of it is there before."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if mode is not None:
        path.chmod(mode)


def let_group_write(paths: Iterable[Path]) -> None:
    """Let the group write what HTCondor has made with modes of its own; links are left alone."""
    for path in paths:
        with suppress(FileNotFoundError, PermissionError):
            mode = path.lstat().st_mode & 0o777
            wanted = mode | (0o070 if path.is_dir() else 0o060)
            if mode != wanted and not path.is_symlink():
                path.chmod(wanted)


def remove_unfinished(path: Path) -> None:
    """Remove what writers of a file have left that were killed; no one else may be writing it."""
    for temporary in path.parent.glob(f".{glob.escape(path.name)}.*"):
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Bring a rename to the disk, where the file system knows how."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
