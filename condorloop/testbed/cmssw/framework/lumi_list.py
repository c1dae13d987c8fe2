"""A small stand-in for FWCore.PythonUtilities.LumiList: certified lumisections from a JSON file."""

from __future__ import annotations

import json
from pathlib import Path

from condorloop.testbed.cmssw.framework.fwcore import VLuminosityBlockRange


class LumiList:
    """The lumisections of ``{"398600": [[1, 5], [7, 7]]}``.

    Parameters
    ----------
    filename
        The JSON file.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        It is no JSON.
    """

    def __init__(self, filename: str) -> None:
        found = json.loads(Path(filename).read_text(encoding="utf-8"))
        self._ranges = [
            f"{run}:{first}-{run}:{last}"
            for run in sorted(map(int, found))
            for first, last in sorted(found[str(run)])
        ]

    def getCMSSWString(self) -> str:  # noqa: N802  # CMSSW's name
        """Give ``398600:1-398600:5,398600:7-398600:7``."""
        return ",".join(self._ranges)

    def getVLuminosityBlockRange(self) -> VLuminosityBlockRange:  # noqa: N802  # CMSSW's name
        """Give what a source's ``lumisToProcess`` takes."""
        return VLuminosityBlockRange(self._ranges)
