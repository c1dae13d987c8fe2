"""HTCondor's bindings in a process of their own, which can be ended when they do not come back.

Knows the bindings and one pipe; knows nothing of campaigns. The bindings keep Python's
interpreter lock while they wait for a daemon, so the process that calls them stands still.

Run as ``python -m condorloop.dagman.schedd.bindings FD PARENT SCHEDD``. A request is the name of a
function of `Bindings` and its arguments; the answer is ``(True, value)`` or ``(False, reason)``,
made of plain values only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from condorloop.dagman.quoting import classad
from condorloop.dagman.schedd import match_analysis

_PR_SET_PDEATHSIG = 1
_IDLE = ("ClusterId", "ProcId", "CondorloopId", "DAGNodeName", "EnteredCurrentStatus")
_TRIED = (
    "NumShadowStarts",
    "NumJobStarts",
    "JobCurrentStartDate",
    "JobCurrentStartExecutingDate",
    "LastRemoteHost",
    "LastRejMatchReason",
)
_LOOKS_FURTHER = 8
"""How often a job is looked for that has waited longer than the one found."""
_LOCAL, _LOCAL_RULE = 12, "START_LOCAL_UNIVERSE"
_PLAIN = (bool, int, float, str)

Ad = dict[str, Any]


class Bindings:
    """What the schedd is asked; an empty name means the local one."""

    def __init__(self, schedd_name: str) -> None:
        # They read HTCondor's configuration when they are imported.
        import htcondor2

        self._htcondor = htcondor2
        self._name = schedd_name

    def query(self, constraint: str, projection: list[str]) -> list[Ad]:
        """Give attributes of jobs in the queue."""
        return self._twice(lambda schedd: schedd.query(constraint, projection))

    def history(self, constraint: str, projection: list[str], since: str) -> list[Ad]:
        """Give attributes of the youngest job of the history that fits; look back to `since`."""
        return self._twice(lambda schedd: schedd.history(constraint, projection, 1, since or None))

    def why_idle(self, constraint: str, most: int) -> list[Ad]:
        """Give for each of at most so many idle jobs what `match_analysis.explain` counts.

        A job that the schedd runs itself has its rule for that instead.
        """
        jobs = self._schedd().query(constraint, [], limit=most)
        # Dynamic slots are parts of partitionable ones, whose totals count.
        slots = self._htcondor.Collector().query(
            self._htcondor.AdType.Startd, 'SlotType =!= "Dynamic"'
        )
        of_pool = {"negotiated_ago": self._negotiated_ago(), "most_running": self._most_running()}
        told = []
        for job in jobs:
            local = job.get("JobUniverse") == _LOCAL
            why = (
                {"local_rule": self._local_rule()} if local else match_analysis.explain(job, slots)
            )
            history = {name: job[name] for name in (*_IDLE, *_TRIED) if name in job}
            told.append(history | of_pool | why)
        return told

    def longest_waiting(
        self, constraint: str, since: str, alike: list[str], projection: list[str], most: int
    ) -> list[Ad]:
        """Give of jobs that are alike the one that has waited longest; of at most so many kinds.

        Parameters
        ----------
        since
            An expression: since when a job waits.
        alike
            The attributes that jobs of a kind have in common.
        """
        found: list[Ad] = []
        others = constraint
        while len(found) < most and (job := self._first(others, projection)):
            same = " && ".join(f"{name} =?= {_literal(job.get(name))}" for name in alike)
            for _ in range(_LOOKS_FURTHER):
                before = f"{same} && ({since}) < {int(self._evaluated(since, job))}"
                older = self._first(f"({constraint}) && {before}", projection)
                if older is None:
                    break
                job = older
            found.append({"since": int(self._evaluated(since, job))} | job)
            others += f" && !({same})"
        return found

    def any_of(self, constraint: str) -> bool:
        """Tell whether the queue has such a job."""
        return self._first(constraint, ["ClusterId"]) is not None

    def _first(self, constraint: str, projection: list[str]) -> Ad | None:
        found = self._twice(lambda schedd: schedd.query(constraint, projection, limit=1))
        return found[0] if found else None

    @staticmethod
    def _evaluated(expression: str, job: Ad) -> Any:
        import classad2

        return classad2.ExprTree(expression).eval(classad2.ClassAd(job))

    def _negotiated_ago(self) -> int | None:
        """Seconds since a negotiator ended its cycle, as of its last word; None: none is there."""
        kind, ends = self._htcondor.AdType.Negotiator, "LastNegotiationCycleEnd0"
        heard = "LastHeardFrom"
        ads = self._htcondor.Collector().query(kind, "true", [ends, heard])
        told = [ad[heard] - ad[ends] for ad in ads if ends in ad and heard in ad]
        return min(told, default=0 if ads else None)

    def _most_running(self) -> int | None:
        """The schedd's limit of jobs that run, if that is reached."""
        ad = self._location()
        limit, running = ad.get("MaxJobsRunning"), ad.get("TotalRunningJobs")
        reached = isinstance(limit, int) and isinstance(running, int) and running >= limit
        return limit if reached else None

    def _local_rule(self) -> str:
        try:
            return str(self.schedd_settings([_LOCAL_RULE]).get(_LOCAL_RULE, ""))
        except (self._htcondor.HTCondorException, OSError):  # it may not tell everybody
            return ""

    def submit(self, dag_file: str, options: dict[str, str | bool], initialdir: str) -> int:
        """Submit a DAG; give its cluster id."""
        description = self._htcondor.Submit.from_dag(dag_file, options)
        description["initialdir"] = initialdir
        return int(self._schedd().submit(description).cluster())

    def remove(self, cluster: int, reason: str) -> int:
        """Remove a job; give how many were removed."""
        # A reason that is no tuple is dropped.
        done = self._schedd().act(self._htcondor.JobAction.Remove, f"{cluster}.0", (reason, 0))
        return int(done["TotalSuccess"])

    def version(self) -> str:
        """Give the version of the bindings."""
        return str(self._htcondor.version())

    def configured(self, names: list[str]) -> Ad:
        """Give settings of this process's configuration, which is DAGMan's, too."""
        values = {name: self._htcondor.param.get(name) for name in names}
        return {k: v for k, v in values.items() if type(v) in _PLAIN}

    def schedd(self, names: list[str]) -> Ad:
        """Give attributes of the schedd, evaluated, as it has made them known itself."""
        ad = self._location()
        return self._plain([{name: ad.eval(name) for name in names if name in ad}])[0]

    def schedd_settings(self, names: list[str]) -> Ad:
        """Give settings of the schedd's own configuration."""
        settings = self._htcondor.RemoteParam(self._location())
        return {name: str(settings[name]) for name in names if name in settings}

    def writer(self) -> str:
        """Log in to the schedd as who submits a job, and submit none; give who that is.

        Nothing comes if the schedd does not let him submit.
        """
        ad = self._htcondor.ping(self._location(), "WRITE")
        return str(ad.get("MyRemoteUserName", "")) if ad.get("AuthorizationSucceeded") else ""

    def users(self, constraint: str, projection: list[str]) -> list[Ad]:
        """Give what the schedd has on those who have submitted jobs."""
        return self._twice(lambda schedd: schedd.queryUserAds(constraint, projection))

    def machines(self, constraint: str, projection: list[str]) -> list[Ad]:
        """Ask the collector for slots of execution points."""
        kind = self._htcondor.AdType.Startd
        return self._plain(self._htcondor.Collector().query(kind, constraint, projection))

    def machine_settings(self, names: list[str], most: int) -> list[dict[str, str]]:
        """Give settings of execution points' own configurations; of at most so many that tell."""
        ads = self._htcondor.Collector().locateAll(self._htcondor.DaemonType.Startd)
        told = []
        for ad in {str(ad.get("Machine")): ad for ad in ads}.values():
            try:
                settings = self._htcondor.RemoteParam(ad)
                told.append({name: str(settings[name]) for name in names if name in settings})
            except (self._htcondor.HTCondorException, OSError):  # not everybody may ask it
                continue
            if len(told) == most:
                break
        return told

    def hold(self, constraint: str, reason: str) -> int:
        """Put jobs on hold; give how many."""
        done = self._schedd().act(self._htcondor.JobAction.Hold, constraint, (reason, 0))
        return int(done["TotalSuccess"])

    def release(self, constraint: str, reason: str) -> int:
        """Release jobs that are on hold; give how many."""
        done = self._schedd().act(self._htcondor.JobAction.Release, constraint, (reason, 0))
        return int(done["TotalSuccess"])

    def _schedd(self) -> Any:
        return self._htcondor.Schedd(self._location()) if self._name else self._htcondor.Schedd()

    def _location(self) -> Any:
        kind = self._htcondor.DaemonType.Schedd
        return self._htcondor.Collector().locate(kind, self._name or None)

    def _twice(self, question: Callable[[Any], Sequence[Any]]) -> list[Ad]:
        """Ask, and once more: the session with a schedd that was restarted fails once."""
        try:
            ads = question(self._schedd())
        except (self._htcondor.HTCondorException, OSError):
            ads = question(self._schedd())
        return self._plain(ads)

    @staticmethod
    def _plain(ads: Sequence[Any]) -> list[Ad]:
        return [{k: v for k, v in ad.items() if type(v) in _PLAIN} for ad in ads]


def _literal(value: object) -> str:
    return "undefined" if value is None else classad(value)


def serve(pipe: Connection, schedd_name: str) -> None:
    """Answer requests until the other end of the pipe is closed."""
    bindings: Bindings | None = None
    while True:
        try:
            name, arguments = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            bindings = bindings or Bindings(schedd_name)
            answer = (True, getattr(bindings, name)(**arguments))
        except Exception as error:  # the bindings raise all sorts; each means "no answer"
            answer = (False, " ".join(str(error).split()) or type(error).__name__)
        try:
            pipe.send(answer)
        except OSError:
            return


def main(fd: int, parent: int, schedd_name: str) -> None:
    """Serve on a file descriptor; end with the process that started this one."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == parent:
        serve(Connection(fd), schedd_name)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
