"""Reading a file by its physical or logical name, from XRootD or from disk, whole.

The testbed's files are small: one request fetches a whole file, which is several times faster
than letting a ROOT reader ask for its pieces.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

from condorloop.testbed.cmssw.framework.errors import CmsError

# CMSSW bounds the XRootD client too (Utilities/XrdAdaptor); a person's own values go before.
_LIMITS = {
    "XRD_CONNECTIONWINDOW": "5",
    "XRD_CONNECTIONRETRY": "2",
    "XRD_REQUESTTIMEOUT": "20",
    "XRD_STREAMTIMEOUT": "20",
    "XRD_STREAMERRORWINDOW": "0",
    "XRD_TIMEOUTRESOLUTION": "1",
}


def read(name: str) -> bytes:
    """Read a file.

    Parameters
    ----------
    name
        ``root://server//path``, ``file:path`` or a path; ``/store/…`` is a logical name, which no
        catalogue of the testbed knows.

    Raises
    ------
    CmsError
        ``FileOpenError``, for a logical name ``FallbackFileOpenError``; ``FileReadError``.
    """
    if name.startswith("/store/"):
        raise CmsError(
            "FallbackFileOpenError",
            f"Failed to open the file '{name}'",
            ["Calling StorageFactory::open()"],
            [f"Attempted to open logical file {name}.", "No catalogue gives a physical name."],
        )
    return _read_remote(name) if name.startswith("root://") else _read_local(name)


def _read_local(name: str) -> bytes:
    path = Path(name.removeprefix("file:"))
    try:
        return path.read_bytes()
    except OSError as error:
        raise CmsError(
            "FileOpenError",
            f"Failed to open the file '{name}'",
            ["Calling StorageFactory::open()", "Calling File::sysopen()"],
            [
                f"Input file {name} could not be opened.",
                f"open() failed with system error '{error.strerror}' (error code {error.errno})",
            ],
        ) from error


def _read_remote(url: str) -> bytes:
    for variable, value in _LIMITS.items():
        os.environ.setdefault(variable, value)
    client = import_module("XRootD.client")  # it reads the limits when it is imported

    with client.File() as file:
        opened, _ = file.open(url)
        if not opened.ok:
            raise CmsError(
                "FileOpenError",
                f"Failed to open the file '{url}'",
                ["Calling StorageFactory::open()", "Calling XrdFile::open()"],
                [
                    f"XrdCl::File::Open(name='{url}', flags=0x10, permissions=0660) => error "
                    f"'{opened.message.strip()}' (errno={opened.errno}, code={opened.code}). "
                    "No additional data servers were found.",
                    f"Input file {url} could not be opened.",
                ],
            )
        status, data = file.read()
        if not status.ok:
            raise CmsError(
                "FileReadError",
                f"XrdFile::read(name='{url}') => error '{status.message.strip()}' "
                f"(errno={status.errno}, code={status.code})",
                ["Calling XrdFile::readv()"],
            )
        return bytes(data)
