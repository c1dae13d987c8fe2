"""What a DAG is: its `manifest.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from condorloop.model.enums import NodeKind
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.rundir.layout import is_alcareco
from condorloop.rundir.records.gate import GateTool
from condorloop.rundir.records.record import Members, Record
from condorloop.rundir.records.upload_settings import TagReaderTool as TagReaderTool
from condorloop.rundir.records.upload_settings import UploadMetadata as UploadMetadata
from condorloop.rundir.records.upload_settings import UploadSettings as UploadSettings
from condorloop.rundir.records.upload_settings import UploadTool as UploadTool


@dataclass(frozen=True, slots=True)
class CmsswArea:
    """The release area in which tools are run, as `services.cmssw.Cmssw` takes it."""

    setup: Path
    scram_arch: str
    release: str
    folder: Path

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from a member of a manifest."""
        return cls(
            setup=Path(members.text("setup")),
            scram_arch=members.text("scram_arch"),
            release=members.text("release"),
            folder=Path(members.text("folder")),
        )

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        return {
            "setup": str(self.setup),
            "scram_arch": self.scram_arch,
            "release": self.release,
            "folder": str(self.folder),
        }


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A RAW file of a DAG: its size in bytes, and what was found in it; `node` reads it."""

    path: str
    size: int
    lumis: Lumis
    events: int
    node: str


@dataclass(frozen=True, slots=True)
class ManifestNode:
    """A node of a DAG.

    `files` are the RAW files of a RECO node, `inputs` the RECO outputs of an ALCA node; `output`
    is what it leaves in the run directory, `witness` the file there that says that it is whole.
    """

    kind: NodeKind
    parents: tuple[str, ...]
    output: str
    witness: str
    lumis: Lumis
    files: tuple[str, ...]
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What nodes were made with that were done before their DAG was renewed."""

    release: str
    global_tag: str
    templates: Mapping[str, str]
    cmssw: CmsswArea
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(Record):
    """What a DAG is, as its directory tells.

    Attributes
    ----------
    dag, batch
        The numbers of the DAG and of its batch in the campaign; no batch if it only harvests.
    id
        The `CondorloopId`.
    release, global_tag, templates, cmssw
        What its jobs are made with; `templates` has the version of each.
    conditions, upload
        How and where its payload is sent: the only record of the payload file, or the first.
    more_uploads
        The other records of the payload file.
    turn
        Whether the submitter has found that the turn has come of what the order of a tag keeps.
    piece
        The last LS that is awaited no more, where only what is settled of its payload is to go up;
        None where all of it is.
    alca_root, alca_witness
        What the file of an ALCARECO, and its witness, are called in their directory.
    lumis, files
        Its RAW files, and the LS in them.
    nodes
        By name, those before others first.
    uploaded
        LS and events of the campaign's best payload in the database when the DAG was written.
    earlier
        What nodes were made with that were done before the DAG was renewed.
    taken_out
        Whether inputs were taken out since it was planned.
    tag_reader
        How the destination tags are read back; None where no reader is configured.
    restores
        Whether its payload is put in the place of another one, by a person's word.
    gate
        What is asked before its payload is uploaded; None if nothing is.
    again
        Whether a person wants its payload sent where one as good is, or one was refused.
    """

    calibration: str
    run: int
    dag: int
    batch: int | None
    id: str
    release: str
    global_tag: str
    templates: Mapping[str, str]
    cmssw: CmsswArea
    conditions: UploadTool
    alca_root: str
    alca_witness: str
    upload: UploadSettings
    lumis: Lumis
    files: tuple[ManifestFile, ...]
    nodes: Mapping[str, ManifestNode]
    uploaded: tuple[Lumis, int] = (EMPTY, 0)
    earlier: tuple[Earlier, ...] = ()
    taken_out: bool = False
    tag_reader: TagReaderTool | None = None
    again: bool = False
    restores: bool = False
    gate: GateTool | None = None
    more_uploads: tuple[UploadSettings, ...] = ()
    turn: bool = False
    piece: int | None = None

    @property
    def uploads(self) -> tuple[UploadSettings, ...]:
        """All records of its payload file."""
        return (self.upload, *self.more_uploads)

    @property
    def software(self) -> tuple[str, str, Mapping[str, str], CmsswArea]:
        """What its jobs are made with, in the order in which `Earlier` has it."""
        return self.release, self.global_tag, self.templates, self.cmssw

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from its JSON object."""
        files = tuple(map(_file, members.objects("files")))
        paths = {file.path for file in files}
        nodes = members.objects_by_name("nodes")
        alca = members.object("alca")
        return cls(
            calibration=members.text("calibration"),
            run=members.number("run"),
            dag=members.number("dag"),
            batch=members.number_or_none("batch"),
            id=members.text("id"),
            release=members.text("release"),
            global_tag=members.text("global_tag"),
            templates=members.texts_by_name("templates"),
            cmssw=CmsswArea.from_members(members.object("cmssw")),
            conditions=UploadTool.from_members(members.object("conditions")),
            alca_root=alca.text("root"),
            alca_witness=alca.text("witness"),
            upload=UploadSettings.from_members(members.object("upload")),
            lumis=members.lumis("lumis"),
            files=files,
            nodes={name: _node(node, paths) for name, node in nodes.items()},
            uploaded=_uploaded(members),
            earlier=_earlier(members),
            taken_out=members.flag("taken_out") if "taken_out" in members else False,
            tag_reader=(
                TagReaderTool.from_members(members.object("tag_reader"))
                if "tag_reader" in members
                else None
            ),
            again=members.flag("again") if "again" in members else False,
            restores=members.flag("restores") if "restores" in members else False,
            gate=GateTool.from_members(members.object("gate")) if "gate" in members else None,
            more_uploads=(
                tuple(map(UploadSettings.from_members, members.objects("more_uploads")))
                if "more_uploads" in members
                else ()
            ),
            turn=members.flag("turn") if "turn" in members else False,
            piece=members.number("piece") if "piece" in members else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        data = {
            "calibration": self.calibration,
            "run": self.run,
            "dag": self.dag,
            "batch": self.batch,
            "id": self.id,
            "release": self.release,
            "global_tag": self.global_tag,
            "templates": dict(self.templates),
            "cmssw": self.cmssw.to_json(),
            "conditions": self.conditions.to_json(),
            "alca": {"root": self.alca_root, "witness": self.alca_witness},
            "upload": self.upload.to_json(),
            "lumis": str(self.lumis),
            "files": [
                {
                    "path": file.path,
                    "size": file.size,
                    "lumis": str(file.lumis),
                    "events": file.events,
                    "node": file.node,
                }
                for file in self.files
            ],
            "nodes": {
                name: {
                    "kind": node.kind,
                    "parents": node.parents,
                    "output": node.output,
                    "witness": node.witness,
                    "lumis": str(node.lumis),
                    "files": node.files,
                    "inputs": node.inputs,
                }
                for name, node in self.nodes.items()
            },
            "uploaded": {"lumis": str(self.uploaded[0]), "events": self.uploaded[1]},
        }
        if self.earlier:
            data["earlier"] = [
                {
                    "release": earlier.release,
                    "global_tag": earlier.global_tag,
                    "templates": dict(earlier.templates),
                    "cmssw": earlier.cmssw.to_json(),
                    "nodes": earlier.nodes,
                }
                for earlier in self.earlier
            ]
        if self.taken_out:
            data["taken_out"] = True
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


def _file(members: Members) -> ManifestFile:
    return ManifestFile(
        members.text("path"),
        members.number("size"),
        members.lumis("lumis"),
        members.number("events"),
        members.text("node"),
    )


def _node(members: Members, known: set[str]) -> ManifestNode:
    node = ManifestNode(
        members.word("kind", NodeKind),
        members.texts("parents"),
        members.text("output"),
        members.text("witness"),
        members.lumis("lumis"),
        members.texts("files"),
        members.texts("inputs"),
    )
    if not known.issuperset(node.files):
        raise members.wrong("files", "paths that are among the manifest's files")
    if node.kind is NodeKind.ALCA and not is_alcareco(node.output):
        raise members.wrong("output", "the name of an ALCARECO")
    return node


def _uploaded(members: Members) -> tuple[Lumis, int]:
    if "uploaded" not in members:
        return EMPTY, 0
    told = members.object("uploaded")
    return told.lumis("lumis"), told.number("events")


def _earlier(members: Members) -> tuple[Earlier, ...]:
    return tuple(
        Earlier(
            release=told.text("release"),
            global_tag=told.text("global_tag"),
            templates=told.texts_by_name("templates"),
            cmssw=CmsswArea.from_members(told.object("cmssw")),
            nodes=told.texts("nodes"),
        )
        for told in (members.objects("earlier") if "earlier" in members else ())
    )
