"""Which credentials each part of the loop works with, as it is configured.

Knows the environment variables that name credentials; opens none of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from condorloop.config.calibration import Calibration
from condorloop.config.loader import Config
from condorloop.config.resources import Resources
from condorloop.config.site import Site
from condorloop.model.enums import NodeKind

CACHE = "KRB5CCNAME"
"""Names a Kerberos cache, such as ``FILE:/run/condorloop/eos.cc``."""

NETRC_FOLDER = "COND_AUTH_PATH"
"""Names the folder of the netrc that uploadConditions.py reads."""

SUBMITTER = "submitter"

CREDENTIALS = (CACHE, "X509_USER_PROXY", "BEARER_TOKEN_FILE", "XrdSecSSSKT", "XrdSecsssKT")
"""The variables by which XRootD's client finds a Kerberos cache, a proxy, a token, a key."""

_METHODS = "XrdSecPROTOCOL"
_WITHOUT_CREDENTIALS = frozenset({"unix", "host"})
"""XRootD's ways of login that need no credential."""

_BRINGS = frozenset(
    {
        "my.sendcredential",
        "+sendcredential",
        "use_oauth_services",
        "use_scitokens",
        "x509userproxy",
        "use_x509userproxy",
    }
)
"""The submit commands by which HTCondor brings a credential into a job's sandbox."""

_NO = frozenset({"", "false", "f", "no", "0"})
_ASSIGNED = re.compile(rf"""\b({"|".join(CREDENTIALS)})=([^\s"';|]*)""")


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential that jobs are told of: the variable that names it, and what it says."""

    variable: str
    value: str

    def __str__(self) -> str:
        return f"{self.variable}={self.value}"


def of_jobs(asked: Resources, submitter: Mapping[str, str]) -> tuple[Credential, ...]:
    """Give the credentials that jobs are told of in their environment.

    Parameters
    ----------
    submitter
        The submitter's environment, of which a ``getenv`` line takes its part.
    """
    found = {name: asked.environment[name] for name in CREDENTIALS if name in asked.environment}
    for line in asked.submit:
        name, _, value = line.partition("=")
        match name.strip().lower():
            case "environment" | "env":
                found |= _ASSIGNED.findall(value)
            case "getenv" if value.strip().lower() not in _NO:
                wanted = [w.strip() for w in value.split(",")]
                takes_all = wanted[0].lower() in ("true", "t", "yes", "1")
                # of the submitter's credentials DAGMan has this one only
                if takes_all or any(fnmatchcase(CACHE, pattern) for pattern in wanted):
                    found.setdefault(CACHE, submitter.get(CACHE, ""))
    return tuple(Credential(name, value) for name, value in found.items())


def brought(asked: Resources) -> str | None:
    """Give the submit line by which HTCondor brings a credential to jobs; None if none does."""
    for line in asked.submit:
        name, _, value = line.partition("=")
        if name.strip().lower() in _BRINGS and value.strip().lower() not in _NO:
            return line
    return None


def without_credential(asked: Resources) -> str | None:
    """Give the ways of login that jobs are told to use, if these need no credential."""
    told = asked.environment.get(_METHODS, "")
    methods = set(told.replace(" ", "").split(",")) - {""}
    return told if methods and methods <= _WITHOUT_CREDENTIALS else None


def caches(config: Config) -> dict[str, tuple[str, ...]]:
    """Give the Kerberos caches that are configured, each with who works with it.

    That is `SUBMITTER`, or the jobs of a node kind, as in ``EcalPedestals RECO``. Who is not in it
    has what his environment or HTCondor gives him.
    """
    found: dict[str, list[str]] = {}
    if cache := config.site.environment.get(CACHE):
        found[cache] = [SUBMITTER]
    for name, calibration in config.calibrations.items():
        for kind, asked in calibration.nodes.items():
            if cache := asked.environment.get(CACHE):
                found.setdefault(cache, []).append(f"{name} {kind}")
    return {cache: tuple(users) for cache, users in found.items()}


def auth_path(calibration: Calibration, site: Site) -> Path | None:
    """Give the folder of the netrc with which a calibration uploads; None is the home folder."""
    upload = calibration.nodes.get(NodeKind.UPLOAD, Resources())
    named = upload.environment.get(NETRC_FOLDER)
    return Path(named) if named else site.conditions.auth_path
