"""The Kerberos tickets that the loop works with, watched: a person is told long before one ends.

Knows which caches are configured, and looks at them now and then.
"""

from __future__ import annotations

import os
import shlex

from condorloop.config import credentials
from condorloop.config.loader import Config
from condorloop.model.problem import Problem, ProblemKind
from condorloop.services import kerberos
from condorloop.services.kerberos import NoTicket, Ticket, why_not_needed
from condorloop.text import duration

EVERY = 600.0
"""Seconds between two looks: tickets last for hours."""


class TicketWatch:
    """Looks at the tickets; `problems` are those that end soon, or are not there and must be.

    `ends_at` is when the first of them ends, seconds since the epoch; None if there is none.
    """

    def __init__(self) -> None:
        self.problems: tuple[Problem, ...] = ()
        self.ends_at: float | None = None
        self._looked_at: float | None = None

    def look(self, config: Config, now: float) -> None:
        """Look, if it is time to."""
        if self._looked_at is not None and 0 <= now - self._looked_at < EVERY:
            return
        self._looked_at = now
        caches = credentials.caches(config)
        if why_not_needed(config.site) is None:
            caches = {"": (credentials.SUBMITTER,)} | caches
        tickets = {cache: _ticket(cache) for cache in caches}
        found = (_problem(tickets[cache], cache, users, now) for cache, users in caches.items())
        self.problems = tuple(problem for problem in found if problem)
        ends = (ticket.ends_at for ticket in tickets.values() if isinstance(ticket, Ticket))
        self.ends_at = min(ends, default=None)


def _ticket(cache: str) -> Ticket | NoTicket:
    try:
        return kerberos.look({**os.environ, credentials.CACHE: cache} if cache else None)
    except NoTicket as error:
        return error


def _problem(
    ticket: Ticket | NoTicket, cache: str, users: tuple[str, ...], now: float
) -> Problem | None:
    whose = f"the Kerberos ticket of {', '.join(users)}"
    kinit = f"KRB5CCNAME={shlex.quote(cache)} kinit" if cache else "kinit"
    if isinstance(ticket, NoTicket):
        # Without a cache of its own the loop may work by other means, as storage's answers tell.
        none = f"{whose}: none: {ticket}"
        return Problem(ProblemKind.TICKET, none, kinit, path=cache) if cache else None
    if not ticket.ends_soon(now):
        return None
    left = ticket.left(now)
    when = f"ends in {duration(left)}" if left > 0 else f"ended {duration(-left)} ago"
    command = f"{kinit} -R" if ticket.renewable(now) else kinit
    text = f"{whose} ({ticket.principal}) {when}"
    return Problem(ProblemKind.TICKET, text, command, path=cache or None)
