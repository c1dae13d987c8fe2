"""An HTTP service on loopback, in threads of this process, that can hang and hang up."""

from __future__ import annotations

import logging
import socket
import threading
from typing import Any

from flask import Flask, Response, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

HOST = "127.0.0.1"

log = logging.getLogger(__name__)


class LoopbackService:
    """Serves a Flask application.

    Parameters
    ----------
    app
        What answers.
    port
        0 takes any free port. A service that was stopped starts again on the port that it had;
        in between, connections are refused.
    hang
        Seconds for which a request hangs at the most; `stop` ends it early.
    """

    def __init__(self, app: Flask, port: int, hang: float) -> None:
        self.port = port
        self._app = app
        self._hang = hang
        self._stopping = threading.Event()
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The URL of the service."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Listen, and serve in a thread."""
        self._stopping.clear()
        self._server = make_server(
            HOST, self.port, self._app, threaded=True, request_handler=_QuietHandler
        )
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name=self._app.name, daemon=True
        )
        self._thread.start()
        log.info("%s at %s", self._app.name, self.url)

    def stop(self) -> None:
        """Stop listening; requests that hang are let go."""
        self._stopping.set()
        if self._server and self._thread:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = self._thread = None

    def hang(self) -> None:
        """Let the request that is being answered wait."""
        self._stopping.wait(self._hang)

    def hang_up(self) -> Response:
        """Close the connection of the request that is being answered, without an answer."""
        connection: socket.socket = request.environ["werkzeug.socket"]
        connection.shutdown(socket.SHUT_RDWR)
        return Response()


def cut_short(response: Response) -> Response:
    """Close the connection in the middle of an answer: half of what its header announces."""
    whole = response.get_data()
    response.set_data(whole[: len(whole) // 2])
    response.headers["Content-Length"] = str(len(whole))
    return response


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        log.debug(message, *args)
