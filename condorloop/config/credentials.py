"""Which credentials each part of the loop works with, as it is configured.

Knows the environment variables that name credentials; opens none of them.
"""

from __future__ import annotations

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
