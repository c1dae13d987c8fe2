"""The shipped calibrations as a testbed runs them: synchronisation and payload reader are its own.

Those that share a stream are none of them.

Knows the text of the YAML files; what they say otherwise, and their comments, stay.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from condorloop.config.shipped_files import shipped
from condorloop.model.enums import Synchronisation

SYNCHRONISATION = Synchronisation.ANY
"""That of all tags of the testbed's conditions service."""

_SECTION = "  upload_metadata:\n"
_READER = """
payload_reader: # of the stand-ins' payloads
  command: [readPayload.py, "{file}", "{tag}"]
"""


def write(folder: Path) -> Path:
    """Write the calibrations into `folder`, and the parameters beside it; return `folder`.

    Raises
    ------
    OSError
        They cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = shipped("calibrationYAML")
    for file in sorted(source.glob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        if "stream" in yaml.safe_load(text):
            continue
        known = f"{_SECTION}    synchronisation: {SYNCHRONISATION}\n"
        text = text.replace(_SECTION, known) + _READER
        (folder / file.name).write_text(text, encoding="utf-8")
    shutil.copy(source.with_name("ngtParameters.jsn"), folder.parent)
    return folder
