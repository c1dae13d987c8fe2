"""The doctor on OMS: does it answer, is its certificate good, is its clock ours.

Knows what to ask and what is too far off; `condorloop.services.oms` asks as the loop does.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from functools import partial

import requests
from requests.utils import get_environ_proxies

from condorloop.config.loader import Config
from condorloop.config.site import OmsSite
from condorloop.doctor.certificate import NoCertificate, valid_until
from condorloop.doctor.checks import (
    Check,
    Examination,
    fine,
    not_checked,
    not_needed,
    stops,
    warning,
)
from condorloop.doctor.web import answer
from condorloop.services.oms import CLOCK_MARGIN, Oms, OmsUnavailable
from condorloop.services.urls import host_of, port_of
from condorloop.text import duration, plural

SUBJECT = "OMS"

LOOKED_BACK = 24 * 3600.0
"""Seconds over which OMS is asked for runs."""

CERTIFICATE_SOON = 14 * 24 * 3600.0
"""Seconds before the end of a certificate at which a person is told."""

CLOCK_OFF = 30.0
"""Seconds between two clocks at which a person is told; up to `oms.CLOCK_MARGIN` no run is lost."""

_UNSURE = 1.0
"""Seconds; the header ``Date`` has whole ones."""


def examinations(config: Config) -> list[Examination]:
    """Say what to look at."""
    site = config.site.oms
    limit = 6 * site.timeout + 10.0
    counts = any(c.harvesting.counts_luminosity for c in config.calibrations.values())
    luminosity = Examination(SUBJECT, "luminosity", partial(_luminosity, site), 2 * limit)
    return [
        Examination(SUBJECT, "runs", partial(_runs, site), limit),
        *([luminosity] if counts else []),
        Examination(SUBJECT, "certificate", partial(certificate, site.url, site.timeout)),
        Examination(SUBJECT, "clock", partial(_clock, site)),
    ]


def _runs(site: OmsSite) -> Iterator[Check]:
    login = "no login" if site.login == "none" else f"login {site.login}"
    try:
        runs = Oms(site).runs(time.time() - LOOKED_BACK)
    except OmsUnavailable as error:
        yield stops("runs", str(error), _remedy(site, "runs"))
        return
    last = f", the last one {runs[-1].number}" if runs else ""
    found = f"{plural(len(runs), 'run')} in {duration(LOOKED_BACK)}{last}"
    words = f"{site.url} answers ({login}): {found}"
    yield fine("runs", words)


def _luminosity(site: OmsSite) -> Iterator[Check]:
    name, asked = "luminosity", Oms(site)
    try:
        runs = asked.runs(time.time() - LOOKED_BACK)
    except OmsUnavailable:
        yield not_checked(name, "OMS: unreachable")
        return
    if not runs:
        yield not_checked(name, f"no run in {duration(LOOKED_BACK)}")
        return
    run = runs[-1].number
    try:
        recorded = asked.luminosity(run)
    except OmsUnavailable as error:
        words = f"{error}; lumisections are counted in its place"
        yield warning(name, words, _remedy(site, "lumisections"))
        return
    told = (
        f"{sum(recorded.values()):.3g} /pb recorded in {len(recorded)} LS" if recorded else "none"
    )
    yield fine(name, f"of run {run}, the last one: {told}")


def _remedy(site: OmsSite, resource: str) -> str:
    if site.login == "krb":
        return "klist; kinit"
    if site.login == "oidc":
        secret = shlex.quote(str(site.client_secret_file))
        return f"ls -l {secret}  # and look at client_id in the site file"
    insecure = "" if site.verify_certificates else "k"
    url = shlex.quote(f"{site.url.rstrip('/')}/{site.version}/{resource}")
    return f"curl -sS{insecure}D- -o /dev/null {url}"


def certificate(url: str, timeout: float) -> Iterator[Check]:
    """Look at the certificate of the server of a URL."""
    name, host, port = "certificate", host_of(url), port_of(url, 443)
    if not url.startswith("https:"):
        yield not_needed(name, f"{host} is asked by plain http")
        return
    if get_environ_proxies(url):
        yield not_checked(name, f"{host} is reached through a proxy")
        return
    try:
        end = valid_until(host, port, timeout)
    except NoCertificate as error:
        yield not_checked(name, str(error))
        return
    yield judge_certificate(host, port, end - time.time())


def judge_certificate(host: str, port: int, left: float) -> Check:
    """Judge a certificate by the seconds that are left of it."""
    dates = f"openssl s_client -connect {host}:{port} </dev/null | openssl x509 -noout -dates"
    remedy = f"{dates}  # and tell those who run it"
    if left <= 0:
        return warning("certificate", f"that of {host} ended {duration(-left)} ago", remedy)
    words = f"that of {host} is valid for {duration(left)}"
    if left < CERTIFICATE_SOON:
        return warning("certificate", words, remedy)
    return fine("certificate", words)


def _clock(site: OmsSite) -> Iterator[Check]:
    before = time.time()
    try:
        response = answer(f"{site.url.rstrip('/')}/{site.version}/runs", site.timeout)
    except requests.RequestException:
        yield not_checked("clock", "OMS: unreachable")
        return
    after = time.time()
    try:
        told = parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        yield not_checked("clock", "OMS does not say what time it is")
        return
    yield judge_clock(told, before, after)


def judge_clock(told: float, before: float, after: float) -> Check:
    """Judge the time that a server told between two times of ours."""
    off = max(told - after, before - told - _UNSURE, 0.0)
    ahead = "ahead of" if told > after else "behind"
    if off < CLOCK_OFF:
        return fine("clock", f"that of OMS is within {max(off, _UNSURE):.0f} s of ours")
    words = f"that of OMS is {duration(off)} {ahead} ours"
    remedy = "timedatectl; chronyc tracking"
    if off < CLOCK_MARGIN:
        return warning("clock", words, remedy)
    return stops("clock", f"{words}: runs are not seen, or seen too late", remedy)
