"""The Kerberos ticket: whose it is and when it ends.

Knows what MIT's `klist` prints; knows nothing of what the ticket is for. Nothing secret is read.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from condorloop.config.site import Site
from condorloop.errors import CondorloopError
from condorloop.runtime import subprocesses
from condorloop.services.urls import host_of, is_here
from condorloop.text import one_line

ENDS_SOON = 6 * 3600.0
"""Seconds before a ticket's end at which a person is told. A ticket of 24 h that is renewed each
12 h never comes so near to it."""

TIMEOUT = 5.0
"""Seconds for `klist`, which asks nobody but a cache on this machine."""

_FIXED = {"LC_ALL": "C", "TZ": "UTC0"}
"""Lets klist tell times in one form, whatever the operator's language and time zone."""

_CACHE = re.compile(r"^Ticket cache: (\S.*)$", re.MULTILINE)
_PRINCIPAL = re.compile(r"^Default principal: (\S.*)$", re.MULTILINE)
_TIME = r"(\d\d?/\d\d?/\d\d(?:\d\d)? \d\d:\d\d:\d\d)"
_ROW = re.compile(
    rf"^{_TIME} +{_TIME} +(krbtgt/\S+).*(?:\n\s+(?:for client .*?, )?renew until {_TIME})?",
    re.MULTILINE,
)
_FORMS = ("%m/%d/%y %H:%M:%S", "%m/%d/%Y %H:%M:%S")


@dataclass(frozen=True, slots=True)
class Ticket:
    """The ticket that others are got with; times are seconds since the epoch.

    `renew_until` is None if it cannot be renewed. A ticket that has ended is one, too.
    """

    principal: str
    cache: str
    ends_at: float
    renew_until: float | None

    def left(self, now: float) -> float:
        """Seconds until its end; negative if that is past."""
        return self.ends_at - now

    def ends_soon(self, now: float) -> bool:
        """Whether it ends within `ENDS_SOON`, or has ended."""
        return self.left(now) < ENDS_SOON

    def renewable(self, now: float) -> bool:
        """Whether ``kinit -R`` gives it a later end: it is still valid, and may be renewed."""
        return self.left(now) > 0 and self.renew_until is not None and self.renew_until > now


class NoTicket(CondorloopError):
    """There is no ticket, or none that could be seen; the message says why, in one line."""


def ticket(environment: Mapping[str, str] | None = None) -> Ticket | None:
    """Give the ticket of an environment's cache (``KRB5CCNAME``), or None; `look` says why."""
    try:
        return look(environment)
    except NoTicket:
        return None


def look(environment: Mapping[str, str] | None = None) -> Ticket:
    """Ask `klist` for the ticket of an environment's cache; by default of this process's.

    It takes some milliseconds, and `TIMEOUT` at the most.

    Raises
    ------
    NoTicket
        There is none, there is no `klist`, or it cannot be understood.
    """
    values = os.environ if environment is None else environment
    try:
        done = subprocesses.run(["klist"], environment={**values, **_FIXED}, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise NoTicket(f"klist took more than {TIMEOUT:g} s") from None
    except OSError as error:
        raise NoTicket(f"klist: {error.strerror}") from error
    if done.returncode:
        said = one_line(done.stderr.decode(errors="replace")) or f"klist: exit {done.returncode}"
        raise NoTicket(said)
    return parse_klist(done.stdout.decode(errors="replace"))


def parse_klist(output: str) -> Ticket:
    """Read what ``klist`` printed in the C locale, with times in UTC.

    Of several tickets it takes the one for the principal's own realm, then one for any realm,
    and of equal ones the last to end.

    Raises
    ------
    NoTicket
        No ticket to get others with is in it.
    """
    cache, principal = _CACHE.search(output), _PRINCIPAL.search(output)
    if not cache or not principal:
        raise NoTicket(f"klist printed what cannot be read: {one_line(output, 80) or 'nothing'}")
    realm = principal[1].rpartition("@")[2]
    own = f"krbtgt/{realm}@{realm}"
    found: list[tuple[bool, float, float | None]] = []
    for _, ends, service, renew in _ROW.findall(output):
        ends_at = _seconds(ends)
        if ends_at is not None:
            found.append((service == own, ends_at, _seconds(renew)))
    if not found:
        raise NoTicket(f"no ticket to get others with in {one_line(cache[1], 80)}")
    _, ends_at, renew_until = max(found, key=lambda row: row[:2])
    return Ticket(one_line(principal[1]), one_line(cache[1]), ends_at, renew_until)


def _seconds(text: str) -> float | None:
    """Read a time; None if there is none, or it is no time of any day."""
    for form in _FORMS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return None


def why_not_needed(site: Site) -> str | None:
    """Say why the submitter needs no ticket; None if it needs one, or may."""
    if site.oms.login == "krb" or not is_here(site.storage.url):
        return None
    return f"storage is on this machine ({host_of(site.storage.url)}), OMS asks for no ticket"
