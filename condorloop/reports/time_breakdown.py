"""The way of each lumisection into the database, split into parts that sum to the whole; pure.

Knows files, nodes, jobs and payloads as the ledger has them; reads nothing. Of several files of a
lumisection, the one counts that was last in an ALCARECO of the first payload.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby

from condorloop.model.enums import NodeKind, UploadOutcome
from condorloop.model.jobs import JobRecord
from condorloop.model.latency import RunTimes, Upload, firsts
from condorloop.model.lumis import Lumis


class Part(StrEnum):
    """What a lumisection's time goes into, in the order of its way."""

    FILE = "file"
    """From its end until its RAW file is seen."""
    BATCHING = "batching"
    """From there until the DAG that reads the file is submitted; the file's probe is part of it."""
    START = "DAG start"
    """From there until the RECO node's job is submitted: DAGMan starts, or waits for its turn."""
    QUEUE = "queue"
    """From the submission of a node's job to its start, of all four nodes."""
    RECO = "RECO"
    """The RECO job runs."""
    ALCA = "ALCA"
    """The ALCA job runs."""
    HARVEST = "HARVEST"
    """The HARVEST job runs."""
    UPLOAD = "UPLOAD"
    """The UPLOAD job runs, until the service has answered."""
    RETRIES = "retries"
    """What was tried before: jobs that failed, were held or evicted, and the waits after them."""
    BETWEEN = "between"
    """The rest: DAGMan, its scripts, and waiting for other nodes of the DAG, or of an older one."""


_RUNS = {
    NodeKind.RECO: Part.RECO,
    NodeKind.ALCA: Part.ALCA,
    NodeKind.HARVEST: Part.HARVEST,
    NodeKind.UPLOAD: Part.UPLOAD,
}

_NOTHING = dict.fromkeys(Part, 0.0)

Mark = tuple[float | None, Part]
"""When a part was over, and which; None if that is not known."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A good RAW file of a campaign: when it was seen, and the RECO node that reads it."""

    lumis: Lumis
    seen_at: float
    dag_id: int | None
    node: str


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node; `job` is the number of the ALCARECO that it makes, `child` the node that it feeds.

    One that is `shared` works for other calibrations of its stream, too.
    """

    dag_id: int
    name: str
    kind: NodeKind
    child: str
    job: int | None
    done_at: float | None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class CampaignFacts:
    """What is known of a campaign's way through the loop.

    `submitted` has when each DAG was submitted, `inputs` the ALCARECO of each DAG's harvest,
    `jobs` every job of a DAG; `outcomes` counts what became of its payloads.
    """

    times: RunTimes
    files: Sequence[FileFacts]
    nodes: Sequence[NodeFacts]
    jobs: Mapping[int, Sequence[JobRecord]]
    submitted: Mapping[int, float | None]
    inputs: Mapping[int, frozenset[int]]
    uploads: Sequence[Upload]
    outcomes: Mapping[UploadOutcome, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LumiTimeline:
    """The way of one lumisection: when it ended, when it was in the database, and its parts.

    `parts` has seconds in the order of `Part`; they sum to the whole.
    """

    lumi: int
    ended_at: float
    uploaded_at: float
    parts: tuple[float, ...]

    @property
    def delay(self) -> float:
        """Seconds from the end of the lumisection to the upload."""
        return max(0.0, self.uploaded_at - self.ended_at)


def split(start: float, end: float, marks: Iterable[Mark]) -> tuple[float, ...]:
    """Split the time from `start` to `end` at marks that stand in the order of the way.

    A mark before the one in front of it, or after `end`, moves there; what is left after the last
    is between nodes.

    >>> dict(zip(Part, split(0.0, 9.0, [(2.0, Part.FILE), (8.0, Part.RECO)])))[Part.RECO]
    6.0
    """
    parts = _NOTHING.copy()
    at = start
    for time, part in marks:
        if time is not None and (until := min(time, end)) > at:
            parts[part] += until - at
            at = until
    parts[Part.BETWEEN] += max(0.0, end - at)
    return tuple(parts.values())


def marks_of(kind: NodeKind, jobs: Sequence[JobRecord]) -> list[Mark]:
    """Give the marks of a node: of its last job that succeeded, after those that did not.

    Of a job that was started more than once, the wait for its last start counts as a retry.
    """
    if not jobs:
        return []
    ordered = sorted(jobs, key=lambda job: job.submitted_at)
    last = next((job for job in reversed(ordered) if job.exit_code == 0), ordered[-1])
    return [
        (ordered[0].submitted_at, Part.START if kind is NodeKind.RECO else Part.BETWEEN),
        (last.submitted_at, Part.RETRIES),
        (last.started_at, Part.QUEUE if last.starts <= 1 else Part.RETRIES),
        (last.ended_at, _RUNS[kind]),
    ]


def timelines(facts: CampaignFacts) -> Iterator[LumiTimeline]:
    """Give the way of each lumisection of a campaign that is in a payload."""
    chains = _Chains(facts)
    for upload, new in firsts(facts.uploads):
        for lumi in new:
            ended = facts.times.end_of(lumi)
            marks = chains.marks(lumi, upload)
            yield LumiTimeline(lumi, ended, upload.time, split(ended, upload.time, marks))


class _Chains:
    """Finds the nodes that brought a lumisection into a payload."""

    def __init__(self, facts: CampaignFacts) -> None:
        self._facts = facts
        self._nodes = {(n.dag_id, n.name): n for n in facts.nodes}
        self._last: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for kind in (NodeKind.HARVEST, NodeKind.UPLOAD):
            for last in (n for n in facts.nodes if n.kind is kind):
                self._last[last.dag_id].append((last.dag_id, last.name))
        self._files: dict[int, list[FileFacts]] = defaultdict(list)
        for file in facts.files:
            for lumi in file.lumis:
                self._files[lumi].append(file)
        self._marks = {
            (dag_id, name): marks_of(node.kind, list(jobs))
            for dag_id, of_dag in facts.jobs.items()
            for name, jobs in groupby(sorted(of_dag, key=_node), key=_node)
            if (node := self._nodes.get((dag_id, name)))
        }
        self._known: dict[tuple[int, int, str], list[Mark]] = {}

    def marks(self, lumi: int, upload: Upload) -> list[Mark]:
        """The marks of a lumisection's way into an upload, as far as they are known."""
        files = self._files.get(lumi, [])
        inputs = self._facts.inputs.get(upload.dag_id, frozenset())
        made = [(f, alca) for f in files if (alca := self._alca(f)) and alca.job in inputs]
        if not made:
            return [(min((f.seen_at for f in files), default=None), Part.FILE)]
        file, alca = max(made, key=lambda m: (m[1].done_at or 0.0, m[0].seen_at))
        key = (upload.dag_id, alca.dag_id, file.node)
        if key not in self._known:
            self._known[key] = self._from_batch_on(upload, alca, file.node)
        return [(file.seen_at, Part.FILE), *self._known[key]]

    def _alca(self, file: FileFacts) -> NodeFacts | None:
        """The ALCA node that reads what is made of a file."""
        reco = self._nodes.get((file.dag_id or 0, file.node))
        return self._nodes.get((reco.dag_id, reco.child)) if reco else None

    def _from_batch_on(self, upload: Upload, alca: NodeFacts, reco: str) -> list[Mark]:
        nodes = [(alca.dag_id, reco), (alca.dag_id, alca.name)]
        nodes += self._last.get(upload.dag_id, [])
        submitted = self._facts.submitted.get(alca.dag_id)
        return [
            (submitted, Part.BATCHING),
            *(mark for node in nodes for mark in self._marks.get(node, ())),
        ]


def _node(job: JobRecord) -> str:
    return job.node
