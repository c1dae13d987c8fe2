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
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from condorloop.errors import Unavailable
from condorloop.runtime import subprocesses
from condorloop.runtime.lock_file import open_lock
from condorloop.runtime.ownership import Reader, refuse
from condorloop.runtime.secret_files import make_folder

if TYPE_CHECKING:  # node scripts import this module, and must start fast
    from condorloop.config.loader import Config

_LOCK_TICK = 0.1
_LONGEST = 400
_MARK = ".condorloop-made"
"""In an area that we made: its making was not cut short."""

_ENTER = rf"""
# stdout is for the environment alone: all that is said goes where words are taken from
exec 3>&1 >&"$CONDORLOOP_SAID" 2>&1 || exit
set +eu
if [ ! -f "$CONDORLOOP_SETUP" ] || [ ! -r "$CONDORLOOP_SETUP" ]; then
    echo "the set-up script is not there, or cannot be read"
    exit 127
fi
condorloop_needs=("$@")
set --
trap 'echo "the set-up script ended the shell, exit $?"; exit 127' EXIT
# what the script leaves running holds neither the lock nor the pipe
eval ". \"\$CONDORLOOP_SETUP\" 3>&- $CONDORLOOP_LOCK>&-"
trap - EXIT
set +eu
unalias -a
IFS=$' \t\n'
export SCRAM_ARCH=$CONDORLOOP_ARCH
cd "$CONDORLOOP_FOLDER" || exit
area=$CONDORLOOP_RELEASE

enter() {{
    # SCRAM does not tell what a variable has already, as in a shell that entered this release
    runtime=$(unset CMSSW_VERSION && cd "$area/src" && scramv1 runtime -sh) || return
    case $runtime in
        *CMSSW_VERSION="$area"* | *CMSSW_VERSION=?"$area"*) ;;
        *) echo "$area: scramv1 runtime does not tell this release"; return 1 ;;
    esac
    (
        eval "$runtime"
        for tool in "${{condorloop_needs[@]}}"; do
            [ -x "$(type -P -- "$tool")" ] && continue
            echo "$tool is not in the environment of $area"
            exit 127
        done
    )
}}

make() {{
    scramv1 project CMSSW "$area" && enter && touch "$area/{_MARK}"
}}

if [ ! -e "$area" ]; then
    make || exit
elif ! enter; then
    [ ! -e "$area/{_MARK}" ] || exit 1
    number=0
    while [ -e "$area.aside$number" ]; do number=$((number + 1)); done
    mv "$area" "$area.aside$number" || exit
    if ! make; then
        [ ! -e "$area" ] || rm -rf "$area"
        mv "$area.aside$number" "$area"
        exit 1
    fi
    echo "$area did not work and is $area.aside$number"
fi
cd "$area/src" || exit
eval "$runtime"
env -0 >&3
"""
"""The script that enters; its arguments are the tools that must be there inside.

CMS's set-up scripts may fail, use variables that are not set, print, exit and define functions and
aliases: no `set -e` and no `set -u` while they are sourced. `scramv1 runtime` and `scramv1 project`
end well though the release is gone, so that the tools are looked for.

An area without our mark may be a person's, and fail to work because of an outage: it is moved
aside only for one that works, and never deleted."""


class CmsswError(Unavailable):
    """The CMSSW environment cannot be entered; the message has what the shell said."""


@dataclass(frozen=True, slots=True)
class Cmssw:
    """A release and how to enter it.

    Attributes
    ----------
    folder
        Where its area is, or is to be made.
    needs
        The tools that must be there inside, such as ``edmFileUtil``.
    """

    setup: Path
    scram_arch: str
    release: str
    folder: Path
    needs: tuple[str, ...] = ()

    @classmethod
    def from_config(cls, config: Config, *needs: str) -> Cmssw:
        """Take the release and the site of a configuration; the area is in the work_dir."""
        site, parameters = config.site, config.parameters
        arch, release = parameters.scram_arch, parameters.release
        return cls(site.cmssw.setup, arch, release, site.work_dir, needs)

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
            The set-up script or `scramv1` failed, one of `needs` is not there, or it took more
            than `timeout` seconds; with what was said.
        """
        try:
            self._check()
            make_folder(self.folder)
            self._check()
            with (
                open_lock(self.folder / f".{self.release}.lock") as lock,
                TemporaryFile(dir=self.folder) as said,
            ):
                return self._enter(lock.fileno(), said, time.monotonic() + timeout)
        except OSError as error:
            raise CmsswError(f"{self}: {error}") from error

    def _enter(self, lock: int, said: IO[bytes], deadline: float) -> dict[str, str]:
        environment = outer_environment() | {
            "SCRAM_ARCH": self.scram_arch,
            "CONDORLOOP_SETUP": str(self.setup),
            "CONDORLOOP_ARCH": self.scram_arch,
            "CONDORLOOP_FOLDER": str(self.folder),
            "CONDORLOOP_RELEASE": self.release,
            "CONDORLOOP_LOCK": str(lock),
            "CONDORLOOP_SAID": str(said.fileno()),
        }
        environment.pop("BASH_ENV", None)  # a script of its own that bash would begin with
        _lock(lock, deadline)
        try:
            done = subprocesses.run(
                ["bash", "-c", _ENTER, "bash", *self.needs],
                environment=environment,
                timeout=max(deadline - time.monotonic(), 1.0),
                holding=[lock, said.fileno()],
            )
        except subprocess.TimeoutExpired as error:
            late = f"not entered within {error.timeout:.0f} s"
            raise CmsswError(f"{self}: {late}: {_words(said) or 'nothing was said'}") from error
        inside = _variables(done.stdout)
        if done.returncode or not inside:
            words = _words(said, done.stderr) or "nothing was said"
            raise CmsswError(f"{self}: exit {done.returncode}: {words}")
        return inside

    def _check(self) -> None:
        """Make sure that nobody else has made the area or can: what is in it is run.

        Raises
        ------
        Untrusted
            Another account could.
        """
        reader = Reader()
        refuse(reader.objections_to_place(self.folder))
        refuse(reader.objections_to_use(self.area, reader.group_of(self.folder)))

    def __str__(self) -> str:
        return f"CMSSW ({self.setup}, {self.release})"


def _variables(printed: bytes) -> dict[str, str]:
    """Read what ``env -0`` printed; without what is ours, or the shell's own."""
    pairs = (p.partition("=") for p in printed.decode(errors="replace").split("\0"))
    return {
        name: value
        for name, _, value in pairs
        if name and not name.startswith("CONDORLOOP_") and name not in ("_", "PWD", "OLDPWD")
    }


def _words(said: IO[bytes], more: bytes = b"") -> str:
    """The last of what was said, in a line."""
    said.seek(0)
    return " ".join((said.read() + more).decode(errors="replace").split())[-_LONGEST:]


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


def outer_environment(source: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment without what our own Python has put there, fit for CMSSW's."""
    ours = ("PYTHON", "VIRTUAL_ENV")
    values = os.environ if source is None else source
    return {k: v for k, v in values.items() if not k.startswith(ours)}
