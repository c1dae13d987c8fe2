"""How metrics leave: answered by HTTP, and as a file for node_exporter.

Knows a port and a file; knows nothing of what is counted. Neither can hold up the loop.
"""

from __future__ import annotations

import logging
import socketserver
from contextlib import suppress
from http.server import HTTPServer
from pathlib import Path
from socket import AF_INET, AF_INET6
from threading import Thread

from prometheus_client import CollectorRegistry, MetricsHandler, write_to_textfile

log = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds after which a client that says nothing is let go."""


class Endpoint:
    """Answers ``GET /metrics``, as soon as its port is free.

    Parameters
    ----------
    address
        A host and a port, such as ``127.0.0.1:9105``; port 0 takes any.
    """

    def __init__(self, address: str, registry: CollectorRegistry) -> None:
        self._address = address
        self._handler = type("_Metrics", (_Handler,), {"registry": registry})
        self._server: _Server | None = None
        self._error = ""

    @property
    def port(self) -> int | None:
        """Where it answers; None if it does not."""
        return self._server.server_port if self._server else None

    def open(self) -> None:
        """Begin to answer, unless it does; where the port is not free the log says so once."""
        if self._server:
            return
        host, _, port = self._address.rpartition(":")
        family = AF_INET6 if host.startswith("[") else AF_INET
        try:
            self._server = _Server((host.strip("[]"), int(port)), self._handler, family)
        except OSError as error:
            if str(error) != self._error:
                why = error.strerror or error
                log.error(
                    "cannot serve metrics at %s, retrying every cycle: %s", self._address, why
                )
            self._error = str(error)
            return
        self._error = ""
        Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()
        log.info("serving metrics at http://%s:%d/metrics", host, self._server.server_port)

    def close(self) -> None:
        """Answer no more; it waits for nobody."""
        if self._server:
            Thread(target=self._server.end, name="metrics-end", daemon=True).start()
        self._server = None


class Textfile:
    """A file of metrics, whole at any time.

    Parameters
    ----------
    path
        The file; a folder that is not there is not made.
    """

    def __init__(self, path: Path, registry: CollectorRegistry) -> None:
        self._path = path
        self._registry = registry
        self._error = ""

    def write(self) -> None:
        """Write it anew; where it cannot be written the log says so once."""
        try:
            write_to_textfile(str(self._path), self._registry)
        except OSError as error:
            if str(error) != self._error:
                log.error("cannot write %s: %s", self._path.parent, error.strerror or error)
            self._error = str(error)
        else:
            self._error = ""


class _Handler(MetricsHandler):
    timeout = _PATIENCE


class _Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type, family: int) -> None:
        self.address_family = family
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without asking for the host's name, which may take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "", int(self.server_address[1])

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that went away."""

    def end(self) -> None:
        """Stop serving, and free the port."""
        self.shutdown()
        with suppress(OSError):
            self.server_close()
