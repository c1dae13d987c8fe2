"""A submitter that a test drives in a watched child process, effect by effect.

What raises no audit event tells of itself here: the ledger's commits and what the schedd is told.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from condorloop.cycle.ports import Ports
from condorloop.dagman.schedd.client import Schedd
from condorloop.ledger.connection import LedgerError
from condorloop.model.queue import JobSelector
from condorloop.recovery.rebuild import open_ledger
from condorloop.rundir.layout import LEDGER
from condorloop.runtime import logs
from condorloop.submitter import build_submitter
from tests import boundaries
from tests.loop import Loop


class ToldSchedd(Schedd):
    """A schedd that tells before it is told something."""

    def submit(self, dag_file: Path, batch_name: str) -> int:
        boundaries.here("submit", dag_file.name)
        return super().submit(dag_file, batch_name)

    def remove(self, cluster: int, why: str) -> None:
        boundaries.here("remove", str(cluster))
        super().remove(cluster, why)

    def hold(self, jobs: JobSelector, why: str) -> int:
        boundaries.here("hold", jobs.dag_id)
        return super().hold(jobs, why)

    def release(self, jobs: JobSelector, why: str) -> int:
        boundaries.here("release", jobs.dag_id)
        return super().release(jobs, why)


class ToldConnection(sqlite3.Connection):
    """A connection that tells before it commits, and fails if it is made to."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql == "COMMIT":
            try:
                boundaries.here("commit")
            except OSError as error:
                raise sqlite3.OperationalError("database or disk is full") from error
        return super().execute(sql, parameters)


def cycle_until(loop: Loop, over: Callable[[], bool], monkeypatch: Any) -> None:
    """Make cycles as the submitter does, until a test has seen enough."""
    connect = sqlite3.connect
    monkeypatch.setattr(
        "condorloop.ledger.connection.sqlite3.connect",
        lambda *args, **more: connect(*args, factory=ToldConnection, **more),
    )
    config = loop.config()
    loop.work_dir.mkdir(exist_ok=True)
    logs.start(loop.work_dir, config.calibrations)
    ledger = None
    while ledger is None:
        with contextlib.suppress(LedgerError, OSError):
            ledger = open_ledger(loop.work_dir / LEDGER, config, time.time())
    world = Ports.from_site(config.site, lambda: submitter.settings.cmssw, lambda: None)
    told = Ports(world.oms, world.storage, ToldSchedd(config.site.pool, config.site.name))
    submitter = build_submitter(config, ledger, ports=told)
    while not over():
        submitter.attempt()
        loop.tick()
