"""The doctor on the credentials of RECO jobs: is there one for storage, and do jobs see it.

Knows what a job is told and what it finds on its machine; `kerberos` looks into the tickets.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from condorloop.config import credentials as accounts
from condorloop.config.credentials import CACHE, Credential
from condorloop.config.loader import Config
from condorloop.config.resources import Resources
from condorloop.config.site import PoolSite
from condorloop.dagman.schedd.worker import ScheddUnavailable, Worker
from condorloop.doctor import kerberos
from condorloop.doctor.checks import Check, Examination, fine, stops, warning
from condorloop.doctor.job_folders import DEFAULT, SETTINGS, private_folders, why_unseen
from condorloop.model.enums import NodeKind
from condorloop.services.urls import host_of, is_here

SUBJECT = kerberos.SUBJECT

MOST_MACHINES = 5
"""Execution points that are asked for their settings: those of a pool are mostly alike."""

_PRODUCER = "SEC_CREDENTIAL_PRODUCER"
_TYPE = re.compile(r"([A-Za-z][A-Za-z0-9]+):(.*)", re.DOTALL)
_FILES = ("FILE", "DIR")
_WHERE = "nodes: {RECO: {environment: {KRB5CCNAME: ...}}} in the site file's defaults"
_RENEWED = f"kinit -c FILE:/A/FOLDER/THAT/JOBS/SEE/krb5cc  # and name it under {_WHERE}"


@dataclass(frozen=True, slots=True)
class PoolCredentials:
    """What a pool does with jobs' credentials.

    `private` are the folders of which each job has its own. `asked` says whether a machine told
    so, else they are HTCondor's default. `brings` says that each job gets the submitter's ticket.
    """

    private: frozenset[str]
    asked: bool = True
    brings: bool = False


def examinations(config: Config) -> list[Examination]:
    """Say what to look at: nothing where storage is on this machine, and lets anybody in."""
    if is_here(config.site.storage.url):
        return []
    limit = 3 * config.site.pool.timeout + 10.0
    return [Examination(SUBJECT, "RECO jobs", partial(_look, config), limit, "condor_status")]


def _look(config: Config) -> Iterator[Check]:
    pool = _asked(config.site.pool)
    users: dict[str, tuple[Resources, list[str]]] = {}
    for name, calibration in config.calibrations.items():
        resources = calibration.nodes.get(NodeKind.RECO, Resources())
        alike = resources.model_dump_json(include={"environment", "submit", "container_image"})
        users.setdefault(alike, (resources, []))[1].append(name)
    for resources, names in users.values():
        more = f" + {len(names) - 1}" if names[1:] else ""
        name, server = f"RECO jobs: {names[0]}{more}", host_of(config.site.storage.url)
        yield from judge(name, resources, pool, server, os.environ)


def _asked(site: PoolSite) -> PoolCredentials:
    worker = Worker(site)
    try:
        told = worker.ask("machines", "machine_settings", names=list(SETTINGS), most=MOST_MACHINES)
        configured = worker.ask("settings", "configured", names=[_PRODUCER])
    except ScheddUnavailable:
        told, configured = [], {}
    finally:
        worker.end()
    private = frozenset().union(*map(private_folders, told or [{}]))
    return PoolCredentials(private, bool(told), bool(configured.get(_PRODUCER)))


def judge(
    name: str, asked: Resources, pool: PoolCredentials, server: str, submitter: Mapping[str, str]
) -> Iterator[Check]:
    """Judge what RECO jobs have to log in with at a storage that is not of this machine."""
    if pool.brings:
        yield fine(name, f"HTCondor brings the submitter's ticket ({_PRODUCER})")
        return
    if line := accounts.brought(asked):
        yield fine(name, f"HTCondor brings a credential: {line}")
        return
    credentials = accounts.of_jobs(asked, submitter)
    if credentials:
        inside = f", if the pool binds it into {asked.container_image}"
        seen = "jobs of this machine see it" + inside * bool(asked.container_image)
        yield from (_judged(name, credential, pool, seen) for credential in credentials)
    elif methods := accounts.without_credential(asked):
        yield fine(name, f"they log in without a credential: {methods}")
    else:
        words = f"no credential for {server}: jobs have nothing of the submitter's environment"
        yield stops(name, words, f"klist  # a ticket's cache is named under {_WHERE}")


def _judged(name: str, credential: Credential, pool: PoolCredentials, seen: str) -> Check:
    is_cache = credential.variable == CACHE
    kind, path = _place(credential.value) if is_cache else ("FILE", credential.value)
    remedy = _RENEWED if is_cache else f"ls -l {shlex.quote(path)}  # and put it where jobs see it"
    if why := _why_no_place(kind, path) or why_unseen(path, pool.private):
        assumed = "" if pool.asked or "HTCondor" not in why else f" by default ({DEFAULT})"
        return stops(name, f"{credential}: {why}{assumed}", remedy)
    if why := why_unreadable(Path(path), kind == "DIR"):
        remedy = f"kinit -c {shlex.quote(credential.value)}" if is_cache else remedy
        return stops(name, f"{credential}: {why}", remedy)
    if Path(path).stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        words = f"{credential}: other accounts may use it, too"
        return warning(name, words, f"chmod go= {shlex.quote(path)}")
    return fine(name, f"{credential}: {seen}")


def _place(cache: str) -> tuple[str, str]:
    """Cut a cache's name into its type and the path, or what stands in the place of one.

    >>> _place("FILE:/run/cc"), _place("/run/cc"), _place("DIR::/run/tkt"), _place("KCM:")
    (('FILE', '/run/cc'), ('FILE', '/run/cc'), ('FILE', '/run/tkt'), ('KCM', ''))
    """
    match = _TYPE.fullmatch(cache)
    if match is None:
        return "FILE", cache
    kind, path = match.groups()
    # DIR::FILE is one cache of a folder
    return ("FILE", path[1:]) if kind == "DIR" and path.startswith(":") else (kind, path)


def _why_no_place(kind: str, path: str) -> str | None:
    """Say why this names no file or folder wherever a job looks; None if it does."""
    if kind not in _FILES:
        return f"a cache of type {kind} belongs to a login or a process, which jobs have no part in"
    if not path:
        return "it names nothing"
    if path.startswith("~") or re.search(r"\$|%\{", path):
        return "nothing is put in for ~, $NAME and %{...}: write the whole path"
    if not path.startswith("/"):
        return "a job looks for it in its own sandbox: write the whole path"
    return None


def why_unreadable(path: Path, folder: bool = False) -> str | None:
    """Say why this account's jobs cannot read a file or a folder; None if they can.

    What root alone may is not counted: HTCondor runs no jobs of root.
    """
    try:
        found = path.stat()
    except OSError as error:
        return error.strerror or str(error)
    if stat.S_ISDIR(found.st_mode) is not folder:
        return "a folder" if not folder else "no folder"
    needed = stat.S_IROTH | stat.S_IXOTH if folder else stat.S_IROTH
    if found.st_uid == os.geteuid():
        allowed = found.st_mode >> 6
    elif found.st_gid in (os.getegid(), *os.getgroups()):
        allowed = found.st_mode >> 3
    else:
        allowed = found.st_mode
    if allowed & needed == needed:
        return None
    return f"it belongs to account {found.st_uid}, and this one ({os.geteuid()}) may not read it"
