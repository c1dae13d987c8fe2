"""Private copies of Debian packages: made once in a folder of the cache, and found again.

They come from the archive that this machine's own apt uses. apt and dpkg do the work in a folder of
their own, without root: signatures are checked, proxies are honoured, and nothing on the system
changes. Knows how processes share such a folder; what a copy is made of, a `Recipe` says.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from condorloop.errors import CondorloopError
from condorloop.runtime.lock_file import open_lock
from condorloop.testbed.prefix import debian

FACTS = "prefix.json"

Progress = Callable[[str], None]


class PrefixError(CondorloopError):
    """What is wanted cannot be had here; the message says what is missing."""


def cache_folder() -> Path:
    """Give the folder in which private copies are kept, ``~/.cache/condorloop`` as a rule."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).absolute() / "condorloop"


@dataclass(frozen=True)
class Recipe:
    """What a private copy is made from.

    Attributes
    ----------
    suite
        The suite of the Debian archive.
    wanted
        The packages that are unpacked whole; of those that they need, the libraries are.
    named
        Those of them whose versions name the copy's folder.
    absent
        Packages that are done without, although others say that they depend on them.
    finish
        Makes the unpacked tree (first argument) work in its folder to be (second argument),
        and tells of it by the third.
    """

    suite: str
    wanted: tuple[str, ...]
    named: tuple[str, ...]
    finish: Callable[[Path, Path, Progress], None]
    absent: Collection[str] = ()


@dataclass(frozen=True)
class Copies:
    """The private copies in a cache folder; one of them is the current one.

    Attributes
    ----------
    cache
        The folder.
    what
        What the copies are of, for people.
    """

    cache: Path
    what: str

    def current(self) -> Path | None:
        """Give the folder of the current copy, unless there is none or it was moved."""
        try:
            folder = Path((self.cache / "current").read_text().strip())
        except OSError:
            return None
        return folder if folder.parent == self.cache and is_whole(folder) else None

    def check_machine(self, otherwise: str) -> None:
        """See whether a copy can be made here; `otherwise` says what a person can do.

        Raises
        ------
        PrefixError
            It cannot.
        """
        if (sys.platform, platform.machine()) != ("linux", "x86_64"):
            raise PrefixError(
                f"no {self.what} on PATH, and none to be fetched but for Linux on x86_64:"
                f" this is {sys.platform} on {platform.machine()}"
            )
        missing = [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]
        if missing:
            raise PrefixError(
                f"no {self.what} on PATH, and none to be fetched without"
                f" {' and '.join(missing)}: {otherwise}"
            )
        if ":" in str(self.cache):
            raise PrefixError(f"a loader's search path cannot hold the colon in {self.cache}")

    @contextlib.contextmanager
    def locked(self, progress: Progress) -> Iterator[None]:
        """Let one process at a time make a copy.

        Raises
        ------
        PrefixError
            The cache folder cannot be written.
        """
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            lock = open_lock(self.cache / "lock")
        except OSError as error:
            why = error.strerror or error
            raise PrefixError(f"no cache can be kept in {self.cache}: {why}") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress(f"waiting for another process that is fetching {self.what}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def make(self, recipe: Recipe, progress: Progress) -> None:
        """Make a copy and let it be the current one; the caller holds the lock.

        Raises
        ------
        PrefixError
            The packages cannot be had, or do not work.
        """
        began = time.monotonic()

        def step(line: str) -> None:
            progress(f"[{time.monotonic() - began:5.1f} s] {line}")

        for left in self.cache.glob(".building-*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=self.cache) as scratch:
            try:
                folder = self._build(Path(scratch), recipe, step)
            except debian.ArchiveError as error:
                names = " and ".join(recipe.wanted)
                raise PrefixError(f"{names} cannot be fetched: {error}") from error
        pointer = self.cache / ".current"
        pointer.write_text(f"{folder}\n")
        pointer.rename(self.cache / "current")
        step(f"ready: {folder}")

    def _build(self, scratch: Path, recipe: Recipe, step: Progress) -> Path:
        wanted = " ".join(recipe.wanted)
        step(f"asking this machine's package archive for {wanted} of {recipe.suite}")
        archive = debian.Archive.open(scratch / "apt", recipe.suite)
        archive.do_without(recipe.absent)
        packages = archive.needed(recipe.wanted)
        folder = self.cache / _folder_name(recipe.named, packages)
        if is_whole(folder):
            return folder
        step(f"downloading {len(packages)} packages, about {archive.megabytes(packages):.0f} MB")
        debs = archive.download(packages)
        step(f"unpacking {len(debs)} packages")
        tree = scratch / "tree"
        debian.unpack(debs, tree, recipe.wanted)
        recipe.finish(tree, folder, step)
        facts = {"folder": str(folder), "suite": recipe.suite, "packages": packages}
        (tree / FACTS).write_text(json.dumps(facts, indent=1))
        if folder.exists():
            shutil.rmtree(folder)
        tree.rename(folder)
        return folder


def is_whole(folder: Path) -> bool:
    """Tell whether `folder` was made, and made for the place where it is."""
    try:
        return bool(json.loads((folder / FACTS).read_text())["folder"] == str(folder))
    except (OSError, ValueError, KeyError):
        return False


def _folder_name(named: Collection[str], packages: Mapping[str, str]) -> str:
    # an epoch's colon cannot be in a library search path
    return "_".join(f"{name}_{packages[name].split(':')[-1]}" for name in named)
