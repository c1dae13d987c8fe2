"""The DAG that a node's script belongs to.

Knows the manifest and the run directory above it; knows nothing of the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from condorloop.errors import CondorloopError
from condorloop.rundir.durable import set_aside
from condorloop.rundir.layout import MANIFEST
from condorloop.rundir.records.manifest import Manifest, ManifestNode


class NodeError(CondorloopError):
    """A node's job exited 0, but what it left is not what it should have made."""


class NodeMisconfigured(NodeError):
    """What a node's job left does not go with the configuration: another try is of no use."""


@dataclass(frozen=True, slots=True)
class DagContext:
    """A DAG's directory and its manifest."""

    directory: Path
    manifest: Manifest

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

    @property
    def run_dir(self) -> Path:
        """The run directory that the DAG belongs to."""
        return self.directory.parent

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
