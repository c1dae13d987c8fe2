"""Which tags of a payload file go up, and with which since: what is configured against the file.

Knows the records of a manifest and the IOVs of a payload file with their time types. It is pure,
and reads no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from condorloop.node.dag_context import NodeMisconfigured
from condorloop.rundir.records.harvest import Iov
from condorloop.rundir.records.manifest import UploadMetadata, UploadSettings

_RUN = "Run"


def metadata_of(upload: UploadSettings, iovs: Sequence[Iov], run: int) -> UploadMetadata:
    """Give what is told to the service with one record of a payload file.

    A tag that counts runs gets the first run that it is for as its since, which is the run unless
    the manifest says otherwise; in every other tag the IOVs keep their own.

    Raises
    ------
    NodeMisconfigured
        The file has no such tag, or what a person has said of its since does not fit its time type.
    """
    metadata = upload.metadata
    there = {iov.tag: iov.time_type for iov in iovs}
    if metadata.input_tag not in there:
        raise NodeMisconfigured(
            f"the payload file has no tag {metadata.input_tag}, which inputTag of upload_metadata "
            f"names: it has {_listed(there)}"
        )
    time_type = there[metadata.input_tag]
    if not time_type:
        return metadata
    by_run = time_type == _RUN
    if upload.since == "run" and not by_run:
        raise NodeMisconfigured(
            f"upload_metadata says since: run, but tag {metadata.input_tag} of the payload file "
            f"has time type {time_type}: its IOVs have sinces of their own (since: iov)"
        )
    own = upload.since == "iov" or not by_run
    first_run = run if metadata.since is None else metadata.since
    return replace(metadata, since=None if own else first_run)


def unnamed(uploads: Iterable[UploadSettings], iovs: Iterable[Iov]) -> tuple[str, ...]:
    """Give the tags of a payload file that no record names, in order."""
    named = {upload.metadata.input_tag for upload in uploads}
    return tuple(sorted({iov.tag for iov in iovs} - named))


def _listed(tags: Iterable[str]) -> str:
    return ", ".join(sorted(tags)) or "none"
