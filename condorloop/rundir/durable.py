"""Files that are whole or not there: JSON and lines, written through to the disk.

Knows no name of the run directory.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; an empty one when the file cannot be read or holds anything else."""
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
