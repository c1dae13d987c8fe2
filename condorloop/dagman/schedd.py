"""The schedd: what is in its queue, and how a DAG gets into it and out of it.

Knows what to ask and how long to wait; knows nothing of campaigns, and leaves HTCondor's bindings
to a process of their own. No answer of the schedd is told from an empty queue.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from condorloop.dagman.outcome import HistoryEnd, history_end, our_reason
from condorloop.dagman.quoting import classad
from condorloop.model import CampaignKey, HeldJob, QueuedDag
from condorloop.site import PoolSite

_IDLE = 1
_HELD = 5
_COUNTS = [
    *(f"DAG_Nodes{n}" for n in ("Total", "Done", "Failed", "Futile", "Queued")),
    *(f"DAG_Jobs{n}" for n in ("Idle", "Running", "Held")),
]
_HOLD = ["HoldReason", "HoldReasonCode", "HoldReasonSubCode", "EnteredCurrentStatus"]
_DAG = [
    "ClusterId",
    "CondorloopId",
    "CondorloopCalibration",
    "CondorloopRun",
    "CondorloopDag",
    "CondorloopBatch",
    "JobStatus",
    *_HOLD,
    *_COUNTS,
]
_NODE_JOB = ["ClusterId", "ProcId", "CondorloopId", "DAGNodeName", *_HOLD]
_END = [
    "ExitCode",
    "ExitSignal",
    "ExitBySignal",
    "JobStatus",
    "RemoveReason",
    "EnteredCurrentStatus",
]


class ScheddUnavailable(Exception):
    """The schedd did not answer, or would not do as it was told: it says nothing of the queue."""


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
        self._site = site
        self._ours = f"CondorloopSite =?= {classad(name)}"
        self._worker: _Worker | None = None
        self._some_held = False

    def dags(self) -> dict[str, QueuedDag]:
        """Ask for all of the site's DAGs that are in the queue, by their `CondorloopId`.

        Raises
        ------
        ScheddUnavailable
            There was no answer.
        """
        constraint = f"{self._ours} && CondorloopKind =?= undefined"
        ads = self._ask("schedd", "query", constraint=constraint, projection=_DAG)
        dags = {dag.id: dag for dag in map(_queued_dag, ads) if dag}
        self._some_held = any(d.held or d.counts.get("JobsHeld") for d in dags.values())
        return dags

    def held_jobs(self) -> list[HeldJob]:
        """Ask for the node jobs of the site's DAGs that are held.

        The schedd is asked only if, at the last call of `dags`, a DAG counted held jobs, or was
        held itself, so that its count stands still.

        Raises
        ------
        ScheddUnavailable
            There was no answer.
        """
        if not self._some_held:
            return []
        constraint = f"{self._ours} && CondorloopKind =!= undefined && JobStatus == {_HELD}"
        ads = self._ask("schedd", "query", constraint=constraint, projection=_NODE_JOB)
        return [job for job in map(_held_job, ads) if job]

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
            self._ask(
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
        self._ask(f"removing {cluster}", "remove", cluster=cluster, reason=our_reason(why))

    def history(self, cluster: int, after: float = 0.0) -> HistoryEnd | None:
        """Ask the history how a DAGMan job ended; None if it does not know.

        `after` limits the search: what left the queue before is not looked at.

        Raises
        ------
        ScheddUnavailable
            There was no answer.
        """
        ads = self._ask(
            f"history of {cluster}",
            "history",
            constraint=f"ClusterId == {cluster} && ProcId == 0",
            projection=_END,
            since=f"EnteredCurrentStatus < {int(after)}" if after > 0 else "",
        )
        return history_end(ads[0]) if ads else None

    def close(self) -> None:
        """End the process that has the bindings; the next question starts another."""
        worker, self._worker = self._worker, None
        if worker:
            worker.end()

    def _ask(self, about: str, name: str, **arguments: object) -> Any:
        try:
            if self._worker is None or not self._worker.is_running():
                self.close()
                self._worker = _Worker(self._site)
            good, value = self._worker.ask((name, arguments), self._site.timeout)
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            reason = str(error) or "the process that asks it ended"
            raise ScheddUnavailable(f"{about}: {reason}") from error
        except BaseException:
            # An answer that nobody waited for would be taken for that of the next question.
            self.close()
            raise
        if not good:
            raise ScheddUnavailable(f"{about}: {value}")
        return value


class _Worker:
    """The process that has the bindings."""

    def __init__(self, site: PoolSite) -> None:
        self._pipe: Connection
        self._pipe, theirs = Pipe()
        configured = {"CONDOR_CONFIG": str(site.condor_config)} if site.condor_config else {}
        module = "condorloop.dagman.bindings"
        arguments = [str(theirs.fileno()), str(os.getpid()), site.schedd or ""]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                pass_fds=[theirs.fileno()],
                env={**os.environ, **configured},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def is_running(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: tuple[str, Mapping[str, object]], timeout: float) -> tuple[bool, Any]:
        self._pipe.send(request)
        if not self._pipe.poll(timeout):
            raise TimeoutError(f"no answer in {timeout:g} s")
        good, value = self._pipe.recv()
        return bool(good), value

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._pipe.close()


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
            hold_reason=str(ad.get("HoldReason", "held")) if held else None,
            counts=counts,
            idle=ad["JobStatus"] == _IDLE,
            hold_code=int(ad.get("HoldReasonCode", 0)) if held else None,
            batch=batch if isinstance(batch, int) else None,
        )
    except (KeyError, TypeError, ValueError):
        return None


def _held_job(ad: Mapping[str, Any]) -> HeldJob | None:
    try:
        return HeldJob(
            dag_id=str(ad["CondorloopId"]),
            node=str(ad["DAGNodeName"]),
            job_id=f"{int(ad['ClusterId'])}.{int(ad['ProcId'])}",
            code=int(ad.get("HoldReasonCode", 0)),
            subcode=int(ad.get("HoldReasonSubCode", 0)),
            reason=str(ad.get("HoldReason", "held")),
            since=float(ad["EnteredCurrentStatus"]),
        )
    except (KeyError, TypeError, ValueError):
        return None
