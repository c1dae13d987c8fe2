"""Which RAW files are in the ALCARECO of a run directory, as witnesses tell.

Knows how the witness of an ALCARECO leads to those of its RECO outputs, and where those are gone,
to the manifest of their DAG. Each file is read once.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path

from condorloop.errors import CondorloopError
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.policy.raw_overlap import Source, is_twice
from condorloop.rundir.layout import MANIFEST, dag_dir
from condorloop.rundir.records.manifest import Manifest
from condorloop.rundir.records.witness import Witness
from condorloop.text import one_line

NO_WITNESSES = frozenset({".root", ".py", ".log", ".xml"})
"""How the names of a RECO node's files end that are no witness."""

_ENDINGS = tuple(NO_WITNESSES)


class Unusable(CondorloopError):
    """An ALCARECO is not to be harvested; the words say why."""


class Holdings:
    """What the ALCARECO of one run directory were made from.

    Raises
    ------
    OSError
        The run directory cannot be read.
    """

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        with os.scandir(run_dir) as entries:
            names = [entry.name for entry in entries]
        self._names = sorted(name for name in names if not name.endswith(_ENDINGS))
        self._planned: dict[str, Mapping[str, Mapping[str, Lumis]]] = {}

    def source(self, name: str, told: Witness) -> Source:
        """Say what an ALCARECO was made from that has this witness.

        Raises
        ------
        Unusable
            That is not told, or a lumisection of a RAW file is in it twice.
        """
        number = told.dag_id.rpartition("/")[2]
        if not (number.isascii() and number.isdecimal()):
            raise Unusable(f"its witness names no DAG: {one_line(told.dag_id, 60)}")
        raw_files: dict[str, Lumis] = {}
        for output in told.files:
            read = self._read_by(output, told.dag_id, int(number))
            for path, lumis in sorted(read.items()):
                if path in raw_files and is_twice(lumis, raw_files[path]):
                    raise Unusable(f"RAW file {_name(path)} is in it twice")
                raw_files[path] = raw_files.get(path, EMPTY) | lumis
        return Source(name, int(number), told.lumis, told.events, raw_files)

    def _read_by(self, output: str, dag_id: str, number: int) -> Mapping[str, Lumis]:
        """The RAW files that a RECO output was made from."""
        planned = self._planned_of(dag_id, number).get(output)
        for i in range(bisect_left(self._names, output), len(self._names)):
            name = self._names[i]
            if not name.startswith(output):
                break
            made = Witness.load(self._run_dir / name)
            if made and made.dag_id == dag_id:
                of_files = planned or {}
                return {path: of_files.get(path, made.lumis) for path in made.files}
        if planned is None:
            raise Unusable(f"which RAW files {one_line(output)} was made from is not told")
        return planned

    def _planned_of(self, dag_id: str, number: int) -> Mapping[str, Mapping[str, Lumis]]:
        """The RAW files of each RECO output, as the manifest of its DAG has them."""
        if dag_id not in self._planned:
            manifest = Manifest.find(dag_dir(self._run_dir, number) / MANIFEST)
            known = _planned(manifest) if manifest and manifest.id == dag_id else {}
            self._planned[dag_id] = known
        return self._planned[dag_id]


def _planned(manifest: Manifest) -> Mapping[str, Mapping[str, Lumis]]:
    return {
        node.output: {path: file.lumis for path, file in manifest.read_by(name).items()}
        for name, node in manifest.nodes.items()
        if node.files
    }


def _name(path: str) -> str:
    return one_line(path.rpartition("/")[2])
