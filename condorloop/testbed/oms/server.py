"""The testbed's OMS: an HTTP server that speaks the API of the Online Monitoring System.

``{url}/v1/{resource}`` for runs, lumisections and fills, one row by its id, the lumisections of
a run, and each resource's ``meta``. Outside of the API, ``/_testbed/faults`` takes faults: POST
``{"mode": …, "times": …, "status": …, "run": …, "resource": …}`` adds one, GET lists those that
wait, DELETE drops them.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, request

from condorloop.testbed.faults import Fault, OmsMode
from condorloop.testbed.http_service import LoopbackService, cut_short
from condorloop.testbed.oms.query import BadRequest, Page, Query
from condorloop.testbed.oms.rows import OmsRows, Row
from condorloop.testbed.scenario.oms_attributes import TABLES, Table
from condorloop.testbed.service_faults import OmsFaults

BASE = "/agg/api"

log = logging.getLogger(__name__)
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer before faults: its body, and the runs that it or its request is about."""

    body: Body
    runs: Collection[int] = ()
    status: int = 200


class OmsServer(LoopbackService):
    """Serves rows of OMS on loopback, in threads of this process.

    Parameters
    ----------
    rows
        Gives the rows to show, at each request.
    faults
        How to fail; none unless some are injected.
    port, hang_s
        As a `LoopbackService` takes them; a ``timeout`` hangs.
    """

    def __init__(
        self,
        rows: Callable[[], OmsRows],
        faults: OmsFaults | None = None,
        port: int = 0,
        hang_s: float = 120.0,
    ) -> None:
        super().__init__(self._make_app(), port, hang_s)
        self.faults = faults or OmsFaults()
        self._rows = rows
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    @property
    def url(self) -> str:
        """The base of the API, as `omsapi` takes it."""
        return super().url + BASE

    @property
    def control_url(self) -> str:
        """Where faults are posted."""
        return f"{super().url}/_testbed/faults"

    @property
    def requests(self) -> Counter[str]:
        """How many requests of the API there were, by resource: ``runs``, ``runs/meta``, …."""
        with self._lock:
            return Counter(self._counts)

    def _make_app(self) -> Flask:
        app = Flask("OMS")
        app.url_map.strict_slashes = False
        api = f"{BASE}/v1/<any({','.join(TABLES)}):resource>"
        app.add_url_rule(f"{api}/meta", view_func=self._get_meta)
        app.add_url_rule(api, view_func=self._get_rows)
        app.add_url_rule(f"{api}/<row>", view_func=self._get_row)
        app.add_url_rule(f"{BASE}/v1/runs/<int:run>/lumisections", view_func=self._get_lumisections)
        app.add_url_rule("/_testbed/login", "login", view_func=lambda: _html("CERN Single Sign-On"))
        app.add_url_rule(
            "/_testbed/faults", view_func=self._control, methods=["GET", "POST", "DELETE"]
        )
        return app

    def _get_meta(self, resource: str) -> Response:
        return self._reply(f"{resource}/meta", lambda: _Answer({"meta": _fields(TABLES[resource])}))

    def _get_rows(self, resource: str) -> Response:
        def listing() -> _Answer:
            rows = self._rows()
            return _listing(resource, getattr(rows, resource), odd=rows.odd)

        return self._reply(resource, listing)

    def _get_lumisections(self, run: int) -> Response:
        def of_run() -> _Answer:
            rows = [row for row in self._rows().lumisections if row["run_number"] == run]
            return _listing("lumisections", rows, run)

        return self._reply("lumisections", of_run)

    def _get_row(self, resource: str, row: str) -> Response:
        def of_id() -> _Answer:
            rows = self._rows()
            for each in getattr(rows, resource):
                if _id(resource, each) == row:
                    item = _item(resource, each, odd=rows.odd)
                    return _Answer({"data": item}, _runs([each]))
            first = row.partition("_")[0]
            return _error(404, f"no {row} in {resource}", [int(first)] if first.isdecimal() else [])

        return self._reply(resource, of_id)

    def _reply(self, resource: str, make: Callable[[], _Answer]) -> Response:
        with self._lock:
            self._counts[resource] += 1
        try:
            answer = make()
        except BadRequest as error:
            answer = _error(400, str(error))
        fault = self.faults.take(resource, answer.runs)
        if fault is None:
            return _json(answer.body, answer.status)
        log.info("%s fails on request: %s", resource, fault.mode)
        mode = OmsMode(fault.mode)
        if mode is OmsMode.TIMEOUT:
            self.hang()
        if mode in (OmsMode.TIMEOUT, OmsMode.CONNECTION_ERROR):
            return self.hang_up()
        return _FAILURES[mode](fault, answer.body)

    def _control(self) -> Response:
        if request.method == "POST":
            try:
                self.faults.inject(**request.get_json(force=True))
            except (TypeError, ValueError) as error:
                return Response(f"{error}\n", 400)
        elif request.method == "DELETE":
            self.faults.clear()
        return _json([asdict(armed) for armed in self.faults.armed])


def _listing(
    resource: str,
    rows: Sequence[Row],
    run: int | None = None,
    odd: Mapping[int, Row] = MappingProxyType({}),
) -> _Answer:
    query = Query.parse(request.args.items(multi=True), TABLES[resource])
    page = query.select(rows)
    touched = {number for number in (run, query.run, *_runs(page.rows)) if number is not None}
    data = [_item(resource, row, query, odd) for row in page.rows]
    if "data_only" in query.include:
        plain = ("id", "type", "attributes")
        return _Answer({"data": [{key: item[key] for key in plain} for item in data]}, touched)
    meta: Body = {"totalResourceCount": page.total}
    if "meta" in query.include:
        meta |= _fields(TABLES[resource])
    if "presentation_timestamp" in query.include:
        meta["presentation_timestamp"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return _Answer({"data": data, "links": _links(query, page), "meta": meta}, touched)


def _item(
    resource: str,
    row: Row,
    query: Query | None = None,
    odd: Mapping[int, Row] = MappingProxyType({}),
) -> Body:
    number = _id(resource, row)
    shown = query.project(row) if query else row
    units = {name: TABLES[resource][name].units for name in shown}
    if resource == "runs" and (instead := odd.get(row["run_number"])):
        everything = query is None or query.fields is None
        shown = shown | {k: v for k, v in instead.items() if everything or k in shown}
    return {
        "id": number,
        "type": resource,
        "attributes": shown,
        "links": {"self": f"{request.host_url}{BASE[1:]}/v1/{resource}/{number}/"},
        "meta": {"row": {name: {"units": unit} for name, unit in units.items() if unit}},
    }


def _id(resource: str, row: Row) -> str:
    if resource == "lumisections":
        return f"{row['run_number']}_{row['lumisection_number']}"
    return str(row[f"{resource.removesuffix('s')}_number"])


def _runs(rows: Iterable[Row]) -> set[int]:
    return {row["run_number"] for row in rows if row.get("run_number") is not None}


def _links(query: Query, page: Page) -> Body:
    last = max(0, (page.total - 1) // query.limit * query.limit)
    offsets: dict[str, int | None] = {
        "first": 0,
        "last": last,
        "next": query.offset + query.limit if query.offset + query.limit < page.total else None,
        "prev": max(0, query.offset - query.limit) if query.offset else None,
    }
    others = [(k, v) for k, v in request.args.items(multi=True) if k != "page[offset]"]
    return {
        name: None
        if offset is None
        else f"{request.base_url}?{urlencode([*others, ('page[offset]', offset)])}"
        for name, offset in offsets.items()
    }


def _fields(table: Table) -> Body:
    fields = {
        name: {
            "title": name.replace("_", " ").capitalize(),
            "description": None,
            "api_type": attribute.type.__name__,
            "units": attribute.units,
            "sortable": attribute.type is not list,
            "searchable": True,
            "projectable": True,
        }
        for name, attribute in table.items()
    }
    return {"fields": fields, "fields_order": list(table)}


def _error(status: int, title: str, runs: Collection[int] = ()) -> _Answer:
    return _Answer({"errors": [{"status": str(status), "title": title}]}, runs, status)


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status, mimetype="application/vnd.api+json")


def _html(title: str, status: int = 200) -> Response:
    page = (
        f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body>{title}</body></html>\n"
    )
    return Response(page, status, mimetype="text/html")


def _http_error(fault: Fault, body: Body) -> Response:
    status = fault.status or 503
    return _html(fault.message or f"{status} {HTTPStatus(status).phrase}", status)


def _malformed(fault: Fault, body: Body) -> Response:
    text = json.dumps(body)
    return Response(text[: len(text) // 2], mimetype="application/vnd.api+json")


def _redirect(fault: Fault, body: Body) -> Response:
    response = _html("302 Found", 302)
    response.headers["Location"] = f"{request.host_url}_testbed/login?client_id=cmsoms-prod"
    return response


def _nulls(fault: Fault, body: Body) -> Response:
    data = body.get("data", [])
    for item in data if isinstance(data, list) else [data]:
        item["attributes"] = dict.fromkeys(item["attributes"])
    return _json(body)


def _empty(fault: Fault, body: Body) -> Response:
    if not isinstance(body.get("data"), list):
        return _json(_error(404, "no such row").body, 404)
    links = dict.fromkeys(body.get("links", {}))
    meta = {"meta": body["meta"] | {"totalResourceCount": 0}} if "meta" in body else {}
    return _json({**body, "data": [], **({"links": links} if links else {}), **meta})


_FAILURES: Mapping[OmsMode, Callable[[Fault, Body], Response]] = {
    OmsMode.HTTP_ERROR: _http_error,
    OmsMode.MALFORMED_JSON: _malformed,
    OmsMode.REDIRECT: _redirect,
    OmsMode.UNAUTHORIZED: lambda fault, body: _html("401 Unauthorized", 401),
    OmsMode.HTML: lambda fault, body: _html("CMS OMS is being updated"),
    OmsMode.WRONG_SHAPE: lambda fault, body: _json({"data": {"message": "no rows here"}}),
    OmsMode.NULLS: _nulls,
    OmsMode.EMPTY: _empty,
    OmsMode.CUT: lambda fault, body: cut_short(_json(body)),
}
