"""The doctor on CMSSW: can the release be entered, and are its tools there.

Knows which tools the loop calls; `condorloop.services.cmssw` enters the release.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from condorloop.config.loader import Config
from condorloop.doctor.checks import Check, Examination, fine, stops
from condorloop.services.cmssw import Cmssw, CmsswError

SUBJECT = "CMSSW"

LIMIT = 240.0
"""Seconds for entering a release: the first time on a node it comes over the network."""

_PROOF = "cmsRun"
"""What is there only if the release is: SCRAM gives an environment for one that is gone, too."""


def examinations(config: Config) -> list[Examination]:
    """Say what to look at."""
    site = config.site
    uploader = site.conditions.upload_conditions
    tools = (site.storage.edm_file_util, "cmsRun", "cmsDriver.py", uploader)
    return [
        Examination(
            SUBJECT,
            "release",
            partial(_look, Cmssw.from_config(config, _PROOF), tools),
            LIMIT + 10.0,
        )
    ]


def _look(release: Cmssw, tools: tuple[str, ...]) -> Iterator[Check]:
    if not (release.setup.is_file() and os.access(release.setup, os.R_OK)):
        words = f"{release.setup} is not there, or cannot be read"
        yield stops(
            "set-up", words, "ls /cvmfs/cms.cern.ch  # or the script under cmssw: in the site file"
        )
        return
    yield fine("set-up", str(release.setup))
    try:
        words, environment = entered(release)
    except CmsswError as error:
        begin = f"export SCRAM_ARCH={shlex.quote(release.scram_arch)}"
        source = f". {shlex.quote(str(release.setup))}"
        try_it = f"{begin}; {source}; scramv1 list CMSSW"
        yield stops("release", str(error), f"{try_it}  # and compare with ngtParameters.jsn")
        return
    yield fine("release", words)
    for tool in tools:
        yield look_for(tool, environment, release.release)


def entered(release: Cmssw) -> tuple[str, Mapping[str, str]]:
    """Enter a release as the loop does; give how it went and the environment inside.

    The loop makes its area when it first needs it. Where there is none yet, one is made in a
    temporary folder, and removed.

    Raises
    ------
    CmsswError
        It cannot be entered.
    """
    if release.area.exists():
        return f"{release.area} can be entered", release.environment(LIMIT)
    with tempfile.TemporaryDirectory(prefix="condorloop-doctor-") as folder:
        environment = replace(release, folder=Path(folder)).environment(LIMIT)
    words = f"{release.release} ({release.scram_arch}) can be made and entered; no area yet"
    return words, environment


def look_for(tool: str, environment: Mapping[str, str], release: str) -> Check:
    """Look for a tool in the release's environment."""
    path = shutil.which(tool, path=environment.get("PATH", ""))
    if path is None:
        return stops(
            tool, f"not in the environment of {release}", f"scramv1 list {shlex.quote(release)}"
        )
    return fine(tool, path)
