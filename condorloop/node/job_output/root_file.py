"""ROOT files by their header alone: whether one was written to its end and closed.

Knows the layout of TFile and TDirectoryFile (ROOT's reference guide); reads no objects and needs
no ROOT. It tells a file that was cut, left open or filled with zeros, not one of damaged data.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_BIG = 1_000_000
"""Added to a file's version when its positions are 64 bits wide."""
_BIG_DIRECTORY = 1000
"""The same for the version of a directory's record."""


class _NotWholeError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class _Record:
    """A record that the header points at: what it is, where, and how long."""

    what: str
    at: int
    length: int


def why_not_whole(path: Path) -> str | None:
    """Say what is wrong with a ROOT file; None if it was written to its end and closed.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    with path.open("rb") as file:
        try:
            _check(file, path.stat().st_size)
        except _NotWholeError as error:
            return str(error)
    return None


def _check(file: BinaryIO, size: int) -> None:
    if not size:
        raise _NotWholeError("it is empty")
    if _at(file, 0, 4) != b"root":
        raise _NotWholeError("it is no ROOT file")
    version, begin = struct.unpack(">ii", _at(file, 4, 8))
    # fEND, fSeekFree, fNbytesFree, nfree, fNbytesName, fUnits, fCompress, fSeekInfo, fNbytesInfo
    layout = ">qqiiibiqi" if version >= _BIG else ">iiiiibiii"
    header = struct.unpack(layout, _at(file, 12, struct.calcsize(layout)))
    end, free_at, free_length, _, name_length, _, _, info_at, info_length = header
    if size < end:
        raise _NotWholeError(f"it is cut: {size} of {end} bytes")
    if begin < 12 + struct.calcsize(layout) or name_length <= 0:
        raise _NotWholeError("its header is damaged")
    records = [
        _keys(file, begin + name_length),
        _Record("list of types", info_at, info_length),
        _Record("list of free space", free_at, free_length),
    ]
    for record in records:
        _check_record(file, record, begin, end)


def _keys(file: BinaryIO, at: int) -> _Record:
    """The list of keys, from the top directory's record."""
    (version,) = struct.unpack(">h", _at(file, at, 2))
    # two dates, fNbytesKeys, fNbytesName, fSeekDir, fSeekParent, fSeekKeys
    layout = ">iiiiqqq" if version > _BIG_DIRECTORY else ">iiiiiii"
    fields = struct.unpack(layout, _at(file, at + 2, struct.calcsize(layout)))
    return _Record("list of keys", fields[6], fields[2])


def _check_record(file: BinaryIO, record: _Record, begin: int, end: int) -> None:
    """Look whether a record was written; each begins with its own length."""
    if record.at <= begin or record.length <= 4:
        raise _NotWholeError(f"it was not closed: it has no {record.what}")
    if record.at + record.length > end:
        raise _NotWholeError(f"its header is damaged: the {record.what} is beyond its end")
    (length,) = struct.unpack(">i", _at(file, record.at, 4))
    if length != record.length:
        raise _NotWholeError(f"it is damaged: the {record.what} is not where it should be")


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    data = file.read(length)
    if len(data) < length:
        raise _NotWholeError("it is cut within its header")
    return data
