"""The files that come with the package: calibrations, sites, templates."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import yaml

from condorloop.config.calibration import OwnStreamCalibration


def shipped(folder: str) -> Path:
    """Find a folder that ships with condorloop: `templates`, `calibrationYAML`, `sites`.

    In a checkout it stands at the top of the tree, in an installed wheel under the
    environment's ``share/condorloop``.
    """
    checkout = Path(__file__).resolve().parents[2] / folder
    if checkout.is_dir():
        return checkout
    return Path(sysconfig.get_path("data")) / "share" / "condorloop" / folder


def shipped_calibrations() -> list[OwnStreamCalibration]:
    """Read the calibrations of streams of their own that ship with condorloop, as they are."""
    files = sorted(shipped("calibrationYAML").glob("*.yaml"))
    texts = (file.read_text("utf-8") for file in files)
    read = map(yaml.safe_load, texts)
    return [OwnStreamCalibration.model_validate(data) for data in read if "stream" not in data]
