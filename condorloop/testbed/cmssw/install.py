"""Installing the stand-ins into a folder that looks to a job as CMSSW's installation does."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import condorloop
from condorloop.testbed.cmssw import shell
from condorloop.testbed.cmssw.steps.workflows import ARCHITECTURES

DEFAULT_ARCHITECTURE = "el8_amd64_gcc11"
"""What SCRAM takes for the machine's own where SCRAM_ARCH is not set."""

TOOLS: Mapping[str, str] = {
    "cmsDriver.py": "condorloop.testbed.cmssw.tools.cmsdriver",
    "cmsRun": "condorloop.testbed.cmssw.tools.cmsrun",
    "edmFileUtil": "condorloop.testbed.cmssw.tools.edmfileutil",
    "uploadConditions.py": "condorloop.testbed.conditions.upload_conditions",
    "conddb": "condorloop.testbed.conditions.conddb",
    "readPayload.py": "condorloop.testbed.conditions.read_payload",
}
"""The modules behind the commands."""


def install(
    folder: Path,
    python: str,
    faults: Path,
    releases: Mapping[str, Sequence[str]] = ARCHITECTURES,
    conditions: Path | None = None,
) -> None:
    """Write the installation; an older one in the same place is replaced.

    Nothing but ``scramv1`` is on PATH after ``source <folder>/cmsset_default.sh``; the tools are
    there after ``eval $(scramv1 runtime -sh)`` in a project area.

    Parameters
    ----------
    folder
        Where; an absolute path.
    python
        The interpreter that runs the tools, with condorloop's ``testbed`` extra.
    faults
        The folder that the tools ask for faults (`condorloop.testbed.faults`).
    releases
        Which releases there are for which architecture.
    conditions
        The conditions database that `conddb` calls ``pro``, ``dev`` and so on.
    """
    folder = folder.absolute()
    root = Path(condorloop.__file__).resolve().parents[1]
    checkout = root.name not in ("site-packages", "dist-packages")
    values = {
        "FOLDER": shlex.quote(str(folder)),
        "DEFAULT_ARCH": DEFAULT_ARCHITECTURE,
        "PYTHON": shlex.quote(python),
        "PYTHONPATH": f" PYTHONPATH={shlex.quote(str(root))}" if checkout else "",
        "FAULTS": shlex.quote(str(faults.absolute())),
        "CONDITIONS": shlex.quote(str(conditions.absolute() if conditions else "")),
    }
    _write(folder / "cmsset_default.sh", shell.CMSSET_DEFAULT, values)
    _write(folder / "common" / "scramv1", shell.SCRAMV1, values, executable=True)
    for part in ("share", *releases):
        _write(folder / part / "etc" / "profile.d" / "S00package.sh", shell.PROFILE, values)
    for tool, module in TOOLS.items():
        _write(folder / "bin" / tool, shell.WRAPPER, {**values, "MODULE": module}, executable=True)
    for architecture, versions in releases.items():
        for version in versions:
            kind = "cmssw-patch" if "_patch" in version else "cmssw"
            (folder / architecture / "cms" / kind / version).mkdir(parents=True, exist_ok=True)


def _write(path: Path, text: str, values: Mapping[str, str], executable: bool = False) -> None:
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}")
    partial.write_text(text)
    partial.chmod(0o755 if executable else 0o644)
    partial.rename(path)
