"""Rows of the Online Monitoring System (OMS), asked for by CMS's own client, `omsapi`.

Knows logins, time limits, pages and the ways in which OMS fails; knows nothing of what rows say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count, islice
from typing import Any
from urllib.parse import unquote

import requests
from omsapi import OMSAPI, OMSAPIOAuth

from condorloop.config.site import OmsSite
from condorloop.errors import Unavailable
from condorloop.runtime.deadline import within
from condorloop.runtime.secret_files import why_not_private
from condorloop.text import one_line

PAGE_ROWS = 100
MOST_PAGES = 50
SIGNED_OUT = frozenset({301, 302, 303, 307, 308, 401, 403})

Filter = tuple[str, str, str]
"""Attribute, operator and value."""


class OmsUnavailable(Unavailable):
    """OMS gave no answer, or one that makes no sense: nothing is known, nothing has changed."""


class SignedOut(OmsUnavailable):
    """OMS wants a login, by 401 or by sending the client to a login page."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of rows, as ``runs``.

    `number` is the attribute by which rows are sorted and told apart, `fields` are the attributes
    that are asked for, all if there are none; `row` is what one is called.
    """

    name: str
    row: str
    number: str
    fields: tuple[str, ...] = ()

    def number_of(self, row: object) -> object:
        """The number of a row, None if it has none."""
        attributes = row.get("attributes") if isinstance(row, dict) else None
        number = attributes.get(self.number) if isinstance(attributes, dict) else None
        return number if isinstance(number, int) else None


class Client:
    """One client of omsapi with its login and a query for each resource; of one thread at a time.

    Parameters
    ----------
    site
        Where OMS is and how to log in.
    """

    def __init__(self, site: OmsSite) -> None:
        self._site = site
        self._url = site.url.rstrip("/")
        self._signed_in: Any = None
        self._queries: dict[str, Any] = {}

    def url_of(self, resource: Resource) -> str:
        """Where the rows of a resource are."""
        return f"{self._url}/{self._site.version}/{resource.name}"

    def all_rows(self, resource: Resource, *filters: Filter) -> list[object]:
        """Ask for all rows that pass the filters; a row that moves between pages may come twice.

        Raises
        ------
        OmsUnavailable
            Whatever else OMS did.
        """
        found: list[object] = []
        numbers: set[object] = set()
        for rows in islice(self._pages(resource, PAGE_ROWS, filters), MOST_PAGES):
            these = {resource.number_of(row) for row in rows} - {None}
            nothing_new = bool(these) and these <= numbers
            numbers |= these
            found += rows
            if len(rows) < PAGE_ROWS or nothing_new:
                return found
        raise OmsUnavailable(f"{self.url_of(resource)}: more than {MOST_PAGES * PAGE_ROWS} rows")

    def first_rows(self, resource: Resource, most: int, *filters: Filter) -> list[object]:
        """Ask, by one request, for the rows of the lowest numbers that pass the filters.

        Raises
        ------
        OmsUnavailable
            Whatever else OMS did.
        """
        return next(self._pages(resource, most, filters))

    def _pages(
        self, resource: Resource, rows: int, filters: tuple[Filter, ...]
    ) -> Iterator[list[object]]:
        try:
            query = self._queries.get(resource.name) or self._new_query(resource)
            query.clear_filter()
            for attribute, operator, value in filters:
                query.filter(attribute, value, operator)
            for page in count(1):
                yield self._rows_in(resource, query.paginate(page, rows).data())
        except OmsUnavailable:
            raise
        # omsapi raises bare Exception; its Kerberos login, whatever its libraries raise.
        except Exception as error:
            raise OmsUnavailable(
                f"{self.url_of(resource)}: {self._what_happened(error)}"
            ) from error

    def _rows_in(self, resource: Resource, response: requests.Response) -> list[object]:
        url = self.url_of(resource)
        try:
            answer = json.loads(response.content)
        except (ValueError, RecursionError) as error:
            what = f"Invalid JSON: {one_line(str(error), 80)}: {_excerpt(response)}"
            raise OmsUnavailable(f"{url}: {what}") from error
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, list):
            raise OmsUnavailable(f"{url}: data: not a valid array: {_excerpt(response)}")
        return data

    def _new_query(self, resource: Resource) -> Any:
        """Make the query that all polls share; omsapi GETs the attributes' description for each.

        It is kept only if that description came. The answer does not need it: validation is
        off, because with it omsapi drops a filter on an attribute that it has not heard of.
        """
        query = self._api().query(resource.name)
        query.set_validation(False)
        query.sort(resource.number)
        if resource.fields:
            query.attrs(list(resource.fields))
        if isinstance(query.metadata, dict):
            self._queries[resource.name] = query
        else:
            query.metadata = None
        return query

    def _api(self) -> Any:
        if self._signed_in is None:
            client = OMSAPI(
                self._url,
                self._site.version,
                verbose=False,
                cert_verify=self._site.verify_certificates,
                retry_on_err_sec=0,
                retry_on_err_attempts=0,
            )
            # omsapi's logins have no timeout and no place for one
            options = within(lambda: self._sign_in(client), self._site.timeout, "oms-login")
            client.tsg_auth = _RequestOptions(self._site.timeout, options)
            self._signed_in = client
        return self._signed_in

    def _sign_in(self, client: Any) -> Mapping[str, Any]:
        """Log in as omsapi does; return what `requests.get` then needs."""
        if self._site.login == "krb":
            client.auth_krb()
            return {"cookies": client.cookies}
        if self._site.login == "oidc":
            if self._site.client_secret_file is None:
                raise OmsUnavailable(f"{self._url}: login oidc needs the file with its secret")
            if problem := why_not_private(self._site.client_secret_file):
                raise OmsUnavailable(str(problem))
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
    what = f"{_asked(response)}: HTTP {_in_words(status)}: {_excerpt(response)}"
    if status in SIGNED_OUT:
        raise SignedOut(what)
    # The answer can be read without the description of its attributes.
    if status != requests.codes.ok and not _asked(response).endswith("/meta"):
        raise OmsUnavailable(what)


def _asked(response: requests.Response) -> str:
    return one_line(unquote(response.url).partition("?")[0])


def _in_words(status: int) -> str:
    with suppress(ValueError):  # one that no standard knows
        return f"{status} {HTTPStatus(status).phrase}"
    return str(status)


def _excerpt(response: requests.Response) -> str:
    if response.is_redirect:
        return f"sent to {one_line(response.headers['location'].partition('?')[0], 100)}"
    return f"“{one_line(response.content[:300].decode(errors='replace'), 61)}”"
