"""Problems of the queue: what is on hold, does not start, or does not end; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from condorloop.model.problem import Problem, ProblemKind
from condorloop.model.queue import HeldJob, Obstacle, QueuedDag, WaitingJob, WaitingScript
from condorloop.model.status import CampaignStatus
from condorloop.monitoring.problems.commands import DOCTOR
from condorloop.monitoring.problems.concerned import Concerned, Sharing, concerned
from condorloop.text import plural, utc


def of_queue(
    dags: Iterable[QueuedDag],
    held_jobs: Iterable[HeldJob],
    idle_dags: int,
    campaigns: Iterable[CampaignStatus] = (),
) -> Iterator[Problem]:
    """Name what is on hold in the queue, and how many DAGs the schedd does not start.

    What a person put on hold with each campaign that it works for is no problem.
    """
    known = {dag.id: dag for dag in dags}
    sharing = Sharing(campaigns)
    on_purpose = {i for i, dag in known.items() if dag.on_request and sharing.held(dag.key)}
    told = set(on_purpose)
    for dag in known.values():
        if dag.hold_reason and dag.id not in on_purpose:
            yield _held_dag(dag, dag.hold_reason, sharing)
    for job in held_jobs:
        owner = known.get(job.dag_id)
        if job.on_request and owner and sharing.held(owner.key, job.node):
            told.add(job.dag_id)
            continue
        told.add(job.dag_id)
        yield _held_job(job, owner, sharing) if owner else _held_stranger(job)
    for dag in known.values():
        if dag.id not in told and (held := dag.counts.get("JobsHeld")):
            yield _held_jobs(dag, held, sharing)
    if idle_dags:
        text = f"{plural(idle_dags, 'DAG')} idle: the schedd's limit of running DAGs is reached"
        yield Problem(ProblemKind.FULL, text, DOCTOR)


def _held_dag(dag: QueuedDag, reason: str, sharing: Sharing) -> Problem:
    whose = sharing.concerned(dag.key)
    return whose.problem(
        ProblemKind.HELD,
        f"{dag.label} (job {dag.cluster}) is held: {reason}",
        whose.command("release", dag.label),
        dag=dag.label,
        job=f"{dag.cluster}.0",
    )


def _held_job(job: HeldJob, dag: QueuedDag, sharing: Sharing) -> Problem:
    whose = sharing.concerned(dag.key, job.node)
    return whose.problem(
        ProblemKind.HELD,
        f"{dag.label} {job.node} (job {job.job_id}) is held: {job.reason}",
        whose.command("release" if job.on_request else "analyze", dag.label, job.node),
        since=job.since,
        dag=dag.label,
        node=job.node,
        job=job.job_id,
    )


def _held_stranger(job: HeldJob) -> Problem:
    return Problem(
        ProblemKind.HELD,
        f"{job.dag_id} {job.node} (job {job.job_id}) is held: {job.reason}",
        f"condor_release {job.job_id}",
        since=job.since,
        node=job.node,
        job=job.job_id,
    )


def _held_jobs(dag: QueuedDag, held: int, sharing: Sharing) -> Problem:
    whose = sharing.concerned(dag.key)
    return whose.problem(
        ProblemKind.HELD,
        f"{dag.label} has {plural(held, 'held job')}",
        whose.command("analyze", dag.label),
        dag=dag.label,
    )


def of_room(put_off: int, most: int) -> Iterator[Problem]:
    """Name the DAGs that wait for others to end, for a site may have so many at work."""
    if put_off:
        text = f"{plural(put_off, 'DAG')} not submitted: pool.max_dags = {most} is reached"
        yield Problem(ProblemKind.FULL, text, "condorloop status")


def of_waiting(
    stuck: Iterable[WaitingJob],
    dags: Iterable[QueuedDag],
    campaigns: Iterable[CampaignStatus] = (),
) -> Iterator[Problem]:
    """Name the calibrations whose jobs do not start: once for all that the same keeps waiting."""
    idle: Counter[str] = Counter()
    sharing = Sharing(campaigns)
    for dag in dags:
        idle[dag.key.calibration] += dag.counts.get("JobsIdle", 0)
    alike: dict[tuple[str, ...], list[WaitingJob]] = {}
    for job in sorted(stuck, key=lambda job: (job.since, job.job_id)):
        # what a job asks for is its own; the rest concerns the pool
        own = (job.key.calibration, job.kind) if job.obstacle is Obstacle.NO_MATCH else ()
        alike.setdefault((job.obstacle, *own), []).append(job)
    for jobs in alike.values():
        yield _waiting(jobs, idle, sharing)


def _waiting(jobs: Collection[WaitingJob], idle: Counter[str], sharing: Sharing) -> Problem:
    first = next(iter(jobs))
    names = {job.key.calibration for job in jobs}
    those = {name for job in jobs for name in sharing.concerned(job.key).calibrations}
    what = f"{first.kind} jobs" if len({job.kind for job in jobs}) == 1 else "jobs"
    waiting = max(len(jobs), sum(idle[name] for name in names))
    wait = "1 job waits" if waiting == 1 else f"{waiting} jobs wait"
    return Problem.of_calibrations(
        ProblemKind.WAITING,
        those,
        f"{what} do not start, {wait}: {first.words}",
        _remedy(first, sharing),
        since=first.since,
        obstacle=first.obstacle,
    )


def _remedy(job: WaitingJob, sharing: Sharing) -> str:
    match job.obstacle:
        case Obstacle.NO_MACHINE | Obstacle.FULL:
            return "condor_status"
        case Obstacle.FREE:
            return f"condor_q -better-analyze {job.job_id}"
        case Obstacle.NO_MATCH | Obstacle.IN_VAIN:
            return sharing.concerned(job.key).command("analyze")
        case Obstacle.LOCAL:
            return "condor_config_val -schedd START_LOCAL_UNIVERSE"
        case Obstacle.UNKNOWN:
            return DOCTOR


def of_scripts(
    scripts: Iterable[WaitingScript], now: float, campaigns: Iterable[CampaignStatus] = ()
) -> Iterator[Problem]:
    """Name the nodes whose scripts the machine keeps from their work."""
    sharing = Sharing(campaigns)
    for waiting in scripts:
        dag, node = waiting.dag, waiting.node
        minutes = plural(int((now - waiting.since) / 60), "minute")
        text = f"{dag.label} {node}: its {waiting.script} script has been deferred for {minutes}"
        text += f": {waiting.said}" if waiting.said else ""
        yield sharing.concerned(dag.key, node).problem(
            ProblemKind.DEFERRED,
            text,
            DOCTOR,
            since=waiting.since,
            dag=dag.label,
            node=node,
        )


def of_late(
    campaigns: Iterable[CampaignStatus], dags: Iterable[QueuedDag], now: float
) -> Iterator[Problem]:
    """Name what campaigns wait for whose windows are over."""
    sharing = Sharing(campaigns)
    for dag in dags:
        late = [c for c in sharing.campaigns(dag.key) if c.state.open and now >= c.window_ends]
        if late:
            yield _late(dag, concerned(late), min(c.window_ends for c in late))


def _late(dag: QueuedDag, whose: Concerned, ended: float) -> Problem:
    return whose.problem(
        ProblemKind.LATE,
        f"window ended at {utc(ended)}; {dag.label} is still in the queue ({_jobs(dag)})",
        whose.command("analyze", dag.label),
        since=ended,
        dag=dag.label,
    )


def _jobs(dag: QueuedDag) -> str:
    if dag.idle:
        return "the schedd has not started it"
    counts = {s: dag.counts.get(f"Jobs{s.capitalize()}", 0) for s in ("idle", "running", "held")}
    told = ", ".join(plural(n, f"{state} job") for state, n in counts.items() if n)
    return told or "it has no jobs in the queue"
