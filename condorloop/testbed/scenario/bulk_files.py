"""Small RAW files by the thousand: one ROOT file of each shape, stamped with each file's events.

Knows that the data of an uncompressed tree lie in the file as they are, big end first. Writing a
ROOT file anew takes a hundred times as long.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from condorloop.testbed.cmssw.io.root_file import Columns, write_trees

MOST_EVENTS = 64

_Shape = tuple[tuple[str, str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class _Template:
    """A file, and where in it the data of each branch are."""

    data: bytes
    places: Mapping[str, int]


_templates: dict[_Shape, _Template] = {}
_making = threading.Lock()


def raw_file(events: Columns) -> bytes:
    """Give the bytes of a ROOT file with a tree ``Events`` of few events."""
    template = _template(tuple((n, v.dtype.str, v.shape) for n, v in sorted(events.items())))
    data = bytearray(template.data)
    for name, at in template.places.items():
        values = _stored(events[name])
        data[at : at + len(values)] = values
    return bytes(data)


def _template(shape: _Shape) -> _Template:
    with _making:
        if shape not in _templates:
            _templates[shape] = _made(shape)
        return _templates[shape]


def _made(shape: _Shape) -> _Template:
    rng = np.random.default_rng(0)
    columns: Columns = {
        name: np.frombuffer(
            rng.bytes(np.dtype(kind).itemsize * int(np.prod(size))), np.dtype(kind)
        ).reshape(size)
        for name, kind, size in shape
    }
    with TemporaryDirectory() as folder:
        file = Path(folder) / "template.root"
        write_trees(file, {"Events": columns}, compressed=False)
        data = file.read_bytes()
    places = {}
    for name, values in columns.items():
        stored = _stored(values)
        if data.count(stored) != 1:
            raise ValueError(
                f"branch {name} of shape {values.shape} cannot be found in a ROOT file"
            )
        places[name] = data.index(stored)
    return _Template(data, places)


def _stored(values: np.typing.NDArray[np.generic]) -> bytes:
    return values.astype(values.dtype.newbyteorder(">")).tobytes()
