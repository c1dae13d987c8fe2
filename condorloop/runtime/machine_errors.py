"""Errors of the machine: they say nothing of what a job has left, and pass.

Knows error numbers; knows nothing of nodes. What is not there, or not what it should be, is no
error of the machine.
"""

from __future__ import annotations

import errno

_NUMBERS = frozenset(
    {
        # the disk: full, over its quota, read-only, failing, away
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EIO,
        errno.ESTALE,
        errno.ENODEV,
        errno.ENXIO,
        errno.EREMOTEIO,
        errno.ETIMEDOUT,
        errno.ENOTCONN,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        # rights that were taken away
        errno.EACCES,
        errno.EPERM,
        # what all processes share
        errno.ENOMEM,
        errno.EAGAIN,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOLCK,
        errno.EBUSY,
    }
)


def is_of_machine(error: BaseException) -> bool:
    """Whether an error is the machine's: its disk, its memory, or a Python that is not whole.

    >>> is_of_machine(OSError(errno.ENOSPC, "No space left on device"))
    True
    >>> is_of_machine(FileNotFoundError(errno.ENOENT, "No such file or directory"))
    False
    """
    if isinstance(error, OSError):
        return error.errno in _NUMBERS
    return isinstance(error, (MemoryError, ImportError))
