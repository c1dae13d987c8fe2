"""What the Online Monitoring System (OMS) says about runs.

Knows OMS's attributes and the ways in which it fails; knows nothing of campaigns. The requests
are made by CMS's own client, `omsapi`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from threading import Thread
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote

import requests
from omsapi import OMSAPI, OMSAPIOAuth
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from condorloop.model import Run
from condorloop.site import OmsSite

PAGE_ROWS = 100
MOST_PAGES = 50
SIGNED_OUT = frozenset({301, 302, 303, 307, 308, 401, 403})

log = logging.getLogger(__name__)
T = TypeVar("T")


class OmsUnavailable(Exception):
    """OMS gave no answer, or one that makes no sense: nothing is known, nothing has changed."""


class _SignedOut(OmsUnavailable):
    """OMS wants a login, by 401 or by sending the client to a login page."""


class Oms:
    """The runs of one OMS.

    Parameters
    ----------
    site
        Where it is and how to log in: ``none`` inside the experiment's network; ``oidc`` with
        a secret that is read from its file at each login; ``krb`` with the process's ticket.
        Its time limit is the longest silence of the server that is waited for.
    """

    def __init__(self, site: OmsSite) -> None:
        self._site = site
        self._url = site.url.rstrip("/")
        self._query: Any = None
        self._reported: set[str] = set()

    def runs(self, since: float, known: Collection[int] = ()) -> list[Run]:
        """Ask for all runs that started at or after `since`, and for the `known` ones.

        One request for up to 100 runs. Only where a known run started before `since` is there a
        second one. Rows that cannot be read are left out, and reported once.

        Parameters
        ----------
        since
            Seconds since the epoch; whole ones count, as in OMS.
        known
            Numbers of runs whose state is wanted however long ago they started.

        Returns
        -------
        list of Run
            By run number. A known run that OMS does not show is not in it.

        Raises
        ------
        OmsUnavailable
            Whatever else OMS did.
        """
        try:
            return self._runs(since, known)
        except _SignedOut:
            self._query = None
            if self._site.login == "none":
                raise
            log.info("OMS at %s wants a new login", self._url)
            return self._runs(since, known)

    def _runs(self, since: float, known: Collection[int]) -> list[Run]:
        start = datetime.fromtimestamp(int(since), UTC).replace(tzinfo=None)
        found, rows = self._ask(("start_time", "GE", f"{start.isoformat()}Z"))
        if older := set(known) - found.keys():
            between, more = self._ask(
                ("run_number", "GE", str(min(older))), ("run_number", "LE", str(max(older)))
            )
            found |= {number: run for number, run in between.items() if number in older}
            rows += more
        if rows and not found:
            raise OmsUnavailable(f"{self._runs_url}: none of {rows} rows can be read")
        return [found[number] for number in sorted(found)]

    def _ask(self, *filters: tuple[str, str, str]) -> tuple[dict[int, Run], int]:
        """Give the runs that pass, and how many rows came, readable or not."""
        try:
            query = self._query or self._new_query()
            query.clear_filter()
            for attribute, operator, value in filters:
                query.filter(attribute, value, operator)
            return self._all_pages(query)
        except OmsUnavailable:
            raise
        # omsapi raises bare Exception; its Kerberos login, whatever its libraries raise.
        except Exception as error:
            raise OmsUnavailable(f"{self._runs_url}: {self._what_happened(error)}") from error

    def _all_pages(self, query: Any) -> tuple[dict[int, Run], int]:
        found: dict[int, Run] = {}
        count = 0
        for page in range(1, MOST_PAGES + 1):
            rows = self._rows(query.paginate(page, PAGE_ROWS).data())
            runs = {run.number: run for run in map(self._read, rows) if run}
            nothing_new = bool(runs) and runs.keys() <= found.keys()
            found |= runs
            count += len(rows)
            if len(rows) < PAGE_ROWS or nothing_new:
                return found, count
        raise OmsUnavailable(f"{self._runs_url}: more than {MOST_PAGES * PAGE_ROWS} rows")

    def _rows(self, response: requests.Response) -> list[_Row]:
        try:
            return _Answer.model_validate_json(response.content).data
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "answer"
            raise OmsUnavailable(
                f"{self._runs_url}: {where}: {first['msg']}: {_excerpt(response)}"
            ) from error

    def _read(self, row: _Row) -> Run | None:
        try:
            return _Attributes.model_validate(row.attributes).run()
        except ValidationError as error:
            first = error.errors()[0]
            if str(row.id) not in self._reported:
                self._reported.add(str(row.id))
                log.warning(
                    "OMS shows a run that cannot be read, id %s: %s = %r: %s",
                    *(row.id, first["loc"][0], first["input"], first["msg"]),
                )
            return None

    def _new_query(self) -> Any:
        """Make the query that all polls share; omsapi GETs the attributes' description for each.

        It is kept only if that description came. The answer does not need it: validation is
        off, because with it omsapi drops a filter on an attribute that it has not heard of.
        """
        client = OMSAPI(
            self._url,
            self._site.version,
            verbose=False,
            cert_verify=self._site.verify_certificates,
            retry_on_err_sec=0,
            retry_on_err_attempts=0,
        )
        signed_in = _in_time(lambda: self._sign_in(client), self._site.timeout)
        client.tsg_auth = _RequestOptions(self._site.timeout, signed_in)
        query = client.query("runs")
        query.set_validation(False)
        query.sort("run_number")
        if isinstance(query.metadata, dict):
            self._query = query
        else:
            query.metadata = None
        return query

    def _sign_in(self, client: Any) -> Mapping[str, Any]:
        """Log in as omsapi does; return what `requests.get` then needs."""
        if self._site.login == "krb":
            client.auth_krb()
            return {"cookies": client.cookies}
        if self._site.login == "oidc":
            if self._site.client_secret_file is None:
                raise OmsUnavailable(f"{self._url}: login oidc needs the file with its secret")
            token = OMSAPIOAuth(
                self._site.client_id,
                self._site.client_secret_file.read_text().strip(),
                cert_verify=self._site.verify_certificates,
            )
            token.auth_oidc_req()
            return {"headers": token.token_headers}
        return {}

    @property
    def _runs_url(self) -> str:
        return f"{self._url}/{self._site.version}/runs"

    def _what_happened(self, error: BaseException) -> str:
        if isinstance(error, requests.Timeout | TimeoutError):
            return f"no answer in {self._site.timeout:g} s"
        while error.__context__ is not None:
            error = error.__context__
        return str(error) or type(error).__name__


class _RequestOptions:
    """What each GET of the client is sent with.

    omsapi gives `requests.get` no timeout, but whatever its ``tsg_auth.authparams()`` returns.
    The hook sees each response before omsapi does, so that failures are named in one place.
    """

    def __init__(self, timeout_s: float, signed_in: Mapping[str, Any]) -> None:
        self._options = {"timeout": timeout_s, "hooks": {"response": _judge}, **signed_in}

    def authparams(self) -> dict[str, Any]:
        return self._options


def _judge(response: requests.Response, **_: object) -> None:
    status = response.status_code
    what = f"{_page(response)}: HTTP {status}: {_excerpt(response)}"
    if status in SIGNED_OUT:
        raise _SignedOut(what)
    # The answer can be read without the description of its attributes.
    if status != requests.codes.ok and not _page(response).endswith("/meta"):
        raise OmsUnavailable(what)


def _page(response: requests.Response) -> str:
    return unquote(response.url).partition("?")[0]


def _excerpt(response: requests.Response) -> str:
    if response.is_redirect:
        return f"sent to {response.headers['location'].partition('?')[0]}"
    text = " ".join(response.content[:300].decode(errors="replace").split())
    return f"“{text[:60]}…”" if len(text) > 60 else f"“{text}”"


def _in_time(call: Callable[[], T], seconds: float) -> T:
    """Give up on `call` after `seconds`: omsapi's logins have no timeout and no place for one."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=work, name="oms-login", daemon=True).start()
    return future.result(timeout=seconds)


def _utc(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("expected a time such as 2018-11-19T20:36:50Z")
    try:
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from error


_Time = Annotated[datetime, BeforeValidator(_utc)]


class _Row(BaseModel):
    id: Any = None
    attributes: dict[str, Any]


class _Answer(BaseModel):
    data: list[_Row]


class _Attributes(BaseModel):
    model_config = ConfigDict(strict=True)

    run_number: int = Field(gt=0)
    start_time: _Time
    fill_number: int | None = None
    end_time: _Time | None = None
    last_lumisection_number: int | None = None
    fill_type_runtime: str | None = None
    l1_hlt_mode: str | None = None
    stable_beam: bool | None = None

    def run(self) -> Run:
        return Run(
            number=self.run_number,
            fill=self.fill_number,
            start=self.start_time.timestamp(),
            end=None if self.end_time is None else self.end_time.timestamp(),
            last_ls=self.last_lumisection_number,
            fill_type=self.fill_type_runtime,
            l1_hlt_mode=self.l1_hlt_mode,
            stable_beam=bool(self.stable_beam),
        )
