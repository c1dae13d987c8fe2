"""What the uploads of a run have put into which destination, as its directory tells.

Knows the records beside payloads; knows nothing of the ledger, and asks no service.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from condorloop.model.enums import TagOutcome
from condorloop.node.uploads.destinations import Destination
from condorloop.node.uploads.upload_records import EarlierUpload, uploads_of
from condorloop.policy.in_force import Believed, SentIov
from condorloop.rundir.layout import HARVEST_RECORD
from condorloop.rundir.records.harvest import HarvestResult, Iov
from condorloop.rundir.records.upload import SentPiece


@dataclass(frozen=True, slots=True)
class RunUploads:
    """What a campaign believes, by destination, and which harvest made which payload.

    `harvests` has, by the hash of a payload, the harvest that made it.
    """

    destinations: Mapping[Destination, Believed]
    harvests: Mapping[str, str]


def of_run(runs: Path, metadata_files: Sequence[str]) -> RunUploads:
    """Read what the directory of a campaign tells.

    Parameters
    ----------
    metadata_files
        What the metadata of a payload are called beside it.

    Raises
    ------
    OSError
        It cannot be read.
    """
    sent: dict[Destination, list[SentIov]] = {}
    unanswered: dict[Destination, list[SentIov]] = {}
    for upload in uploads_of(runs, metadata_files):
        for destination, result in upload.of.items():
            if pieces := upload.pieces_in(destination):
                for piece in pieces:
                    into = unanswered if piece.unanswered else sent
                    into.setdefault(destination, []).extend(_of_piece(piece))
            elif upload.may_be_in(destination):
                into = sent if result.outcome is TagOutcome.UPLOADED else unanswered
                into.setdefault(destination, []).extend(sent_iovs(upload, destination))
    found = {
        destination: Believed(
            tuple(sent.get(destination, ())), tuple(unanswered.get(destination, ()))
        )
        for destination in {**sent, **unanswered}
    }
    return RunUploads(found, dict(_harvests(runs)))


def _harvests(runs: Path) -> Iterable[tuple[str, str]]:
    for file in sorted(runs.glob(f"harvestJob*/{HARVEST_RECORD}")):
        if made := HarvestResult.find(file):
            yield from ((iov.hash, file.parent.name) for iov in made.iovs)


def sent_iovs(upload: EarlierUpload, destination: Destination) -> list[SentIov]:
    """The IOVs that an upload has sent to a destination: those that it states again, too."""
    if pieces := upload.pieces_in(destination):
        return [iov for piece in pieces for iov in _of_piece(piece)]
    payload, result = upload.payload, upload.of[destination]
    if payload is None:
        return []
    own = _of_tag(payload.iovs, result.input_tag)
    return [
        SentIov(since, digest, result.time, upload.harvest.name)
        for since, digest in stated(own, upload.sinces_in(destination))
    ]


def _of_piece(piece: SentPiece) -> list[SentIov]:
    return [SentIov(since, digest, piece.time, piece.harvest) for since, digest in piece.iovs]


def _of_tag(iovs: Sequence[Iov], tag: str) -> list[tuple[int, str]]:
    """Those of a tag of the payload file; all, where it has one tag of another name."""
    tags = {iov.tag for iov in iovs}
    wanted = tag if tag in tags else next(iter(tags), "")
    return [(iov.since, iov.hash) for iov in iovs if iov.tag == wanted]


def stated(own: Sequence[tuple[int, str]], sinces: Iterable[int]) -> list[tuple[int, str]]:
    """Give what was sent at each since: what of the payload's own IOVs holds there.

    Before its first IOV that is the first one.

    >>> stated([(10, "a"), (30, "b")], [5, 10, 20, 35])
    [(5, 'a'), (10, 'a'), (20, 'a'), (35, 'b')]
    """
    if not own:
        return []
    borders = [since for since, _ in own]
    return [(s, own[max(0, bisect_right(borders, s) - 1)][1]) for s in sorted(set(sinces))]
