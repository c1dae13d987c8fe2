"""What a DAG's directory tells of it: what its jobs were made with, its jobs, and failed attempts.

Knows the manifest, the event log and the files of failures. Whatever is gone or damaged there is
no word, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from condorloop.dagman.logs import dag_outcome, job_events
from condorloop.model.jobs import JobRecord
from condorloop.rundir.layout import MANIFEST
from condorloop.rundir.records.attempts import Attempt
from condorloop.rundir.records.attempts import read as read_attempts
from condorloop.rundir.records.manifest import Earlier, Manifest


@dataclass(frozen=True, slots=True)
class DagRecords:
    """What a DAG's directory tells.

    `earlier` has what nodes were made with that were done before the DAG was renewed, by node;
    `tags` are those that a calibration's payload goes to, by its name; `clusters` the job ids of
    its DAGMans; `attempts` has the failed ones by node.
    """

    there: bool = False
    software: Software | None = None
    earlier: Mapping[str, Software] = field(default_factory=dict)
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    clusters: tuple[int, ...] = ()
    jobs: tuple[JobRecord, ...] = ()
    attempts: Mapping[str, tuple[Attempt, ...]] = field(default_factory=dict)


def read(dag_file: Path, *, jobs: bool) -> DagRecords:
    """Read the directory of a DAG description; its event log only if `jobs` are wanted."""
    folder = dag_file.parent
    if not folder.is_dir():
        return DagRecords()
    manifest = Manifest.find(folder / MANIFEST)
    earlier = manifest.earlier if manifest else ()
    return DagRecords(
        there=True,
        software=_software(manifest) if manifest else None,
        earlier={name: _software(each) for each in earlier for name in each.nodes},
        tags={
            calibration: tuple(tag for upload in settings.uploads for tag in upload.metadata.tags)
            for calibration, settings in (manifest.settings.items() if manifest else ())
        },
        clusters=dag_outcome.clusters(dag_file),
        jobs=job_events.jobs_of(dag_file) if jobs else (),
        attempts={p.stem: read_attempts(folder, p.stem) for p in folder.glob("*.failures")},
    )


def _software(told: Manifest | Earlier) -> Software:
    return Software(
        release=told.release,
        scram_arch=told.cmssw.scram_arch,
        global_tag=told.global_tag,
        templates=told.templates,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Software:
    """What a DAG's jobs were made with; `templates` has the version of each template."""

    release: str
    scram_arch: str
    global_tag: str
    templates: Mapping[str, str]
