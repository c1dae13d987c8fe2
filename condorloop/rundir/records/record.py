"""Records: JSON objects in files, read as dataclasses, and the one way in which one is wrong.

Knows no record in particular. What a newer version has written besides is not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, TypeVar

from condorloop.errors import CondorloopError
from condorloop.model.lumis import Lumis
from condorloop.rundir.durable import write_json
from condorloop.runtime.machine_errors import is_of_machine

_Word = TypeVar("_Word", bound=StrEnum)

_LARGEST = (1 << 63) - 1
"""What SQLite has room for; all numbers of records are smaller."""
_LATEST = 1e15
_GREATEST = 1e300
_SHOWN = 60
"""So many characters of a wrong value are shown."""


class Missing:
    """The value of what is not there."""

    def __repr__(self) -> str:
        return "missing"


MISSING = Missing()


class RecordError(CondorloopError):
    """A record is not there, or is not what it should be.

    Attributes
    ----------
    file
        The record's file.
    key
        Where in it, as ``nodes.RECO_0000.kind``; empty if the whole file is no JSON object.
    value
        What stands there, or `MISSING`.
    expected
        What should stand there, in words.
    """

    def __init__(self, file: Path, key: str, value: object, expected: str) -> None:
        self.file, self.key, self.value, self.expected = file, key, value, expected
        where = f"{file}: {key}" if key else f"{file}"
        super().__init__(f"{where} is {_shown(value)}, expected {expected}")


class RecordGone(RecordError):
    """There is no such file."""


def _shown(value: object) -> str:
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    return repr(value[:_SHOWN] if isinstance(value, (str, bytes)) else value)[: 2 * _SHOWN]


class Members:
    """The members of a JSON object in a file, each taken with the type that is expected.

    Each method raises `RecordError` if the member is not there, or of another type.
    """

    __slots__ = ("_data", "_file", "_within")

    def __init__(self, data: Mapping[str, Any], file: Path, within: str = "") -> None:
        self._data, self._file, self._within = data, file, within

    @classmethod
    def of_text(cls, text: str | bytes, file: Path) -> Self:
        """Take those of a JSON text that stands in a file.

        Raises
        ------
        RecordError
            It is no JSON object.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RecordError(file, "", text, "a JSON object") from error
        if not isinstance(data, dict):
            raise RecordError(file, "", data, "a JSON object")
        return cls(data, file)

    @classmethod
    def of_file(cls, file: Path) -> Self:
        """Take those of the JSON object in a file.

        Raises
        ------
        RecordError
            The file is not there (`RecordGone`), or holds anything else.
        OSError
            The file cannot be read.
        """
        try:
            text = file.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise RecordGone(file, "", MISSING, "a JSON object") from error
        except UnicodeDecodeError as error:
            raise RecordError(file, "", error.object, "a JSON object") from error
        return cls.of_text(text, file)

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def is_list(self, key: str) -> bool:
        """Whether a member is a list."""
        return isinstance(self._data.get(key), list)

    def wrong(self, key: str, expected: str) -> RecordError:
        """The error that a member is not what is expected."""
        value = self._data.get(key, MISSING)
        return RecordError(self._file, f"{self._within}{key}", value, expected)

    def text(self, key: str) -> str:
        """A text."""
        value = self._data.get(key)
        if isinstance(value, str):
            return value
        raise self.wrong(key, "text")

    def text_or_none(self, key: str) -> str | None:
        """A text or null."""
        return None if self._data.get(key, MISSING) is None else self.text(key)

    def word(self, key: str, words: type[_Word]) -> _Word:
        """One of a closed set of words."""
        try:
            return words(self.text(key))
        except ValueError:
            raise self.wrong(key, f"one of {', '.join(words)}") from None

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._data.get(key)
        if isinstance(value, bool):
            return value
        raise self.wrong(key, "true or false")

    def number(self, key: str) -> int:
        """A whole number."""
        value = self._data.get(key)
        if type(value) is int and abs(value) <= _LARGEST:
            return value
        raise self.wrong(key, "a number")

    def number_or_none(self, key: str) -> int | None:
        """A whole number or null."""
        return None if self._data.get(key, MISSING) is None else self.number(key)

    def real_or_none(self, key: str) -> float | None:
        """A number or null."""
        value: Any = self._data.get(key, MISSING)
        if value is None:
            return None
        if type(value) in (int, float) and abs(value) <= _LARGEST:
            return float(value)
        raise self.wrong(key, "a number or null")

    def seconds(self, key: str) -> float:
        """A time: an instant since the epoch, or a span."""
        value: Any = self._data.get(key)
        if type(value) in (int, float) and -_LATEST < value < _LATEST:
            return float(value)
        raise self.wrong(key, "a time in seconds")

    def real(self, key: str) -> float:
        """A finite number, whole or not."""
        value: Any = self._data.get(key)
        if type(value) in (int, float) and -_GREATEST < value < _GREATEST:
            return float(value)
        raise self.wrong(key, "a finite number")

    def lumis(self, key: str) -> Lumis:
        """Lumisections."""
        value = self._data.get(key)
        try:
            if isinstance(value, str):
                return Lumis.parse(value)
        except ValueError:
            pass
        raise self.wrong(key, "a list of lumisections")

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self._data.get(key)
        if isinstance(value, list) and {*map(type, value)} <= {str}:
            return tuple(value)
        raise self.wrong(key, "a list of texts")

    def numbers(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        value: Any = self._data.get(key)
        sound = isinstance(value, list) and {*map(type, value)} <= {int}
        if sound and max(map(abs, value), default=0) <= _LARGEST:
            return tuple(value)
        raise self.wrong(key, "a list of numbers")

    def texts_by_name(self, key: str) -> dict[str, str]:
        """An object whose members are texts."""
        members = self.object(key)
        return {name: members.text(name) for name in members}

    def object(self, key: str) -> Members:
        """An object."""
        value = self._data.get(key)
        if isinstance(value, dict):
            return Members(value, self._file, f"{self._within}{key}.")
        raise self.wrong(key, "an object")

    def objects(self, key: str) -> list[Members]:
        """A list of objects."""
        value = self._data.get(key)
        if isinstance(value, list) and {*map(type, value)} <= {dict}:
            within = f"{self._within}{key}"
            return [Members(v, self._file, f"{within}[{i}].") for i, v in enumerate(value)]
        raise self.wrong(key, "a list of objects")

    def objects_by_name(self, key: str) -> dict[str, Members]:
        """An object whose members are objects."""
        members = self.object(key)
        return {name: members.object(name) for name in members}

    def as_json(self, key: str) -> dict[str, Any]:
        """An object as it stands there, whatever is in it."""
        return dict(self.object(key)._data)


class Record:
    """What has a JSON object in a file of its own."""

    __slots__ = ()

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from the members of its JSON object.

        Raises
        ------
        RecordError
            It is damaged.
        """
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        raise NotImplementedError

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read it.

        Raises
        ------
        RecordError
            It is not there (`RecordGone`), or damaged.
        OSError
            It cannot be read.
        """
        return cls.from_members(Members.of_file(path))

    @classmethod
    def find(cls, path: Path) -> Self | None:
        """Read it; None when it is not there, is damaged, or cannot be read."""
        try:
            return cls.read(path)
        except (RecordError, OSError):
            return None

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read it as `find` does, but do not take a disk that fails for a record that is gone.

        Raises
        ------
        OSError
            The machine does not give it.
        """
        try:
            return cls.read(path)
        except RecordError:
            return None
        except OSError as error:
            if is_of_machine(error):
                raise
            return None

    def write(self, path: Path) -> None:
        """Write it, whole or not at all.

        Raises
        ------
        OSError
            It cannot be written.
        """
        write_json(path, self.to_json())
