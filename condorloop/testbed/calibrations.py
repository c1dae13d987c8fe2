"""The shipped calibrations as a testbed runs them: synchronisation and payload reader are its own.

Knows the text of the YAML files; what they say otherwise, and their comments, stay.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from pathlib import Path

import yaml

from condorloop.config.shipped_files import shipped
from condorloop.model.enums import Synchronisation

SYNCHRONISATION = Synchronisation.ANY
"""That of all tags of the testbed's conditions service."""

_DATABASE = re.compile(r"^( +(?:- )?)destinationDatabase:", re.MULTILINE)
_OFF = re.compile(r"^enabled: false\b", re.MULTILINE)
_READER = """
payload_reader: # of the stand-ins' payloads
  command: [readPayload.py, "{file}", "{tag}"]
"""


def write(folder: Path, names: Collection[str] | None = None, more: str = "") -> Path:
    """Write calibrations into `folder`, and the parameters beside it; return `folder`.

    Parameters
    ----------
    names
        Which ones, switched on; None means those that have streams of their own.
    more
        What is added to the files of those that share a stream.

    Raises
    ------
    OSError
        They cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = shipped("calibrationYAML")
    for file in sorted(source.glob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        stream = yaml.safe_load(text).get("stream")
        if stream if names is None else file.stem not in names:
            continue
        text = _DATABASE.sub(_with_synchronisation, _OFF.sub("enabled: true", text)) + _READER
        if stream:
            (folder / "streams").mkdir(exist_ok=True)
            shutil.copy(source / "streams" / f"{stream}.yaml", folder / "streams")
            text += more
        (folder / file.name).write_text(text, encoding="utf-8")
    shutil.copy(source.with_name("ngtParameters.jsn"), folder.parent)
    return folder


def _with_synchronisation(found: re.Match[str]) -> str:
    indent = found[1]
    return f"{indent}synchronisation: {SYNCHRONISATION}\n{' ' * len(indent)}destinationDatabase:"
