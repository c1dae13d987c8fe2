"""systemd is told how the loop is: by real messages on a real socket."""

import itertools
import logging
import os
import socket
from dataclasses import replace
from types import SimpleNamespace

import pytest

from condorloop.config.loader import ConfigError, Mistake
from condorloop.cycle.ports import Ports
from condorloop.ledger.store import Ledger
from condorloop.model.problem import Problem, ProblemKind
from condorloop.model.queue import Queued
from condorloop.model.status import Status
from condorloop.runtime.systemd import SystemdNotifier, summary
from condorloop.services.oms import OmsUnavailable
from condorloop.submitter import build_submitter
from tests.unit import examples

STATUS = Status(site="example", time=0.0, pid=1, poll_interval=10.0)


class Systemd:
    """The end of the socket at which systemd listens."""

    def __init__(self, address):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)

    def messages(self):
        """What came since it was last asked, message by message, each as name and value."""
        found = []
        while True:
            try:
                lines = self._socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return found
            found.append(dict(line.split("=", 1) for line in lines))

    def close(self):
        self._socket.close()


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    listening = Systemd(path)
    yield listening
    listening.close()


class Quiet:
    """A world in which nothing happens, but what a test does at each poll."""

    def __init__(self, at_poll):
        self._at_poll = iter(at_poll)

    def world(self):
        files = SimpleNamespace(probing=0, probed=dict, close=lambda: None)
        pool = SimpleNamespace(queued=Queued, close=lambda: None)
        return Ports(self, files, pool)

    def runs(self, since, known=()):
        next(self._at_poll)()
        return []


def run_submitter(folder, *at_poll):
    """Run the submitter itself; at the polls it does what the test says, and stops at the last."""
    config = examples.config(folder)
    site = config.site.model_copy(update={"poll_interval": 0.0})
    config = replace(config, site=site)
    site.work_dir.mkdir()
    with Ledger(site.work_dir / "condorloop.db") as ledger:
        steps = (lambda step=step: step(submitter, config) for step in at_poll)
        quiet = Quiet(step for step in itertools.chain(steps, [lambda: submitter.stop()]))
        submitter = build_submitter(config, ledger, ports=quiet.world())
        try:
            submitter.run()
        finally:
            submitter.close()


def nothing(submitter, config):
    pass


def test_the_loop_is_ready_after_its_first_cycle_and_alive_after_each(tmp_path, systemd):
    seen = []

    def look(submitter, config):
        seen.append(systemd.messages())

    run_submitter(tmp_path, look, look, look)
    [before, first, second] = seen
    assert before == []
    [ready] = first
    assert ready["READY"] == ready["WATCHDOG"] == "1"
    assert ready["STATUS"] == "0 campaigns open, no problems"
    [alive] = second
    assert alive["WATCHDOG"] == "1"
    assert "READY" not in alive


def test_the_last_message_says_that_it_stops(tmp_path, systemd):
    run_submitter(tmp_path)
    assert systemd.messages()[-1]["STOPPING"] == "1"


def test_a_service_that_is_down_is_a_problem_and_no_silence(tmp_path, systemd):
    def down(submitter, config):
        raise OmsUnavailable("connection refused")

    run_submitter(tmp_path, down, lambda *_: systemd.messages()[0]["STATUS"].index("1 problem"))


@pytest.mark.parametrize("usable", [True, False])
def test_a_reload_is_announced_and_ends_with_the_next_cycle(tmp_path, systemd, usable, caplog):
    def reload(submitter, config):
        def read():
            if not usable:
                raise ConfigError([Mistake(tmp_path / "site.yaml", "name", None, "a name")])
            return config

        systemd.messages()
        submitter.reload(read)

    logging.getLogger("condorloop").propagate = True
    run_submitter(tmp_path, nothing, reload, nothing)
    _, reloading, ready, *_ = systemd.messages()
    assert reloading["RELOADING"] == "1"
    assert int(reloading["MONOTONIC_USEC"]) > 0
    assert ready["READY"] == ready["WATCHDOG"] == "1"
    assert ("rejected" in caplog.text) is not usable
    assert ready["STATUS"].endswith("no problems") is usable


def test_an_abstract_socket_is_told_too():
    name = f"condorloop-test-{os.getpid()}"
    listening = Systemd(f"\0{name}")
    SystemdNotifier(f"@{name}").stopping()
    [message] = listening.messages()
    listening.close()
    assert message["STOPPING"] == "1"


@pytest.mark.parametrize(
    "address", [None, "", "vsock:2:1234", "/nowhere/notify", "@nobody-listens"]
)
def test_where_nobody_listens_nothing_happens(address):
    notifier = SystemdNotifier.from_environment(
        {} if address is None else {"NOTIFY_SOCKET": address}
    )
    notifier.cycled(STATUS)
    notifier.reloading()
    notifier.stopping()


def test_a_socket_that_is_full_stops_no_cycle(tmp_path):
    path = str(tmp_path / "notify")
    listening = Systemd(path)
    notifier = SystemdNotifier(path)
    for _ in range(2000):
        notifier.cycled(STATUS)
    assert 0 < len(listening.messages()) < 2000
    listening.close()


def test_problems_are_counted_in_words():
    problem = Problem(ProblemKind.SERVICE, "OMS does not answer")
    told = summary(Status(site="x", time=0.0, pid=1, poll_interval=1.0, problems=(problem,)))
    assert told == "0 campaigns open, 1 problem"
