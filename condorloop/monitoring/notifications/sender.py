"""A sender carries messages one way, and remembers what was told.

Knows when a message was sent and when it is to be tried again; waits for no server: a message is
on its way in a thread of its own, and the loop looks for it in its next cycles.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import Thread
from typing import Protocol

from condorloop.ledger.connection import LedgerError
from condorloop.model.notification import Notified
from condorloop.model.status import Status
from condorloop.monitoring.notifications import keys
from condorloop.monitoring.notifications.policy import Message, Rules, due, noted, settled
from condorloop.monitoring.notifications.transports import NotSent, Transport
from condorloop.runtime.deadline import within
from condorloop.text import one_line

LONGEST = 30.0
"""Seconds that sending one message may take."""

log = logging.getLogger(__name__)


class Remembers(Protocol):
    """What outlives the process; see `condorloop.ledger.updates.notifications`."""

    def told(self, way: str) -> dict[str, Notified]:
        """What is remembered of a way, by the keys of its topics."""

    def remember(self, way: str, memory: Mapping[str, Notified]) -> None:
        """Remember this of a way."""


class Sender:
    """Carries messages one way.

    Parameters
    ----------
    way
        How a message is sent.
    wanted
        What is told, and when.
    ledger
        Remembers what was told.
    """

    def __init__(self, transport: Transport, rules: Rules, remembers: Remembers) -> None:
        self._transport = transport
        self._rules = rules
        self._remembers = remembers
        self._remembered = remembers.told(transport.name)
        self._memory = keys.read(self._remembered)
        self._on_its_way: tuple[Message, Future[None]] | None = None
        self._error = ""

    def look(self, status: Status) -> None:
        """See what became of the last message, and send what is to be told now.

        A message that was not sent is put together anew, from what is wrong by then. One that was
        sent when the process was killed may be sent again.
        """
        self._memory = noted(self._memory, status, self._rules)
        self._arrive()
        if not self._on_its_way and (message := due(self._memory, status, self._rules)):
            self._on_its_way = (
                message,
                in_background(lambda: self._send(message), self._transport.name),
            )
        if (rows := keys.written(self._memory)) != self._remembered:
            try:
                self._remembers.remember(self._transport.name, rows)
            except LedgerError:  # which the cycle tells; tried again in the next one
                return
            self._remembered = rows

    def _arrive(self) -> None:
        if not self._on_its_way or not self._on_its_way[1].done():
            return
        (message, sent), self._on_its_way = self._on_its_way, None
        error = sent.exception()
        if error is None:
            self._memory = settled(self._memory, message)
            if self._error:
                log.info("messages by %s work again", self._transport.name)
            self._error = ""
            return
        said = str(error) if isinstance(error, NotSent | TimeoutError) else repr(error)
        if (said := one_line(said)) != self._error:
            log.warning(
                "cannot send messages by %s, retrying every cycle: %s", self._transport.name, said
            )
        self._error = said

    def _send(self, message: Message) -> None:
        within(lambda: self._transport.send(message), LONGEST, f"{self._transport.name}-message")


def in_background(call: Callable[[], None], name: str) -> Future[None]:
    """Call in a thread that does not keep the process from ending."""
    future: Future[None] = Future()

    def work() -> None:
        try:
            call()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(None)

    Thread(target=work, name=f"{name}-sender", daemon=True).start()
    return future
