"""What the Online Monitoring System (OMS) says about runs.

Knows OMS's attributes and the ways in which it fails; knows nothing of campaigns. The requests
are made by CMS's own client, `omsapi`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import requests
from omsapi import OMSAPI, OMSAPIOAuth
from pydantic import ValidationError

from condorloop.bounded import in_time
from condorloop.model import Run
from condorloop.oms_row import run_of
from condorloop.plain import one_line, shown
from condorloop.private import why_not_private
from condorloop.site import OmsSite

PAGE_ROWS = 100
MOST_PAGES = 50
MOST_REPORTED = 1000
CLOCK_MARGIN = 600.0
SIGNED_OUT = frozenset({301, 302, 303, 307, 308, 401, 403})

log = logging.getLogger(__name__)


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
        Its time limit is the longest silence of the server that is waited for, and half of the
        longest time that a poll takes.
    """

    def __init__(self, site: OmsSite) -> None:
        self._site = site
        self._url = site.url.rstrip("/")
        self._client = _Client(site)
        self._reported: set[str] = set()

    def runs(self, since: float) -> list[Run]:
        """Ask for all runs that started at or after `since`.

        One request for up to 100 runs. Rows that cannot be read are left out, and reported once.
        OMS's clock may be up to `CLOCK_MARGIN` behind ours: runs that began so much earlier are
        given too.

        Parameters
        ----------
        since
            Seconds since the epoch; whole ones count, as in OMS.

        Returns
        -------
        list of Run
            By run number.

        Raises
        ------
        OmsUnavailable
            Whatever else OMS did.
        """
        try:
            return self._runs(since)
        except _SignedOut:
            self._client = _Client(self._site)
            if self._site.login == "none":
                raise
            log.info("OMS at %s wants a new login", self._url)
            return self._runs(since)

    def _runs(self, since: float) -> list[Run]:
        client, deadline = self._client, 2 * self._site.timeout
        try:
            rows = in_time(lambda: client.rows(since - CLOCK_MARGIN), deadline, "oms")
        except OmsUnavailable:
            raise
        except BaseException as error:
            # the request may go on for a while, and must not share a client with the next one
            self._client = _Client(self._site)
            if isinstance(error, TimeoutError):
                raise OmsUnavailable(f"{client.url}: {error}") from error
            raise
        found = {run.number: run for run in map(self._read, rows) if run}
        if rows and not found:
            raise OmsUnavailable(f"{client.url}: none of {len(rows)} rows can be read")
        return [found[number] for number in sorted(found)]

    def _read(self, row: object) -> Run | None:
        try:
            return run_of(row)
        except ValidationError as error:
            first = error.errors()[0]
            number = shown(row.get("id") if isinstance(row, dict) else row).strip("'\"")
            if number not in self._reported and len(self._reported) < MOST_REPORTED:
                self._reported.add(number)
                log.warning(
                    "OMS shows a run that cannot be read, id %s: %s = %s: %s",
                    *(number, one_line(".".join(map(str, first["loc"])), 80)),
                    *(shown(first["input"]), one_line(first["msg"])),
                )
            return None


class _Client:
    """One client of omsapi with its login and its query; of one thread at a time."""

    def __init__(self, site: OmsSite) -> None:
        self._site = site
        self._url = site.url.rstrip("/")
        self._query: Any = None
        self.url = f"{self._url}/{site.version}/runs"

    def rows(self, since: float) -> list[object]:
        """Ask for the rows of all runs since then."""
        start = datetime.fromtimestamp(int(since), UTC).replace(tzinfo=None)
        return self._ask(("start_time", "GE", f"{start.isoformat()}Z"))

    def _ask(self, *filters: tuple[str, str, str]) -> list[object]:
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
            raise OmsUnavailable(f"{self.url}: {self._what_happened(error)}") from error

    def _all_pages(self, query: Any) -> list[object]:
        found: list[object] = []
        numbers: set[object] = set()
        for page in range(1, MOST_PAGES + 1):
            rows = self._page(query.paginate(page, PAGE_ROWS).data())
            these = set(map(_number, rows)) - {None}
            nothing_new = bool(these) and these <= numbers
            numbers |= these
            found += rows
            if len(rows) < PAGE_ROWS or nothing_new:
                return found
        raise OmsUnavailable(f"{self.url}: more than {MOST_PAGES * PAGE_ROWS} rows")

    def _page(self, response: requests.Response) -> list[object]:
        try:
            answer = json.loads(response.content)
        except (ValueError, RecursionError) as error:
            what = f"Invalid JSON: {one_line(str(error), 80)}: {_excerpt(response)}"
            raise OmsUnavailable(f"{self.url}: {what}") from error
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, list):
            raise OmsUnavailable(f"{self.url}: data: not a valid array: {_excerpt(response)}")
        return data

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
        # omsapi's logins have no timeout and no place for one
        signed_in = in_time(lambda: self._sign_in(client), self._site.timeout, "oms-login")
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
            if problem := why_not_private(self._site.client_secret_file):
                raise OmsUnavailable(problem)
            token = OMSAPIOAuth(
                self._site.client_id,
                self._site.client_secret_file.read_text().strip(),
                cert_verify=self._site.verify_certificates,
            )
            token.auth_oidc_req()
            return {"headers": token.token_headers}
        return {}

    def _what_happened(self, error: BaseException) -> str:
        if isinstance(error, requests.Timeout | TimeoutError):
            return f"no answer in {self._site.timeout:g} s"
        while error.__context__ is not None:
            error = error.__context__
        return one_line(str(error)) or type(error).__name__


def _number(row: object) -> object:
    """The run number of a row, None if it has none."""
    attributes = row.get("attributes") if isinstance(row, dict) else None
    number = attributes.get("run_number") if isinstance(attributes, dict) else None
    return number if isinstance(number, int) else None


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
    what = f"{_asked(response)}: HTTP {status}: {_excerpt(response)}"
    if status in SIGNED_OUT:
        raise _SignedOut(what)
    # The answer can be read without the description of its attributes.
    if status != requests.codes.ok and not _asked(response).endswith("/meta"):
        raise OmsUnavailable(what)


def _asked(response: requests.Response) -> str:
    return one_line(unquote(response.url).partition("?")[0])


def _excerpt(response: requests.Response) -> str:
    if response.is_redirect:
        return f"sent to {one_line(response.headers['location'].partition('?')[0], 100)}"
    return f"“{one_line(response.content[:300].decode(errors='replace'), 61)}”"
