"""The simulated world put in the place of the real one, where the product takes it from modules.

Knows which modules ask the time, run the upload tool, enter CMSSW, or make up an id.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace
from unittest.mock import patch

from condorloop.ledger import opening
from condorloop.node import finished_harvest, post_script
from condorloop.node.uploads import sending, upload, upload_note
from condorloop.services import cmssw, conditions
from tests.soak.service import SimulatedService
from tests.soak.story import Agenda, Violation


@contextmanager
def stand_ins(
    agenda: Agenda,
    service: SimulatedService,
    ids: Random,
    environment: Callable[[], dict[str, str]],
    heard: Callable[[str], None],
) -> Iterator[None]:
    """Let the day's clock, service, CMSSW and listener be those of this process."""
    clock = SimpleNamespace(time=agenda, monotonic=agenda, sleep=_sleepless)
    uuids = SimpleNamespace(uuid4=lambda: SimpleNamespace(hex=f"{ids.getrandbits(128):032x}"))

    def enter(_: cmssw.Cmssw, timeout: float = 300.0) -> dict[str, str]:
        return environment()

    cwd, umask = Path.cwd(), os.umask(0o002)
    logger = logging.getLogger("condorloop")
    before = logger.level, logger.propagate, logger.handlers
    logger.setLevel(logging.INFO)
    logger.propagate, logger.handlers = False, [_Listener(heard)]
    try:
        with ExitStack() as stack:
            for owner, name, stand_in in (
                (post_script, "time", clock),
                (finished_harvest, "time", clock),
                (upload, "time", clock),
                (upload_note, "time", clock),
                (sending, "time", clock),
                (conditions, "subprocesses", service),
                (cmssw.Cmssw, "environment", enter),
                (opening, "uuid", uuids),
            ):
                stack.enter_context(patch.object(owner, name, stand_in))
            yield
    finally:
        logger.setLevel(before[0])
        logger.propagate, logger.handlers = before[1], before[2]
        os.chdir(cwd)
        os.umask(umask)


class _Listener(logging.Handler):
    """Hears what the submitter logs; what it raises is not swallowed."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        super().__init__()
        self._hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        self._hear(record.getMessage())


def _sleepless(seconds: float) -> None:
    raise Violation(f"something sleeps for {seconds} s")
