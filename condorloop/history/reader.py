"""Telling stories: what the ledger knows of campaigns, with what their directories tell.

Knows where both are; asks no service, and works where no submitter runs and where directories are
gone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from condorloop.config.loader import Known
from condorloop.dagman.logs.dag_records import DagRecords, read
from condorloop.history.campaign import (
    DagStory,
    NodeStatus,
    NodeStory,
    PayloadStory,
    Story,
    node_state,
)
from condorloop.history.ledger_reader import LedgerStories
from condorloop.ledger.archive import with_archives
from condorloop.ledger.connection import LedgerError
from condorloop.model.enums import NodeState
from condorloop.model.jobs import JobRecord
from condorloop.policy.window import end_of
from condorloop.rundir.layout import HARVEST_RECORD, LEDGER, dag_file, run_dir
from condorloop.rundir.records.harvest import HarvestResult

_IN_QUEUE = (NodeStatus.IDLE, NodeStatus.RUNNING, NodeStatus.HELD)


def ledger_of(work_dir: Path) -> Path:
    """Where the ledger is.

    Raises
    ------
    LedgerError
        There is none.
    """
    path = work_dir / LEDGER
    if not path.exists():
        raise LedgerError(f"{path}: no submitter has run here yet: condorloop run")
    return path


def tell(config: Known, run: int, only: Collection[str] = ()) -> tuple[Story, ...]:
    """Tell the stories of a run's campaigns; of all, or `only` of these calibrations.

    Raises
    ------
    LedgerError
        The ledger cannot be used, or knows no such campaign.
    """
    path = ledger_of(config.site.work_dir)
    stories: tuple[Story, ...] = ()
    newest: list[int] = []
    for part in with_archives(path):
        with LedgerStories(part) as ledger:
            stories += ledger.stories(run, only)
            newest = newest or ledger.campaigns.latest_runs(5)
        if stories:
            stories = stories if part == path else _with_requests(stories, path)
            break
    if not stories:
        of = f" of {', '.join(only)}" if only else ""
        known = f"the newest are {', '.join(map(str, newest))}" if newest else "it has none at all"
        raise LedgerError(f"{path}: no campaign{of} for run {run}; {known}")
    return tuple(completed(story, config) for story in stories)


def _with_requests(stories: tuple[Story, ...], path: Path) -> tuple[Story, ...]:
    """Add to archived stories what people asked: the ledger alone has it."""
    with LedgerStories(path) as ledger:
        keys = [story.campaign.key for story in stories]
        asked = [ledger.asked_of(key.run, key.calibration) for key in keys]
    return tuple(replace(s, requests=r) for s, r in zip(stories, asked, strict=True))


def completed(story: Story, config: Known, *, in_flight_only: bool = False) -> Story:
    """Add to a story what its configuration and its directories tell.

    Parameters
    ----------
    in_flight_only
        Of DAGs that have ended, leave the directories alone.
    """
    campaign = story.campaign
    folder = run_dir(config.site.work_dir, campaign.calibration, campaign.run)
    ends = end_of(campaign, config.calibrations)
    dags, payloads = [], {p.dag: p for p in story.payloads}
    for dag in story.dags:
        if in_flight_only and not dag.in_flight:
            dags.append(dag)
            continue
        file = dag_file(folder, dag.number)
        records = read(file, jobs=dag.in_flight or not any(n.jobs for n in dag.nodes))
        dags.append(_with_records(dag, file.parent, records))
        if payload := payloads.get(dag.label):
            payloads[dag.label] = _with_iovs(payload, folder, dag.id, records)
    states = [n.state for d in dags if d.in_flight for n in d.nodes]
    jobs = {state.value: states.count(state) for state in _IN_QUEUE}
    return replace(
        story,
        campaign=replace(campaign, jobs=jobs, window_ends=ends),
        folder=str(folder),
        dags=tuple(dags),
        payloads=tuple(payloads.values()),
    )


def _with_records(dag: DagStory, directory: Path, records: DagRecords) -> DagStory:
    jobs: dict[str, dict[str, JobRecord]] = {}
    for job in records.jobs:
        jobs.setdefault(job.node, {})[job.job_id] = job
    nodes = tuple(_with_jobs(node, dag, jobs.get(node.name, {}), records) for node in dag.nodes)
    return replace(
        dag,
        nodes=nodes,
        directory=str(directory),
        there=records.there,
        software=records.software,
        earlier=records.earlier,
        clusters=records.clusters or tuple(filter(None, [dag.cluster])),
    )


def _with_jobs(
    node: NodeStory, dag: DagStory, told: dict[str, JobRecord], records: DagRecords
) -> NodeStory:
    known = {job.job_id: job for job in node.jobs} | told
    jobs = tuple(sorted(known.values(), key=lambda job: job.submitted_at))
    state = node.state
    if dag.in_flight and state in (NodeStatus.WAITING, *_IN_QUEUE):
        state = node_state(NodeState.WAITING, dag.state, jobs[-1] if jobs else None)
    return replace(node, jobs=jobs, state=state, attempts=records.attempts.get(node.name, ()))


def _with_iovs(
    payload: PayloadStory, folder: Path, dag_id: str, records: DagRecords
) -> PayloadStory:
    result = HarvestResult.find(folder / payload.harvest / HARVEST_RECORD)
    iovs = result.iovs if result and result.dag_id == dag_id else ()
    return replace(payload, iovs=iovs, tags=records.tags.get(folder.parent.name, ()))
