"""The DAG that a node's script belongs to, as its manifest tells.

Knows the manifest and the run directory above it; knows nothing of the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condorloop.errors import CondorloopError
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.rundir.durable import load_json, read_lumis, set_aside
from condorloop.rundir.layout import MANIFEST


class NodeError(CondorloopError):
    """A node's job exited 0, but what it left is not what it should have made."""


@dataclass(frozen=True, slots=True)
class DagContext:
    """A DAG's directory and its manifest."""

    directory: Path
    manifest: dict[str, Any]

    @classmethod
    def here(cls) -> DagContext:
        """Take the DAG of the current directory.

        Raises
        ------
        NodeError
            There is no manifest, or it is damaged.
        OSError
            The machine does not give it.
        """
        directory = Path.cwd()
        manifest = load_json(directory / MANIFEST)
        sound = {"run": int, "id": str, "nodes": dict, "alca": dict, "upload": dict}
        if not all(isinstance(manifest.get(key), kind) for key, kind in sound.items()):
            raise NodeError(f"{directory / MANIFEST}: not the manifest of a DAG")
        return cls(directory, manifest)

    @property
    def run_dir(self) -> Path:
        """The run directory that the DAG belongs to."""
        return self.directory.parent

    @property
    def run(self) -> int:
        """The run's number."""
        return int(self.manifest["run"])

    @property
    def id(self) -> str:
        """The DAG's `CondorloopId`."""
        return str(self.manifest["id"])

    @property
    def owner(self) -> str:
        """The ledger that the DAG belongs to, the first part of its id."""
        return self.id.partition("/")[0]

    def node(self, name: str) -> dict[str, Any]:
        """What the manifest says of a node.

        Raises
        ------
        NodeError
            It knows no such node.
        """
        node = self.manifest["nodes"].get(name)
        if not isinstance(node, dict):
            raise NodeError(f"{MANIFEST} knows no node {name}")
        return node

    def set_aside(self, folder: Path) -> None:
        """Move a folder out of the way, into the DAG's directory, under a name that is free."""
        set_aside(folder, self.directory)


def lumis_of(node: dict[str, Any]) -> Lumis:
    """The LS that a node's inputs were probed to have; none where the manifest does not tell."""
    try:
        return read_lumis(node["lumis"])
    except (KeyError, ValueError):
        return EMPTY
