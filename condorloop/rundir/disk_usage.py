"""What a campaign left on the disk: which files are which, how large they are, and their removal.

Knows the names in a run directory. Links are never followed, and nothing outside the run
directory is touched; what is removed can be interrupted anywhere and begun again.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from condorloop.model.enums import Artifact
from condorloop.rundir.layout import INPUTS, MADE, MANIFEST
from condorloop.text import plural, size

_RECO_LOG = re.compile(r"run\d+_.*\.(log|py)")
_ALCARECO = re.compile(r"apJob\d+")
_HARVEST = re.compile(r"harvestJob\d+")
_DAG = re.compile(r"dag\d+")
_LOGS = frozenset({".log", ".py", ".xml"})
_JOB_STREAMS = re.compile(r".*\.(out|err)(\.old)?")
_TELLING = (
    ".dag",
    ".dag.metrics",
    ".dag.dagman.log",
    ".dag.nodes.log",
    ".dag.status",
    ".failures",
)
"""The ends of the names of what tells of a DAG, and how it ended, when the rest is gone."""


@dataclass(frozen=True, slots=True)
class Size:
    """So many files and bytes."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(self.files + other.files, self.bytes + other.bytes)

    def __str__(self) -> str:
        return f"{plural(self.files, 'file')}, {size(self.bytes)}"


def size_of(run_dir: Path, kept: Artifact, reco: Collection[str]) -> Size:
    """Say how much there is of something.

    Parameters
    ----------
    reco
        The names of the RECO files that may go.

    Raises
    ------
    OSError
        It cannot be read.
    """
    total = Size()
    for _, status in _files(run_dir, kept, reco):
        total += Size(1, status.st_size)
    return total


def remove(run_dir: Path, kept: Artifact, reco: Collection[str], most: int) -> tuple[Size, bool]:
    """Remove something, of at most so many files; tell what went, and whether that was all.

    A whole run directory is first moved aside, so that nobody takes a part of it for a campaign.

    Raises
    ------
    OSError
        It cannot be removed, or the run directory is a link.
    """
    if run_dir.is_symlink():
        raise OSError(errno.ELOOP, "it is a link, and left alone", str(run_dir))
    aside = _aside(run_dir)
    if kept is Artifact.RUNS and os.path.lexists(aside) and not _is_folder(aside):
        raise OSError(errno.EEXIST, "it is in the way", str(aside))
    if kept is Artifact.RUNS and run_dir.exists() and not _aside(run_dir).exists():
        run_dir.rename(_aside(run_dir))
    gone = Size()
    for path, status in _files(run_dir, kept, reco):
        if gone.files >= most:
            return gone, False
        path.unlink(missing_ok=True)
        gone += Size(1, status.st_size)
    for folder in _emptied(run_dir, kept):
        with suppress(OSError):  # it is not empty, or gone
            folder.rmdir()
    return gone, kept is not Artifact.RUNS or not run_dir.exists()


def _aside(run_dir: Path) -> Path:
    return run_dir.with_name(f".{run_dir.name}.removed")


def _files(
    run_dir: Path, kept: Artifact, reco: Collection[str]
) -> Iterator[tuple[Path, os.stat_result]]:
    """What is something, but for folders."""
    if kept is Artifact.RUNS:
        for folder in (_aside(run_dir), run_dir):
            yield from _all(folder)
        return
    if not _is_folder(run_dir):
        return
    for path in _PATHS[kept](run_dir, reco):
        with suppress(FileNotFoundError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                yield path, status


def _reco(run_dir: Path, reco: Collection[str]) -> Iterator[Path]:
    yield from (run_dir / name for name in sorted(reco))


def _alcareco(run_dir: Path, _: Collection[str]) -> Iterator[Path]:
    for folder in _folders(run_dir, _ALCARECO):
        yield from (path for path in _entries(folder) if path.suffix == ".root")


def _logs(run_dir: Path, _: Collection[str]) -> Iterator[Path]:
    yield from (path for path in _entries(run_dir) if _RECO_LOG.fullmatch(path.name))
    for pattern in (_ALCARECO, _HARVEST):
        for folder in _folders(run_dir, pattern):
            yield from (p for p in _entries(folder) if p.suffix in _LOGS or p.name == MADE)
    for folder in _folders(run_dir, _DAG):
        yield from (path for path in _entries(folder) if _JOB_STREAMS.fullmatch(path.name))


def _dags(run_dir: Path, _: Collection[str]) -> Iterator[Path]:
    for folder in _folders(run_dir, _DAG):
        for path, _status in _all(folder):
            if path.parent != folder or not _stays(path.name):
                yield path


def _stays(name: str) -> bool:
    """Whether a file of a DAG's directory tells of it, or is a log."""
    tells = name in (MANIFEST, INPUTS) or name.endswith(_TELLING)
    return tells or bool(_JOB_STREAMS.fullmatch(name))


_PATHS = {
    Artifact.RECO: _reco,
    Artifact.ALCARECO: _alcareco,
    Artifact.LOGS: _logs,
    Artifact.DAGS: _dags,
}


def _emptied(run_dir: Path, kept: Artifact) -> Iterator[Path]:
    """The folders that can go when the files in them are gone, the inner ones first."""
    if kept is Artifact.RUNS:
        yield from _below(_aside(run_dir))
        yield _aside(run_dir)
    elif kept is Artifact.DAGS and _is_folder(run_dir):
        for folder in _folders(run_dir, _DAG):
            yield from _below(folder)


def _below(folder: Path) -> Iterator[Path]:
    for path in _entries(folder):
        if _is_folder(path):
            yield from _below(path)
            yield path


def _all(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """All that is below a folder, but for folders; a link is itself."""
    for path in _entries(folder):
        try:
            status = path.lstat()
        except FileNotFoundError:  # of a campaign at work
            continue
        if stat.S_ISDIR(status.st_mode):
            yield from _all(path)
        else:
            yield path, status


def _folders(run_dir: Path, pattern: re.Pattern[str]) -> Iterable[Path]:
    named = (path for path in _entries(run_dir) if pattern.fullmatch(path.name))
    return [path for path in named if _is_folder(path)]


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, sorted; nothing if it is no folder, or a link to one."""
    try:
        return sorted(folder.iterdir()) if _is_folder(folder) else []
    except FileNotFoundError:
        return []


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return False
