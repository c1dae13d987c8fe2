"""The configuration of a run, kept with it: `configuration.yaml` in the run directory.

Knows what stands in the file and how its recipe is read back; decides nothing. Nothing secret is
in it: no login, no address but that of storage, and calibrations hold no secrets.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from condorloop import __version__
from condorloop.config.loader import Config
from condorloop.config.recipe import Recipe, dumped
from condorloop.config.yaml_text import read_yaml
from condorloop.errors import CondorloopError
from condorloop.rundir.durable import write_whole
from condorloop.rundir.layout import CONFIGURATION
from condorloop.text import one_line

_HEAD = """\
# The configuration of {name} run {run}, whole, with defaults. Its recipe (release, global tag,
# cmsDriver options, lines of job configurations, file names) counts until the campaign closes;
# all else is taken from the present configuration.
"""


class RunConfigurationError(CondorloopError):
    """The configuration that was kept with a run cannot be used."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file}: {why}; condorloop resubmit RUN --now takes what is configured")


def keep(runs: Path, config: Config, name: str, run: int, templates: Mapping[str, str]) -> bool:
    """Write the configuration of a run, unless one is there; say whether it was written.

    Parameters
    ----------
    runs
        The run directory, which is there.
    templates
        The version of each template that DAGs are written with.

    Raises
    ------
    OSError
        It cannot be written.
    """
    file = runs / CONFIGURATION
    if os.path.lexists(file):
        return False
    write_whole(file, _text(config, name, run, templates))
    return True


def replace(runs: Path, config: Config, name: str, run: int, templates: Mapping[str, str]) -> None:
    """Write the present configuration; the one before stays beside it, under a number.

    Cut short, it can be repeated.

    Raises
    ------
    OSError
        It cannot be written.
    """
    file = runs / CONFIGURATION
    if os.path.lexists(file):
        number = sum(1 for _ in runs.glob(f"{file.stem}-*{file.suffix}"))
        os.link(file, runs / f"{file.stem}-{number}{file.suffix}")
    write_whole(file, _text(config, name, run, templates))


def recipe_in(runs: Path) -> Recipe | None:
    """Read the recipe of a run; None if none was kept.

    Raises
    ------
    RunConfigurationError
        The file is damaged.
    OSError
        It cannot be read.
    """
    file = runs / CONFIGURATION
    try:
        data, _ = read_yaml(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise RunConfigurationError(file, f"damaged: {one_line(str(error))}") from error
    told = data if isinstance(data, dict) else {}
    parameters, calibration = told.get("parameters"), told.get("calibration")
    if not isinstance(parameters, dict) or not isinstance(calibration, dict):
        raise RunConfigurationError(file, "damaged: it has no parameters and calibration")
    return Recipe.of(parameters, calibration)


def stream_in(runs: Path) -> str | None:
    """Tell the stream that a run was latched with; empty if it is the calibration's own.

    None if no configuration is there that can be read.
    """
    try:
        data, _ = read_yaml((runs / CONFIGURATION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    calibration = data.get("calibration") if isinstance(data, dict) else None
    return str(calibration.get("stream", "")) if isinstance(calibration, dict) else None


def _text(config: Config, name: str, run: int, templates: Mapping[str, str]) -> str:
    site = config.site
    told: dict[str, Any] = {
        "schema": 1,
        "condorloop": __version__,
        "files": {
            "calibration": str(config.files.get(name, "")),
            "folder": str(config.folder),
        },
        "parameters": dumped(config.parameters),
        "templates": dict(templates),
        "site": {
            "name": site.name,
            "storage": {"url": site.storage.url},
            "cmssw": site.cmssw.model_dump(mode="json", by_alias=True),
        },
        "calibration": dumped(config.calibrations[name]),
    }
    head = _HEAD.format(name=name, run=run)
    return head + yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100)
