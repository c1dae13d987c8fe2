"""Asking the submitter for something: by a request in its ledger, answered in its next cycle.

Knows how to wait for an answer, and that whoever asks does it himself where no submitter runs.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from condorloop.config import Config
from condorloop.interruption import Stopped
from condorloop.ledger_file import LEDGER, LedgerError
from condorloop.ledger_requests import Requests
from condorloop.lock import AlreadyRunning
from condorloop.model import RequestKind
from condorloop.submitter import Submitter

PATIENCE = 60.0
"""Seconds to wait for the submitter's answer, beyond two of its polls."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for, as in `condorloop.model.Request`."""

    kind: RequestKind
    run: int
    calibration: str | None
    node: str | None
    everything: bool


def ask(
    config: Config,
    wishes: Iterable[Wish],
    submitter: Callable[[], AbstractContextManager[Submitter]],
) -> Iterator[tuple[bool, str]]:
    """Leave wishes and give what became of each: whether it was granted, and the words for it.

    Parameters
    ----------
    submitter
        Opens one of our own; used if none runs.

    Raises
    ------
    LedgerError
        There is no ledger, or nobody answered in time.
    """
    path = config.site.work_dir / LEDGER
    with Requests(path) as requests:
        who = f"{_user()}@{socket.gethostname()}"
        asked = [
            requests.ask(
                wish.kind,
                wish.run,
                wish.calibration,
                node=wish.node,
                everything=wish.everything,
                made_by=who,
                now=time.time(),
            )
            for wish in wishes
        ]
        deadline = time.monotonic() + PATIENCE + 2 * config.site.poll_interval
        for number in asked:
            while (answer := requests.answer_to(number)) is None:
                if not _do_it_ourselves(submitter) and time.monotonic() > deadline:
                    raise LedgerError(
                        f"{path}: the running submitter has not answered; the request stays"
                    )
            yield answer


def _do_it_ourselves(submitter: Callable[[], AbstractContextManager[Submitter]]) -> bool:
    """Make one cycle with a submitter of our own; wait a moment if another one runs."""
    try:
        with submitter() as ours:
            ours.cycle()
        return True
    except AlreadyRunning:
        time.sleep(0.1)
        return False
    except Stopped:
        raise LedgerError("ended before the answer; the request stays") from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
