"""What earlier uploads have put into which tags, as run directories tell.

Knows the records beside payloads, of the earlier versions, too; it decides nothing, and knows
nothing of the ledger. A record that is damaged may be that of an upload that was taken.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condorloop.errors import CondorloopError
from condorloop.model.enums import TagOutcome, UploadOutcome
from condorloop.rundir.durable import read_json, remove_unfinished, write_json
from condorloop.rundir.layout import HARVEST_RECORD, MANIFEST, UPLOAD_RECORD, YOUNGEST_RECORD

_HARVEST = re.compile(r"harvestJob([0-9]{3,9})")
_RUN = re.compile(r"run([0-9]{1,9})")

_OUTCOMES = {
    UploadOutcome.UPLOADED: TagOutcome.UPLOADED,
    UploadOutcome.REFUSED: TagOutcome.FAILED,
}
"""What the outcome of an upload says of its tags, in records that do not tell of each."""


class RecordError(CondorloopError):
    """What uploads have left cannot be read: it is not known whether there is anything."""


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
        Its `UPLOAD_RECORD`.
    tags
        What became of the payload in each destination.
    """

    harvest: Path
    told: Mapping[str, Any]
    tags: Mapping[Destination, TagOutcome]

    @property
    def time(self) -> float:
        """When it was answered, in seconds since the epoch; 0 if that is not told."""
        time = self.told.get("time")
        return time if isinstance(time, float) else 0.0

    def may_be_in(self, destination: Destination) -> bool:
        """Whether a destination has taken the payload, or may have without an answer."""
        outcome = self.tags.get(destination)
        unanswered = bool(self.told.get("unanswered")) and outcome is TagOutcome.NOT_NAMED
        return outcome is TagOutcome.UPLOADED or unanswered

    @property
    def sinces(self) -> frozenset[int]:
        """The sinces that it sent."""
        told = self.told.get("sinces")
        if not isinstance(told, list):
            iovs = read_json(self.harvest / HARVEST_RECORD).get("iovs")
            rows = iovs if isinstance(iovs, list) else []
            told = [row.get("since") for row in rows if isinstance(row, dict)]
        return frozenset(since for since in told if isinstance(since, int))


def uploads_of(runs: Path, metadata_filename: str) -> list[EarlierUpload]:
    """Give the uploads of a run directory that there is a record of, by their harvests' names.

    Raises
    ------
    RecordError
        The directory, or a record, cannot be read.
    """
    records = {h: _record(h / UPLOAD_RECORD) for h in sorted(_folders(runs, _HARVEST).values())}
    return [
        EarlierUpload(harvest, told, _tags(told, harvest, metadata_filename))
        for harvest, told in records.items()
        if told
    ]


def younger_run(runs: Path, metadata_filename: str, destination: Destination) -> int | None:
    """Give the youngest run after that of a run directory that is in a destination, or may be.

    Only the directories of younger runs are looked at, the youngest first, and none of them where
    the calibration's record of what was uploaded tells.

    Raises
    ------
    RecordError
        What became of a younger run's upload cannot be read.
    """
    own = _RUN.fullmatch(runs.name)
    number = int(own[1]) if own else 0
    noted = _youngest(read_json(runs.parent / YOUNGEST_RECORD), destination)
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
    known = read_json(file)
    if own is None or _youngest(known, destination) >= int(own[1]):
        return
    remove_unfinished(file)
    of_database = known.get(destination.database)
    tags = of_database if isinstance(of_database, dict) else {}
    write_json(file, known | {destination.database: tags | {destination.tag: int(own[1])}})


def _youngest(record: Mapping[str, Any], destination: Destination) -> int:
    tags = record.get(destination.database)
    run = tags.get(destination.tag) if isinstance(tags, dict) else None
    return run if isinstance(run, int) else 0


def _folders(parent: Path, name: re.Pattern[str]) -> dict[int, Path]:
    """The folders of a kind in another one, by their number."""
    try:
        with os.scandir(parent) as entries:
            found = ((name.fullmatch(entry.name), entry.path) for entry in entries)
            return {int(match[1]): Path(path) for match, path in found if match}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise RecordError(f"{parent}: {error.strerror}") from error


def _record(path: Path) -> dict[str, Any]:
    """Read a record; an empty one when it is not there.

    Raises
    ------
    RecordError
        It is there, but cannot be read.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError):
        return _DAMAGED
    return record if isinstance(record, dict) and record else _DAMAGED


_DAMAGED = {"unanswered": True}


def _tags(
    told: Mapping[str, Any], harvest: Path, metadata_filename: str
) -> dict[Destination, TagOutcome]:
    """What a record tells of each tag; records of earlier versions have the metadata beside."""
    tags, database = told.get("tags"), told.get("database")
    if isinstance(tags, dict) and isinstance(database, str):
        return {Destination(database, tag): _outcome(told) for tag, told in tags.items()}
    outcome = _OUTCOMES.get(UploadOutcome.of(told), TagOutcome.NOT_NAMED)
    metadata = read_json(harvest / metadata_filename) or _metadata_of_dag(harvest)
    return dict.fromkeys(destinations_in(metadata), outcome)


def _outcome(told: object) -> TagOutcome:
    try:
        return TagOutcome(str(told))
    except ValueError:
        return TagOutcome.NOT_NAMED


def _metadata_of_dag(harvest: Path) -> dict[str, Any]:
    number = harvest.name.removeprefix("harvestJob")
    upload = read_json(harvest.parent / f"dag{number}" / MANIFEST).get("upload")
    metadata = upload.get("metadata") if isinstance(upload, dict) else None
    return metadata if isinstance(metadata, dict) else {}


def destinations_in(metadata: Mapping[str, Any]) -> list[Destination]:
    """The destinations that the metadata of an upload name."""
    tags = metadata.get("destinationTags")
    database = str(metadata.get("destinationDatabase", ""))
    return [Destination(database, str(tag)) for tag in tags] if isinstance(tags, dict) else []
