"""What HARVEST and UPLOAD of one calibration are made by, as the manifest of their DAG has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from condorloop.model.lumis import EMPTY, Lumis
from condorloop.rundir.records.gate import GateTool
from condorloop.rundir.records.record import Members
from condorloop.rundir.records.upload_settings import TagReaderTool, UploadSettings, UploadTool


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestSettings:
    """What HARVEST and UPLOAD of a calibration are made by.

    Attributes
    ----------
    conditions, upload
        How and where the payload is sent: the only record of the payload file, or the first.
    more_uploads
        The other records of the payload file.
    alca_root, alca_witness
        What the file of an ALCARECO, and its witness, are called in their directory.
    uploaded
        LS and events of the campaign's best payload in the database when the DAG was written.
    tag_reader
        How the destination tags are read back; None where no reader is configured.
    gate
        What is asked before the payload is uploaded; None if nothing is.
    again
        Whether a person wants the payload sent where one as good is, or one was refused.
    restores
        Whether the payload is put in the place of another one, by a person's word.
    turn
        Whether the submitter has found that the turn has come of what the order of a tag keeps.
    piece
        The last LS that is awaited no more, where only what is settled of the payload is to go up;
        None where all of it is.
    """

    conditions: UploadTool
    alca_root: str
    alca_witness: str
    upload: UploadSettings
    more_uploads: tuple[UploadSettings, ...] = ()
    uploaded: tuple[Lumis, int] = (EMPTY, 0)
    tag_reader: TagReaderTool | None = None
    gate: GateTool | None = None
    again: bool = False
    restores: bool = False
    turn: bool = False
    piece: int | None = None

    @property
    def uploads(self) -> tuple[UploadSettings, ...]:
        """All records of the payload file."""
        return (self.upload, *self.more_uploads)

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take them from an object of a manifest, or from the manifest of a stream of its own."""
        alca = members.object("alca")
        return cls(
            conditions=UploadTool.from_members(members.object("conditions")),
            alca_root=alca.text("root"),
            alca_witness=alca.text("witness"),
            upload=UploadSettings.from_members(members.object("upload")),
            more_uploads=(
                tuple(map(UploadSettings.from_members, members.objects("more_uploads")))
                if "more_uploads" in members
                else ()
            ),
            uploaded=_uploaded(members),
            tag_reader=(
                TagReaderTool.from_members(members.object("tag_reader"))
                if "tag_reader" in members
                else None
            ),
            gate=GateTool.from_members(members.object("gate")) if "gate" in members else None,
            again=members.flag("again") if "again" in members else False,
            restores=members.flag("restores") if "restores" in members else False,
            turn=members.flag("turn") if "turn" in members else False,
            piece=members.number("piece") if "piece" in members else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Give their JSON object."""
        data: dict[str, Any] = {
            "conditions": self.conditions.to_json(),
            "alca": {"root": self.alca_root, "witness": self.alca_witness},
            "upload": self.upload.to_json(),
            "uploaded": {"lumis": str(self.uploaded[0]), "events": self.uploaded[1]},
        }
        if self.tag_reader:
            data["tag_reader"] = self.tag_reader.to_json()
        if self.again:
            data["again"] = True
        if self.restores:
            data["restores"] = True
        if self.gate:
            data["gate"] = self.gate.to_json()
        if self.more_uploads:
            data["more_uploads"] = [upload.to_json() for upload in self.more_uploads]
        if self.turn:
            data["turn"] = True
        if self.piece is not None:
            data["piece"] = self.piece
        return data


def _uploaded(members: Members) -> tuple[Lumis, int]:
    if "uploaded" not in members:
        return EMPTY, 0
    told = members.object("uploaded")
    return told.lumis("lumis"), told.number("events")
