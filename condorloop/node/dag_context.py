"""The DAG that a node's script belongs to.

Knows the manifest and the run directory above it; knows nothing of the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from condorloop.errors import CondorloopError
from condorloop.model.enums import NodeKind
from condorloop.rundir.durable import set_aside
from condorloop.rundir.layout import MANIFEST, harvest_inputs, made_in
from condorloop.rundir.records.manifest import HarvestSettings, Manifest, ManifestNode


class NodeError(CondorloopError):
    """A node's job exited 0, but what it left is not what it should have made.

    `calibrations` are those of a shared stream that it made nothing for.
    """

    def __init__(self, words: str, calibrations: tuple[str, ...] = ()) -> None:
        super().__init__(words)
        self.calibrations = calibrations


class NodeMisconfigured(NodeError):
    """What a node's job left does not go with the configuration: another try is of no use."""


@dataclass(frozen=True, slots=True)
class DagContext:
    """A DAG's directory and its manifest, as a node of it sees them.

    `name` is the node's; where it is empty, the DAG has one calibration alone.
    """

    directory: Path
    manifest: Manifest
    name: str = ""

    @classmethod
    def here(cls) -> DagContext:
        """Take the DAG of the current directory.

        Raises
        ------
        RecordError
            There is no manifest, or it is damaged.
        OSError
            The machine does not give it.
        """
        directory = Path.cwd()
        return cls(directory, Manifest.read(directory / MANIFEST))

    def at(self, name: str) -> DagContext:
        """The same DAG for one of its nodes."""
        return replace(self, name=name)

    @property
    def run_dir(self) -> Path:
        """The run directory that the DAG belongs to; it has RECO and ALCARECO."""
        return self.directory.parent

    @property
    def calibration(self) -> str:
        """The calibration that the node works for; empty of RECO and ALCA of a shared stream."""
        if not self.manifest.is_shared:
            return self.manifest.stream
        return self.node(self.name).calibration

    @property
    def settings(self) -> HarvestSettings:
        """What HARVEST and UPLOAD of the node's calibration are made by."""
        return self.manifest.settings[self.calibration]

    @property
    def made_dir(self) -> Path:
        """The run directory of what the node makes: harvests are in that of their calibration."""
        of = self.calibration
        return self.run_dir if of == self.manifest.stream else made_in(self.run_dir, of)

    @property
    def inputs_dir(self) -> Path:
        """The folder in which a HARVEST finds its inputs."""
        return harvest_inputs(self.directory, self.name or NodeKind.HARVEST)

    @property
    def run(self) -> int:
        """The run's number."""
        return self.manifest.run

    @property
    def id(self) -> str:
        """The DAG's `CondorloopId`."""
        return self.manifest.id

    @property
    def owner(self) -> str:
        """The ledger that the DAG belongs to, the first part of its id."""
        return self.id.partition("/")[0]

    def node(self, name: str) -> ManifestNode:
        """What the manifest says of a node.

        Raises
        ------
        NodeError
            It knows no such node.
        """
        try:
            return self.manifest.nodes[name]
        except KeyError:
            raise NodeError(f"{MANIFEST} knows no node {name}") from None

    def set_aside(self, folder: Path) -> None:
        """Move a folder out of the way, into the DAG's directory, under a name that is free."""
        set_aside(folder, self.directory)
