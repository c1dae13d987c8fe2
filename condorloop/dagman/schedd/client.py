"""The schedd: what is in its queue, and how a DAG gets into it and out of it.

Knows what to ask and how long to wait; knows nothing of campaigns, and leaves HTCondor's bindings
to a process of their own. No answer of the schedd is told from an empty queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from condorloop.config.site import PoolSite
from condorloop.dagman.logs.dag_outcome import HistoryEnd, history_end, our_reason
from condorloop.dagman.quoting import classad
from condorloop.dagman.schedd.idle_reasons import IN_VAIN, IdleJob, obstacle, why
from condorloop.dagman.schedd.worker import ScheddUnavailable, Worker
from condorloop.model.campaign import CampaignKey
from condorloop.model.queue import (
    HeldJob,
    JobSelector,
    Obstacle,
    Queued,
    QueuedDag,
    WaitingJob,
    Waits,
)

__all__ = ["Schedd", "ScheddUnavailable"]

_IDLE = 1
_RUNNING = 2
_LOCAL = 12
_HELD = 5
_IN_WORK = "1,2,6,7"
"""The job states idle, running, transferring output, suspended."""
_COUNTS = [
    *(f"DAG_Nodes{n}" for n in ("Total", "Done", "Failed", "Futile", "Queued", "Prerun")),
    *(f"DAG_Jobs{n}" for n in ("Idle", "Running", "Held")),
]
_HOLD = [
    "HoldReason",
    "LastHoldReason",
    "HoldReasonCode",
    "HoldReasonSubCode",
    "EnteredCurrentStatus",
]
_KIND = "CondorloopKind"
"""Of the site's jobs, those of nodes have it, DAGMan's have not."""

_QUEUED = [
    "ClusterId",
    "ProcId",
    "CondorloopId",
    "CondorloopStream",
    "CondorloopCalibration",
    "CondorloopRun",
    "CondorloopDag",
    "CondorloopBatch",
    "CondorloopSends",
    _KIND,
    "DAGNodeName",
    "JobStatus",
    *_HOLD,
    *_COUNTS,
]
_IN_VAIN = (
    f"((NumShadowStarts ?: 0) - (NumJobStarts ?: 0) >= {IN_VAIN}"
    " && (JobCurrentStartExecutingDate ?: 0) < JobCurrentStartDate"
    f" && LastHoldReason =?= undefined && JobUniverse != {_LOCAL})"
)
"""A job that machines take again and again, so that its state changes, and none begins it."""
_VACATED = "(LastVacateTime >= JobCurrentStartExecutingDate) =?= true"
"""Whether the schedd knows when a job lost its last machine; it can learn that late."""
_SINCE = (
    f"ifThenElse({_IN_VAIN}, ifThenElse(NumJobStarts =?= 0, JobStartDate,"
    f" ifThenElse({_VACATED}, LastVacateTime, EnteredCurrentStatus)), EnteredCurrentStatus)"
)
"""Since when a job waits that does not run, whatever comes between."""
_WAITS = f"(JobStatus == {_IDLE} || (JobStatus == {_RUNNING} && {_IN_VAIN}))"
_ALIKE = ["CondorloopCalibration", "CondorloopStream", _KIND, "AutoClusterId"]
"""Jobs that have these in common are the same to the negotiator."""
_WAITING = [
    "ClusterId",
    "ProcId",
    "CondorloopId",
    "CondorloopRun",
    "DAGNodeName",
    *_ALIKE,
    "JobStatus",
    "EnteredCurrentStatus",
    "JobStartDate",
    "LastHoldReason",
    "JobUniverse",
    "JobCurrentStartDate",
    "JobCurrentStartExecutingDate",
    "LastVacateTime",
    "NumShadowStarts",
    "NumJobStarts",
]
_MOST_KINDS = 30
"""Of so many kinds of waiting jobs one is looked at."""
_END = [
    "ExitCode",
    "ExitSignal",
    "ExitBySignal",
    "JobStatus",
    "RemoveReason",
    "EnteredCurrentStatus",
]


class Schedd:
    """The schedd of a site.

    Parameters
    ----------
    site
        Which pool; None in it means HTCondor's own configuration. Its `timeout` limits each call.
    name
        The site's name, the value of `CondorloopSite` in the DAGs' ClassAds.
    """

    def __init__(self, site: PoolSite, name: str) -> None:
        self._ours = f"CondorloopSite =?= {classad(name)}"
        self._worker = Worker(site)

    def queued(self) -> Queued:
        """Ask, in one query, for the site's DAGs that are in the queue and for held node jobs.

        Raises
        ------
        ScheddUnavailable
            There was no answer.
        """
        which = f"CondorloopKind =?= undefined || JobStatus == {_HELD}"
        constraint = f"{self._ours} && ({which})"
        ads = self._worker.ask("schedd", "query", constraint=constraint, projection=_QUEUED)
        dags = (_queued_dag(ad) for ad in ads if _KIND not in ad)
        held = (_held_job(ad) for ad in ads if _KIND in ad)
        return Queued(
            {dag.id: dag for dag in dags if dag},
            tuple(job for job in held if job),
        )

    def count_jobs(self, dag_id: str) -> int:
        """Ask how many jobs of a DAG's nodes are in the queue, in whatever state.

        Raises
        ------
        ScheddUnavailable
            There was no answer.
        """
        which = self._these(JobSelector(dag_id))
        ads = self._worker.ask("node jobs", "query", constraint=which, projection=["ClusterId"])
        return len(ads)

    def idle_jobs(self, run: int, most: int = 20) -> list[IdleJob]:
        """Ask why node jobs of a run do not start; of at most so many.

        Raises
        ------
        ScheddUnavailable
            There was no answer.
        """
        of_run = f"CondorloopRun == {run} && CondorloopKind =!= undefined"
        constraint = f"{self._ours} && {of_run} && JobStatus == {_IDLE}"
        told = self._worker.ask("idle jobs", "why_idle", constraint=constraint, most=most)
        return [job for job in map(_idle_job, told) if job]

    def waits(self, longer: float) -> Waits:
        """Ask which node jobs have waited longer than so many seconds, and why: one of a kind.

        Of a collector that does not answer it is told that nothing is known.

        Raises
        ------
        ScheddUnavailable
            There was no answer of the schedd.
        """
        of_nodes = f"{self._ours} && {_KIND} =!= undefined"
        ago = f"time() - {int(longer)}"
        found = self._worker.ask(
            "waiting jobs",
            "longest_waiting",
            constraint=f"{of_nodes} && {_WAITS} && ({_SINCE}) <= {ago}",
            since=_SINCE,
            alike=_ALIKE,
            projection=_WAITING,
            most=_MOST_KINDS,
        )
        if not found:
            return Waits()
        on_a_machine = f"JobStatus == {_RUNNING} && JobUniverse != {_LOCAL}"
        begun = self._worker.ask(
            "jobs that started",
            "any_of",
            constraint=f"{of_nodes} && {on_a_machine} && JobCurrentStartExecutingDate > {ago}",
        )
        explained = self._explained([_job_id(ad) for ad in found])
        there = [(ad, explained[_job_id(ad)]) for ad in found if _job_id(ad) in explained]
        jobs = (_waiting_job(ad, *why_not) for ad, why_not in there)
        return Waits(tuple(job for job in jobs if job), bool(begun))

    def _explained(self, job_ids: Sequence[str]) -> Mapping[str, tuple[Obstacle, str]]:
        """Ask what keeps these jobs from running, and in words; the collector is asked for that.

        What has just left the queue is left out.
        """
        ids = " || ".join(
            f"(ClusterId == {cluster} && ProcId == {proc})"
            for cluster, _, proc in (job_id.partition(".") for job_id in job_ids)
        )
        try:
            told = self._worker.ask("machines", "why_idle", constraint=ids, most=len(job_ids))
        except ScheddUnavailable as error:
            return dict.fromkeys(job_ids, (Obstacle.UNKNOWN, f"the reason is not known: {error}"))
        return {_job_id(ad): (obstacle(ad), why(ad)[0]) for ad in told}

    def submit(self, dag_file: Path, batch_name: str) -> int:
        """Submit a DAG; from its newest rescue file, if it has one.

        Returns
        -------
        int
            The cluster id of the DAGMan job.

        Raises
        ------
        ScheddUnavailable
            The schedd refused, or did not answer: then the DAG can be in the queue all the same,
            and the next answer of `dags` tells.
        """
        return int(
            self._worker.ask(
                f"submitting {dag_file.name}",
                "submit",
                dag_file=str(dag_file),
                options={"UpdateSubmit": True, "BatchName": batch_name},
                initialdir=str(dag_file.parent),
            )
        )

    def remove(self, cluster: int, why: str) -> None:
        """Take a DAG out of the queue; `why` is recorded. One that is gone is no error.

        Raises
        ------
        ScheddUnavailable
            There was no answer.
        """
        self._worker.ask(f"removing {cluster}", "remove", cluster=cluster, reason=our_reason(why))

    def hold(self, jobs: JobSelector, why: str) -> int:
        """Put jobs on hold, and say how many; `why` is recorded.

        A job that runs on a machine is stopped there, and begins anew when it is released.

        Raises
        ------
        ScheddUnavailable
            There was no answer.
        """
        that_wait = f"JobStatus == {_IDLE}"
        all_of_them = f"stringListIMember(string(JobStatus), {classad(_IN_WORK)})"
        states = all_of_them if jobs.dagman or jobs.running else that_wait
        which = f"{self._these(jobs)} && {states}"
        reason = our_reason(why)
        told = self._worker.ask("holding jobs", "hold", constraint=which, reason=reason)
        return int(told)

    def release(self, jobs: JobSelector, why: str) -> int:
        """Release jobs that are on hold for whatever reason, and say how many.

        Raises
        ------
        ScheddUnavailable
            There was no answer.
        """
        which = f"{self._these(jobs)} && JobStatus == {_HELD}"
        reason = our_reason(why)
        told = self._worker.ask("releasing jobs", "release", constraint=which, reason=reason)
        return int(told)

    def _these(self, jobs: JobSelector) -> str:
        of_nodes = "=?=" if jobs.dagman else "=!="
        which = [
            self._ours,
            f"CondorloopId =?= {classad(jobs.dag_id)}",
            f"CondorloopKind {of_nodes} undefined",
        ]
        if jobs.calibration:
            which.append(f"CondorloopCalibration =?= {classad(jobs.calibration)}")
        if jobs.shared:
            which.append("CondorloopCalibration =?= undefined")
        if jobs.node is not None:
            which.append(f"DAGNodeName =?= {classad(jobs.node)}")
        return " && ".join(which)

    def history(self, cluster: int, after: float = 0.0) -> HistoryEnd | None:
        """Ask the history how a DAGMan job ended; None if it does not know.

        `after` limits the search: what left the queue before is not looked at.

        Raises
        ------
        ScheddUnavailable
            There was no answer.
        """
        ads = self._worker.ask(
            f"history of {cluster}",
            "history",
            constraint=f"ClusterId == {cluster} && ProcId == 0",
            projection=_END,
            since=f"EnteredCurrentStatus < {int(after)}" if after > 0 else "",
        )
        return history_end(ads[0]) if ads else None

    def close(self) -> None:
        """End the process that has the bindings; the next question starts another."""
        self._worker.end()


def _queued_dag(ad: Mapping[str, Any]) -> QueuedDag | None:
    counts = {
        name.removeprefix("DAG_"): ad[name] for name in _COUNTS if isinstance(ad.get(name), int)
    }
    batch, sends = ad.get("CondorloopBatch"), ad.get("CondorloopSends")
    calibration = str(ad.get("CondorloopCalibration", ""))
    stream = str(ad.get("CondorloopStream", calibration))
    try:
        held = ad["JobStatus"] == _HELD
        return QueuedDag(
            id=str(ad["CondorloopId"]),
            key=CampaignKey(calibration or stream, int(ad["CondorloopRun"])),
            stream=stream,
            number=int(ad["CondorloopDag"]),
            cluster=int(ad["ClusterId"]),
            hold_reason=_hold_reason(ad) if held else None,
            counts=counts,
            idle=ad["JobStatus"] == _IDLE,
            hold_code=int(ad.get("HoldReasonCode", 0)) if held else None,
            batch=batch if isinstance(batch, int) else None,
            sends=sends if isinstance(sends, int) else None,
            since=float(ad.get("EnteredCurrentStatus", 0.0)) or None,
        )
    except (KeyError, TypeError, ValueError):
        return None


def _hold_reason(ad: Mapping[str, Any]) -> str:
    # A job released while its shadow still ends can be held again without a reason of its own.
    return str(ad.get("HoldReason") or ad.get("LastHoldReason") or "no reason given")


def _held_job(ad: Mapping[str, Any]) -> HeldJob | None:
    try:
        return HeldJob(
            dag_id=str(ad["CondorloopId"]),
            node=str(ad["DAGNodeName"]),
            job_id=f"{int(ad['ClusterId'])}.{int(ad['ProcId'])}",
            code=int(ad.get("HoldReasonCode", 0)),
            subcode=int(ad.get("HoldReasonSubCode", 0)),
            reason=_hold_reason(ad),
            since=float(ad["EnteredCurrentStatus"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _job_id(ad: Mapping[str, Any]) -> str:
    return f"{ad.get('ClusterId')}.{ad.get('ProcId')}"


def _waiting_job(ad: Mapping[str, Any], what: Obstacle, words: str) -> WaitingJob | None:
    try:
        name = ad.get("CondorloopCalibration") or ad["CondorloopStream"]
        return WaitingJob(
            dag_id=str(ad["CondorloopId"]),
            key=CampaignKey(str(name), int(ad["CondorloopRun"])),
            node=str(ad["DAGNodeName"]),
            job_id=_job_id(ad),
            since=float(ad["since"]),
            obstacle=what,
            words=words,
        )
    except (KeyError, TypeError, ValueError):
        return None


def _idle_job(told: Mapping[str, Any]) -> IdleJob | None:
    try:
        return IdleJob(
            str(told["CondorloopId"]),
            str(told["DAGNodeName"]),
            f"{int(told['ClusterId'])}.{int(told['ProcId'])}",
            float(told["EnteredCurrentStatus"]),
            *why(told),
        )
    except (KeyError, TypeError, ValueError):
        return None
