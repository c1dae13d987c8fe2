"""Files that hold a secret: others than their owner and group must not have them.

Knows the bits of a file's mode; opens nothing.
"""

from __future__ import annotations

import shlex
import stat
from pathlib import Path


def why_not_private(path: Path) -> str | None:
    """Say in a line why a file is no place for a secret, and what to type; None if it is one.

    The group may have it: its members work on the same tree.

    Raises
    ------
    OSError
        The file is not there, or its folder cannot be read.
    """
    if path.stat().st_mode & stat.S_IRWXO:
        return f"{path}: not used as long as everybody may: chmod o= {shlex.quote(str(path))}"
    return None
