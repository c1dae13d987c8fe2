"""Lock files: opened so that nobody but the account and its group can hold one.

Whoever can open a file can lock it, if only for reading. Knows the file and whose it may be; takes
no lock. DAGs use it on the access point, so it imports little.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

from condorloop.runtime.ownership import Reader, Untrusted, closed_to_us, why_not_lock
from condorloop.runtime.secret_files import create, tighten

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def open_lock(path: Path) -> TextIO:
    """Open a lock file for reading and adding; it is made when it is not there.

    One of the account's own that others may open is closed to them.

    Raises
    ------
    Untrusted
        It is another account's, a link, a pipe or a folder, or has another name, too.
    OSError
        It cannot be opened.
    """
    reader = Reader()
    create(path)
    group = reader.group_of(path.parent)
    # before it is opened: to open a pipe or a device can have effects of its own
    _check(reader, path, path.lstat(), group)
    try:
        lock = os.fdopen(os.open(path, _FLAGS), "a+", encoding="utf-8")
    except PermissionError:
        raise Untrusted(closed_to_us(reader.read(path), reader.account)) from None
    try:
        told = os.fstat(lock.fileno())
        _check(reader, path, told, group)
        tighten(path, told, reader.account.uid)
    except BaseException:
        lock.close()
        raise
    return lock


def _check(reader: Reader, path: Path, told: os.stat_result, group: int | None) -> None:
    if objection := why_not_lock(reader.of(path, told), reader.account, group):
        raise Untrusted(objection)
