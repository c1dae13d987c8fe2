"""The testbed's OMS answers the real client as OMS does, and fails as it does."""

import operator
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from omsapi import OMSAPI

from condorloop.testbed.oms.query import BadRequest, Query
from condorloop.testbed.oms.rows import Row, oms_rows
from condorloop.testbed.oms.server import OmsServer
from condorloop.testbed.scenario.oms_attributes import LUMISECTIONS, RUNS, TABLES
from condorloop.testbed.scenario.scenario import Scenario

PLAY = Scenario.of(
    {
        "runs": [
            {
                "calibrations": ["SiStripBad"],
                "run": 398600 + i,
                "start_offset": 100 * i,
                "lumisections": {"count": 5, "every": 10},
                "end_after": 5,
                "oms": {"hlt_key": None} if i == 1 else {},
            }
            for i in range(3)
        ]
    }
)


@pytest.fixture(scope="module")
def server() -> Iterator[OmsServer]:
    # 225 s: the third run is being taken, two of its lumisections are over.
    server = OmsServer(lambda: oms_rows(PLAY, 225.0, 1_780_000_000.0), hang_s=20.0)
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _no_faults(server: OmsServer) -> None:
    server.faults.clear()


@pytest.fixture(scope="module")
def client(server: OmsServer) -> Any:
    return OMSAPI(server.url, "v1", verbose=False, retry_on_err_sec=0, retry_on_err_attempts=0)


def get(server: OmsServer, path: str) -> requests.Response:
    return requests.get(f"{server.url}/v1/{path}", timeout=5, allow_redirects=False)


def ids(answer: Any) -> list[str]:
    return [item["id"] for item in answer["data"]]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([("run_number", 398601, "EQ")], [398601]),
        ([("run_number", 398601, "neq")], [398600, 398602]),
        ([("run_number", 398600, "GT"), ("run_number", 398602, "LT")], [398601]),
        ([("start_time", "2026-05-28T20:28:20Z", "GE")], [398601, 398602]),
        ([("end_time", "null", "EQ")], [398602]),
        ([("hlt_key", "null", "NEQ")], [398600, 398602]),
        ([("hlt_key", "Run2026", "CT")], [398600, 398602]),
        ([("l1_hlt_mode", "collisions____", "LIKE")], [398600, 398601, 398602]),
        ([("stable_beam", True, "EQ")], [398600, 398601, 398602]),
        ([("ecal_included", "false", "EQ")], []),
        ([("b_field", 3.8, "LE")], [398600, 398601, 398602]),
        ([("components", "ECAL", "CT")], [398600, 398601, 398602]),
    ],
)
def test_the_real_client_filters_runs(
    client: Any, filters: list[tuple[str, Any, str]], expected: list[int]
) -> None:
    query = client.query("runs")
    for name, value, op in filters:
        query.filter(name, value, op)
    answer = query.data().json()
    assert ids(answer) == [str(number) for number in expected]
    assert answer["meta"]["totalResourceCount"] == len(expected)


def test_the_real_client_pages_and_sorts(client: Any) -> None:
    query = client.query("lumisections").sort("lumisection_number", asc=False).paginate(2, 4)
    answer = query.data().json()
    assert ids(answer) == ["398600_3", "398601_3", "398600_2", "398601_2"]


def test_a_page_has_a_hundred_rows_unless_told(server: OmsServer) -> None:
    assert parse_qsl(urlsplit(get(server, "runs").json()["links"]["last"]).query) == [
        ("page[offset]", "0")
    ]
    assert Query.parse([], RUNS).limit == 100


def test_links_lead_through_all_pages(server: OmsServer) -> None:
    url, seen = f"{server.url}/v1/lumisections?sort=-run_number&page[limit]=5", []
    while url:
        answer = requests.get(url, timeout=5).json()
        seen += ids(answer)
        url = answer["links"]["next"]
    assert len(seen) == len(set(seen)) == answer["meta"]["totalResourceCount"] == 12
    assert answer["links"]["prev"]
    assert seen[0] == "398602_1"


def test_only_the_fields_that_were_asked_for_are_shown(client: Any) -> None:
    query = client.query("runs").attrs(["end_time", "delivered_lumi"])
    item = query.data().json()["data"][0]
    assert item["attributes"].keys() == {"end_time", "delivered_lumi"}
    assert item["meta"] == {"row": {"delivered_lumi": {"units": "pb^{-1}"}}}
    assert item["id"] == "398600"


def test_one_row_is_found_by_its_id(server: OmsServer) -> None:
    assert get(server, "runs/398601/").json()["data"]["attributes"]["run_number"] == 398601
    assert get(server, "lumisections/398601_2").json()["data"]["id"] == "398601_2"
    assert get(server, "fills/11300").json()["data"]["attributes"]["last_run_number"] == 398602
    assert get(server, "runs/1").status_code == 404
    lumis = get(server, "runs/398602/lumisections/?fields=lumisection_number").json()
    assert ids(lumis) == ["398602_1", "398602_2"]


def test_lumisections_are_summed_up_by_run(server: OmsServer) -> None:
    rows = get(server, "lumisections?group[granularity]=run").json()["data"]
    assert [row["attributes"]["delivered_lumi"] for row in rows] == [2.331, 2.331, 0.9324]


def test_what_is_to_be_included_is(server: OmsServer) -> None:
    whole = get(server, "runs?include=meta,presentation_timestamp").json()
    assert whole["meta"].keys() >= {"fields", "fields_order", "presentation_timestamp"}
    assert get(server, "runs?include=data_only").json().keys() == {"data"}


@pytest.mark.parametrize("resource", TABLES)
def test_every_attribute_is_described_and_shown(
    server: OmsServer, client: Any, resource: str
) -> None:
    described = client.query(resource).meta()
    shown = get(server, resource).json()["data"][0]["attributes"]
    assert list(described) == list(shown) == list(TABLES[resource])
    assert all(TABLES[resource][name].accepts(value) for name, value in shown.items())


@pytest.mark.parametrize(
    "query",
    [
        "filter[no_such][EQ]=1",
        "filter[run_number][ABOUT]=1",
        "filter[run_number][EQ]=x",
        "sort=no_such",
        "page[limit]=0",
        "page[offset]=-1",
        "fields=no_such",
        "include=all",
        "filter[stable_beam][EQ]=maybe",
        "group[granularity]=fill",
    ],
)
def test_a_request_that_makes_no_sense_is_refused(server: OmsServer, query: str) -> None:
    answer = get(server, f"runs?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["title"]


def test_faults_are_posted_counted_down_and_dropped(server: OmsServer) -> None:
    def post(**fault: object) -> requests.Response:
        return requests.post(server.control_url, json=fault, timeout=5)

    assert post(mode="http_error", times=2, status=502).ok
    assert [get(server, "runs").status_code for _ in range(3)] == [502, 502, 200]
    assert post(mode="no_such").status_code == 400
    assert post(mode="html", colour="red").status_code == 400
    assert post(mode="unauthorized", times=None).ok
    assert get(server, "fills").status_code == 401
    assert len(requests.get(server.control_url, timeout=5).json()) == 1
    requests.delete(server.control_url, timeout=5)
    assert get(server, "fills").status_code == 200


def test_a_fault_about_a_run_leaves_other_requests_alone(server: OmsServer) -> None:
    server.faults.inject("http_error", run=398601, times=None)
    assert get(server, "runs?filter[run_number][EQ]=398600").ok
    assert get(server, "runs/398602").ok
    assert get(server, "runs/meta").ok
    for touching in (
        "runs?filter[run_number][EQ]=398601",
        "runs/398601",
        "runs/398601/lumisections",
        "runs?filter[run_number][GE]=398600",
        "lumisections/398601_1",
    ):
        assert get(server, touching).status_code == 503


def test_a_redirect_leads_to_a_login_page(server: OmsServer) -> None:
    server.faults.inject("redirect")
    answer = requests.get(f"{server.url}/v1/runs", timeout=5)
    assert "Single Sign-On" in answer.text


def test_a_request_that_hangs_is_let_go_when_the_server_stops() -> None:
    server = OmsServer(lambda: oms_rows(PLAY, 0.0, 0.0), hang_s=30.0)
    server.start()
    server.faults.inject("timeout")
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{server.url}/v1/runs", timeout=0.1)
    port = server.port
    server.stop()
    with pytest.raises(requests.ConnectionError):
        get(server, "runs")
    server.start()
    assert server.port == port
    assert get(server, "runs").ok
    server.stop()


def test_an_empty_answer_has_the_form_of_one_with_rows(server: OmsServer) -> None:
    server.faults.inject("empty")
    answer = get(server, "runs").json()
    assert (answer["data"], answer["meta"]["totalResourceCount"]) == ([], 0)
    assert answer.keys() == get(server, "runs").json().keys()
    server.faults.inject("empty")
    assert get(server, "runs/398601").status_code == 404


def test_an_answer_that_is_cut_ends_the_connection(server: OmsServer) -> None:
    server.faults.inject("cut")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        get(server, "runs")
    assert get(server, "runs").ok


def test_odd_attributes_are_shown_and_do_not_disturb_queries() -> None:
    odd = {"end_time": "soon", "last_lumisection_number": "many", "hlt_key": "a\n\"b' é", "x": [1]}
    plain = {"calibrations": ["BeamSpot"], "lumisections": {"count": 2, "every": 1}}
    play = Scenario.of({"runs": [{**plain, "run": 398600, "attributes": odd}]})
    server = OmsServer(lambda: oms_rows(play, 10.0, 1_780_000_000.0))
    server.start()
    try:
        asked = "sort=-last_lumisection_number&filter[last_lumisection_number][EQ]=2"
        [item] = get(server, f"runs?{asked}").json()["data"]
        assert odd.items() <= item["attributes"].items()
        [item] = get(server, f"runs?{asked}&fields=end_time").json()["data"]
        assert item["attributes"] == {"end_time": "soon"}
        assert get(server, "runs/398600").json()["data"]["attributes"]["x"] == [1]
        assert get(server, "fills").json()["data"][0]["attributes"]["end_time"] != "soon"
    finally:
        server.stop()


values = {
    int: st.none() | st.integers(0, 3),
    float: st.none() | st.sampled_from([0.0, 0.5, 1.5, 2.0]),
    str: st.none() | st.sampled_from(["", "a", "ab", "b", "PROTONS"]),
    bool: st.none() | st.booleans(),
}
NAMES = ("lumisection_number", "pileup", "start_time", "physics_flag")
table_rows = st.lists(
    st.fixed_dictionaries({name: values[LUMISECTIONS[name].type] for name in NAMES}), max_size=12
)
ORDERS = {"EQ": operator.eq, "NEQ": operator.ne, "LT": operator.lt}
ORDERS |= {"GT": operator.gt, "LE": operator.le, "GE": operator.ge}


@st.composite
def filters(draw: st.DrawFn) -> tuple[str, str, Any]:
    name, op = draw(st.sampled_from(NAMES)), draw(st.sampled_from([*ORDERS, "CT"]))
    value = draw(values[LUMISECTIONS[name].type])
    if value is None and op not in ("EQ", "NEQ"):
        op = "EQ"
    return name, op, value


def passes(row: Row, name: str, op: str, value: Any) -> bool:
    """Tell in plain words what a filter of OMS means."""
    if value is None:
        return (row[name] is None) is (op == "EQ")
    if row[name] is None:
        return False
    if op == "CT":
        return text(value) in text(row[name])
    return bool(ORDERS[op](row[name], value))


def text(value: object) -> str:
    return "null" if value is None else str(value).lower() if value in (True, False) else str(value)


@given(
    rows=table_rows,
    wanted=st.lists(filters(), max_size=3),
    keys=st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=3),
    offset=st.integers(0, 6),
    limit=st.integers(1, 6),
    lower=st.booleans(),
)
def test_a_query_selects_what_plain_python_selects(
    rows: list[Row],
    wanted: list[tuple[str, str, Any]],
    keys: list[tuple[str, bool]],
    offset: int,
    limit: int,
    lower: bool,
) -> None:
    parameters = [
        (f"filter[{name}][{op.lower() if lower else op}]", text(value))
        for name, op, value in wanted
    ]
    parameters += [("page[offset]", str(offset)), ("page[limit]", str(limit))]
    parameters += [("sort", ",".join("-" * down + name for name, down in keys))]
    page = Query.parse(parameters, LUMISECTIONS).select(rows)

    left = [row for row in rows if all(passes(row, *each) for each in wanted)]
    for name, down in reversed(keys):
        nulls = [row for row in left if row[name] is None]
        there = [row for row in left if row[name] is not None]
        there.sort(key=operator.itemgetter(name), reverse=down)
        left = nulls + there if down else there + nulls
    assert page.total == len(left)
    assert page.rows == left[offset : offset + limit]


@given(value=st.text(max_size=6), pattern=st.text("ab%_.*", max_size=5))
def test_like_knows_two_wild_cards_and_nothing_else(value: Any, pattern: str) -> None:
    query = Query.parse([("filter[start_time][LIKE]", pattern)], LUMISECTIONS)
    if pattern == "null":
        return
    expression = re.escape(pattern).replace("%", "(?s:.*)").replace("_", "(?s:.)")
    matches = bool(re.fullmatch(expression, value))
    assert bool(query.select([{"start_time": value}]).rows) is matches


@given(name=st.text(max_size=12), value=st.text(max_size=6))
def test_any_parameter_is_read_or_refused(name: str, value: Any) -> None:
    with suppress(BadRequest):
        Query.parse([(name, value), (f"filter[pileup][{name}]", value)], LUMISECTIONS)
