"""A real Chromium, and the page in it."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from condorloop.monitoring import status_page as pages
from tests import browser as browsers
from tests.web.viewer import Viewer


# Not of the session: Playwright keeps an event loop that other tests have no use for.
@pytest.fixture(scope="package")
def chromium(pytestconfig):
    """The browser, fetched the first time that a test wants it."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        found = browsers.ensure(lambda line: print(line, flush=True))
    with found.running() as browser:
        yield browser


@pytest.fixture
def viewers(chromium, tmp_path):
    """Makes people who look at the page; what went wrong in their browsers fails the test."""
    made = []

    def look(status, **screen):
        pages.write(tmp_path, status)
        viewer = Viewer(chromium, tmp_path / pages.PAGE, **screen)
        made.append(viewer)
        return viewer

    yield look
    complaints = [c for viewer in made for c in viewer.close()]
    assert not complaints


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def web(tmp_path):
    """Starts and stops a web server of the work_dir, on one port of loopback."""
    server = Web(tmp_path)
    server.start()
    yield server
    server.stop()


class Web:
    """A web server that can be gone for a while."""

    def __init__(self, folder):
        self._handler = partial(_Quiet, directory=folder)
        self._server = None
        self._port = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}/{pages.PAGE}"

    def start(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self):
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
