"""Tags that are read back in the background, one at a time.

Knows that a reading takes long, and may fail; knows nothing of what was uploaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread

from condorloop.model.tag_content import TagContent
from condorloop.services.cmssw import CmsswError
from condorloop.services.tag_reader import TagReader, TagUnreadable
from condorloop.text import one_line

MakeReader = Callable[[Path | None], TagReader | None]
"""Gives the reader for a folder of a netrc file; None where no reader is configured."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a destination; `content` is None where it could not be, `error` says why."""

    database: str
    tag: str
    content: TagContent | None
    error: str = ""


class TagReadings:
    """Reads tags in a thread of its own; each is ended by the time limit of the tool.

    Parameters
    ----------
    make_reader
        Is called in the thread.
    """

    def __init__(self, make_reader: MakeReader) -> None:
        self._make_reader = make_reader
        self._lock = Lock()
        self._busy = False
        self._closed = False
        self._read: list[Reading] = []

    def start(self, database: str, tag: str, auth_path: Path | None) -> bool:
        """Begin to read a destination; False if one is being read already."""
        with self._lock:
            if self._busy or self._closed:
                return False
            self._busy = True
        name = f"read back {tag}"
        Thread(target=self._work, args=(database, tag, auth_path), name=name, daemon=True).start()
        return True

    def taken(self) -> list[Reading]:
        """Give what was read since this was asked last."""
        with self._lock:
            read, self._read = self._read, []
        return read

    def close(self) -> None:
        """Begin no more."""
        with self._lock:
            self._closed = True

    def _work(self, database: str, tag: str, auth_path: Path | None) -> None:
        try:
            reading = self._reading(database, tag, auth_path)
        except Exception as error:  # the next one is begun all the same
            reading = Reading(database, tag, None, f"{type(error).__name__}: {error}")
        with self._lock:
            self._read.append(reading)
            self._busy = False

    def _reading(self, database: str, tag: str, auth_path: Path | None) -> Reading:
        try:
            reader = self._make_reader(auth_path)
            content = reader.read(database, tag) if reader else None
        except (TagUnreadable, CmsswError) as error:
            return Reading(database, tag, None, one_line(str(error)))
        return Reading(database, tag, content, "" if content else "no reader is configured")
