"""The files that come with the package: calibrations, sites, templates."""

from __future__ import annotations

import sysconfig
from pathlib import Path


def shipped(folder: str) -> Path:
    """Find a folder that ships with condorloop: `templates`, `calibrationYAML`, `sites`.

    In a checkout it stands at the top of the tree, in an installed wheel under the
    environment's ``share/condorloop``.
    """
    checkout = Path(__file__).resolve().parents[2] / folder
    if checkout.is_dir():
        return checkout
    return Path(sysconfig.get_path("data")) / "share" / "condorloop" / folder
