"""Whatever OMS sends, a run is one that can be kept, or is not there."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from condorloop.config.site import OmsSite
from condorloop.services.oms import Oms, OmsUnavailable
from condorloop.services.oms_rows import run_of
from tests.unit.hostile import is_one_clear_line, outcome, texts, values

GOOD = {
    "run_number": 398600,
    "fill_number": 11300,
    "start_time": "2026-07-01T12:00:00Z",
    "end_time": None,
    "last_lumisection_number": None,
    "fill_type_runtime": "PROTONS",
    "l1_hlt_mode": "collisions2026",
    "stable_beam": True,
}
TIMES = ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "2026-07-01", "2026-W27-3T12:00:00Z",
         "2026-07-01T12:00:00-99:99", "2026-02-30T00:00:00Z", "٢٠٢٦-07-01T12:00:00Z", "1783000000",
         "2026-07-01T12:00:00Z\n", "2026-07-01T24:00:00Z"]  # fmt: skip
odd_values = values | st.sampled_from(TIMES)


def row(**changes: Any) -> dict[str, Any]:
    return {"id": "398600", "attributes": GOOD | changes}


def can_be_kept(run: Any) -> bool:
    numbers = [run.number, run.fill or 0, run.last_ls or 0]
    return (
        all(type(n) is int and 0 <= n < 2**31 for n in numbers)
        and 0 < run.number < 10**9
        and 946_684_800 <= run.start < 4_102_444_800
        and (run.end is None or run.start <= run.end < 4_102_444_800)
        and all(len(text.encode()) < 1000 for text in (run.fill_type or "", run.l1_hlt_mode or ""))
    )


@given(st.sampled_from(sorted(GOOD)), odd_values)
def test_any_value_in_any_attribute_is_a_run_that_can_be_kept_or_none(name, value):
    try:
        assert can_be_kept(run_of(row(**{name: value})))
    except ValidationError:
        return


@pytest.mark.parametrize(
    "odd",
    [
        *({"run_number": n} for n in (0, -1, 10**9, 10**30, True, 1.0, "398600")),
        *({"last_lumisection_number": n} for n in (-1, 2**31, 10**30, True, "7")),
        *({"fill_number": n} for n in (-1, 10**30, False)),
        *({"start_time": time} for time in TIMES),
        {"end_time": "9999-12-31T23:59:59Z"},
        {"end_time": "2026-07-01T11:59:59Z"},
        {"stable_beam": 1},
        {"l1_hlt_mode": "x" * 100_000},
        {"l1_hlt_mode": "\ud800"},
    ],
)
def test_what_no_run_can_have_is_refused(odd):
    with pytest.raises(ValidationError):
        run_of(row(**odd))


def test_a_time_in_another_zone_is_the_same_time():
    assert run_of(row(start_time="2026-07-01T14:00:00+02:00")) == run_of(row())


class Said(ThreadingHTTPServer):
    body = b""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Said

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def said() -> Iterator[Said]:
    server = Said()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def asked(server: Said) -> Oms:
    return Oms(OmsSite(url=f"http://127.0.0.1:{server.server_port}"))


bodies = (
    st.builds(lambda n, v: {"data": [row(**{n: v})]}, st.sampled_from(sorted(GOOD)), odd_values)
    | st.builds(lambda v: {"data": [v, row()]}, odd_values)
    | st.builds(lambda v: {"data": v}, odd_values)
    | odd_values
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(bodies.map(json.dumps) | texts)
def test_over_http_any_answer_is_runs_that_can_be_kept_or_one_clear_line(said, text):
    said.body = text.encode(errors="surrogatepass")
    runs, error = outcome(lambda: asked(said).runs(0.0), OmsUnavailable)
    assert is_one_clear_line(error) if runs is None else all(map(can_be_kept, runs))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"data": ' + b'[{"a": ' * 20_000,
        b'{"data": [' + b"9" * 100_000 + b"]}",
        b"\xff\xfe",
        b"",
        b"null",
        b'{"data": [null, 1, "x", [], {}]}',
    ],
)
def test_an_answer_that_is_none_is_an_outage_in_one_line(said, body):
    said.body = body
    with pytest.raises(OmsUnavailable) as raised:
        asked(said).runs(0.0)
    assert is_one_clear_line(str(raised.value))


def test_a_hostile_row_hides_no_other_and_is_told_in_one_line(said, caplog):
    odd = {"id": "\x1b[31m\n" + "x" * 10_000, "attributes": GOOD | {"run_number": "\x1b[31m\n"}}
    said.body = json.dumps({"data": [odd, None, row()]}).encode()
    assert [run.number for run in asked(said).runs(0.0)] == [398600]
    assert caplog.messages
    assert all(is_one_clear_line(message) for message in caplog.messages)
