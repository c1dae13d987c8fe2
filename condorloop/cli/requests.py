"""Leaving requests in the ledger, and waiting for the submitter that answers them.

Knows how to say beforehand what would be done, and that the command itself is the submitter where
none runs.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from condorloop.config.destinations import Destination, configured, kept, taken
from condorloop.config.loader import Config
from condorloop.dagman.written_destination import destination_of, last_sender, written
from condorloop.ledger.connection import LedgerError
from condorloop.ledger.store import LedgerReader, open_requests
from condorloop.model.campaign import CampaignKey
from condorloop.model.request import Request
from condorloop.requests.command import Plan, Step, command_of, planned
from condorloop.rundir.layout import LEDGER, harvest_name, run_dir
from condorloop.runtime.lock import AlreadyRunning, running_submitter
from condorloop.runtime.ownership import Untrusted
from condorloop.runtime.shutdown import Stopped
from condorloop.submitter import Submitter

PATIENCE = 60.0
"""Seconds to wait for what is done at once, beyond two of the submitter's polls."""

LONG = 3600.0
"""The same for what is done a part a cycle."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a request comes to, and where the payloads of its DAGs go, in words."""

    plan: Plan
    destinations: tuple[str, ...]


def preview(config: Config, request: Request) -> Preview:
    """Say what the submitter would do; nothing is changed.

    Raises
    ------
    LedgerError
        There is no ledger.
    SenselessRequest
        The options make no sense together.
    """
    with LedgerReader(config.site.work_dir / LEDGER) as ledger:
        plan = planned(ledger, request)
        to = {name: each.destination for name, each in ledger.destinations.all().items()}
    to |= {name: each.destination for name, each in configured(config).items()}
    where = (words for step in plan.steps for words in _destinations(step, to, config, request))
    return Preview(plan, tuple(where))


def _destinations(
    step: Step, to: dict[str, Destination], config: Config, request: Request
) -> Iterator[str]:
    """Say where payloads go of what is submitted again or goes on."""
    key = step.about
    if step.continued is None or not isinstance(key, CampaignKey) or key.calibration not in to:
        return
    there, name = to[key.calibration], key.calibration
    stream = config.calibrations[name].stream_name
    runs = run_dir(config.site.work_dir, stream, key.run)
    yield f"{key}: payloads go to {there}"
    for dag in step.continued:
        own = destination_of(runs, dag.number, name)
        if own is not None and own != there:
            words = taken if request.accept_destination else kept
            yield f"{key}: {words(dag.label, own, there)}"
    if step.sent is not None:
        told = last_sender(runs, name, step.sent)
        if told is not None and written(told) != there:
            words = taken if request.accept_destination else kept
            yield f"{key}: {words(harvest_name(step.sent), written(told), there)}"


def answers(
    config: Config,
    requests: Sequence[Request],
    submitter: Callable[[], AbstractContextManager[Submitter]],
) -> Iterator[tuple[bool, str]]:
    """Leave requests and give the answer to each: whether it was carried out, and the words for it.

    Parameters
    ----------
    submitter
        Opens one of our own; used if none runs.

    Raises
    ------
    LedgerError
        There is no ledger, or nobody answered in time.
    """
    with open_requests(config.site.work_dir / LEDGER) as left:
        numbers = [left.add(request) for request in requests]
        in_parts = any(command_of(request.kind).in_parts for request in requests)
        patience = LONG if in_parts else PATIENCE
        deadline = time.monotonic() + patience + 2 * config.site.poll_interval
        pause = 0.1 if in_parts else min(1.0, config.site.poll_interval)
        for number in numbers:
            while (answer := left.answer_to(number)) is None:
                if time.monotonic() > deadline:
                    raise LedgerError(
                        "it could not be done yet; the request stays, and is carried out as soon "
                        "as it can be: condorloop status says what is wrong"
                    )
                if not running_submitter(config.site.work_dir):
                    _handle_ourselves(submitter)
                if not left.answer_to(number):
                    time.sleep(pause)
            yield answer


def _handle_ourselves(submitter: Callable[[], AbstractContextManager[Submitter]]) -> None:
    """Carry the requests out with a submitter of our own; wait a moment if another one runs."""
    try:
        with submitter() as ours:
            ours.handle_requests()
    except AlreadyRunning:
        pass
    except Untrusted as error:
        raise LedgerError(f"{error}\nThe request stays for the next submitter") from None
    except Stopped:
        raise LedgerError("ended before the answer; the request stays") from None


def requester() -> str:
    """Who makes requests here, such as ``alice@node``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
