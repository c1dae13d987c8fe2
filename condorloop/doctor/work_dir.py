"""The doctor on the work_dir: room, rights, and whether its file system does what files need.

Knows what submitter, DAGMan and node scripts do with files, and does the same in a folder of its
own there, which it removes.
"""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

from condorloop.config.loader import Config
from condorloop.config.shipped_files import shipped
from condorloop.doctor.checks import Check, Examination, fine, not_checked, stops, warning
from condorloop.rundir.durable import write_whole
from condorloop.rundir.layout import LEDGER
from condorloop.rundir.work_dir import how_to_close, objections, too_open
from condorloop.runtime import subprocesses
from condorloop.runtime.disk_space import DiskSpace, Room, disk
from condorloop.runtime.lock import LOCK
from condorloop.runtime.ownership import Reader, account_name, foreign_group, group_name
from condorloop.text import one_line

SUBJECT = "work_dir"

NETWORK_DISKS = frozenset({"9p", "afs", "ceph", "cifs", "fuse.eosxd", "fuse.sshfs", "nfs", "nfs4"})
"""Kinds of file systems on which the ledger's write-ahead log and DAGMan's logs are at risk."""

_MOST = 5
"""So many paths of wrong owners or modes are named."""

_TIMEOUT = 20.0
"""Seconds for a script or a lock on the disk."""

_TRY_LOCKS = """
import fcntl, sys
for take in (fcntl.flock, fcntl.lockf):
    with open(sys.argv[1], "r+") as file:
        try:
            take(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        sys.exit(f"{take.__name__}: a second process gets a lock that a first one holds")
"""

_MAKE_SCRIPT = """printf '#!/bin/bash\\nexit 0\\n' >"$1" && chmod 775 "$1" """

_LETS_SLASH_TMP = re.compile(r"^\s*DAGMAN_AVOID_SLASH_TMP\s*=\s*False\s*$", re.I | re.MULTILINE)


def examinations(config: Config) -> list[Examination]:
    """Say what to look at."""
    work_dir = config.site.work_dir
    names = (*config.calibrations, *config.shared_streams)
    path = shlex.quote(str(work_dir))
    remedy = f"ls -ld {path}; df -hT {path}"
    return [
        Examination(SUBJECT, name, partial(_or_stops, name, look, remedy), remedy=remedy)
        for name, look in (
            ("space", partial(_space, work_dir)),
            ("rights", partial(_rights, work_dir, names)),
            ("owners", partial(_owners, work_dir)),
            ("files", partial(_files, work_dir)),
            ("file system", partial(_file_system, work_dir, names)),
            ("/tmp rule", partial(_slash_tmp, work_dir)),
        )
    ]


def _or_stops(name: str, look: Callable[[], Iterator[Check]], remedy: str) -> Iterator[Check]:
    """Look; what the system refuses here, it refuses to the loop."""
    try:
        yield from look()
    except OSError as error:
        yield stops(name, _reason(error), remedy)


def _space(work_dir: Path) -> Iterator[Check]:
    yield judge_space(disk(work_dir), work_dir)


def judge_space(space: DiskSpace, work_dir: Path) -> Check:
    """Judge the room on the disk."""
    remedy = f"condorloop cleanup --dry-run; du -sh {shlex.quote(str(work_dir))}/*/run*"
    if space.room is Room.ENOUGH:
        return fine("space", str(space))
    return (stops if space.room is Room.NONE else warning)("space", str(space), remedy)


def _rights(work_dir: Path, folders: Iterable[str]) -> Iterator[Check]:
    there = _nearest(work_dir)
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        make = f"sudo install -d -m 2775 -o $USER {shlex.quote(str(work_dir))}"
        yield stops("rights", f"{there}: this account may not write there", make)
        return
    if there != work_dir:
        yield fine("rights", f"{work_dir} is made in {there} at the first start")
        return
    ours = [LEDGER, f"{LEDGER}-wal", f"{LEDGER}-shm", LOCK, "status.json", *folders]
    locked = [work_dir / name for name in ours if not _may_write(work_dir / name)]
    if locked:
        owner = _owner(locked[0])
        names = " ".join(shlex.quote(str(path)) for path in locked)
        words = f"{', '.join(p.name for p in locked)}: of {owner}, who lets nobody else write"
        yield stops("rights", words, f"chmod -R g+w {names}  # as {owner}")
        return
    mode = work_dir.stat().st_mode
    who = "this account and its group" if mode & 0o020 else "this account"
    yield fine("rights", f"{work_dir}: {who} may write (mode {mode & 0o7777:o})")


def _owners(work_dir: Path) -> Iterator[Check]:
    found = list(islice(objections(work_dir), _MOST + 1))
    for objection in found[:_MOST]:
        yield stops("owners", objection.words, objection.remedy)
    if len(found) > _MOST:
        yield stops("owners", f"there are more than these {_MOST}", found[_MOST].remedy)
    if work_dir.exists():
        for told in too_open(work_dir):
            yield warning("owners", f"{told}: other accounts can stop the loop", how_to_close(told))
    reader = Reader()
    way = reader.way(work_dir)
    for told in (*way.passed, *([way.end] if way.end else [])):
        if foreign_group(told, reader.account):
            words = f"{told}: members of a group that this account is not in may change it"
            yield warning("owners", words, f"getent group {told.gid}; chmod g-w {told.path}")
    if not found:
        here = way.end or way.passed[-1]
        group = "" if here.sharing is None else f" and members of group {group_name(here.sharing)}"
        who = f"{account_name(reader.account.uid)}{group}"
        yield fine("owners", f"{here}: root, {who} may change what is run, and nobody else")


def _files(work_dir: Path) -> Iterator[Check]:
    if any(objections(work_dir)):
        yield not_checked("files", "what is tried there is run: the owners must be right first")
        return
    with _folder_in(_nearest(work_dir)) as folder:
        yield from look_at_files(folder)


def look_at_files(folder: Path) -> Iterator[Check]:
    """Do in an empty folder what the loop does with files."""
    remedy = f"df -hT {shlex.quote(str(folder.parent))}  # and put the work_dir on a local disk"
    for name, words, attempt in (
        ("files", "written, brought to the disk, renamed and linked", _write),
        ("locks", "a second process waits for a lock that a first one holds", _lock),
        ("ledger", "a database with a write-ahead log works", _database),
        ("scripts", "scripts can be run from here (no noexec)", _script),
    ):
        try:
            attempt(folder)
        except (OSError, sqlite3.Error, subprocess.TimeoutExpired) as error:
            yield stops(name, f"{folder.parent}: {_reason(error)}", remedy)
        else:
            yield fine(name, words)


def _write(folder: Path) -> None:
    """Write a file and rename it, rename a folder, link a file: submitter, renderer, node."""
    write_whole(folder / "file", "whole\n")
    (folder / ".partial").mkdir()
    (folder / ".partial").replace(folder / "dag000")
    (folder / "dag000" / "file").hardlink_to(folder / "file")
    (folder / "dag000" / "link").symlink_to(folder / "file")


def _lock(folder: Path) -> None:
    """Hold locks of both kinds, and let another process try to take them."""
    path = folder / "lock"
    with path.open("w") as first, path.open("r+") as second:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        done = subprocesses.run(
            [sys.executable, "-c", _TRY_LOCKS, str(path)], environment=os.environ, timeout=_TIMEOUT
        )
    if done.returncode:
        raise OSError(0, one_line(done.stderr.decode(errors="replace")))


def _database(folder: Path) -> None:
    """Write and read a database as the ledger is."""
    path = folder / "ledger.db"
    with closing(sqlite3.connect(path, timeout=_TIMEOUT)) as writer:
        [mode] = writer.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise OSError(0, f"SQLite's journal is {mode} here, not wal")
        with writer:
            writer.execute("CREATE TABLE tried (number INTEGER)")
            writer.execute("INSERT INTO tried VALUES (1)")
        with closing(sqlite3.connect(path, timeout=_TIMEOUT)) as reader:
            reader.execute("SELECT number FROM tried").fetchone()


def _script(folder: Path) -> None:
    """Run a script, as DAGMan runs those of nodes."""
    script = str(folder / "node.sh")
    # a file that this process has open for writing, a thread's new process may have open, too:
    # then it cannot be run
    for command in (["sh", "-c", _MAKE_SCRIPT, "sh", script], [script]):
        done = subprocesses.run(command, environment=os.environ, timeout=_TIMEOUT)
        if done.returncode:
            said = one_line(done.stderr.decode(errors="replace"))
            raise OSError(0, f"a script ended with {done.returncode}: {said}")


def _file_system(work_dir: Path, folders: Iterable[str]) -> Iterator[Check]:
    there = _nearest(work_dir)
    kind = kind_of(there, Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace"))
    if kind in NETWORK_DISKS:
        words = f"{there} is on {kind}: the ledger may be damaged by a break of the network"
        yield warning(
            "file system", words, f"df -hT {there}  # and put the work_dir on a local disk"
        )
    else:
        yield fine("file system", f"{there} is on {kind}")
    device = there.stat().st_dev
    elsewhere = [n for n in folders if _is_elsewhere(there / n, device)]
    if elsewhere:
        words = f"{', '.join(elsewhere)}: on another disk, whose space is not watched"
        yield warning("one disk", words, f"df {shlex.quote(str(there))}/*")


def kind_of(path: Path, mounts: str) -> str:
    """Tell the kind of file system that holds a path, from ``/proc/self/mounts``."""
    best, kind = "", "unknown"
    real = str(path.resolve())
    for line in mounts.splitlines():
        _, point, its_kind, *_ = [*line.split(" "), "", "", ""]
        point = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), point)
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if point and inside and len(point) >= len(best):
            best, kind = point, its_kind
    return kind


def _slash_tmp(work_dir: Path) -> Iterator[Check]:
    template = shipped("templates") / "dagman.config.j2"
    yield judge_slash_tmp(work_dir, template.read_text(encoding="utf-8"))


def judge_slash_tmp(work_dir: Path, dagman_config: str) -> Check:
    """Judge whether DAGMan writes its nodes' logs where they are to be."""
    name = "/tmp rule"
    if not any(path.is_relative_to("/tmp") for path in (work_dir, work_dir.resolve())):
        return fine(name, f"{work_dir} is not below /tmp, where DAGMan refuses its logs")
    if _LETS_SLASH_TMP.search(dagman_config):
        return fine(name, "below /tmp; the DAGs' dagman.config lets DAGMan write its logs there")
    remedy = "$EDITOR templates/dagman.config.j2  # DAGMAN_AVOID_SLASH_TMP = False"
    return stops(name, f"{work_dir} is below /tmp, where DAGMan refuses its logs", remedy)


def _nearest(path: Path) -> Path:
    """The folder itself, or the nearest of those above it that is there."""
    return next(p for p in (path, *path.parents) if p.exists())


@contextmanager
def _folder_in(place: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=".condorloop-doctor-", dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _may_write(path: Path) -> bool:
    return not path.exists() or os.access(path, os.W_OK)


def _is_elsewhere(path: Path, device: int) -> bool:
    try:
        return path.stat().st_dev != device
    except OSError:
        return False


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, OSError):
        return "another account"


def _reason(error: Exception) -> str:
    return one_line(getattr(error, "strerror", None) or str(error), 150)
