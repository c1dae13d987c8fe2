"""What a DAG is: its `manifest.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from condorloop.model.enums import NodeKind
from condorloop.model.lumis import Lumis
from condorloop.rundir.layout import is_alcareco
from condorloop.rundir.records.harvest_settings import HarvestSettings as HarvestSettings
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
    """A RAW file of a DAG: its size in bytes, and what was found in it; `node` reads it.

    Of a part of a file, `lumis` and `events` are those of the part, and `of` has those of all
    of the file.
    """

    path: str
    size: int
    lumis: Lumis
    events: int
    node: str
    of: tuple[Lumis, int] | None = None


@dataclass(frozen=True, slots=True)
class ManifestNode:
    """A node of a DAG.

    `files` are the RAW files of a RECO node, `inputs` the RECO outputs of an ALCA node; `output`
    is what it leaves in the run directory, `witness` the file there that says that it is whole;
    `calibration` is the one that a HARVEST or UPLOAD works for. A node that is `taken_out` makes
    nothing.
    """

    kind: NodeKind
    parents: tuple[str, ...]
    output: str
    witness: str
    lumis: Lumis
    files: tuple[str, ...]
    inputs: tuple[str, ...]
    calibration: str = ""
    taken_out: bool = False


@dataclass(frozen=True, slots=True)
class Earlier:
    """What nodes were made with that were done before their DAG was renewed."""

    release: str
    global_tag: str
    templates: Mapping[str, str]
    cmssw: CmsswArea
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """What ALCA makes for a calibration of a shared stream: which skims, by which producer.

    `root` is what its file is called in the directory of an ALCARECO.
    """

    skims: tuple[str, ...]
    producer: str
    root: str

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from a member of a manifest."""
        return cls(members.texts("skims"), members.text("producer"), members.text("root"))

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        return {"skims": self.skims, "producer": self.producer, "root": self.root}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(Record):
    """What a DAG is, as its directory tells.

    Attributes
    ----------
    stream
        The stream whose reconstruction it is a part of; a calibration's own has its name.
    dag, batch
        The numbers of the DAG and of its batch in the reconstruction; no batch if it only harvests.
    id
        The `CondorloopId`.
    release, global_tag, templates, cmssw
        What its jobs are made with; `templates` has the version of each.
    lumis, files
        Its RAW files, and the LS in them.
    nodes
        By name, those before others first.
    settings
        What HARVEST and UPLOAD are made by, for each calibration that it harvests or sends for.
    made_for
        What a batch makes for each calibration, by name; nothing if it only harvests.
    again_for
        The calibration for which alone a batch reads its files once more.
    recipe
        A digest of what RECO and ALCA of a shared stream are made by.
    earlier
        What nodes were made with that were done before the DAG was renewed.
    taken_out
        Whether inputs were taken out since it was planned.
    """

    stream: str
    run: int
    dag: int
    batch: int | None
    id: str
    release: str
    global_tag: str
    templates: Mapping[str, str]
    cmssw: CmsswArea
    lumis: Lumis
    files: tuple[ManifestFile, ...]
    nodes: Mapping[str, ManifestNode]
    settings: Mapping[str, HarvestSettings]
    made_for: Mapping[str, Product] = field(default_factory=dict)
    again_for: str = ""
    recipe: str = ""
    earlier: tuple[Earlier, ...] = ()
    taken_out: bool = False

    @property
    def is_shared(self) -> bool:
        """Whether calibrations share its stream."""
        return self.stream not in self.settings

    def read_by(self, name: str) -> dict[str, ManifestFile]:
        """The RAW files of a node, by path."""
        paths = frozenset(self.nodes[name].files)
        found = {file.path: file for file in self.files if file.path in paths}
        return found | {f.path: f for f in self.files if f.path in paths and f.node == name}

    @property
    def software(self) -> tuple[str, str, Mapping[str, str], CmsswArea]:
        """What its jobs are made with, in the order in which `Earlier` has it."""
        return self.release, self.global_tag, self.templates, self.cmssw

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from its JSON object."""
        files = tuple(map(_file, members.objects("files")))
        paths = {file.path for file in files}
        told_nodes = members.objects_by_name("nodes")
        batch = members.number_or_none("batch")
        own = None if "stream" in members else members.text("calibration")
        if own is not None:
            settings = {own: HarvestSettings.from_members(members)}
            product = Product((), "", settings[own].alca_root)
            made_for = {} if batch is None else {own: product}
        else:
            calibrations = members.objects_by_name("calibrations")
            settings = {c: HarvestSettings.from_members(m) for c, m in calibrations.items()}
            products = members.objects_by_name("made_for")
            made_for = {c: Product.from_members(m) for c, m in products.items()}
        nodes = {name: _node(node, paths, own) for name, node in told_nodes.items()}
        if own is None:
            _check_calibrations(members, nodes, settings)
        return cls(
            stream=members.text("stream") if own is None else own,
            run=members.number("run"),
            dag=members.number("dag"),
            batch=batch,
            id=members.text("id"),
            release=members.text("release"),
            global_tag=members.text("global_tag"),
            templates=members.texts_by_name("templates"),
            cmssw=CmsswArea.from_members(members.object("cmssw")),
            lumis=members.lumis("lumis"),
            files=files,
            nodes=nodes,
            settings=settings,
            made_for=made_for,
            again_for=members.text("again_for") if "again_for" in members else "",
            recipe=members.text("recipe") if own is None else "",
            earlier=_earlier(members),
            taken_out=members.flag("taken_out") if "taken_out" in members else False,
        )

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        shared = self.is_shared
        data: dict[str, Any] = {
            "stream" if shared else "calibration": self.stream,
            "run": self.run,
            "dag": self.dag,
            "batch": self.batch,
            "id": self.id,
            "release": self.release,
            "global_tag": self.global_tag,
            "templates": dict(self.templates),
            "cmssw": self.cmssw.to_json(),
        }
        last: dict[str, Any] = {}
        if shared:
            data |= {
                "recipe": self.recipe,
                "made_for": {c: product.to_json() for c, product in self.made_for.items()},
                "calibrations": {c: each.to_json() for c, each in self.settings.items()},
            }
            data |= {"again_for": self.again_for} if self.again_for else {}
        else:
            last = self.settings[self.stream].to_json()
            data |= {key: last.pop(key) for key in ("conditions", "alca", "upload")}
        data |= {
            "lumis": str(self.lumis),
            "files": [
                {
                    "path": file.path,
                    "size": file.size,
                    "lumis": str(file.lumis),
                    "events": file.events,
                    "node": file.node,
                    **({"of": {"lumis": str(file.of[0]), "events": file.of[1]}} if file.of else {}),
                }
                for file in self.files
            ],
            "nodes": {name: _json_of(node, shared) for name, node in self.nodes.items()},
        }
        if not shared:
            data["uploaded"] = last.pop("uploaded")
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
        return data | last


def _held(members: Members) -> tuple[Lumis, int]:
    return members.lumis("lumis"), members.number("events")


def _file(members: Members) -> ManifestFile:
    return ManifestFile(
        members.text("path"),
        members.number("size"),
        members.lumis("lumis"),
        members.number("events"),
        members.text("node"),
        _held(members.object("of")) if "of" in members else None,
    )


def _node(members: Members, known: set[str], own: str | None) -> ManifestNode:
    """Take a node; that of a stream of its own works for the calibration of that name."""
    kind = members.word("kind", NodeKind)
    calibration = ""
    if kind in _OF_CALIBRATION:
        calibration = members.text("calibration") if own is None else own
    node = ManifestNode(
        kind,
        members.texts("parents"),
        members.text("output"),
        members.text("witness"),
        members.lumis("lumis"),
        members.texts("files"),
        members.texts("inputs"),
        calibration=calibration,
        taken_out=members.flag("taken_out") if "taken_out" in members else False,
    )
    if not known.issuperset(node.files):
        raise members.wrong("files", "paths that are among the manifest's files")
    if node.kind is NodeKind.ALCA and not is_alcareco(node.output):
        raise members.wrong("output", "the name of an ALCARECO")
    return node


_OF_CALIBRATION = (NodeKind.HARVEST, NodeKind.UPLOAD)


def _check_calibrations(
    members: Members, nodes: Mapping[str, ManifestNode], settings: Mapping[str, HarvestSettings]
) -> None:
    """Make sure that there are settings of each calibration that a node works for."""
    own = members.text("stream")
    if own in settings:
        raise members.wrong("calibrations", f"calibrations that are not called {own!r}")
    wanted = {node.calibration for node in nodes.values() if node.kind in _OF_CALIBRATION}
    if lacking := sorted(wanted - settings.keys()):
        raise members.wrong("calibrations", f"an object that has {lacking[0]!r}")


def _json_of(node: ManifestNode, shared: bool) -> dict[str, Any]:
    data: dict[str, Any] = {
        "kind": node.kind,
        "parents": node.parents,
        "output": node.output,
        "witness": node.witness,
        "lumis": str(node.lumis),
        "files": node.files,
        "inputs": node.inputs,
    }
    if shared and node.kind in _OF_CALIBRATION:
        data["calibration"] = node.calibration
    if node.taken_out:
        data["taken_out"] = True
    return data


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
