"""On what was measured: the machine, and the versions that matter.

Knows where Linux tells of itself.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from condorloop import __version__, text
from condorloop.testbed.prefix import prefix

PACKAGES = ("htcondor", "jinja2", "ezdag", "pycondor")


def describe() -> dict[str, str]:
    """Say what this machine is, by what is told: its cores, memory, load, and versions."""
    cores = len(os.sched_getaffinity(0))
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": f"{cores} of {os.cpu_count()}",
        "processor": _processor(),
        "memory": text.size(pages),
        "load before": ", ".join(f"{load:.2f}" for load in os.getloadavg()),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "HTCondor": _condor(),
        "condorloop": __version__,
        **{name: _version(name) for name in PACKAGES},
    }


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        told = ""
    named = re.search(r"^model name\s*: (.*)$", told, re.MULTILINE)
    return named[1] if named else platform.machine()


def _condor() -> str:
    """The version of the daemons that pools are made of, if they are here."""
    found = prefix.find()
    if found is None:
        return "not here"
    asked = [str(found.tool("condor_version"))]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    named = re.search(r"CondorVersion: (\S+)", told)
    return named[1] if named else "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not here"
