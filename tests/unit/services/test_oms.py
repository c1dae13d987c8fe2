"""What OMS says is believed; what it fails to say is never taken for an answer."""

import json
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from condorloop.config.site import OmsSite
from condorloop.model.campaign import Run
from condorloop.services.oms import CLOCK_MARGIN, Oms, OmsUnavailable
from condorloop.testbed.faults import OmsMode
from condorloop.testbed.oms.rows import OmsRows, Row
from condorloop.testbed.oms.server import OmsServer
from condorloop.testbed.scenario.oms_attributes import RUNS, usual

START = datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()
LONG_AGO = START - 86400


def asking(url: str, **options: Any) -> Oms:
    return Oms(OmsSite(url=url, **options))


def oms_time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def row(number: int, start: float = START, **attributes: object) -> Row:
    plain = {"run_number": number, "fill_number": 11300, "start_time": oms_time(start)}
    return {**usual(RUNS), **plain, **attributes}


class Shown:
    """What the server shows: a test changes it as it goes."""

    def __init__(self) -> None:
        self.runs: list[Row] = []
        self.after_each_request: Callable[[], None] = lambda: None

    def rows(self) -> OmsRows:
        seen = OmsRows(runs=list(self.runs))
        self.after_each_request()
        return seen


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def server(shown: Shown) -> Iterator[OmsServer]:
    server = OmsServer(shown.rows)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def oms(server: OmsServer) -> Oms:
    return asking(server.url, timeout=5)


def numbers(runs: list[Run]) -> list[int]:
    return [run.number for run in runs]


def test_a_run_is_read_with_all_that_the_loop_needs(shown: Shown, oms: Oms) -> None:
    end = START + 3600
    shown.runs = [row(398600, end_time=oms_time(end), last_lumisection_number=154)]
    assert oms.runs(LONG_AGO) == [
        Run(398600, 11300, START, end, 154, "PROTONS", "collisions2026", True)
    ]


def test_what_oms_does_not_know_yet_is_none(shown: Shown, oms: Oms) -> None:
    nulls = {"fill_number", "end_time", "last_lumisection_number", "fill_type_runtime"}
    nulls |= {"l1_hlt_mode", "stable_beam"}
    shown.runs = [row(398600) | dict.fromkeys(nulls)]
    assert oms.runs(LONG_AGO) == [Run(398600, None, START, None, None, None, None, False)]


def test_runs_that_started_long_before_are_not_asked_for(shown: Shown, oms: Oms) -> None:
    shown.runs = [row(398599, START - CLOCK_MARGIN - 1), row(398600, START)]
    assert numbers(oms.runs(START)) == [398600]


def test_a_clock_of_oms_that_is_minutes_behind_hides_no_run(shown: Shown, oms: Oms) -> None:
    shown.runs = [row(398600, START - 300)]
    assert numbers(oms.runs(START)) == [398600]


def test_a_poll_costs_one_request(shown: Shown, server: OmsServer, oms: Oms) -> None:
    shown.runs = [row(398600), row(398601)]
    for _ in range(3):
        oms.runs(LONG_AGO)
    assert server.requests == {"runs": 3, "runs/meta": 1}


def test_more_runs_than_fit_a_page_are_all_read(shown: Shown, oms: Oms) -> None:
    shown.runs = [row(398000 + n) for n in range(250)]
    assert numbers(oms.runs(LONG_AGO)) == list(range(398000, 398250))


def test_rows_that_move_between_pages_are_read_once(shown: Shown, oms: Oms) -> None:
    shown.runs = [row(398000 + n) for n in range(150)]

    def one_more() -> None:
        shown.runs.insert(0, row(shown.runs[0]["run_number"] - 1))

    shown.after_each_request = one_more
    runs = numbers(oms.runs(LONG_AGO))
    assert set(runs) >= set(range(398000, 398150))
    assert len(runs) == len(set(runs))


FAILURES = {
    OmsMode.CONNECTION_ERROR: "closed connection",
    OmsMode.HTTP_ERROR: "HTTP 503 Service Unavailable: “<!DOCTYPE html>",
    OmsMode.MALFORMED_JSON: "Invalid JSON",
    OmsMode.REDIRECT: "HTTP 302 Found: sent to http",
    OmsMode.UNAUTHORIZED: "HTTP 401",
    OmsMode.HTML: "Invalid JSON.*CMS OMS is being updated",
    OmsMode.WRONG_SHAPE: "data: .*valid array",
    OmsMode.NULLS: "none of 1 rows can be read",
    OmsMode.TIMEOUT: "no answer in 0.5 s",
    OmsMode.CUT: "IncompleteRead|closed connection|broken",
}


@pytest.mark.parametrize("mode", FAILURES)
@pytest.mark.parametrize("already_asked", [False, True])
def test_a_failure_is_named_and_the_next_poll_is_none_the_worse(
    shown: Shown, server: OmsServer, mode: OmsMode, already_asked: bool
) -> None:
    oms = asking(server.url, timeout=0.5 if mode is OmsMode.TIMEOUT else 5)
    shown.runs = [row(398600)]
    if already_asked:
        oms.runs(LONG_AGO)
    server.faults.inject(mode, resource="runs")
    with pytest.raises(OmsUnavailable, match=f"{server.url}/v1/runs.*({FAILURES[mode]})") as caught:
        oms.runs(LONG_AGO)
    assert len(str(caught.value)) < 250
    assert numbers(oms.runs(LONG_AGO)) == [398600]


def test_each_way_of_failing_is_an_outage_but_an_answer_without_rows(
    shown: Shown, server: OmsServer, oms: Oms
) -> None:
    assert set(OmsMode) - set(FAILURES) == {OmsMode.EMPTY}
    shown.runs = [row(398600)]
    server.faults.inject(OmsMode.EMPTY, resource="runs")
    assert oms.runs(LONG_AGO) == []
    assert numbers(oms.runs(LONG_AGO)) == [398600]


def test_a_second_page_that_fails_makes_no_half_answer(
    shown: Shown, server: OmsServer, oms: Oms
) -> None:
    shown.runs = [row(398000 + n) for n in range(150)]

    def fail_the_second() -> None:
        if server.requests["runs"] == 2:
            server.faults.inject(OmsMode.HTTP_ERROR, resource="runs")

    shown.after_each_request = fail_the_second
    with pytest.raises(OmsUnavailable, match="HTTP 503"):
        oms.runs(LONG_AGO)
    assert server.requests["runs"] == 2
    assert len(oms.runs(LONG_AGO)) == 150


@pytest.mark.parametrize(
    "mode", [OmsMode.HTTP_ERROR, OmsMode.MALFORMED_JSON, OmsMode.HTML, OmsMode.WRONG_SHAPE]
)
def test_runs_are_read_even_if_the_description_of_their_attributes_is_not(
    shown: Shown, server: OmsServer, oms: Oms, mode: OmsMode
) -> None:
    shown.runs = [row(398599, LONG_AGO), row(398600)]
    server.faults.inject(mode, resource="runs/meta")
    for _ in range(3):
        assert numbers(oms.runs(START)) == [398600]
    assert server.requests["runs/meta"] == 2


@pytest.mark.parametrize("mode", [OmsMode.CONNECTION_ERROR, OmsMode.REDIRECT, OmsMode.TIMEOUT])
def test_a_first_contact_that_fails_is_made_again(
    shown: Shown, server: OmsServer, mode: OmsMode
) -> None:
    oms = asking(server.url, timeout=0.5)
    shown.runs = [row(398600)]
    server.faults.inject(mode, resource="runs/meta")
    with pytest.raises(OmsUnavailable):
        oms.runs(LONG_AGO)
    assert numbers(oms.runs(LONG_AGO)) == [398600]


def test_a_port_where_nobody_listens_is_an_outage(
    shown: Shown, server: OmsServer, oms: Oms
) -> None:
    shown.runs = [row(398600)]
    oms.runs(LONG_AGO)
    server.stop()
    with pytest.raises(OmsUnavailable, match="refused"):
        oms.runs(LONG_AGO)
    server.start()
    assert numbers(oms.runs(LONG_AGO)) == [398600]


def test_a_run_that_cannot_be_read_hides_no_other_and_is_reported_once(
    shown: Shown, oms: Oms, caplog: pytest.LogCaptureFixture
) -> None:
    shown.runs = [row(398600, stable_beam="no"), row(398601, last_lumisection_number="x"), row(7)]
    with caplog.at_level(logging.WARNING):
        polls = [numbers(oms.runs(LONG_AGO)) for _ in range(2)]
    assert polls == [[7], [7]]
    assert sorted(text.partition(" id ")[2][:6] for text in caplog.messages) == ["398600", "398601"]


class PlainServer(ThreadingHTTPServer):
    """Answers each GET by `body`, once it has handed out tokens only to the last one's bearer."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Plain)
        self.body = b""
        self.tokens = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Plain(BaseHTTPRequestHandler):
    server: PlainServer

    def do_GET(self) -> None:
        token = self.server.tokens
        if token and self.headers["Authorization"] != f"Bearer {token}":
            self.send(401, b"expired")
        else:
            self.send(200, b"{}" if self.path.endswith("/meta") else self.server.body)

    def do_POST(self) -> None:
        self.server.tokens += 1
        self.send(200, json.dumps({"access_token": str(self.server.tokens)}).encode())

    def send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def plain_server() -> Iterator[PlainServer]:
    server = PlainServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_token_that_expires_is_renewed_within_the_poll(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    with plain_server() as server:
        monkeypatch.setattr("omsapi.cern_api_url", f"{server.url}/token")
        server.body = json.dumps({"data": [{"id": "1", "attributes": row(398600)}]}).encode()
        oms = asking(
            server.url, login="oidc", client_id="ngt", client_secret_file=secret, timeout=5
        )
        assert numbers(oms.runs(LONG_AGO)) == [398600]
        server.tokens += 1
        assert numbers(oms.runs(LONG_AGO)) == [398600]


def test_runs_and_their_luminosity_share_a_login(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    with plain_server() as server:
        monkeypatch.setattr("omsapi.cern_api_url", f"{server.url}/token")
        server.body = b'{"data": []}'
        oms = asking(
            server.url, login="oidc", client_id="ngt", client_secret_file=secret, timeout=5
        )
        assert (oms.runs(LONG_AGO), oms.luminosity(398600)) == ([], {})
        assert server.tokens == 1


def test_a_login_that_cannot_be_made_is_an_outage(tmp_path: Path) -> None:
    oms = asking(
        "http://127.0.0.1:9/x", login="oidc", client_id="a", client_secret_file=tmp_path / "none"
    )
    with pytest.raises(OmsUnavailable, match="No such file"):
        oms.runs(LONG_AGO)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
nearly_times = st.sampled_from([oms_time(START), "0001-01-01T00:00:00+23:00", "2026-02-30"])
nearly_attributes = st.fixed_dictionaries(
    {"run_number": scalars, "start_time": scalars | nearly_times},
    optional={"end_time": scalars | nearly_times, "last_lumisection_number": scalars}
    | {"stable_beam": anything, "fill_type_runtime": scalars},
)
nearly_rows = st.fixed_dictionaries({"id": anything, "attributes": nearly_attributes | anything})
nearly_answers = st.fixed_dictionaries({"data": st.lists(nearly_rows | anything, max_size=3)})
bodies = st.binary(max_size=20) | (anything | nearly_answers).map(lambda v: json.dumps(v).encode())


@pytest.fixture(scope="module")
def plain() -> Iterator[PlainServer]:
    with plain_server() as server:
        yield server


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(body=bodies)
def test_whatever_comes_back_is_either_runs_or_an_outage(plain: PlainServer, body: bytes) -> None:
    plain.body = body
    oms = asking(plain.url)
    try:
        runs = oms.runs(LONG_AGO)
    except OmsUnavailable:
        return
    assert all(run.number > 0 and isinstance(run.start, float) for run in runs)
    assert runs or json.loads(body)["data"] == []


def test_a_server_that_ignores_pages_is_not_asked_for_ever(plain: PlainServer) -> None:
    plain.body = json.dumps(
        {"data": [{"id": "1", "attributes": row(398600 + n)} for n in range(100)]}
    ).encode()
    assert len(asking(plain.url).runs(LONG_AGO)) == 100


class Trickle(BaseHTTPRequestHandler):
    """Sends its answer byte by byte, never silent for long and never at an end."""

    server: "TrickleServer"

    def do_GET(self) -> None:
        if self.path.endswith("/meta") and self.server.where == "body":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")
            return
        self.server.when_asked()
        if self.server.where == "body":
            self.send_response(200)
            self.end_headers()
        else:
            self.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
        while not self.server.over.wait(0.02):
            try:
                self.wfile.write(b" ")
            except OSError:
                self.server.left.set()
                return

    def log_message(self, format: str, *args: object) -> None:
        pass


class TrickleServer(ThreadingHTTPServer):
    def __init__(self, where: str) -> None:
        super().__init__(("127.0.0.1", 0), Trickle)
        self.where = where
        self.when_asked: Callable[[], None] = lambda: None
        self.over = threading.Event()
        self.left = threading.Event()


@contextmanager
def trickling(where: str) -> Iterator[TrickleServer]:
    server = TrickleServer(where)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("where", ["body", "headers"])
def test_a_server_that_trickles_for_ever_is_given_up_and_left(where: str) -> None:
    with trickling(where) as server:
        oms = asking(f"http://127.0.0.1:{server.server_port}", timeout=0.3)
        with pytest.raises(OmsUnavailable, match=r"no whole answer in 0\.6 s"):
            oms.runs(LONG_AGO)
        assert server.left.wait(20), "the request that was given up goes on"


class Interrupted(Exception):
    pass


def test_a_signal_handler_that_raises_ends_the_wait_for_oms() -> None:
    def raise_interrupted(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, raise_interrupted)
    try:
        with trickling("body") as server:
            main = threading.main_thread().ident
            assert main is not None
            server.when_asked = lambda: signal.pthread_kill(main, signal.SIGUSR1)
            oms = asking(f"http://127.0.0.1:{server.server_port}", timeout=30)
            with pytest.raises(Interrupted):
                oms.runs(LONG_AGO)
            assert server.left.wait(20)
    finally:
        signal.signal(signal.SIGUSR1, before)
