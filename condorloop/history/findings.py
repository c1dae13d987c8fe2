"""What failed, is held or does not run in a campaign: why, and what to type.

Knows how a story and the queue become findings; reads nothing, and decides nothing for the loop.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from condorloop.dagman.schedd.idle_reasons import IDLE_LONG, IdleJob
from condorloop.dagman.submit_description import HELD_FOR_TIME
from condorloop.history.campaign import (
    DagStory,
    FileStory,
    NodeStatus,
    NodeStory,
    PayloadStory,
    Story,
)
from condorloop.history.exit_codes import OUT_OF_MEMORY, exit_words, hold_words
from condorloop.history.finding import Finding, Sign
from condorloop.history.sharing import StoryGroup, grouped
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import DagState, FileState, NodeKind, UploadOutcome
from condorloop.model.queue import HeldJob, QueuedDag
from condorloop.node.job_output.job_end import shell_code


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """What the schedd says of DAGs, and of their jobs that are held or idle, at a time."""

    dags: tuple[QueuedDag, ...] = ()
    held: tuple[HeldJob, ...] = ()
    idle: tuple[IdleJob, ...] = ()
    asked_at: float = 0.0


def findings(
    stories: Iterable[Story], queue: QueueSnapshot, node: str | None = None
) -> list[Finding]:
    """Find what is wrong with campaigns, DAG by DAG.

    Parameters
    ----------
    node
        Only this node or DAG: ``RECO_0001``, ``b003`` or ``b003/RECO_0001``.
    """
    found = (each for group in grouped(stories) for each in _of_group(group, queue))
    return [each for each in found if _is_meant(each, node)]


def _of_group(group: StoryGroup, queue: QueueSnapshot) -> Iterator[Finding]:
    """Find what is wrong with campaigns; what they share is found once."""
    if shared := group.shared:
        first, names = shared.stories[0], shared.calibrations
        of_all = (each for dag in shared.dags for each in _of_dag(first, dag, queue, names))
        for found in (*of_all, *_bad_files(first)):
            touched = found.calibrations or names
            yield replace(
                found,
                stream=shared.key.stream,
                calibrations=touched,
                commands=tuple(
                    _for_all(typed, first.campaign.key, touched) for typed in found.commands
                ),
            )
    for story in group.stories:
        for dag in story.dags:
            if group.shared is None or not dag.is_shared():
                yield from _of_dag(story, dag, queue)
            else:
                yield from _of_nodes(story, dag, queue, ())
        if group.shared is None:
            yield from _bad_files(story)


def _for_all(typed: str, key: CampaignKey, names: Iterable[str]) -> str:
    """Let a command that makes what is shared again be about all campaigns that it touches."""
    if not typed.startswith("condorloop resubmit"):
        return typed
    all_of_them = " ".join(f"-c {shlex.quote(name)}" for name in names)
    return typed.replace(f"-c {shlex.quote(key.calibration)}", all_of_them)


def _bad_files(story: Story) -> Iterator[Finding]:
    for file in story.files:
        if file.gone or file.state in (FileState.BAD, FileState.UNREADABLE):
            yield _bad_file(story.campaign.key, file)


def _is_meant(found: Finding, node: str | None) -> bool:
    if node is None or node == found.dag:
        return True
    label, _, name = node.rpartition("/")
    return label in ("", found.dag) and name == found.node


def _of_dag(
    story: Story, dag: DagStory, queue: QueueSnapshot, names: Sequence[str] = ()
) -> Iterator[Finding]:
    """Find what is wrong with a DAG; `names` are the calibrations that it is told of."""
    campaign = story.campaign
    if dag.removed_by:
        yield Finding(
            calibration=campaign.calibration,
            run=campaign.run,
            dag=dag.label,
            sign=Sign.REMOVED,
            job_id=str(dag.cluster or ""),
            since=dag.ended_at,
            meaning=f"{dag.removed_by} removed it with condor_rm",
            advice="nothing runs it again until somebody asks for it",
            commands=(_command("resubmit", campaign.key, dag.label),),
        )
    for queued in queue.dags:
        if queued.id == dag.id and queued.held:
            yield _held_dag(campaign.key, dag, queued)
        elif queued.id == dag.id and _waits_long(queued, queue.asked_at):
            yield _idle_dag(campaign.key, dag, queued)
    if dag.state is DagState.FAILED and not any(n.state is NodeStatus.FAILED for n in dag.nodes):
        yield _failed_dag(campaign.key, dag)
    yield from _of_nodes(story, dag, queue, names)


def _of_nodes(
    story: Story, dag: DagStory, queue: QueueSnapshot, names: Sequence[str]
) -> Iterator[Finding]:
    """Find what is wrong with the nodes of a DAG."""
    answered = story.is_taken_over(dag)
    for node in (n for n in dag.nodes if dag.is_shared(n) or not answered):
        for found in _of_node(story, dag, node, queue):
            touched = tuple(n for n in dag.made_for if not names or n in names)
            if dag.is_shared(node):
                found = replace(found, stream=dag.stream, calibrations=touched)
            yield found


def _of_node(
    story: Story, dag: DagStory, node: NodeStory, queue: QueueSnapshot
) -> Iterator[Finding]:
    campaign = story.campaign
    held = {h.node: h for h in queue.held if h.dag_id == dag.id}
    idle = {i.node: i for i in queue.idle if i.dag_id == dag.id}
    sent = {node.output for node in dag.nodes if node.kind is NodeKind.UPLOAD}
    payload = next((p for p in story.payloads if p.harvest in sent), None)
    if node.name in held and dag.in_flight:
        yield _held(campaign.key, dag, node, held[node.name])
    elif node.name in idle and dag.in_flight:
        yield _idle(campaign.key, dag, node, idle[node.name])
    elif node.state is NodeStatus.FAILED:
        yield _failed(campaign.key, dag, node, payload)
    elif node.attempts and dag.in_flight and node.state is not NodeStatus.DONE:
        yield _tried_again(campaign.key, dag, node)
    elif node.lacking:
        yield _lacking(campaign.key, dag, node)
    if node.dropped:
        yield _quarantined(campaign.key, dag, node)


def _bad_file(key: CampaignKey, file: FileStory) -> Finding:
    again = _retry_files(key)
    if file.gone:
        meaning, advice = "no longer in the listing of storage", "it is read if it comes back"
    elif file.state is FileState.UNREADABLE:
        tried = f"it could not be opened, {file.probes} times"
        meaning = tried if file.probes else "jobs kept failing on it"
        advice = "retried automatically until the window ends; resubmit retries it at once"
    else:
        meaning, advice = "it cannot be used", "it is looked at again when its size changes"
    return Finding(
        calibration=key.calibration,
        run=key.run,
        sign=Sign.BAD_FILE,
        since=file.probed_at,
        meaning=meaning,
        reason=file.error,
        inputs=(file.path,),
        advice=advice,
        commands=(f"condorloop find {shlex.quote(file.name)}", again),
    )


def _quarantined(key: CampaignKey, dag: DagStory, node: NodeStory) -> Finding:
    names = ", ".join(path.rpartition("/")[2] for path in node.dropped)
    return Finding(
        **_told(key, dag, node),
        sign=Sign.QUARANTINED,
        since=node.done_at,
        meaning=f"it went on without {names}, which kept failing",
        reason=node.attempts[-1].words if node.attempts else "",
        advice="the rest of its input is in; another try of the file is made if you ask for it",
        commands=(_retry_files(key),),
    )


def _told(key: CampaignKey, dag: DagStory, node: NodeStory) -> dict[str, Any]:
    """What every finding about a node tells."""
    job = node.last_job
    return {
        "calibration": key.calibration,
        "run": key.run,
        "dag": dag.label,
        "node": node.name,
        "kind": node.kind.value,
        "job_id": job.job_id if job else "",
        "host": job.host if job else "",
        "attempts": node.attempts,
        "inputs": node.files or (node.parents if node.kind is NodeKind.ALCA else ()),
        "blamed": tuple(dict.fromkeys(b for a in node.attempts for b in a.blames)),
    }


def _failed(
    key: CampaignKey, dag: DagStory, node: NodeStory, payload: PayloadStory | None
) -> Finding:
    told = _told(key, dag, node)
    code = _code(node)
    meaning, advice = exit_words(node.kind, code) if code is not None else ("no exit code", "")
    again = _command("resubmit", key, f"{dag.label}/{node.name}")
    sign, reason = Sign.FAILED, node.attempts[-1].words if node.attempts else node.error
    if payload and node.kind is NodeKind.UPLOAD and payload.outcome in _NOT_UPLOADED:
        sign, reason = Sign.NOT_UPLOADED, payload.answer or reason
        meaning = f"{payload.outcome}: {meaning}" if code != 1 else str(payload.outcome)
    commands = [f"condorloop find {shlex.quote(b.rpartition('/')[2])}" for b in told["blamed"][:3]]
    if told["blamed"]:
        advice = "a file is the cause: it is given up after some tries, and the rest goes on"
    return Finding(
        **told,
        sign=sign,
        since=node.attempts[-1].time if node.attempts else dag.ended_at,
        exit_code=code,
        meaning=meaning,
        reason=reason,
        advice=advice,
        commands=(*commands, again),
    )


_NOT_UPLOADED = (UploadOutcome.REFUSED, UploadOutcome.NO_ANSWER, UploadOutcome.FAILED)


def _code(node: NodeStory) -> int | None:
    if node.attempts:
        return node.attempts[-1].exit_code
    if node.exit_code is not None:
        return node.exit_code
    job = node.last_job
    return shell_code(job.exit_code) if job and job.exit_code is not None else None


def _tried_again(key: CampaignKey, dag: DagStory, node: NodeStory) -> Finding:
    last = node.attempts[-1]
    meaning, _ = exit_words(node.kind, last.exit_code)
    return Finding(
        **_told(key, dag, node),
        sign=Sign.TRIED_AGAIN,
        since=last.time,
        exit_code=last.exit_code,
        meaning=meaning,
        reason=last.words,
        advice="nothing: DAGMan retries it automatically",
    )


def _held(key: CampaignKey, dag: DagStory, node: NodeStory, held: HeldJob) -> Finding:
    meaning, advice = hold_words(held.code, held.subcode)
    return Finding(
        **_told(key, dag, node) | {"job_id": held.job_id},
        sign=Sign.HELD,
        since=held.since,
        meaning=meaning,
        reason=held.reason,
        advice=advice,
        commands=(
            *_with_more(node, held),
            _command("release", key, f"{dag.label}/{node.name}"),
        ),
    )


def _with_more(node: NodeStory, held: HeldJob) -> Iterator[str]:
    """How a job that is in the queue is given what it lacked: the YAML does not reach it."""
    edit = f"condor_qedit {held.job_id}"
    if held.code in OUT_OF_MEMORY:
        asked = node.last_job.memory_asked if node.last_job else None
        yield f"{edit} RequestMemory {2 * asked if asked else 'MB'}"
    elif held.code == HELD_FOR_TIME:
        yield f"{edit} AllowedExecuteDuration SECONDS"


def _held_dag(key: CampaignKey, dag: DagStory, queued: QueuedDag) -> Finding:
    meaning, advice = hold_words(queued.hold_code or 0)
    return Finding(
        calibration=key.calibration,
        run=key.run,
        dag=dag.label,
        sign=Sign.HELD,
        job_id=f"{queued.cluster}.0",
        meaning=f"DAGMan itself: {meaning}; no further node of it starts",
        reason=queued.hold_reason or "",
        advice=advice,
        commands=(_command("release", key, dag.label),),
    )


def _waits_long(queued: QueuedDag, now: float) -> bool:
    return queued.idle and queued.since is not None and now - queued.since >= IDLE_LONG


def _idle_dag(key: CampaignKey, dag: DagStory, queued: QueuedDag) -> Finding:
    return Finding(
        calibration=key.calibration,
        run=key.run,
        dag=dag.label,
        sign=Sign.IDLE,
        job_id=f"{queued.cluster}.0",
        since=queued.since,
        meaning="DAGMan itself is not started: the schedd has as many as it lets run",
        advice="it starts when another one ends; or raise the limit in HTCondor's configuration",
        commands=(
            "condor_config_val -schedd MAX_RUNNING_SCHEDULER_JOBS_PER_OWNER "
            "START_SCHEDULER_UNIVERSE",
        ),
    )


def _failed_dag(key: CampaignKey, dag: DagStory) -> Finding:
    """What is found of a DAG that came to its end, or never began, with no node to blame."""
    began = dag.cluster is not None
    return Finding(
        calibration=key.calibration,
        run=key.run,
        dag=dag.label,
        sign=Sign.FAILED,
        job_id=f"{dag.cluster}.0" if began else "",
        since=dag.ended_at,
        meaning="DAGMan ended without a result, and no node failed"
        if began
        else "it never got into the queue",
        advice="when the reason is gone, resubmit it; finished nodes stay done",
        commands=(_command("resubmit", key, dag.label),),
    )


def _idle(key: CampaignKey, dag: DagStory, node: NodeStory, idle: IdleJob) -> Finding:
    return Finding(
        **_told(key, dag, node) | {"job_id": idle.job_id, "host": ""},
        sign=Sign.IDLE,
        since=idle.since,
        meaning=idle.words,
        advice=idle.advice,
        commands=(f"condor_q -better-analyze {idle.job_id}",),
    )


def _lacking(key: CampaignKey, dag: DagStory, node: NodeStory) -> Finding:
    return Finding(
        **_told(key, dag, node),
        sign=Sign.LACKING,
        since=node.done_at,
        meaning=f"its job ended well, and did not read LS {node.lacking} of its input",
        advice="look into its log: cmsRun skipped events, or the file ends early",
    )


def _command(verb: str, key: CampaignKey, node: str) -> str:
    calibration = shlex.quote(key.calibration)
    return f"condorloop {verb} {key.run} -c {calibration} --node {shlex.quote(node)}"


def _retry_files(key: CampaignKey) -> str:
    calibration = shlex.quote(key.calibration)
    return f"condorloop resubmit {key.run} -c {calibration} --include-quarantined"
