"""What is wrong with the loop, in words, and what to type about it.

Knows the signs of trouble and the commands; it talks to nothing and changes nothing. It is pure.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime

from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import ASKED, CampaignState, UploadOutcome
from condorloop.model.queue import HeldJob, Obstacle, QueuedDag, WaitingJob, WaitingScript
from condorloop.model.service import Service
from condorloop.model.status import CampaignStatus, Problem, ProblemKind
from condorloop.text import plural


def of_services(services: Iterable[Service]) -> Iterator[Problem]:
    """Name the services that give no answer."""
    for service in services:
        if service.error:
            text = f"{service.name} does not answer: {service.error}"
            yield Problem(
                ProblemKind.SERVICE, text, "condorloop doctor", since=service.failing_since
            )


def of_configuration(refused: str, since: float | None) -> Iterator[Problem]:
    """Name what is wrong with a configuration that was to be read anew."""
    if refused:
        text = f"configuration is not taken up: {refused}"
        yield Problem(ProblemKind.CONFIGURATION, text, "condorloop validate", since=since)


def of_errors(errors: Mapping[CampaignKey, str]) -> Iterator[Problem]:
    """Name the campaigns that cannot go on."""
    for key, error in errors.items():
        yield _problem(ProblemKind.CAMPAIGN, key, f"cannot go on: {error}", "condorloop doctor")


def of_strangers(strangers: Mapping[CampaignKey, tuple[str, ...]]) -> Iterator[Problem]:
    """Name the directories of DAGs that the ledger does not know, and did not adopt."""
    for key, names in strangers.items():
        for name in names:
            text = f"{name} is not adopted: the ledger has other DAGs for its RAW files"
            yield _problem(ProblemKind.OVERLAP, key, text, _command("show", key))


def of_listing(odd_lines: Iterable[str]) -> Iterator[Problem]:
    """Name what storage lists and nobody understands."""
    for line in odd_lines:
        yield Problem(ProblemKind.STORAGE, f"storage lists what nobody understands: {line}")


def of_queue(
    dags: Iterable[QueuedDag],
    held_jobs: Iterable[HeldJob],
    idle_dags: int,
    held_campaigns: Collection[CampaignKey] = (),
) -> Iterator[Problem]:
    """Name what is on hold in the queue, and how many DAGs the schedd does not start.

    What a person put on hold with a whole campaign, one of `held_campaigns`, is no problem.
    """
    known = {dag.id: dag for dag in dags}
    on_purpose = {i for i, dag in known.items() if dag.on_request and dag.key in held_campaigns}
    told = set(on_purpose)
    for dag in known.values():
        if dag.hold_reason and dag.id not in on_purpose:
            text = f"{dag.label} (job {dag.cluster}) is held: {dag.hold_reason}"
            release = _command("release", dag.key, dag.label)
            yield _problem(ProblemKind.HELD, dag.key, text, release)
    for job in held_jobs:
        if job.on_request and job.dag_id in on_purpose:
            continue
        told.add(job.dag_id)
        owner = known.get(job.dag_id)
        if owner is None:
            text = f"{job.dag_id} {job.node} (job {job.job_id}) is held: {job.reason}"
            release = f"condor_release {job.job_id}"
            yield Problem(ProblemKind.HELD, text, release, since=job.since)
            continue
        text = f"{owner.label} {job.node} (job {job.job_id}) is held: {job.reason}"
        verb = "release" if job.on_request else "analyze"
        command = _command(verb, owner.key, f"{owner.label}/{job.node}")
        yield _problem(ProblemKind.HELD, owner.key, text, command, job.since)
    for dag in known.values():
        if dag.id not in told and (held := dag.counts.get("JobsHeld")):
            text = f"{dag.label} has {plural(held, 'held job')}"
            yield _problem(ProblemKind.HELD, dag.key, text, _command("analyze", dag.key, dag.label))
    if idle_dags:
        text = f"DAGs that the schedd does not start, for its limit is reached: {idle_dags}"
        yield Problem(ProblemKind.FULL, text, "condorloop doctor")


def of_waiting(stuck: Iterable[WaitingJob], dags: Iterable[QueuedDag]) -> Iterator[Problem]:
    """Name the calibrations whose jobs do not start: once for all that the same keeps waiting."""
    idle: Counter[str] = Counter()
    for dag in dags:
        idle[dag.key.calibration] += dag.counts.get("JobsIdle", 0)
    alike: dict[tuple[str, ...], list[WaitingJob]] = {}
    for job in sorted(stuck, key=lambda job: (job.since, job.job_id)):
        # what a job asks for is its own; the rest concerns the pool
        own = (job.words,) if job.obstacle is Obstacle.NO_MATCH else ()
        alike.setdefault((job.obstacle, *own), []).append(job)
    for jobs in alike.values():
        first = jobs[0]
        names = sorted({job.key.calibration for job in jobs})
        kinds = {job.kind for job in jobs}
        what = f"{first.kind} jobs" if len(kinds) == 1 else "jobs"
        waiting = max(len(jobs), sum(idle[name] for name in names))
        wait = "1 job waits" if waiting == 1 else f"{waiting} jobs wait"
        text = f"{', '.join(names)}: {what} do not start, {wait}: {first.words}"
        only = names[0] if len(names) == 1 else None
        yield Problem(ProblemKind.WAITING, text, _remedy(first), only, since=first.since)


def _remedy(job: WaitingJob) -> str:
    match job.obstacle:
        case Obstacle.NO_MACHINE | Obstacle.FULL:
            return "condor_status"
        case Obstacle.FREE:
            return f"condor_q -better-analyze {job.job_id}"
        case Obstacle.NO_MATCH | Obstacle.IN_VAIN:
            return _command("analyze", job.key)
        case Obstacle.LOCAL:
            return "condor_config_val -schedd START_LOCAL_UNIVERSE"
        case Obstacle.UNKNOWN:
            return "condorloop doctor"


def of_scripts(scripts: Iterable[WaitingScript], now: float) -> Iterator[Problem]:
    """Name the nodes whose scripts the machine keeps from their work."""
    for waiting in scripts:
        dag, node = waiting.dag, waiting.node
        minutes = plural(int((now - waiting.since) / 60), "minute")
        text = f"{dag.label} {node}: its {waiting.script} script cannot do its work for {minutes}"
        text += f": {waiting.said}" if waiting.said else ""
        doctor = _command("doctor", dag.key)
        yield _problem(ProblemKind.DEFERRED, dag.key, text, doctor, waiting.since)


def of_room(put_off: int, most: int) -> Iterator[Problem]:
    """Name the DAGs that wait for others to end, for a site may have so many at work."""
    if put_off:
        text = f"DAGs that wait for room, for pool.max_dags is {most}: {put_off}"
        yield Problem(ProblemKind.FULL, text, "condorloop status")


def of_disk(
    warning: str, not_cleaned: Mapping[CampaignKey, str], not_archived: str = ""
) -> Iterator[Problem]:
    """Name a disk that gets full, what cannot be removed from it, and why nothing is archived."""
    if warning:
        yield Problem(ProblemKind.DISK, warning, "condorloop cleanup --dry-run")
    if not_archived:
        text = f"the ledger grows, for nothing is archived: {not_archived}"
        yield Problem(ProblemKind.DISK, text, "condorloop doctor")
    for key, error in not_cleaned.items():
        yield _problem(ProblemKind.DISK, key, f"cannot be cleaned up: {error}", "condorloop doctor")


def of_campaigns(campaigns: Iterable[CampaignStatus]) -> Iterator[Problem]:
    """Name what is wrong with campaigns; a bad file of a shared stream once."""
    all_of_them = tuple(campaigns)
    bad = {path: (c.run, why) for c in all_of_them for path, why in c.bad_files.items()}
    for path, (run, why) in bad.items():
        name = path.rpartition("/")[2]
        text = f"run {run}: bad file {name}: {why}"
        find = f"condorloop find {shlex.quote(name)}"
        yield Problem(ProblemKind.BAD_FILE, text, find, run=run, path=path)
    for campaign in all_of_them:
        yield from _of_campaign(campaign)


def of_holds(
    campaigns: Iterable[CampaignStatus], calibrations: Mapping[str, tuple[str, float]]
) -> Iterator[Problem]:
    """Name what a person holds, so that it is not forgotten: calibrations, and open campaigns.

    `calibrations` are those that are held as a whole: by whom, and since when.
    """
    for name, (who, since) in calibrations.items():
        text = f"{name}: held by {who} since {_clock(since)}, and so is each run that comes"
        release = f"condorloop release -c {shlex.quote(name)}"
        yield Problem(ProblemKind.HELD, text, release, name, since=since)
    for campaign in campaigns:
        if not campaign.held_by or not campaign.state.open:
            continue
        if campaign.calibration in calibrations:
            continue
        at = f" since {_clock(campaign.held_at)}" if campaign.held_at else ""
        text = f"held by {campaign.held_by}{at}; its window ends {_clock(campaign.window_ends)}"
        release = _command("release", campaign.key)
        yield _problem(ProblemKind.HELD, campaign.key, text, release, campaign.held_at)


def _of_campaign(campaign: CampaignStatus) -> Iterator[Problem]:
    key = campaign.key
    if campaign.state is CampaignState.ABANDONED:
        return
    if campaign.state in (CampaignState.INCOMPLETE, CampaignState.EXPIRED):
        text = f"{campaign.state}: {campaign.reason}"
        kind, since = ProblemKind.INCOMPLETE, campaign.state_since
        yield _problem(kind, key, text, _command("show", key), since)
    for node in campaign.failed_nodes:
        error = campaign.errors.get(node)
        if error and _REFUSAL in error and campaign.last_outcome is UploadOutcome.REFUSED:
            continue
        text = f"{node} failed" + (f": {error}" if error else "")
        analyze = _command("analyze", key, node.replace(" ", "/"))
        yield _problem(ProblemKind.FAILED, key, text, analyze)
    for dag in campaign.failed_dags:
        text = f"{dag} failed: DAGMan ended without a result"
        yield _problem(ProblemKind.FAILED, key, text, _command("analyze", key, dag))
    for dag, who in campaign.removed.items():
        resubmit = _command("resubmit", key, dag)
        yield _problem(ProblemKind.REMOVED, key, f"{dag} was removed by {who}", resubmit)
    for dag, why in campaign.refused.items():
        text = f"{dag} is not taken by the schedd, which takes others: {why}"
        yield _problem(ProblemKind.REFUSED, key, text, _command("analyze", key, dag))
    for path in campaign.quarantined:
        text = f"{path.rpartition('/')[2]} is quarantined: it kept failing"
        again = f"{_command('resubmit', key)} --all"
        yield _problem(ProblemKind.QUARANTINED, key, text, again)
    for name in campaign.left_out:
        text = f"{name} was left out of the harvest: it cannot be used"
        again = f"{_command('resubmit', key)} --all"
        yield _problem(ProblemKind.LEFT_OUT, key, text, again)
    for name, why in campaign.overlaps.items():
        text = f"{name} was left out of the harvest: {why}"
        yield _problem(ProblemKind.OVERLAP, key, text, _command("show", key))
    for node, lumis in campaign.lacking.items():
        text = f"{node} did not read LS {lumis} of its input"
        analyze = _command("analyze", key, node.replace(" ", "/"))
        yield _problem(ProblemKind.LACKING, key, text, analyze)
    if campaign.last_outcome in _REMEDIES and campaign.last_answer != ASKED:
        text = f"upload {campaign.last_outcome}: {campaign.last_answer}"
        verb = _REMEDIES[campaign.last_outcome]
        yield _problem(ProblemKind.UPLOAD, key, text, _command(verb, key))


def of_unconfigured(
    campaigns: Iterable[CampaignStatus], configured: Collection[str]
) -> Iterator[Problem]:
    """Name the open campaigns of calibrations that are not configured any more."""
    for campaign in campaigns:
        if campaign.state.open and campaign.calibration not in configured:
            text = f"{campaign.calibration} is not configured: nothing is begun for this campaign"
            text += ", which is closed when its window ends"
            yield _problem(ProblemKind.CAMPAIGN, campaign.key, text, "condorloop validate")


def of_late(
    campaigns: Iterable[CampaignStatus], dags: Iterable[QueuedDag], now: float
) -> Iterator[Problem]:
    """Name what campaigns wait for whose windows are over."""
    queued = tuple(dags)
    for campaign in campaigns:
        if not campaign.state.open or now < campaign.window_ends:
            continue
        over = f"its window is over since {_clock(campaign.window_ends)}"
        for dag in (d for d in queued if d.key == campaign.key):
            text = f"{over}, and {dag.label} waits: {_jobs(dag)}"
            analyze = _command("analyze", campaign.key, dag.label)
            kind, since = ProblemKind.LATE, campaign.window_ends
            yield _problem(kind, campaign.key, text, analyze, since)


def _clock(then: float) -> str:
    return datetime.fromtimestamp(then, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _jobs(dag: QueuedDag) -> str:
    if dag.idle:
        return "the schedd has not started it"
    counts = {s: dag.counts.get(f"Jobs{s.capitalize()}", 0) for s in ("idle", "running", "held")}
    told = ", ".join(plural(n, f"{state} job") for state, n in counts.items() if n)
    return told or "it has no jobs in the queue"


_REFUSAL = f": {UploadOutcome.REFUSED}: "
"""In the words of an UPLOAD whose payload was refused, which is told once for its campaign."""

_REMEDIES = {
    UploadOutcome.REFUSED: "analyze",
    UploadOutcome.NO_ANSWER: "doctor",
    UploadOutcome.FAILED: "analyze",
}


def _problem(
    kind: ProblemKind, key: CampaignKey, text: str, command: str, since: float | None = None
) -> Problem:
    return Problem(kind, f"{key}: {text}", command, key.calibration, key.run, since)


def _command(verb: str, key: CampaignKey, node: str = "") -> str:
    if verb == "doctor":
        return "condorloop doctor"
    what = f" --node {shlex.quote(node)}" if node else ""
    return f"condorloop {verb} {key.run} -c {shlex.quote(key.calibration)}{what}"
