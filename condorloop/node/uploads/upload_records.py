"""What earlier uploads have put into which tags, as run directories tell.

Knows the records beside payloads, of the earlier versions, too; it decides nothing, and knows
nothing of the ledger. A record that is damaged may be that of an upload that was taken.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from condorloop.model.enums import TagOutcome, UploadOutcome
from condorloop.node.uploads.destinations import Destination, youngest_in
from condorloop.rundir.layout import HARVEST_RECORD, MANIFEST, UPLOAD_RECORD
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.manifest import Manifest, UploadMetadata
from condorloop.rundir.records.record import RecordError, RecordGone
from condorloop.rundir.records.upload import DestinationResult, SentPiece, UploadResult

_HARVEST = re.compile(r"harvestJob([0-9]{3,9})")
_RUN = re.compile(r"run([0-9]{1,9})")

_OUTCOMES = {
    UploadOutcome.UPLOADED: TagOutcome.UPLOADED,
    UploadOutcome.REFUSED: TagOutcome.FAILED,
}
"""What the outcome of an upload says of its tags, in records that do not tell of each."""


@dataclass(frozen=True, slots=True)
class EarlierUpload:
    """What a harvest's records tell of its upload.

    Attributes
    ----------
    harvest
        The harvest's directory.
    told
        Its `UPLOAD_RECORD`; None if that is damaged.
    of
        What became of the payload in each destination.
    """

    harvest: Path
    told: UploadResult | None
    of: Mapping[Destination, DestinationResult]

    @property
    def payload(self) -> HarvestResult | None:
        """What it sent; None if the record of that is gone or damaged."""
        return HarvestResult.find(self.harvest / HARVEST_RECORD)

    @property
    def may_be_anywhere(self) -> bool:
        """Whether any destination has taken the payload, or may have without an answer."""
        return any(map(self.may_be_in, self.of))

    def may_be_in(self, destination: Destination) -> bool:
        """Whether a destination has taken the payload, or may have without an answer."""
        result = self.of.get(destination)
        return result is not None and (result.outcome is TagOutcome.UPLOADED or result.unanswered)

    def pieces_in(self, destination: Destination) -> tuple[SentPiece, ...]:
        """The pieces that went to a destination by themselves, or may have without an answer."""
        result = self.of.get(destination)
        return result.pieces if result else ()

    def may_have_part_in(self, destination: Destination) -> bool:
        """Whether a destination has taken the payload or a piece of it, or may have."""
        return self.may_be_in(destination) or bool(self.pieces_in(destination))

    def sinces_in(self, destination: Destination) -> frozenset[int]:
        """The sinces that it sent to a destination."""
        result = self.of.get(destination)
        if result and result.sinces is not None:
            return frozenset(result.sinces)
        payload = self.payload
        if payload is None:
            return frozenset()
        tag = result.input_tag if result else ""
        return frozenset(iov.since for iov in payload.iovs if tag in ("", iov.tag))


def uploads_of(runs: Path, metadata_files: Sequence[str]) -> list[EarlierUpload]:
    """Give the uploads of a run directory that there is a record of, by their harvests' names.

    Parameters
    ----------
    metadata_files
        What the metadata of a payload are called beside it.

    Raises
    ------
    OSError
        The directory, or a record, cannot be read.
    """
    found = []
    for harvest in sorted(_folders(runs, _HARVEST).values()):
        try:
            told = UploadResult.read(harvest / UPLOAD_RECORD)
        except RecordGone:
            continue
        except RecordError:
            told = None
        results = _results(told, harvest, metadata_files)
        of = {Destination(result.database, result.tag): result for result in results}
        found.append(EarlierUpload(harvest, told, of))
    return found


def younger_run(runs: Path, metadata_files: Sequence[str], destination: Destination) -> int | None:
    """Give the youngest run after that of a run directory that is in a destination, or may be.

    Only the directories of younger runs are looked at, the youngest first, and none of them where
    the record of the destination tells.

    Raises
    ------
    OSError
        What became of a younger run's upload cannot be read.
    """
    number = run_of(runs)
    noted = youngest_in(runs, destination)
    if noted > number:
        return noted
    younger = {n: folder for n, folder in _folders(runs.parent, _RUN).items() if n > number}
    for run in sorted(younger, reverse=True):
        uploads = uploads_of(younger[run], metadata_files)
        if any(upload.may_have_part_in(destination) for upload in uploads):
            return run
    return None


def run_of(runs: Path) -> int:
    """The run of a run directory; 0 if it is not called as one."""
    own = _RUN.fullmatch(runs.name)
    return int(own[1]) if own else 0


def unreadable(error: OSError) -> str:
    """Say what cannot be read, and why."""
    return f"{error.filename}: {error.strerror}"


def _folders(parent: Path, name: re.Pattern[str]) -> dict[int, Path]:
    """The folders of a kind in another one, by their number."""
    try:
        with os.scandir(parent) as entries:
            found = ((name.fullmatch(entry.name), entry.path) for entry in entries)
            return {int(match[1]): Path(path) for match, path in found if match}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def _results(
    told: UploadResult | None, harvest: Path, metadata_files: Sequence[str]
) -> Iterable[DestinationResult]:
    """What a record tells of each tag; records of earlier versions have the metadata beside."""
    each = told.each() if told else None
    if each is not None:
        return each
    outcome = _OUTCOMES.get(told.outcome, TagOutcome.NOT_NAMED) if told else TagOutcome.NOT_NAMED
    beside = (UploadMetadata.find(harvest / name) for name in metadata_files)
    metadata = [found for found in beside if found] or _metadata_of_dag(harvest)
    return [
        DestinationResult(
            database=each.database,
            tag=tag,
            outcome=outcome,
            answer=told.answer if told else "",
            time=told.time if told else 0.0,
            unanswered=outcome is TagOutcome.NOT_NAMED and (told is None or told.unanswered),
            input_tag=each.input_tag,
            sinces=told.sinces if told else None,
        )
        for each in metadata
        for tag in each.tags
    ]


def _metadata_of_dag(harvest: Path) -> list[UploadMetadata]:
    number = harvest.name.removeprefix("harvestJob")
    manifest = Manifest.find(harvest.parent / f"dag{number}" / MANIFEST)
    told = manifest.settings.values() if manifest else ()
    return [upload.metadata for settings in told for upload in settings.uploads]
