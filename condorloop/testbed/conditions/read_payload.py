"""The testbed's payload reader: the constants of a tag in a payload file, as JSON.

The payloads of the stand-ins are JSON themselves (`condorloop.testbed.cmssw.steps.harvest`): a
mapping of channels is read as values by channel, a list as a set, a number as the IOV's own. How
many entries a channel had is no constant.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from condorloop.model.constants import Constants, IovConstants, Place
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.conditions.sqlite_file import ConditionsFileError
from condorloop.testbed.detectors import N_CHANNELS, N_MODULES

_UNITS: Mapping[str, Mapping[str, str]] = {
    "EcalPedestals": {"mean": "ADC counts", "rms": "ADC counts"},
    "BeamSpotObjects": dict.fromkeys(("x", "y", "z", "sigma_x", "sigma_y", "sigma_z"), "cm"),
}
_NO_CONSTANTS = frozenset({"entries"})
_BARREL, _PHIS, _RING = N_CHANNELS // 2, 8, 4
"""Half of the channels are in the barrel, 8 by 8; 8 by 4 are in each endcap."""
_LAYERS = ("TIB", "TID", "TOB", "TEC")
_ROW = 6


def main(argv: Sequence[str] | None = None) -> int:
    """Print the constants of a tag; return the exit code."""
    parser = argparse.ArgumentParser(prog="readPayload.py")
    parser.add_argument("file", type=Path)
    parser.add_argument("tag")
    parser.add_argument("hash", nargs="?", default="")
    given = parser.parse_args(argv)
    try:
        found = constants(given.file, given.tag, given.hash)
    except (ConditionsFileError, ValueError, KeyError, TypeError) as error:
        print(f"readPayload.py: {error}", file=sys.stderr)
        return 1
    json.dump(found.to_json(), sys.stdout)
    return 0


def constants(file: Path, tag: str, digest: str = "") -> Constants:
    """Read the constants of a tag, or of one payload of it.

    Raises
    ------
    ConditionsFileError
        The file is damaged, or has no such tag.
    ValueError, KeyError, TypeError
        A payload is not one of the stand-ins'.
    """
    known = sqlite_file.tags(file)
    if tag not in known:
        raise ConditionsFileError(f"{file}: no tag {tag}")
    object_type = known[tag].object_type
    iovs = tuple(
        _iov(iov.since, iov.payload_hash, json.loads(sqlite_file.payload(file, iov.payload_hash)))
        for iov in sqlite_file.iovs(file, tag)
        if digest in ("", iov.payload_hash)
    )
    place = _PLACES.get(object_type)
    channels = {c for iov in iovs for values in iov.channels.values() for c in values}
    modules = map(str, range(N_MODULES)) if any(iov.sets for iov in iovs) else ()
    return Constants(
        tag=tag,
        object_type=object_type,
        units=_UNITS.get(object_type, {}),
        places={c: place(int(c)) for c in (*channels, *modules)} if place else {},
        iovs=iovs,
    )


def _iov(since: int, digest: str, payload: Mapping[str, Any]) -> IovConstants:
    channels: dict[str, dict[str, float]] = {}
    sets: dict[str, frozenset[str]] = {}
    numbers: dict[str, float] = {}
    for name, value in payload["constants"].items():
        if isinstance(value, dict):
            for quantity in sorted(value.keys() - _NO_CONSTANTS):
                channels.setdefault(quantity, {})[name] = value[quantity]
        elif isinstance(value, list):
            sets[name] = frozenset(map(str, value))
        elif not isinstance(value, str):
            numbers[name] = value
    return IovConstants(since, digest, channels, sets, numbers)


def _crystal(channel: int) -> Place:
    if channel < _BARREL:
        row = channel // _PHIS - _BARREL // _PHIS // 2
        return Place("EB", row + (row >= 0), channel % _PHIS + 1)
    side, at = divmod(channel - _BARREL, _BARREL // 2)
    return Place(("EE-", "EE+")[side], 48 + at // _RING, 49 + at % _RING)


def _module(module: int) -> Place:
    layer, at = divmod(module, N_MODULES // len(_LAYERS))
    return Place(_LAYERS[layer], at % _ROW + 1, at // _ROW + 1)


_PLACES: Mapping[str, Callable[[int], Place]] = {
    "EcalPedestals": _crystal,
    "SiStripBadStrip": _module,
}

if __name__ == "__main__":
    sys.exit(main())
