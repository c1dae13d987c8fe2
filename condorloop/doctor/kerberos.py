"""The doctor on Kerberos: is there a ticket for who works with one, and how long does it last.

Knows where a ticket is needed and when it is old; `condorloop.services.kerberos` reads it.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from functools import partial

from condorloop.config import credentials
from condorloop.config.loader import Config
from condorloop.config.site import Site
from condorloop.doctor.checks import Check, Examination, fine, not_needed, stops, warning
from condorloop.services import kerberos
from condorloop.services.kerberos import NoTicket, Ticket, why_not_needed
from condorloop.services.urls import host_of
from condorloop.text import duration

SUBJECT = "Kerberos"

RENEWABLE_SOON = 24 * 3600.0
"""Seconds before the end of renewing at which a person is told: from then on only a password or a
keytab gives another ticket."""


def examinations(config: Config) -> list[Examination]:
    """Say what to look at: the submitter's ticket, and those of jobs with a cache of their own."""
    reason = why_not_needed(config.site)
    caches = credentials.caches(config)
    ours = config.site.environment.get(credentials.CACHE, "")
    needed = bool(ours) or config.site.oms.login == "krb"
    asked: dict[str, tuple[str, ...]] = {}
    if needed or not reason:
        asked[ours] = (credentials.SUBMITTER,)
    asked |= caches
    if not asked:
        return [Examination(SUBJECT, "ticket", lambda: [not_needed("ticket", reason or "")])]
    return [
        Examination(
            SUBJECT,
            _name(users),
            partial(_look, config.site, _name(users), cache, needed or cache != ours),
        )
        for cache, users in asked.items()
    ]


def _name(users: tuple[str, ...]) -> str:
    return f"ticket: {users[0]}" + (f" + {len(users) - 1}" if users[1:] else "")


def _look(site: Site, name: str, cache: str, needed: bool) -> Iterator[Check]:
    environment = dict(os.environ) | ({credentials.CACHE: cache} if cache else {})
    ticket: Ticket | NoTicket
    try:
        ticket = kerberos.look(environment)
    except NoTicket as error:
        ticket = error
    yield judge(name, ticket, time.time(), cache, needed, host_of(site.storage.url))


def judge(
    name: str, ticket: Ticket | NoTicket, now: float, cache: str, needed: bool, server: str
) -> Check:
    """Judge a ticket, or why there is none.

    Parameters
    ----------
    cache
        The cache that is configured; empty where the environment's is used.
    needed
        Whether nothing goes without it. Else `server` may let in who has none, which the check of
        storage tells.
    """
    kinit = f"KRB5CCNAME={shlex.quote(cache)} kinit" if cache else "kinit"
    if isinstance(ticket, NoTicket):
        if needed:
            return stops(name, f"none: {ticket}", kinit)
        return warning(name, f"none: {ticket}; {server} may ask for one", kinit)
    left = ticket.left(now)
    whose = f"{ticket.principal}, {ticket.cache}"
    if left <= 0:
        words = f"{whose}: ended {duration(-left)} ago"
        return (stops if needed else warning)(name, words, kinit)
    if ticket.ends_soon(now):
        again = f"{kinit} -R" if ticket.renewable(now) else kinit
        return warning(name, f"{whose}: ends in {duration(left)}", again)
    if ticket.renew_until is None:
        return fine(name, f"{whose}: ends in {duration(left)}, and cannot be renewed")
    until = ticket.renew_until - now
    words = f"{whose}: ends in {duration(left)}, renewable for {duration(max(until, 0.0))}"
    if until < RENEWABLE_SOON:
        return warning(
            name, words, f"{kinit}  # or from a keytab, by the units of condorloop systemd"
        )
    return fine(name, words)
