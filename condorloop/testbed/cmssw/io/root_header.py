"""The first bytes of a ROOT file: whether it was written to its end and closed.

Layout: the class description of TFile and TDirectoryFile in ROOT's reference guide.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum, auto


class State(Enum):
    """What ROOT makes of a file when it opens it."""

    CLOSED = auto()
    """Whole."""
    NOT_CLOSED = auto()
    """Written, but its list of keys was not: ROOT recovers what it finds."""
    UNREADABLE = auto()
    """Empty, cut short, or no ROOT file: ROOT gives it up."""


@dataclass(frozen=True, slots=True)
class KeyList:
    """Where the top directory says that its keys are.

    Attributes
    ----------
    size_at, offset_at
        Positions in the file of the two numbers (big-endian, `offset_width` bytes the second).
    offset
        The position of the keys; not beyond the header if they were never written.
    """

    size_at: int
    offset_at: int
    offset_width: int
    offset: int


def state(data: bytes) -> State:
    """Judge a file by its header."""
    if len(data) < 64 or data[:4] != b"root":
        return State.UNREADABLE
    _, begin, end = _header(data)
    if len(data) < end:
        return State.UNREADABLE
    return State.CLOSED if key_list(data).offset > begin else State.NOT_CLOSED


def key_list(data: bytes) -> KeyList:
    """Find the top directory's record of its keys."""
    big, begin, _ = _header(data)
    (name_size,) = struct.unpack_from(">i", data, 36 if big else 28)
    directory = begin + name_size
    (version,) = struct.unpack_from(">h", data, directory)
    width = 8 if version > 1000 else 4
    offset_at = directory + 18 + 2 * width
    (offset,) = struct.unpack_from(">q" if width == 8 else ">i", data, offset_at)
    return KeyList(directory + 10, offset_at, width, offset)


def left_open(data: bytes) -> bytes:
    """Give the file as it would be if its writer had died before it closed it."""
    keys = key_list(data)
    changed = bytearray(data)
    changed[keys.size_at : keys.size_at + 4] = bytes(4)
    changed[keys.offset_at : keys.offset_at + keys.offset_width] = bytes(keys.offset_width)
    return bytes(changed)


def _header(data: bytes) -> tuple[bool, int, int]:
    version, begin = struct.unpack_from(">ii", data, 4)
    big = version >= 1_000_000  # 64-bit positions
    (end,) = struct.unpack_from(">q" if big else ">i", data, 12)
    return big, begin, end
