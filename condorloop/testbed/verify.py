"""A play verified: each lumisection is served by what must serve it, and is in it once.

Knows what appeared, what the run directories hold and what the conditions database holds, and
whether the constants are the truth; which payload must serve is
`condorloop.testbed.in_force`'s. It does not ask the submitter or its ledger what they believe.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from condorloop.config.calibration import Calibration
from condorloop.config.stream import Stream
from condorloop.model.enums import NodeKind, UploadOutcome
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.policy.raw_overlap import is_twice
from condorloop.rundir.layout import HARVEST_RECORD, MANIFEST, UPLOAD_RECORD, run_dir
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.manifest import Manifest, ManifestFile
from condorloop.rundir.records.upload import UploadResult
from condorloop.testbed import in_force
from condorloop.testbed.in_force import TagHistory
from condorloop.testbed.truth import Truth, compare, counted_twice


@dataclass(frozen=True, slots=True)
class Appeared:
    """A RAW file that the player made appear.

    Attributes
    ----------
    path, run, stream, lumis
        The file.
    time
        When it became good; when it appeared, if it never was: seconds since the epoch.
    good
        Whether its lumisections must be in the payload.
    maybe
        Whether they may be: it was good, and is not any more.
    """

    path: str
    run: int
    stream: str
    lumis: Lumis
    time: float
    good: bool
    maybe: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one campaign; `faults` is empty if all is right.

    `in_payload` are the lumisections that constants serve, in each of its tags, which were made of
    them. `latencies` are the seconds from a good file's appearance to the first payload in the
    database that holds it.
    """

    calibration: str
    run: int
    good: Lumis
    in_payload: Lumis
    uploads: int
    latencies: tuple[float, ...]
    faults: tuple[str, ...]

    @property
    def median(self) -> float | None:
        """The median latency."""
        return statistics.median(self.latencies) if self.latencies else None

    @property
    def worst(self) -> float | None:
        """The worst latency."""
        return max(self.latencies, default=None)


def appeared(record: Path) -> list[Appeared]:
    """Read the player's record: each file as it was last, a line that was cut left out."""
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    files: dict[str, Appeared] = {}
    for row in filter(None, map(_row, lines)):
        known = files.get(row["path"])
        if known is None and "run" in row:
            good = row.get("good", not row["fault"])
            what = (row["path"], row["run"], row["stream"], Lumis.parse(row["ls"]), row["time"])
            files[row["path"]] = Appeared(*what, good)
        elif known is not None and "change" in row:
            was, good = known.good or known.maybe, row["good"]
            since = row["time"] if good and not was else known.time
            files[row["path"]] = replace(known, good=good, maybe=was and not good, time=since)
    return list(files.values())


def _row(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and "path" in row else None


def assay(
    folder: Path,
    calibration: Calibration,
    stream: Stream,
    run: int,
    truth: Truth,
    work_dir: Path,
) -> Verdict:
    """Examine one campaign of the submitter of `work_dir`, on the testbed of `folder`."""
    path = stream.raw_path
    files = [
        f for f in appeared(folder / "appeared.jsonl") if f.run == run and f.path.startswith(path)
    ]
    good = [f for f in files if f.good]
    runs = run_dir(work_dir, calibration.name, run)
    made_from = run_dir(work_dir, stream.name, run)
    database = folder / "conditions" / "conditions.db"
    expected = Lumis.union(f.lumis for f in good)
    allowed = Lumis.union(f.lumis for f in files if f.good or f.maybe)
    tags_of = [tag for record in calibration.harvest.records for tag in record.tags]
    histories = [TagHistory.read(database, tag) for tag in tags_of]
    asked = played(folder, path)
    asked = {run: asked.get(run, EMPTY)}
    tags = [_of_tag(history, run, asked[run], expected, allowed, truth) for history in histories]
    held = first_held(runs, made_from)
    faults = [
        *(fault for _, of_tag in tags for fault in of_tag),
        *(fault for history in histories for fault in in_force.faults(history, asked)),
        *faults_of_reco(made_from, files),
    ]
    must = any(in_force.must_be_served(history, run) for history in histories)
    if must and (unheld := [f.path for f in good if f.path not in held]):
        faults.append(f"{len(unheld)} good files in no payload: {unheld[0]} …")
    return Verdict(
        calibration=calibration.name,
        run=run,
        good=expected,
        in_payload=_intersection(covered for covered, _ in tags),
        uploads=len(_uploaded(runs)),
        latencies=tuple(held[f.path] - f.time for f in good if f.path in held),
        faults=tuple(dict.fromkeys(faults)),
    )


def played(folder: Path, stream: str) -> dict[int, Lumis]:
    """Give the runs of a stream that had files, each with its LS from the first to the last."""
    files = appeared(folder / "appeared.jsonl")
    return in_force.all_lumis((f.run, f.lumis) for f in files if f.path.startswith(stream))


def _of_tag(
    history: TagHistory, run: int, asked: Lumis, expected: Lumis, allowed: Lumis, truth: Truth
) -> tuple[Lumis, list[str]]:
    """Examine a tag: give the LS that constants made of them serve, and what is wrong."""
    covered, payloads = in_force.served(history, run, asked)
    made_of = Lumis.union(Lumis.of(map(int, p["lumisections"])) for p in payloads)
    must = in_force.must_be_served(history, run)
    words = [
        *_faults_of_coverage(expected if must else EMPTY, allowed, covered, made_of),
        *_faults_of_counting(payloads),
        *compare(history.tag.object_type, payloads, truth),
    ]
    return covered, words


def _intersection(sets: Iterable[Lumis]) -> Lumis:
    found: Lumis | None = None
    for each in sets:
        found = each if found is None else found & each
    return EMPTY if found is None else found


def _faults_of_coverage(
    expected: Lumis, allowed: Lumis, covered: Lumis, made_of: Lumis
) -> Iterable[str]:
    if missing := str(expected - covered):
        yield f"LS {missing} had good files and are not in the payload"
    if invented := str(made_of - allowed):
        yield f"LS {invented} are in the payload and had no good file"


def _faults_of_counting(payloads: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    if twice := str(counted_twice(payloads)):
        yield f"LS {twice} have events that were counted twice"


def faults_of_reco(runs: Path, files: Sequence[Appeared]) -> Iterator[str]:
    """Say which files of a run directory are not in exactly one RECO node that succeeded.

    Of a file that nodes read in parts, each lumisection is to be in exactly one of them.
    """
    readings: dict[str, list[ManifestFile]] = {}
    for path in runs.glob(f"dag*/{MANIFEST}"):
        manifest = Manifest.read(path)
        for name, node in manifest.nodes.items():
            if (runs / node.witness).exists():
                for file in manifest.read_by(name).values():
                    readings.setdefault(file.path, []).append(file)
    for appeared in files:
        read = readings.get(appeared.path, [])
        twice = any(is_twice(a.lumis, b.lumis) for a, b in combinations(read, 2))
        lacks = any(f.of and f.of[0] - Lumis.union(r.lumis for r in read) for f in read)
        if (appeared.good and (not read or twice or lacks)) or (appeared.maybe and twice):
            words = f"{appeared.path} is in {len(read)} RECO nodes that succeeded"
            yield f"{words}, not with all of its LS" if lacks else words


def _uploaded(runs: Path) -> list[tuple[float, str, Lumis | None]]:
    """What the service took of which harvest, and when: of a piece its LS, else all (None)."""
    files = {path: UploadResult.find(path) for path in runs.glob(f"harvestJob*/{UPLOAD_RECORD}")}
    found = set[tuple[float, str, Lumis | None]]()
    for path, result in files.items():
        pieces = [p for told in (result and result.each()) or () for p in told.pieces]
        found |= {(p.time, p.harvest, p.lumis) for p in pieces if not p.unanswered}
        if result and result.outcome is UploadOutcome.UPLOADED and not pieces:
            found.add((result.time, path.parent.name, None))
    return sorted(found, key=lambda taken: taken[:2])


def first_held(runs: Path, made_from: Path) -> dict[str, float]:
    """When each RAW file was first in a payload of a run directory that was uploaded.

    `made_from` is the run directory that has the ALCARECO: that of a stream.
    """
    files_of = _files_of_alcareco(made_from)
    held: dict[str, float] = {}
    for time, name, lumis in _uploaded(runs):
        for job in HarvestResult.read(runs / name / HARVEST_RECORD).inputs:
            for path, holds in files_of.get(job, {}).items():
                if lumis is None or not (holds - lumis).ranges:
                    held.setdefault(path, time)
    return held


def _files_of_alcareco(runs: Path) -> dict[str, dict[str, Lumis]]:
    """The RAW files that each ALCARECO was made of, with their LS."""
    files: dict[str, dict[str, Lumis]] = {}
    for path in runs.glob(f"dag*/{MANIFEST}"):
        manifest = Manifest.read(path)
        lumis, nodes = {file.path: file.lumis for file in manifest.files}, manifest.nodes
        for node in nodes.values():
            if node.kind is NodeKind.ALCA:
                made_of = (f for parent in node.parents for f in nodes[parent].files)
                files[node.output] = {f: lumis[f] for f in made_of}
    return files
