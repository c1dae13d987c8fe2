"""What `xrdfs` prints and how it ends, read as what it means.

Knows the forms of its output, its exit codes and XRootD's error numbers; runs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from condorloop.errors import Unavailable
from condorloop.text import one_line, shown

_LARGEST = 2**63 - 1

_ERROR = re.compile(r"\[(3[0-9]{3})\]")
_PARTIAL = "The result may be incomplete"
_NOT_FOUND = "3011"
_REFUSED = frozenset({"3010", "3030"})

_NO_SERVER, _NO_SESSION, _SERVER_SAID = 51, 52, 54
# the client could not read what the server answered: a name with a line end breaks its listing
_GARBLED = frozenset({50, 53})

_NOT_PERMITTED = re.compile("permission denied|not permitted|not authori[sz]ed", re.IGNORECASE)
_NO_LOGIN = re.compile("auth failed|login failed", re.IGNORECASE)
_TICKET = "is the ticket still valid? see klist"

# owner and group, then size and time; a server of an older protocol gives time and size alone
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2} +[0-9:]{8}"
_LONG = re.compile(rf"^([-d])[-rwxsStT]{{9}} .*? +([0-9]+) +{_TIME} +(/.*)$", re.DOTALL)
_SHORT = re.compile(rf"^([-d])[-rwx]{{3}} +{_TIME} +([0-9]+) +(/.*)$", re.DOTALL)
_FIELD = re.compile(r"^(Path|Size|Flags): +(.*)$", re.DOTALL)


class StorageUnavailable(Unavailable):
    """Storage gave no answer, or none that can be understood: it says nothing about files.

    With `everywhere` the server itself did not answer, so that asking for other folders is of no
    use. `files` are those that a listing had which is known to be incomplete.
    """

    def __init__(
        self, message: str, *, everywhere: bool = False, files: Mapping[str, int] | None = None
    ) -> None:
        super().__init__(message)
        self.everywhere = everywhere
        self.files = dict(files or {})


@dataclass(frozen=True, slots=True)
class Listing:
    """What a listing has: ``.root`` files with their sizes, folders, and lines that are neither."""

    files: Mapping[str, int]
    folders: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class XrdfsAnswer:
    """How `xrdfs` ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def not_there(self) -> bool:
        """Whether the server says that there is no such file or folder."""
        return self._error == _NOT_FOUND

    @property
    def garbled(self) -> bool:
        """Whether the client could not read the server's answer."""
        return self.code in _GARBLED

    @property
    def partial(self) -> bool:
        """Whether the client says itself that not all was listed."""
        return _PARTIAL in self.err

    @property
    def outage(self) -> bool:
        """Whether the server is not there, or lets nobody in."""
        return self.code in (_NO_SERVER, _NO_SESSION)

    @property
    def _error(self) -> str:
        found = _ERROR.search(self.err) if self.code == _SERVER_SAID else None
        return found[1] if found else ""

    def __str__(self) -> str:
        """Say what it means, then what was said."""
        said = one_line(self.err, 200) or "no message"
        if self.code < 0:
            return f"killed by signal {-self.code}"
        if _NO_LOGIN.search(self.err):
            return f"no login: {_TICKET}: {said}"
        if self._error in _REFUSED and _NOT_PERMITTED.search(self.err):
            return f"permission denied: {_TICKET}: {said}"
        if self._error in _REFUSED:
            return f"the server does not give out this path: {said}"
        return f"exit {self.code}: {said}"


def run_folder(stream: str, run: int) -> str:
    """The folder of a run: its number as nine digits in threes.

    >>> run_folder("/eos/cms/RAW/Express-v1", 398600)
    '/eos/cms/RAW/Express-v1/000/398/600'
    """
    digits = f"{run:09d}"
    return f"{stream}/{digits[:3]}/{digits[3:6]}/{digits[6:]}"


def unusable_name(path: str) -> str | None:
    """Say why a file of this name cannot be processed, or None if it can.

    >>> unusable_name("/eos/a,b.root")
    'a comma in its name: cmsDriver.py takes it for two files'
    """
    if not path.isprintable():
        character = shown(next(c for c in path if not c.isprintable()))
        return f"the character {character} in its name"
    for character, reason in (
        (",", "a comma in its name: cmsDriver.py takes it for two files"),
        ("?", "a question mark in its name: XRootD takes what follows for options"),
        ("#", "a # in its name: ROOT takes what follows for a member of an archive"),
        ("$(dollar)", "a $(DOLLAR) in its name: HTCondor takes it for a $"),
    ):
        if character in path.lower():
            return reason
    return None


def parse_listing(text: str, folder: str = "/") -> Listing:
    """Read the output of ``xrdfs ls -l`` or ``ls -l -R``.

    A line that is not of a file or a folder below `folder`, or whose name is not UTF-8
    (undecodable bytes as surrogates), is odd.

    Raises
    ------
    StorageUnavailable
        The output is cut, or no line of it can be understood.
    """
    if text and not text.endswith("\n"):
        raise StorageUnavailable(f"the listing of {folder} is cut: {shown(text[-80:])}")
    files, folders, odd = {}, [], []
    lines = [line for line in text.split("\n") if line]
    for line in lines:
        match = _LONG.match(line) or _SHORT.match(line)
        if not match or not _is_below(match[3], folder) or not _fits(match[2]):
            odd.append(line)
        elif match[1] == "d":
            folders.append(match[3])
        elif match[3].endswith(".root"):
            files[match[3]] = int(match[2])
    if odd and len(odd) == len(lines):
        raise StorageUnavailable(f"xrdfs lists what cannot be understood: {shown(odd[0])}")
    return Listing(files, tuple(folders), tuple(odd))


def parse_names(text: str, folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read the output of ``xrdfs ls``: paths, and lines that are none."""
    lines = [line for line in text.split("\n") if line]
    good = tuple(line for line in lines if _is_below(line, folder))
    return good, tuple(line for line in lines if line not in good)


def parse_stat(text: str, asked: Collection[str]) -> Listing:
    """Read the output of ``xrdfs stat``; a path that was asked for and is not there is odd."""
    sizes: dict[str, int] = {}
    folders: list[str] = []
    path = ""
    for name, value in _fields(text):
        if name == "Path":
            path = value if value in asked else ""
        elif path and name == "Size" and _fits(value):
            sizes[path] = int(value)
        elif path and name == "Flags" and "IsDir" in value:
            folders.append(path)
    files = {p: s for p, s in sizes.items() if p.endswith(".root") and p not in folders}
    return Listing(files, tuple(folders), tuple(p for p in asked if p not in sizes))


def _fields(text: str) -> Iterable[tuple[str, str]]:
    for line in text.split("\n"):
        if match := _FIELD.match(line):
            yield match[1], match[2]


def _is_below(path: str, folder: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    plain, top = re.sub("/+", "/", path), re.sub("/+", "/", f"{folder}/")
    return plain.startswith(top) and "/../" not in plain


def _fits(number: str) -> bool:
    return number.isascii() and number.isdigit() and len(number) < 20 and int(number) <= _LARGEST
