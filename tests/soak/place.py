"""Where a day is lived: in memory if there is such a folder, for the ledger syncs all it writes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")


@contextmanager
def place(otherwise: Path | None = None, keep: bool = False) -> Iterator[Path]:
    """Make a folder for days, and remove it afterwards."""
    usable = MEMORY.is_dir() and os.access(MEMORY, os.W_OK)
    folder = Path(tempfile.mkdtemp(prefix="soak", dir=MEMORY if usable else otherwise))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
