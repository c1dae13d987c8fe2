"""What a DAG's directory tells of it: what its jobs were made with, its jobs, and failed attempts.

Knows the manifest, the event log and the files of failures. Whatever is gone or damaged there is
no word, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from condorloop.dagman.logs import dag_outcome, job_events
from condorloop.dagman.rerender import EARLIER
from condorloop.model.jobs import JobRecord
from condorloop.node.attempts import Attempt
from condorloop.node.attempts import read as read_attempts
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import MANIFEST


@dataclass(frozen=True, slots=True)
class DagRecords:
    """What a DAG's directory tells.

    `earlier` has what nodes were made with that were done before the DAG was renewed, by node;
    `tags` are those that its payload goes to; `clusters` the job ids of its DAGMans; `attempts` has
    the failed ones by node.
    """

    there: bool = False
    software: Software | None = None
    earlier: Mapping[str, Software] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    clusters: tuple[int, ...] = ()
    jobs: tuple[JobRecord, ...] = ()
    attempts: Mapping[str, tuple[Attempt, ...]] = field(default_factory=dict)


def read(dag_file: Path, *, jobs: bool) -> DagRecords:
    """Read the directory of a DAG description; its event log only if `jobs` are wanted."""
    folder = dag_file.parent
    if not folder.is_dir():
        return DagRecords()
    manifest = read_json(folder / MANIFEST)
    return DagRecords(
        there=True,
        software=_software(manifest),
        earlier=_earlier(manifest),
        tags=_tags(manifest),
        clusters=dag_outcome.clusters(dag_file),
        jobs=job_events.jobs_of(dag_file) if jobs else (),
        attempts={p.stem: read_attempts(folder, p.stem) for p in folder.glob("*.failures")},
    )


def _software(manifest: Mapping[str, Any]) -> Software | None:
    if "release" not in manifest:
        return None
    cmssw, templates = manifest.get("cmssw"), manifest.get("templates")
    return Software(
        release=str(manifest["release"]),
        scram_arch=str(cmssw.get("scram_arch", "")) if isinstance(cmssw, dict) else "",
        global_tag=str(manifest.get("global_tag", "")),
        templates={str(k): str(v) for k, v in templates.items()}
        if isinstance(templates, dict)
        else {},
    )


def _earlier(manifest: Mapping[str, Any]) -> dict[str, Software]:
    told = manifest.get(EARLIER)
    by_node: dict[str, Software] = {}
    for each in told if isinstance(told, list) else ():
        software = _software(each) if isinstance(each, dict) else None
        nodes = each.get("nodes") if software else None
        if software and isinstance(nodes, list):
            by_node |= dict.fromkeys(map(str, nodes), software)
    return by_node


def _tags(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        return tuple(map(str, manifest["upload"]["metadata"]["destinationTags"]))
    except (KeyError, TypeError):
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Software:
    """What a DAG's jobs were made with; `templates` has the version of each template."""

    release: str
    scram_arch: str
    global_tag: str
    templates: Mapping[str, str]
