"""Accounts of others, for tests: given files, and run as; only root may do that."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

STRANGER = 54321
"""Nobody's number: no account, no member of any group."""

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or (Path("/proc/self/uid_map").read_text().split()[2:] != ["4294967295"]),
    reason="only root may give files to another account; the judgement is tested without",
)


def give(path: Path, uid: int = STRANGER, gid: int = STRANGER) -> None:
    """Give a path itself, not what a link leads to, to another account."""
    os.chown(path, uid, gid, follow_symlinks=False)


def as_stranger(step: Callable[[], object]) -> str:
    """Run a step as another account, in a child, and give what it printed.

    It can reach what everybody can reach, and pytest's folders, whose modes are opened for it.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.close(reading)
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            sys.stdout = sys.stderr = open(1, "w", closefd=False)  # noqa: SIM115
            os.setgroups([])
            os.setgid(STRANGER)
            os.setuid(STRANGER)
            step()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as output:
        said = output.read()
    os.waitpid(child, 0)
    return said


def open_way(folder: Path) -> None:
    """Let everybody pass to a folder of pytest's, which is for one account otherwise."""
    for each in (folder, *folder.parents):
        if "pytest" in str(each):
            each.chmod(each.stat().st_mode | 0o011)
