"""The schedd: what is in its queue, and how a DAG gets into it and out of it.

Knows what to ask and how long to wait; knows nothing of campaigns, and leaves HTCondor's bindings
to a process of their own. No answer of the schedd is told from an empty queue.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from condorloop.config.site import PoolSite
from condorloop.dagman.logs.dag_outcome import HistoryEnd, history_end, our_reason
from condorloop.dagman.quoting import classad
from condorloop.dagman.schedd.idle_reasons import IdleJob, why
from condorloop.dagman.schedd.worker import ScheddUnavailable, Worker
from condorloop.model.campaign import CampaignKey
from condorloop.model.queue import HeldJob, JobSelector, Queued, QueuedDag

__all__ = ["Schedd", "ScheddUnavailable"]

_IDLE = 1
_HELD = 5
_IN_WORK = "1,2,6,7"
"""The job states idle, running, transferring output, suspended."""
_COUNTS = [
    *(f"DAG_Nodes{n}" for n in ("Total", "Done", "Failed", "Futile", "Queued")),
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
    "CondorloopCalibration",
    "CondorloopRun",
    "CondorloopDag",
    "CondorloopBatch",
    _KIND,
    "DAGNodeName",
    "JobStatus",
    *_HOLD,
    *_COUNTS,
]
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
    batch = ad.get("CondorloopBatch")
    try:
        held = ad["JobStatus"] == _HELD
        return QueuedDag(
            id=str(ad["CondorloopId"]),
            key=CampaignKey(str(ad["CondorloopCalibration"]), int(ad["CondorloopRun"])),
            number=int(ad["CondorloopDag"]),
            cluster=int(ad["ClusterId"]),
            hold_reason=_hold_reason(ad) if held else None,
            counts=counts,
            idle=ad["JobStatus"] == _IDLE,
            hold_code=int(ad.get("HoldReasonCode", 0)) if held else None,
            batch=batch if isinstance(batch, int) else None,
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
