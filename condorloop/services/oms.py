"""What the Online Monitoring System (OMS) says about runs and their lumisections.

Knows which rows to ask for, and that some cannot be read; knows nothing of campaigns.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import ValidationError

from condorloop.config.site import OmsSite
from condorloop.model.campaign import Run
from condorloop.runtime.deadline import within
from condorloop.services.oms_client import Client, OmsUnavailable, Resource, SignedOut
from condorloop.services.oms_rows import LUMINOSITY, lumisection_of, run_of
from condorloop.text import one_line, shown

__all__ = ["CLOCK_MARGIN", "Oms", "OmsUnavailable"]

MOST_LUMISECTIONS = 1000
MOST_REPORTED = 1000
CLOCK_MARGIN = 600.0

RUNS = Resource("runs", "run", "run_number")
LUMISECTIONS = Resource(
    "lumisections",
    "lumisection",
    "lumisection_number",
    fields=("run_number", "lumisection_number", LUMINOSITY),
)

log = logging.getLogger(__name__)
T = TypeVar("T")


class Oms:
    """The runs of one OMS.

    Parameters
    ----------
    site
        Where it is and how to log in: ``none`` inside the experiment's network; ``oidc`` with
        a secret that is read from its file at each login; ``krb`` with the process's ticket.
        Its time limit is the longest silence of the server that is waited for, and half of the
        longest time that an answer takes.
    """

    def __init__(self, site: OmsSite) -> None:
        self._site = site
        self._url = site.url.rstrip("/")
        self._client = Client(site)
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
        start = datetime.fromtimestamp(int(since - CLOCK_MARGIN), UTC).replace(tzinfo=None)
        started = ("start_time", "GE", f"{start.isoformat()}Z")
        rows = self._ask(RUNS, lambda client: client.all_rows(RUNS, started))
        found = {run.number: run for run in self._readable(RUNS, rows, run_of)}
        return [found[number] for number in sorted(found)]

    def luminosity(self, run: int, after: int = 0) -> dict[int, float]:
        """Ask what was recorded in the lumisections of a run that come `after` one.

        One request, for up to `MOST_LUMISECTIONS`, the lowest numbers first. Lumisections of which
        OMS does not tell it (yet) are not in the answer; rows that cannot be read are left out, and
        reported once.

        Returns
        -------
        dict of int to float
            1/pb by lumisection.

        Raises
        ------
        OmsUnavailable
            Whatever else OMS did.
        """
        filters = (
            ("run_number", "EQ", str(run)),
            ("lumisection_number", "GT", str(after)),
            (LUMINOSITY, "GE", "0"),  # which no null is
        )
        rows = self._ask(
            LUMISECTIONS,
            lambda client: client.first_rows(LUMISECTIONS, MOST_LUMISECTIONS, *filters),
        )
        return {
            told.number: told.recorded
            for told in self._readable(LUMISECTIONS, rows, lumisection_of)
            if told.run == run and told.number > after and told.recorded is not None
        }

    def _ask(self, resource: Resource, question: Callable[[Client], list[object]]) -> list[object]:
        try:
            return self._ask_once(resource, question)
        except SignedOut:
            self._client = Client(self._site)
            if self._site.login == "none":
                raise
            log.info("OMS at %s asks for a new login", self._url)
            return self._ask_once(resource, question)

    def _ask_once(
        self, resource: Resource, question: Callable[[Client], list[object]]
    ) -> list[object]:
        client, deadline = self._client, 2 * self._site.timeout
        try:
            return within(lambda: question(client), deadline, "oms")
        except OmsUnavailable:
            raise
        except BaseException as error:
            # the request may go on for a while, and must not share a client with the next one
            self._client = Client(self._site)
            if isinstance(error, TimeoutError):
                raise OmsUnavailable(f"{client.url_of(resource)}: {error}") from error
            raise

    def _readable(
        self, resource: Resource, rows: Collection[object], read: Callable[[object], T]
    ) -> list[T]:
        found = []
        for row in rows:
            try:
                found.append(read(row))
            except ValidationError as error:
                self._report(resource, row, error)
        if rows and not found:
            url = self._client.url_of(resource)
            raise OmsUnavailable(f"{url}: none of {len(rows)} rows can be read")
        return found

    def _report(self, resource: Resource, row: object, error: ValidationError) -> None:
        first = error.errors()[0]
        number = shown(row.get("id") if isinstance(row, dict) else row).strip("'\"")
        if number not in self._reported and len(self._reported) < MOST_REPORTED:
            self._reported.add(number)
            log.warning(
                "unreadable %s from OMS, id %s: %s = %s: %s",
                resource.row,
                number,
                one_line(".".join(map(str, first["loc"])), 80),
                shown(first["input"]),
                one_line(first["msg"]),
            )
