"""The CMSSW environment on the access point: made once, entered often.

Knows `scramv1`; it is used to probe RAW files and to upload. `cmsrel` and `cmsenv` are shell
aliases that a script does not have, so the commands behind them are called.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # node.py imports this module, and must start fast
    from condorloop.config import Config

_ENTER = """
set -e
. "$CONDORLOOP_SETUP" >&2
cd "$CONDORLOOP_FOLDER"
[ -d "$CONDORLOOP_RELEASE/src" ] || scramv1 project CMSSW "$CONDORLOOP_RELEASE" >&2
cd "$CONDORLOOP_RELEASE/src"
runtime=$(scramv1 runtime -sh)
eval "$runtime"
env -0
"""


class CmsswError(Exception):
    """The CMSSW environment cannot be entered; the message has what the shell said."""


@dataclass(frozen=True, slots=True)
class Cmssw:
    """A release and how to enter it; `folder` is where its area is, or is to be made."""

    setup: Path
    scram_arch: str
    release: str
    folder: Path

    @classmethod
    def of(cls, config: Config) -> Cmssw:
        """Take the release and the site of a configuration; the area is in the work_dir."""
        site, parameters = config.site, config.parameters
        return cls(site.cmssw.setup, parameters.scram_arch, parameters.release, site.work_dir)

    @property
    def area(self) -> Path:
        """The area of the release."""
        return self.folder / self.release

    def environment(self, timeout: float = 300.0) -> dict[str, str]:
        """Make the area unless it is there, and return the environment inside it.

        Concurrent callers wait for each other: two `scramv1 project` in one place collide.

        Raises
        ------
        CmsswError
            The set-up script or `scramv1` failed, or took more than `timeout` seconds.
        """
        environment = outer_environment() | {
            "SCRAM_ARCH": self.scram_arch,
            "CONDORLOOP_SETUP": str(self.setup),
            "CONDORLOOP_FOLDER": str(self.folder),
            "CONDORLOOP_RELEASE": self.release,
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / f".{self.release}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                done = subprocess.run(
                    ["bash", "-c", _ENTER],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=timeout,
                    check=False,
                )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CmsswError(f"CMSSW ({self.setup}, {self.release}): {error}") from error
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())[-300:]
            raise CmsswError(
                f"CMSSW ({self.setup}, {self.release}): exit {done.returncode}: {said}"
            )
        pairs = (p.partition("=") for p in done.stdout.decode(errors="replace").split("\0"))
        return {
            name: value
            for name, _, value in pairs
            if name and not name.startswith("CONDORLOOP_") and name not in ("_", "PWD", "OLDPWD")
        }


def outer_environment(source: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment without what our own Python has put there, fit for CMSSW's."""
    ours = ("PYTHON", "VIRTUAL_ENV")
    values = os.environ if source is None else source
    return {k: v for k, v in values.items() if not k.startswith(ours)}
