"""The numbers of a payload file, as a payload reader gives them: constants by channel and by IOV.

Knows their JSON form; knows nothing of detectors, files, or who reads them. It is plain data.

A tag is a JSON object::

    {"schema": 1,
     "tag": "EcalPedestals",
     "object_type": "EcalPedestals",
     "units": {"mean": "ADC counts"},
     "places": {"838861313": ["EB", 1, 2]},
     "iovs": [{"since": 398600, "hash": "8fae…",
               "channels": {"mean": {"838861313": 200.1}},
               "sets": {"dead": ["17", "40"]},
               "numbers": {"x": 0.17}}]}

``places`` says where in which part of the detector a channel is: ``EB``, ieta, iphi; ``EE-`` or
``EE+``, ix, iy; of other detectors a part, and two numbers that a map can be drawn with. ``units``,
``places``, ``object_type``, and of an IOV ``channels``, ``sets`` and ``numbers`` may be absent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from condorloop.errors import CondorloopError
from condorloop.text import shown

SCHEMA = 1


class ConstantsError(CondorloopError):
    """What should be constants is not; the text says where, what it is and what is expected."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a channel is: two coordinates in a part of the detector."""

    part: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class IovConstants:
    """The constants of one IOV.

    Attributes
    ----------
    since, hash
        Its since, in the time type of its tag, and the payload's hash.
    channels
        Values by channel, by the name of the quantity.
    sets
        Channels, such as bad modules, by the name of the set.
    numbers
        Numbers that are the IOV's own, such as a position, by name.
    """

    since: int
    hash: str
    channels: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    sets: Mapping[str, frozenset[str]] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Constants:
    """The constants of a tag in a payload file; `iovs` are in the order of their sinces."""

    tag: str
    iovs: tuple[IovConstants, ...]
    object_type: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)

    @classmethod
    def from_text(cls, text: str, source: str) -> Constants:
        """Read them from JSON; `source` says in errors whose they are.

        Raises
        ------
        ConstantsError
            It is not JSON, or not of this form.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConstantsError(f"{source}: not JSON: {shown(text)}") from error
        return cls.from_json(data, source)

    @classmethod
    def from_json(cls, data: object, source: str) -> Constants:
        """Take them from a JSON object; `source` says in errors whose they are.

        Raises
        ------
        ConstantsError
            It is not of this form.
        """
        whole = _Object(data, source, "")
        if whole.get("schema") != SCHEMA:
            raise whole.wrong("schema", f"{SCHEMA}, the only one that is known")
        iovs = [
            IovConstants(
                since=iov.since("since"),
                hash=iov.text("hash"),
                channels={
                    name: iov.object("channels").numbers(name) for name in iov.names("channels")
                },
                sets={name: iov.object("sets").ids(name) for name in iov.names("sets")},
                numbers=iov.numbers("numbers"),
            )
            for iov in whole.objects("iovs")
        ]
        units = whole.object("units")
        places = whole.object("places")
        return cls(
            tag=whole.text("tag"),
            iovs=tuple(sorted(iovs, key=lambda iov: iov.since)),
            object_type=whole.text("object_type") if "object_type" in whole.data else "",
            units={name: units.text(name) for name in units.data},
            places={channel: places.place(channel) for channel in places.data},
        )

    def to_json(self) -> dict[str, Any]:
        """Give the JSON object."""
        return {
            "schema": SCHEMA,
            "tag": self.tag,
            "object_type": self.object_type,
            "units": dict(self.units),
            "places": {c: [place.part, place.x, place.y] for c, place in self.places.items()},
            "iovs": [
                {
                    "since": iov.since,
                    "hash": iov.hash,
                    "channels": {name: dict(values) for name, values in iov.channels.items()},
                    "sets": {name: sorted(ids) for name, ids in iov.sets.items()},
                    "numbers": dict(iov.numbers),
                }
                for iov in self.iovs
            ],
        }


class _Object:
    """A JSON object, whose members are taken with the type that is expected."""

    __slots__ = ("_source", "_where", "data")

    def __init__(self, data: object, source: str, where: str) -> None:
        self._source, self._where = source, where
        if not isinstance(data, dict):
            raise ConstantsError(f"{source}: {where or 'all'} is {shown(data)}, expected an object")
        self.data: dict[str, Any] = data

    def wrong(self, key: str, expected: str) -> ConstantsError:
        value = shown(self.data[key]) if key in self.data else "missing"
        where = f"{self._where}.{key}" if self._where else key
        return ConstantsError(f"{self._source}: {where} is {value}, expected {expected}")

    def get(self, key: str) -> object:
        return self.data.get(key)

    def text(self, key: str) -> str:
        value = self.data.get(key)
        if isinstance(value, str):
            return value
        raise self.wrong(key, "text")

    def since(self, key: str) -> int:
        value = self.data.get(key)
        if type(value) is int and 0 <= value < 1 << 64:
            return value
        raise self.wrong(key, "a since: a whole number")

    def names(self, key: str) -> Sequence[str]:
        return list(self.object(key).data)

    def object(self, key: str) -> _Object:
        """A member that is an object; an empty one where there is none."""
        where = f"{self._where}.{key}" if self._where else key
        return _Object(self.data.get(key, {}), self._source, where)

    def objects(self, key: str) -> list[_Object]:
        value = self.data.get(key)
        if not isinstance(value, list):
            raise self.wrong(key, "a list of objects")
        return [_Object(each, self._source, f"{key}[{n}]") for n, each in enumerate(value)]

    def numbers(self, key: str) -> dict[str, float]:
        found = self.object(key)
        for name, value in found.data.items():
            if type(value) not in (int, float) or not _is_finite(value):
                raise found.wrong(name, "a finite number")
        return {name: float(value) for name, value in found.data.items()}

    def ids(self, key: str) -> frozenset[str]:
        value = self.data.get(key)
        if isinstance(value, list) and {*map(type, value)} <= {int, str}:
            return frozenset(map(str, value))
        raise self.wrong(key, "a list of channels")

    def place(self, key: str) -> Place:
        value = self.data.get(key)
        if isinstance(value, list) and [*map(type, value)] == [str, int, int]:
            return Place(*value)
        raise self.wrong(key, "a part of the detector and two whole numbers")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False
