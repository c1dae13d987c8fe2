"""Where RAW files are on EOS, and what their paths say."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import PurePosixPath
from types import MappingProxyType

from condorloop import config


@cache
def shipped_paths() -> Mapping[str, str]:
    """Where each shipped calibration's RAW files are when nobody says otherwise, by name."""
    calibrations, streams = config.shipped_known()
    paths = {name: streams[c.stream_name].file_in_path for name, c in calibrations.items()}
    return MappingProxyType(paths)


def base_path(file_in_path: str) -> str:
    """Take the ``000/`` off a calibration's `file_in_path`.

    >>> base_path("/eos/cms/tier0/store/data/Run2026D/ExpressPhysics/FEVT/Express-v1/000/")
    '/eos/cms/tier0/store/data/Run2026D/ExpressPhysics/FEVT/Express-v1'
    """
    path = PurePosixPath(file_in_path)
    return str(path.parent if path.name == "000" else path)


def primary_dataset(file_in_path: str) -> str:
    """Name the stream of a path of the form ``…/<dataset>/<tier>/<processing>/000/``.

    >>> primary_dataset("/eos/cms/tier0/store/data/Run2026D/ExpressPhysics/FEVT/Express-v1/000/")
    'ExpressPhysics'
    """
    return PurePosixPath(base_path(file_in_path)).parts[-3]
