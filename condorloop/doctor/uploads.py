"""The doctor on uploads: are the credentials there and private, does the service answer.

Knows where uploadConditions.py sends payloads and which netrc it reads. The service is asked
without credentials: none is read here, none is sent.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import requests

from condorloop.config import credentials
from condorloop.config.destinations import ACCEPT, configured
from condorloop.config.loader import Config
from condorloop.dagman import destination_memory
from condorloop.doctor.checks import Check, Examination, fine, stops
from condorloop.doctor.oms import certificate
from condorloop.doctor.web import answer
from condorloop.runtime.secret_files import NotPrivate
from condorloop.services.conditions import NETRC_MACHINE, missing_credentials
from condorloop.services.urls import host_of
from condorloop.text import one_line

SUBJECT = "uploads"

TIMEOUT = 20.0
"""Seconds for the conditions service to say anything."""

_SERVICES = {
    "oracle://cms_orcon_prod": "cms-conddb-prod.cern.ch",
    "oracle://cms_orcoff_prep": "cms-conddb-dev.cern.ch",
}
"""Which service takes what is for a database: CondCore/Utilities/scripts/uploadConditions.py."""

_TEMPLATE = "https://%s/cmsDbUpload/"
_DOWN = frozenset({502, 503, 504})


def examinations(config: Config) -> list[Examination]:
    """Say what to look at: where payloads go, each netrc, each service."""
    calibrations, site = config.calibrations.values(), config.site
    folders = dict.fromkeys(credentials.auth_path(c, site) for c in calibrations)
    databases = [c.harvest.records[0].database for c in calibrations]
    return [
        Examination(SUBJECT, "destination", partial(look_at_destinations, config)),
        *(Examination(SUBJECT, "netrc", partial(look_at_netrc, folder)) for folder in folders),
        *(
            Examination(SUBJECT, f"service {host_of(url)}", partial(_service, url))
            for url in services(databases, site.conditions.options)
        ),
    ]


def look_at_destinations(config: Config) -> Iterator[Check]:
    """Look whether payloads go where this work_dir remembers that they went."""
    changed = {change.calibration: change for change in destination_memory.changed(config)}
    for name, each in configured(config).items():
        what = f"destination {name}"
        if name in changed:
            remedy = f"condorloop validate; if that is meant: condorloop run {ACCEPT}"
            yield stops(what, str(changed[name]), remedy)
        else:
            yield fine(what, f"payloads go to {each.destination}")


def services(databases: Sequence[str], options: Sequence[str]) -> list[str]:
    """Give the addresses that uploadConditions.py sends payloads for these databases to.

    >>> services(["oracle://cms_orcoff_prep/CMS_CONDITIONS"], [])
    ['https://cms-conddb-dev.cern.ch/cmsDbUpload/']
    """
    template = _TEMPLATE
    for option, value in pairwise([*options, ""]):
        if option in ("-u", "--urlTemplate"):
            template = value
        elif option.startswith("--urlTemplate="):
            template = option.partition("=")[2]
    hosts = [h for d in databases for start, h in _SERVICES.items() if d.startswith(start)]
    return list(dict.fromkeys(template.replace("%s", host) for host in hosts))


def look_at_netrc(folder: Path | None) -> Iterator[Check]:
    """Look whether uploadConditions.py will find whom to log in as."""
    problem = missing_credentials(folder)
    if problem is None:
        where = folder or Path.home()
        yield fine("netrc", f"{where / '.netrc'}: {NETRC_MACHINE} exists; others cannot read it")
        return
    if isinstance(problem, NotPrivate):
        yield stops("netrc", problem.words, problem.command)
        return
    file = shlex.quote(str((folder or Path("~")) / ".netrc"))
    line = f"machine {NETRC_MACHINE} login USER password PASSWORD"
    yield stops("netrc", problem, f"(umask 077; $EDITOR {file})  # one line: {line}")


def _service(url: str) -> Iterator[Check]:
    name = f"service {host_of(url)}"
    curl = f"curl -sSkD- -o /dev/null {shlex.quote(url)}"
    try:
        response = answer(url, TIMEOUT)
    except requests.RequestException as error:
        yield stops(name, f"{url}: {_reason(error)}", curl)
        return
    if response.status_code in _DOWN:
        yield stops(name, f"{url}: HTTP {response.status_code}: it is down", curl)
        return
    yield fine(name, f"{url} answers")
    yield from certificate(url, TIMEOUT)


def _reason(error: BaseException) -> str:
    if isinstance(error, requests.Timeout):
        return f"no answer in {TIMEOUT:g} s"
    while error.__context__ is not None:
        error = error.__context__
    return one_line(str(error), 100) or type(error).__name__
