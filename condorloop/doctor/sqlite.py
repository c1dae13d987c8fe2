"""The doctor on SQLite: can the one that this Python uses keep the ledger.

Knows where there is room for a scratch ledger; `condorloop.ledger.health.trial` tries it.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from condorloop.config.loader import Config
from condorloop.doctor.checks import Check, Examination, fine, not_checked, stops
from condorloop.ledger.connection import LedgerError
from condorloop.ledger.health.trial import OLDEST_SQLITE, SQLITE, SqliteUnfit, try_sqlite

SUBJECT = "SQLite"

_NAME = "version"


def examinations(config: Config) -> list[Examination]:
    """Say what to look at."""
    return [Examination(SUBJECT, _NAME, partial(_look, config.site.work_dir), remedy=_remedy())]


def _look(work_dir: Path) -> Iterator[Check]:
    there = next(p for p in (work_dir, *work_dir.parents) if p.exists())
    try:
        with tempfile.TemporaryDirectory(prefix=".condorloop-doctor-", dir=there) as folder:
            try_sqlite(Path(folder))
    except SqliteUnfit as error:
        yield stops(_NAME, str(error), _remedy())
    except (LedgerError, OSError) as error:
        words = f"{SQLITE}, which cannot be tried: {error}"
        yield not_checked(_NAME, words, f"ls -ld {shlex.quote(str(there))}")
    else:
        yield fine(_NAME, f"{SQLITE}: the schema and the writes of the ledger work")


def _remedy() -> str:
    ask = shlex.join([sys.executable, "-c", "import sqlite3; print(sqlite3.sqlite_version)"])
    return f"{ask}  # install with a Python that says {OLDEST_SQLITE} or newer"
