"""Asking the submitter for something: by a request in its ledger, answered in its next cycle.

Knows how to say beforehand what it would do, how to wait for its answer, and that whoever asks
does it himself where no submitter runs.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from condorloop.config.destinations import Destination, configured, kept, taken
from condorloop.config.loader import Config
from condorloop.cycle.request_handler import planned
from condorloop.dagman.written_destination import destination_of
from condorloop.ledger.connection import LedgerError
from condorloop.ledger.store import LedgerReader, open_requests
from condorloop.model.enums import RequestKind
from condorloop.model.request import Request
from condorloop.policy.requests import Act, Plan, Release, Resubmit
from condorloop.rundir.layout import LEDGER, run_dir
from condorloop.runtime.lock import AlreadyRunning, running_submitter
from condorloop.runtime.ownership import Untrusted
from condorloop.runtime.shutdown import Stopped
from condorloop.submitter import Submitter

PATIENCE = 60.0
"""Seconds to wait for what is done at once."""

LONG = 3600.0
"""Seconds to wait for what is done a part a cycle."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for, as in `condorloop.model.request.Request`."""

    kind: RequestKind
    run: int
    calibration: str | None
    node: str | None = None
    everything: bool = False
    reason: str = ""
    accept_destination: bool = False


def preview(config: Config, wish: Wish) -> Plan:
    """Say what the submitter would do; nothing is changed.

    Raises
    ------
    LedgerError
        There is no ledger.
    """
    request = Request(
        id=0,
        kind=wish.kind,
        run=wish.run,
        calibration=wish.calibration,
        node=wish.node,
        everything=wish.everything,
        made_by=asker(),
        made_at=time.time(),
        reason=wish.reason,
        accept_destination=wish.accept_destination,
    )
    work_dir = config.site.work_dir
    with LedgerReader(work_dir / LEDGER) as ledger:
        plan = planned(ledger, request)
        to = {name: each.destination for name, each in ledger.destinations.all().items()}
    to |= {name: each.destination for name, each in configured(config).items()}
    where = (
        words
        for act in plan.acts
        for words in _where(act, to.get(act.campaign.key.calibration), work_dir, request)
    )
    return replace(plan, destinations=tuple(where))


def _where(act: Act, to: Destination | None, work_dir: Path, request: Request) -> Iterator[str]:
    """Say where payloads go of what is submitted again or goes on."""
    key = act.campaign.key
    match act:
        case Resubmit(dags=dags):
            going = dags
        case Release(targets=targets):
            going = tuple({target.dag.id: target.dag for target in targets}.values())
        case _:
            return
    if to is None:
        return
    yield f"{key}: payloads go to {to}"
    for dag in going:
        own = destination_of(run_dir(work_dir, key.calibration, key.run), dag.number)
        if own is not None and own != to:
            words = taken if request.accept_destination else kept
            yield f"{key}: {words(dag.label, own, to)}"


def ask(
    config: Config,
    wishes: Iterable[Wish],
    submitter: Callable[[], AbstractContextManager[Submitter]],
    patience: float = PATIENCE,
) -> Iterator[tuple[bool, str]]:
    """Leave wishes and give what became of each: whether it was granted, and the words for it.

    Parameters
    ----------
    submitter
        Opens one of our own; used if none runs.
    patience
        Seconds to wait for the answers, beyond two of the submitter's polls.

    Raises
    ------
    LedgerError
        There is no ledger, or nobody answered in time.
    """
    path = config.site.work_dir / LEDGER
    wanted = tuple(wishes)
    with open_requests(path) as requests:
        asked = [
            requests.ask(
                wish.kind,
                wish.run,
                wish.calibration,
                node=wish.node,
                everything=wish.everything,
                made_by=asker(),
                now=time.time(),
                reason=wish.reason,
                accept_destination=wish.accept_destination,
            )
            for wish in wanted
        ]
        deadline = time.monotonic() + patience + 2 * config.site.poll_interval
        # What waits, waits for others; of a cleanup each pass does a part.
        cleans = any(wish.kind is RequestKind.CLEANUP for wish in wanted)
        pause = 0.1 if cleans else min(1.0, config.site.poll_interval)
        for number in asked:
            while (answer := requests.answer_to(number)) is None:
                if time.monotonic() > deadline:
                    raise LedgerError(
                        "it could not be done yet; the request stays, and is carried out as soon "
                        "as it can be: condorloop status says what is wrong"
                    )
                if not running_submitter(config.site.work_dir):
                    _do_it_ourselves(submitter)
                if not requests.answer_to(number):
                    time.sleep(pause)
            yield answer


def _do_it_ourselves(submitter: Callable[[], AbstractContextManager[Submitter]]) -> None:
    """Do what was asked for with a submitter of our own; wait a moment if another one runs."""
    try:
        with submitter() as ours:
            ours.grant()
    except AlreadyRunning:
        pass
    except Untrusted as error:
        raise LedgerError(f"{error}\nThe request stays for the next submitter") from None
    except Stopped:
        raise LedgerError("ended before the answer; the request stays") from None


def asker() -> str:
    """Who asks, such as ``alice@node``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
