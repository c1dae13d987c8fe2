"""The doctor on EOS: does its server answer, and are the calibrations' streams there.

Knows which folders to list; `condorloop.services.storage` lists them.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterable, Iterator
from functools import partial

from condorloop.config.loader import Config
from condorloop.config.site import StorageSite
from condorloop.doctor.checks import (
    Check,
    Examination,
    fine,
    stops,
    warning,
)
from condorloop.services.storage import Storage, StorageUnavailable

SUBJECT = "storage"


def examinations(config: Config) -> list[Examination]:
    """Say what to look at."""
    streams: dict[str, list[str]] = {}
    for name in config.calibrations:
        streams.setdefault(config.stream_of(name).raw_path, []).append(name)
    site = config.site.storage
    # each stream may take its time; after the first outage nothing else is asked
    limit = (len(streams) + 1) * site.timeout + 10.0
    return [Examination(SUBJECT, "server", partial(_look, site, streams), limit)]


def _look(site: StorageSite, streams: dict[str, list[str]]) -> Iterator[Check]:
    tool = shutil.which(site.xrdfs)
    if tool is None:
        remedy = "sudo dnf install xrootd-client  # or its folder under path: in the site file"
        yield stops("xrdfs", f"{site.xrdfs} is not on PATH", remedy)
        return
    yield fine("xrdfs", tool)
    storage = Storage(site, lambda: dict(os.environ))
    try:
        for stream, names in streams.items():
            check = look_at_stream(storage, site, stream, names)
            yield check
            if check.name == "server":
                break
    finally:
        storage.close()


def look_at_stream(storage: Storage, site: StorageSite, stream: str, names: Iterable[str]) -> Check:
    """Look whether the folder of a stream is there, which is where runs appear."""
    name = ", ".join(names)
    server = site.url.rstrip("/")
    ls = f"{site.xrdfs} {shlex.quote(server)} ls {shlex.quote(stream)}"
    try:
        folders = storage.folders(stream)
    except StorageUnavailable as error:
        if error.everywhere:
            return stops("server", str(error), ls)
        return stops(name, str(error), f"{ls}; klist")
    if folders is None:
        above = stream.rpartition("/")[0]
        look = f"{site.xrdfs} {shlex.quote(server)} ls {shlex.quote(above)}"
        words = f"{stream} does not exist: no run yet, or another era"
        return warning(name, words, f"{look}  # and compare with file_in_path of the YAML")
    if not folders:
        return warning(name, f"{stream} is empty", ls)
    return fine(name, f"{server} lists {stream}")
