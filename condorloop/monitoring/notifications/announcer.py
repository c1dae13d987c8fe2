"""What the loop tells after each cycle to those who do not ask it: metrics and messages.

Knows what the site file wants to be told, and that nothing of it may stop a cycle.
"""

from __future__ import annotations

import logging

from condorloop.config.site import Site
from condorloop.model.status import Status
from condorloop.monitoring import status_file
from condorloop.monitoring.metrics import Metrics
from condorloop.monitoring.metrics_export import Endpoint, Textfile
from condorloop.monitoring.notifications.policy import Rules
from condorloop.monitoring.notifications.sender import Remembers, Sender
from condorloop.monitoring.notifications.transports import transports
from condorloop.monitoring.status_file import StatusError
from condorloop.text import one_line

log = logging.getLogger(__name__)


class Announcer:
    """Tells what a site wants to be told; without such keys in the site file it tells nothing.

    Parameters
    ----------
    site
        Says what is told.
    ledger
        Remembers which problems were told.

    Raises
    ------
    LedgerError
        The ledger cannot be read.
    """

    def __init__(self, site: Site, ledger: Remembers) -> None:
        listen, textfile = site.metrics.listen, site.metrics.textfile
        self._metrics = Metrics(_last(site)) if listen or textfile else None
        registry = self._metrics.registry if self._metrics else None
        self._endpoint = Endpoint(listen, registry) if listen and registry else None
        self._textfile = Textfile(textfile, registry) if textfile and registry else None
        self._senders: list[Sender] = []
        if messages := site.messages:
            rules = Rules(messages.after, messages.reminder, messages.kinds)
            self._senders = [Sender(transport, rules, ledger) for transport in transports(messages)]
        self._error = ""

    def tell(self, status: Status) -> None:
        """Tell how a cycle has ended."""
        try:
            if self._metrics:
                self._metrics.take(status)
            if self._endpoint:
                self._endpoint.open()
            if self._textfile:
                self._textfile.write()
            for sender in self._senders:
                sender.look(status)
        # a mistake in here is no reason to leave runs alone
        except Exception as error:
            if (said := one_line(repr(error))) != self._error:
                log.error("metrics and messages: %s", said)
            self._error = said

    def close(self) -> None:
        """Tell nothing more; it waits for nobody."""
        if self._endpoint:
            self._endpoint.close()


def _last(site: Site) -> Status | None:
    try:
        return status_file.read(site.work_dir)
    except StatusError:
        return None
