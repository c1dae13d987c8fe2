"""SQLite 3.26.0, built from its source: the oldest that condorloop runs with, that of RHEL 8.

The source comes with an npm package. The library is kept in the cache folder of the private copies,
built once. It takes the place of the system's for a Python that links SQLite dynamically.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from condorloop.testbed.prefix.cache import Copies, PrefixError, Progress, cache_folder
from condorloop.text import one_line

VERSION = "3.26.0"
PACKAGE = "sqlite3@4.0.6"
"""The npm package that has the source of this version."""

_SOURCE = "package/deps/sqlite-autoconf-3260000.tar.gz"
_SHA256 = "5daa6a3fb7d1e8c767cd59c4ded8da6e4b00c61d3b466d0685e35c4dd6d7bf5d"
_LIBRARY = "libsqlite3.so.0"
_OPTIONS = (
    "-DSQLITE_ENABLE_COLUMN_METADATA",
    "-DSQLITE_ENABLE_JSON1",
    "-DSQLITE_SECURE_DELETE",
    "-DSQLITE_ENABLE_DESERIALIZE",  # a Python that was built with a newer SQLite asks for it
)
_COMPILERS = ("cc", "gcc", "clang")
_ZIG = "ziglang"
"""The Python package of a compiler, for a machine that has none."""

_MINUTES = 300.0
"""Seconds for a download or the compiler."""

_ASK = "import sqlite3, sys; print(sqlite3.sqlite_version, *sys.version_info[:2], sep='/')"


class NotHereError(RuntimeError):
    """It cannot be had here; the message says why."""


@dataclass(frozen=True)
class OldestSqlite:
    """A Python that uses the library, and the environment that makes it do so."""

    python: str
    environment: Mapping[str, str]


def ensure(progress: Progress = lambda line: None, cache: Path | None = None) -> OldestSqlite:
    """Find the library or build it, and a Python that uses it.

    Raises
    ------
    NotHereError
        There is no npm, no compiler, no network, or each Python has an SQLite of its own inside.
    """
    copies = Copies(cache or cache_folder(), f"SQLite {VERSION}")
    folder = copies.cache / f"sqlite_{VERSION}"
    try:
        with copies.locked(progress):
            if not (folder / _LIBRARY).exists():
                _build(folder, progress)
    except PrefixError as error:
        raise NotHereError(str(error)) from error
    return _used_by(folder)


def _build(folder: Path, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(prefix=".building-sqlite-", dir=folder.parent) as place:
        scratch = Path(place)
        progress(f"fetching the source of SQLite {VERSION}")
        source = _source(scratch)
        compiler = _compiler(scratch)
        progress(f"compiling SQLite {VERSION} with {compiler[0]}")
        made = scratch / "made"
        made.mkdir()
        how = ["-O1", "-shared", "-fPIC", f"-Wl,-soname,{_LIBRARY}", *_OPTIONS]
        libraries = ["-lpthread", "-ldl", "-lm"]
        _run([*compiler, *how, "-o", str(made / _LIBRARY), str(source), *libraries], scratch)
        made.rename(folder)


def _source(scratch: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise NotHereError("npm is missing, with which the source comes")
    _run([npm, "pack", "--loglevel=error", PACKAGE], scratch)
    [package] = scratch.glob("*.tgz")
    with tarfile.open(package) as outer:
        outer.extract(_SOURCE, scratch, filter="data")
    inner = scratch / _SOURCE
    if hashlib.sha256(inner.read_bytes()).hexdigest() != _SHA256:
        raise NotHereError(f"{PACKAGE} has another source than SQLite {VERSION}")
    with tarfile.open(inner) as archive:
        archive.extractall(scratch, filter="data")
    [found] = scratch.glob("*/sqlite3.c")
    return found


def _compiler(scratch: Path) -> list[str]:
    """Give the machine's compiler, or else one that comes as a Python package."""
    if found := next(filter(None, map(shutil.which, _COMPILERS)), None):
        return [found]
    if importlib.util.find_spec(_ZIG):
        return [sys.executable, "-m", _ZIG, "cc"]
    folder = scratch / "compiler"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        _run([*pip, "--target", str(folder), _ZIG], scratch)
    except NotHereError as error:
        raise NotHereError(f"there is no C compiler, and none to be had: {error}") from error
    return ["env", f"PYTHONPATH={folder}", f"HOME={scratch}", sys.executable, "-m", _ZIG, "cc"]


def _used_by(folder: Path) -> OldestSqlite:
    """Find a Python like this one that takes its SQLite from a folder: this one, or another."""
    said = []
    packages = [path for path in sys.path if path.endswith("site-packages")]
    wanted = [VERSION, *map(str, sys.version_info[:2])]
    for python in _pythons():
        environment = {
            **os.environ,
            "LD_LIBRARY_PATH": str(folder),
            "PYTHONPATH": ":".join(packages),
        }
        asked = subprocess.run(
            [python, "-c", _ASK], env=environment, capture_output=True, text=True, check=False
        )
        if asked.stdout.strip().split("/") == wanted:
            return OldestSqlite(python, environment)
        said.append(f"{python} says {one_line(asked.stdout or asked.stderr[-200:])}")
    raise NotHereError(f"no Python here uses an SQLite {VERSION} beside it: {'; '.join(said)}")


def _pythons() -> Iterator[str]:
    yield sys.executable
    name = "python{}.{}".format(*sys.version_info[:2])
    for folder in os.environ.get("PATH", os.defpath).split(":"):
        python = Path(folder) / name
        if folder and os.access(python, os.X_OK):
            yield str(python)


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_MINUTES,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotHereError(str(error)) from error
    if done.returncode:
        said = one_line(done.stderr) or "no reason given"
        raise NotHereError(f"{Path(command[0]).name} ended with {done.returncode}: {said}")
