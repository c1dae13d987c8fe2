"""The tools with which commands read tags and payloads, in one CMSSW environment.

Knows how they are configured; the environment is entered once, when it is first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from condorloop.config import credentials
from condorloop.config.calibration import PayloadReader
from condorloop.config.loader import Config
from condorloop.errors import CondorloopError
from condorloop.model.constants import Constants
from condorloop.services import payload_reader
from condorloop.services.cmssw import Cmssw
from condorloop.services.tag_reader import TagReader, tool_of


class NoPayloadReader(CondorloopError):
    """A calibration names no command that reads its payloads."""


class Readers:
    """The readers of a configuration's calibrations."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._cmssw = Cmssw.from_config(config)
        self._entered: Callable[[], Mapping[str, str]] = cache(self._cmssw.environment)

    def of_tags(self, calibration: str) -> TagReader | None:
        """Give the reader of a calibration's tags; None where none is configured."""
        tool = tool_of(self._config)
        if tool is None:
            return None
        known = self._config.calibrations.get(calibration)
        auth_path = credentials.auth_path(known, self._config.site) if known else None
        return TagReader(tool, self._cmssw, auth_path, self._entered)

    def constants(self, calibration: str, file: Path, tag: str) -> Constants:
        """Read the constants of a tag in a payload file.

        Raises
        ------
        NoPayloadReader
            The calibration names no reader.
        PayloadUnreadable, CmsswError
            The reader fails, or cannot be run.
        """
        reader = self._reader(calibration)
        return payload_reader.read(reader.command, file, tag, self._entered(), reader.timeout)

    def _reader(self, calibration: str) -> PayloadReader:
        known = self._config.calibrations.get(calibration)
        if known is None or known.payload_reader is None:
            file = self._config.files.get(calibration, self._config.folder)
            raise NoPayloadReader(
                f"{file}: no payload_reader: payloads of {calibration} cannot be read"
            )
        return known.payload_reader
