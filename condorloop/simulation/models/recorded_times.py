"""Times that past runs have had, as samples to draw from: what jobs took, and what lay between.

Knows which delays a simulation draws, and how they follow from what the ledger has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from condorloop.config.loader import Config
from condorloop.ledger.queries.dags import job_record
from condorloop.ledger.queries.times import TimeQueries
from condorloop.ledger.store import LedgerReader
from condorloop.model.enums import NodeKind
from condorloop.model.jobs import JobRecord
from condorloop.rundir.layout import LEDGER
from condorloop.simulation.models.dag_run import asked_by_owner
from condorloop.simulation.models.sampling import Duration, Sample


@dataclass(frozen=True, slots=True)
class Recorded:
    """Times that past runs have had: of jobs by whose they are and node kind, of delays by name.

    RECO and ALCA are a stream's, HARVEST and UPLOAD a calibration's.
    The names are those of `pool_model.Overheads`. What never happened is not there.
    """

    jobs: Mapping[tuple[str, NodeKind], Duration] = field(default_factory=dict)
    delays: Mapping[str, Duration] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeJob:
    """A job that did its node's work, at its first start; `child` is the node that it feeds.

    `owner` is the calibration that it worked for, or the stream whose calibrations share it.
    """

    owner: str
    kind: NodeKind
    dag_id: int
    child: str
    job: JobRecord
    started: float
    ended: float


def _node_jobs(times: TimeQueries) -> list[NodeJob]:
    """The jobs that ended well at their first start, in the order of their submission."""
    return [
        NodeJob(
            row["owner"],
            NodeKind(row["kind"]),
            row["dag_id"],
            row["child"],
            job_record(row),
            row["started_at"],
            row["ended_at"],
        )
        for row in times.node_jobs()
    ]


def read(work_dir: Path, config: Config) -> Recorded:
    """Read the times that a submitter has written down.

    Raises
    ------
    LedgerError
        The ledger cannot be read.
    """
    with LedgerReader(work_dir / LEDGER) as ledger:
        jobs, dags = _node_jobs(ledger.times), ledger.times.dags_without_rescue()
        probes = ledger.times.probes()
    owners = {*config.calibrations, *config.streams}
    jobs = [j for j in jobs if j.owner in owners]
    ran: dict[tuple[str, NodeKind], list[float]] = defaultdict(list)
    for job in jobs:
        ran[job.owner, job.kind].append(job.ended - job.started)
    delays = _delays(jobs, dags, config) | {"probe": probes}
    return Recorded(
        jobs={key: Sample(times) for key, times in ran.items()},
        delays={name: Sample(times) for name, times in delays.items() if times},
    )


def _delays(
    jobs: Sequence[NodeJob], dags: Mapping[int, tuple[float, float]], config: Config
) -> dict[str, list[float]]:
    of_dag: dict[int, list[NodeJob]] = defaultdict(list)
    for job in jobs:
        of_dag[job.dag_id].append(job)
    ends = {i: (submitted, ended) for i, (submitted, ended) in dags.items() if i in of_dag}
    poll = config.site.poll_interval / 2
    uploads = [j for j in jobs if j.kind is NodeKind.UPLOAD]
    return {
        "dag_start": [
            max(0.0, min(j.job.submitted_at for j in of_dag[i]) - submitted)
            for i, (submitted, _) in ends.items()
        ],
        "match": list(waits(jobs, config)),
        "between": [wait for mine in of_dag.values() for wait in _between(mine)],
        # The ledger has when the submitter saw the end: half a poll later in the mean.
        "dag_end": [
            max(0.0, ended - max(j.ended for j in of_dag[i]) - poll)
            for i, (_, ended) in ends.items()
        ],
        "upload_start": [j.started - j.job.submitted_at for j in uploads],
    }


def _between(jobs: Sequence[NodeJob]) -> Iterator[float]:
    """From the end of the last job that a node of a DAG waits for to the node's submission."""
    for job in jobs:
        parents = [p.ended for p in jobs if job.job.node == p.child or _follows(p, job)]
        if parents and job.job.submitted_at >= max(parents):
            yield job.job.submitted_at - max(parents)


def _follows(parent: NodeJob, job: NodeJob) -> bool:
    if job.kind is NodeKind.UPLOAD:
        return parent.kind is NodeKind.HARVEST and parent.owner == job.owner
    return job.kind is NodeKind.HARVEST and parent.kind is NodeKind.ALCA


def waits(jobs: Sequence[NodeJob], config: Config) -> Iterator[float]:
    """From submission to start, of those jobs that did not have to wait for another one's end.

    For these there were cores to spare when they were submitted, of the most that jobs are known
    to have used at once. The others waited for cores, and that the simulation does by itself.
    """
    cores = {of: cores for of, (cores, _) in asked_by_owner(config).items()}
    pooled = [j for j in jobs if j.kind is not NodeKind.UPLOAD]
    most = _most_at_once([(j.started, j.ended, cores[j.owner, j.kind]) for j in pooled])
    wanted = [(j.job.submitted_at, j.ended, cores[j.owner, j.kind]) for j in pooled]
    for job, taken in zip(pooled, _taken_before(wanted), strict=True):
        if taken + cores[job.owner, job.kind] <= most:
            yield job.started - job.job.submitted_at


def _most_at_once(spans: Sequence[tuple[float, float, int]]) -> int:
    changes = sorted(change for start, end, n in spans for change in ((start, 1, n), (end, 0, -n)))
    busy = most = 0
    for _, _, cores in changes:
        busy += cores
        most = max(most, busy)
    return most


def _taken_before(wanted: Sequence[tuple[float, float, int]]) -> Iterator[int]:
    """How many cores were taken or waited for when each of these, in order, was submitted."""
    ends = sorted((end, cores) for _, end, cores in wanted)
    over = asked = at = 0
    for start, _, cores in wanted:
        while at < len(ends) and ends[at][0] <= start:
            over += ends[at][1]
            at += 1
        yield asked - over
        asked += cores


NOTHING = Recorded()
"""No past runs."""
