"""What jobs do not see of a machine: the folders of which HTCondor gives each job its own.

Knows the settings of an execution point and how a path is followed; asks no daemon.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

DEFAULT = "/tmp,/var/tmp"
"""HTCondor's own MOUNT_UNDER_SCRATCH."""

SETTINGS = ("REAL_UID", "MOUNT_UNDER_SCRATCH", "MOUNT_PRIVATE_DEV_SHM")
"""What an execution point is asked for; HTCondor tells REAL_UID, the account of its daemons."""

_SHARED_MEMORY = "/dev/shm"
_EMPTY = "Not defined"
_PATH = re.compile(r"""/[^\s,"'()?:;|&]+""")
_MOST_LINKS = 40


def private_folders(settings: Mapping[str, str]) -> frozenset[str]:
    """Give the folders of which each job of an execution point has its own, empty one.

    Only root can mount them. MOUNT_UNDER_SCRATCH may be an expression: each folder in it counts.

    Parameters
    ----------
    settings
        Values of `SETTINGS` as the execution point tells them; what it does not tell is HTCondor's
        default, of daemons that root runs.

    >>> sorted(private_folders({"REAL_UID": "0", "MOUNT_UNDER_SCRATCH": '"/tmp,/scratch"'}))
    ['/dev/shm', '/scratch', '/tmp']
    >>> sorted(private_folders({"REAL_UID": "1000"}))
    []
    """
    if settings.get("REAL_UID", "0") not in ("0", _EMPTY):
        return frozenset()
    told = settings.get("MOUNT_UNDER_SCRATCH", DEFAULT)
    folders = frozenset(os.path.normpath(path) for path in _PATH.findall(told))
    own_memory = settings.get("MOUNT_PRIVATE_DEV_SHM", "true").lower() in ("true", "1", "yes", "t")
    return folders | {_SHARED_MEMORY} if own_memory else folders


def why_unseen(path: str, private: Iterable[str]) -> str | None:
    """Say why a job does not see a whole path of its machine; None if it does.

    A job follows links, too, and finds its own folders where they lead through one of `private`.
    """
    places = {place: name for name in private for place in (os.path.realpath(name), name)}
    steps = list(_followed(path))
    for step in steps:
        for place, name in places.items():
            if step.startswith(f"{place}/") or step == place == steps[-1]:
                leads = "" if f"{path}/".startswith(f"{step}/") else f" it leads to {step}, and"
                return f"jobs do not see it:{leads} HTCondor gives each its own {name}"
    return None


def _followed(path: str) -> Iterator[str]:
    """Give each path that is looked at when a whole path is followed, then where it ends."""
    at, left, links = Path("/"), path.split("/")[::-1], 0
    while left:
        part = left.pop()
        if part in ("", ".", ".."):
            at = at.parent if part == ".." else at
            continue
        here = at / part
        yield str(here)
        try:
            target = str(here.readlink())
        except OSError:
            at = here
            continue
        links += 1
        if links > _MOST_LINKS:
            return
        at = Path("/") if target.startswith("/") else at
        left += target.split("/")[::-1]
    yield str(at)
