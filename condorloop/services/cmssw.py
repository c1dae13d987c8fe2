"""The CMSSW environment on the access point: made once, entered often.

Knows `scramv1`; it is used to probe RAW files and to upload. `cmsrel` and `cmsenv` are shell
aliases that a script does not have, so the commands behind them are called.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from condorloop.errors import Unavailable
from condorloop.runtime import subprocesses

if TYPE_CHECKING:  # node.py imports this module, and must start fast
    from condorloop.config.loader import Config

_LOCK_TICK = 0.1
_MARK = ".condorloop-made"
"""In an area that we made: its making was not cut short."""

_ENTER = f"""
set -e
. "$CONDORLOOP_SETUP" >&2
cd "$CONDORLOOP_FOLDER"
area=$CONDORLOOP_RELEASE

enter() {{
    # SCRAM does not tell what a variable has already, as in a shell that entered this release
    runtime=$(unset CMSSW_VERSION && cd "$area/src" && scramv1 runtime -sh) || return 1
    case $runtime in
        *CMSSW_VERSION="$area"* | *CMSSW_VERSION=?"$area"*) ;;
        *) echo "$area: scramv1 runtime does not tell this release" >&2; return 1 ;;
    esac
}}

make() {{
    scramv1 project CMSSW "$area" >&2 && touch "$area/{_MARK}"
}}

if [ ! -e "$area" ]; then
    make
    enter
elif ! enter; then
    [ ! -e "$area/{_MARK}" ] || exit 1
    number=0
    while [ -e "$area.aside$number" ]; do number=$((number + 1)); done
    mv "$area" "$area.aside$number"
    if ! {{ make && enter; }}; then
        [ ! -e "$area" ] || rm -rf "$area"
        mv "$area.aside$number" "$area"
        exit 1
    fi
    echo "$area did not work and is $area.aside$number" >&2
fi
cd "$area/src"
eval "$runtime"
env -0
"""
"""An area without our mark may be a person's, and fail to work because of an outage: it is moved
aside only for one that works, and never deleted."""


class CmsswError(Unavailable):
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
            with (self.folder / f".{self.release}.lock").open("a") as lock:
                deadline = time.monotonic() + timeout
                _lock(lock.fileno(), deadline)
                done = subprocesses.run(
                    ["bash", "-c", _ENTER],
                    environment=environment,
                    timeout=max(deadline - time.monotonic(), 1.0),
                    holding=[lock.fileno()],
                )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CmsswError(f"CMSSW ({self.setup}, {self.release}): {_said(error)}") from error
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


def _lock(descriptor: int, deadline: float) -> None:
    """Take a lock.

    Raises
    ------
    TimeoutError
        Others hold it until the deadline.
    """
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError("another process is making the area, and does not end") from None
            time.sleep(_LOCK_TICK)
        else:
            return


def _said(error: OSError | subprocess.TimeoutExpired) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"not entered within {error.timeout:.0f} s"
    return str(error)


def outer_environment(source: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment without what our own Python has put there, fit for CMSSW's."""
    ours = ("PYTHON", "VIRTUAL_ENV")
    values = os.environ if source is None else source
    return {k: v for k, v in values.items() if not k.startswith(ours)}
