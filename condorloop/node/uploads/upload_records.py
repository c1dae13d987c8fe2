"""What earlier uploads have put into which tags, as run directories tell.

Knows the records beside payloads, of the earlier versions, too; it decides nothing, and knows
nothing of the ledger. A record that is damaged may be that of an upload that was taken.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from condorloop.model.enums import TagOutcome, UploadOutcome
from condorloop.rundir.durable import remove_unfinished
from condorloop.rundir.layout import HARVEST_RECORD, MANIFEST, UPLOAD_RECORD, YOUNGEST_RECORD
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.manifest import Manifest, UploadMetadata
from condorloop.rundir.records.record import RecordError, RecordGone
from condorloop.rundir.records.upload import UploadResult, YoungestRuns

_HARVEST = re.compile(r"harvestJob([0-9]{3,9})")
_RUN = re.compile(r"run([0-9]{1,9})")

_OUTCOMES = {
    UploadOutcome.UPLOADED: TagOutcome.UPLOADED,
    UploadOutcome.REFUSED: TagOutcome.FAILED,
}
"""What the outcome of an upload says of its tags, in records that do not tell of each."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A database and a tag in it."""

    database: str
    tag: str


@dataclass(frozen=True, slots=True)
class EarlierUpload:
    """What a harvest's records tell of its upload.

    Attributes
    ----------
    harvest
        The harvest's directory.
    told
        Its `UPLOAD_RECORD`; None if that is damaged.
    tags
        What became of the payload in each destination.
    """

    harvest: Path
    told: UploadResult | None
    tags: Mapping[Destination, TagOutcome]

    @property
    def time(self) -> float:
        """When it was answered, in seconds since the epoch; 0 if that is not told."""
        return self.told.time if self.told else 0.0

    @property
    def answer(self) -> str:
        """What was answered; empty if that is not told."""
        return self.told.answer if self.told else ""

    @property
    def payload(self) -> HarvestResult | None:
        """What it sent; None if the record of that is gone or damaged."""
        return HarvestResult.find(self.harvest / HARVEST_RECORD)

    @property
    def may_have_been_sent(self) -> bool:
        """Whether the service may know the files that were sent."""
        return self.told is None or self.told.unanswered or self.told.sinces is not None

    def may_be_in(self, destination: Destination) -> bool:
        """Whether a destination has taken the payload, or may have without an answer."""
        outcome = self.tags.get(destination)
        unanswered = self.told is None or self.told.unanswered
        return outcome is TagOutcome.UPLOADED or (unanswered and outcome is TagOutcome.NOT_NAMED)

    @property
    def sinces(self) -> frozenset[int]:
        """The sinces that it sent."""
        if self.told and self.told.sinces is not None:
            return frozenset(self.told.sinces)
        payload = self.payload
        return frozenset(iov.since for iov in payload.iovs) if payload else frozenset()


def uploads_of(runs: Path, metadata_filename: str) -> list[EarlierUpload]:
    """Give the uploads of a run directory that there is a record of, by their harvests' names.

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
        found.append(EarlierUpload(harvest, told, _tags(told, harvest, metadata_filename)))
    return found


def younger_run(runs: Path, metadata_filename: str, destination: Destination) -> int | None:
    """Give the youngest run after that of a run directory that is in a destination, or may be.

    Only the directories of younger runs are looked at, the youngest first, and none of them where
    the calibration's record of what was uploaded tells.

    Raises
    ------
    OSError
        What became of a younger run's upload cannot be read.
    """
    own = _RUN.fullmatch(runs.name)
    number = int(own[1]) if own else 0
    known = YoungestRuns.find(runs.parent / YOUNGEST_RECORD) or YoungestRuns({})
    noted = known.of(destination.database, destination.tag)
    if noted > number:
        return noted
    younger = {n: folder for n, folder in _folders(runs.parent, _RUN).items() if n > number}
    for run in sorted(younger, reverse=True):
        uploads = uploads_of(younger[run], metadata_filename)
        if any(upload.may_be_in(destination) for upload in uploads):
            return run
    return None


def note_uploaded(runs: Path, destination: Destination) -> None:
    """Note that the run of a run directory is in a destination: its directory may be cleaned up.

    The lock of the calibration must be held.

    Raises
    ------
    OSError
        The calibration's folder cannot be written.
    """
    file = runs.parent / YOUNGEST_RECORD
    own = _RUN.fullmatch(runs.name)
    database, tag = destination.database, destination.tag
    known = YoungestRuns.find(file) or YoungestRuns({})
    if own is None or known.of(database, tag) >= int(own[1]):
        return
    remove_unfinished(file)
    known.noting(database, tag, int(own[1])).write(file)


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


def _tags(
    told: UploadResult | None, harvest: Path, metadata_filename: str
) -> dict[Destination, TagOutcome]:
    """What a record tells of each tag; records of earlier versions have the metadata beside."""
    if told and told.tags is not None and told.database is not None:
        return {Destination(told.database, tag): outcome for tag, outcome in told.tags.items()}
    outcome = _OUTCOMES.get(told.outcome, TagOutcome.NOT_NAMED) if told else TagOutcome.NOT_NAMED
    metadata = UploadMetadata.find(harvest / metadata_filename) or _metadata_of_dag(harvest)
    return dict.fromkeys(destinations_in(metadata) if metadata else (), outcome)


def _metadata_of_dag(harvest: Path) -> UploadMetadata | None:
    number = harvest.name.removeprefix("harvestJob")
    manifest = Manifest.find(harvest.parent / f"dag{number}" / MANIFEST)
    return manifest.upload.metadata if manifest else None


def destinations_in(metadata: UploadMetadata) -> list[Destination]:
    """The destinations that the metadata of an upload name."""
    return [Destination(metadata.database, tag) for tag in metadata.tags]
