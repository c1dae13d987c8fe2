"""One DAGMan: it interprets a rendered DAG, and leaves the files by which its end is known.

Knows DAG descriptions, rescue files, the DAGMan job's event log, ``.metrics`` and the node status
file; slots and the queue are `tests.soak.pool`'s.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from condorloop.model.campaign import CampaignKey
from condorloop.model.queue import HELD_BY_PERSON, HeldJob, JobSelector, QueuedDag
from condorloop.rundir.layout import DEFERRED
from tests.soak.jobs import ON_HOLD, on_access_point, variables_of
from tests.soak.tripwire import Killed, unwatched

if TYPE_CHECKING:
    from tests.soak.pool import SimulatedPool

RELEASES = 3
UPDATES_EVERY = 5.0
DEFERRED_FOR = 60.0
_STATUS = {"waiting": 0, "pre": 2, "submitted": 3, "post": 4, "done": 5, "failed": 6}


@dataclass(slots=True)
class Job:
    """A node's job in the queue: `state` is idle, running, held or over."""

    node: str
    number: int
    state: str = "idle"
    holds: int = 0
    code: int = 0
    since: float = 0.0
    why: str = ""
    ended_as: int | str = 0
    started_at: float = 0.0


@dataclass(slots=True)
class Node:
    """A node of a DAG."""

    name: str
    parents: tuple[str, ...]
    retries: int
    state: str = "waiting"
    job: Job | None = None
    variables: dict[str, str] = field(default_factory=dict)


class DagMan:
    """A DAGMan job, from its submission until it has left the queue."""

    def __init__(self, pool: SimulatedPool, cluster: int, file: Path) -> None:
        self._pool = pool
        self._agenda = pool.agenda
        self.cluster = cluster
        self.file = file
        text = file.read_text()
        attributes = dict(re.findall(r'^SET_JOB_ATTR (\w+) = "?([^"\n]*)', text, re.MULTILINE))
        self.id = attributes["CondorloopId"]
        run = int(attributes["CondorloopRun"])
        self.key = CampaignKey(attributes["CondorloopCalibration"], run)
        self.number = int(attributes["CondorloopDag"])
        self._batch = _number(attributes.get("CondorloopBatch"))
        self._sends = _number(attributes.get("CondorloopSends"))
        self.state = "idle"
        self.held_code: int | None = None
        self._held_why = ""
        self.submitted_at = self.started_at = self._agenda.now
        self._waiting_for_release: list[Callable[[], None]] = []
        self._nodes: dict[str, Node] = {}
        self._counts: dict[str, int] = {}
        self._counted_at = 0.0
        self._event("000", "Job submitted from host: <127.0.0.1:9618>")

    @property
    def name(self) -> str:
        """How the story calls it."""
        return f"{self.key} dag{self.number:03d}"

    @property
    def in_queue(self) -> bool:
        """Whether it has not ended."""
        return self.state != "over"

    @property
    def jobs(self) -> list[Job]:
        """Its node jobs in the queue."""
        return [n.job for n in self._nodes.values() if n.job and n.job.state != "over"]

    def start(self) -> None:
        """Begin: DAGMan is started by the schedd."""
        if self.state != "idle" or self.held_code is not None:
            return
        self.state = "running"
        self.started_at = self._agenda.now
        if not self.file.exists():
            return  # it cannot do anything, and is removed by somebody
        self._event("001", "Job executing on host: <127.0.0.1:9618>")
        text = self.file.read_text()
        done = set(re.findall(r"^JOB (\S+) \S+ DONE$", text, re.MULTILINE))
        if rescues := sorted(self.file.parent.glob(f"{self.file.name}.rescue*")):
            done |= set(re.findall(r"^DONE (\S+)$", rescues[-1].read_text(), re.MULTILINE))
        parents: dict[str, list[str]] = {}
        for above, below in re.findall(r"^PARENT (.*) CHILD (\S+)$", text, re.MULTILINE):
            parents.setdefault(below, []).extend(above.split())
        retries = dict(re.findall(r"^RETRY (\S+) (\d+) UNLESS-EXIT 66$", text, re.MULTILINE))
        variables = variables_of(text)
        for name in re.findall(r"^JOB (\S+)", text, re.MULTILINE):
            node = Node(name, tuple(parents.get(name, ())), int(retries[name]))
            node.state = "done" if name in done else "waiting"
            node.variables = variables.get(name, {})
            self._nodes[name] = node
        self._advance()

    def _advance(self) -> None:
        """Submit what can be submitted; end if nothing is left to do."""
        for node in self._nodes.values():
            parents = [self._nodes[p].state for p in node.parents]
            if node.state == "waiting" and all(state == "done" for state in parents):
                self._submit(node)
        self._write_status()
        if not any(n.state in ("pre", "submitted", "post") for n in self._nodes.values()):
            self._end()

    def _submit(self, node: Node) -> None:
        """Run a node's PRE script, then put its job into the queue."""
        while node.name == "HARVEST":
            try:
                code = self._script("inputs")
            except Killed:
                continue  # DAGMan recovers, and runs it again
            if not code:
                break
            self._agenda.tell(f"{self.name}: PRE of HARVEST exits {code}")
            if code == DEFERRED:
                node.state = "pre"
                self._later(lambda: self._submit(node))
                return
            if not node.retries:
                node.state = "failed"
                return
            node.retries -= 1
        node.state = "submitted"
        node.job = Job(node.name, self._pool.next_job())
        self._pool.want_slot(self, node.job)

    def variables(self, node: str) -> dict[str, str]:
        """The VARS of a node."""
        return self._nodes[node].variables

    def ended(self, job: Job, code: int | str) -> None:
        """A job has ended on its machine; hold it, or judge it as soon as DAGMan can."""
        if code == ON_HOLD:
            self.hold(job, 13)
            return
        job.state = "over"
        job.ended_as = code
        self._nodes[job.node].state = "post"
        self._when_released(lambda: self._judge(job))

    def _later(self, script: Callable[[], None]) -> None:
        """Run a script again that the machine kept from its work."""

        def again() -> None:
            if self.in_queue:
                script()

        self._agenda.after(DEFERRED_FOR, lambda: self._when_released(again))

    def _when_released(self, action: Callable[[], None]) -> None:
        if self.held_code is None:
            action()
        else:
            self._waiting_for_release.append(action)

    def _judge(self, job: Job) -> None:
        """Run the POST script; killed with DAGMan, it runs again when that has recovered."""
        if not self.in_queue:
            return
        node = self._nodes[job.node]
        try:
            code = self._script("finish", node.name, str(job.ended_as))
        except Killed:
            self._agenda.tell(f"{self.name}: POST of {node.name} is killed")
            self._agenda.after(20.0, lambda: self._when_released(lambda: self._judge(job)))
            return
        if code == DEFERRED:
            self._agenda.tell(f"{self.name}: POST of {node.name} is deferred")
            self._later(lambda: self._judge(job))
            return
        if not code:
            node.state = "done"
            self._pool.promises.node_succeeded(self.id, self.key, self.file.parent, node.name)
        else:
            self._agenda.tell(f"{self.name}: {node.name} exits {job.ended_as}, told {code}")
            if node.retries and code != 66:
                node.retries -= 1
                self._submit(node)
            else:
                node.state = "failed"
        self._advance()

    def _script(self, *arguments: str) -> int:
        if not self.file.exists():
            return 1
        return self._pool.on_access_point(
            lambda: on_access_point(self.file.parent, *arguments),
            self.file.parent,
            arguments[-2] if len(arguments) > 1 else "HARVEST",
        )

    def hold(self, job: Job, code: int, why: str = "") -> None:
        """Put a job on hold; HTCondor releases it some times, but not what a person held."""
        job.state, job.code, job.since = "held", code, self._agenda.now
        job.why = why or f"held, code {code}"
        self._agenda.tell(f"{self.name}: {job.node} is held, code {code}")
        if code != HELD_BY_PERSON:
            job.holds += 1
            if job.holds <= RELEASES:
                self._agenda.after(60.0 * 2 ** (job.holds - 1), lambda: self.release(job))

    def release(self, job: Job) -> None:
        """Let a held job run."""
        if job.state == "held" and self.in_queue:
            job.state = "idle"
            self._pool.want_slot(self, job)

    def hold_some(self, jobs: JobSelector, why: str) -> int:
        """Put jobs on hold because a person wants it; give how many."""
        if jobs.dagman:
            count = int(self.held_code is None)
            self.hold_dag(HELD_BY_PERSON, why)
            return count
        states = ("idle", "running") if jobs.running else ("idle",)
        meant = [j for j in self.jobs if jobs.node in (None, j.node) and j.state in states]
        for job in meant:
            self.hold(job, HELD_BY_PERSON, why)
        return len(meant)

    def release_some(self, jobs: JobSelector) -> int:
        """Release jobs because a person wants it; give how many."""
        if jobs.dagman:
            held = self.held_code is not None
            if held:
                self.release_dag()
            return int(held)
        meant = [j for j in self.jobs if jobs.node in (None, j.node) and j.state == "held"]
        for job in meant:
            self.release(job)
        return len(meant)

    def hold_dag(self, code: int, why: str = "via condor_hold (by user alice)") -> None:
        """Put DAGMan itself on hold, unless it is: its jobs go on."""
        if self.held_code is None:
            self.held_code, self._held_why = code, why

    def release_dag(self) -> None:
        """Let DAGMan go on; it reads what has happened meanwhile."""
        self.held_code = None
        waiting, self._waiting_for_release = self._waiting_for_release, []
        if self.state == "idle":
            self._pool.start_some()
        for action in waiting:
            action()

    def remove(self, reason: str) -> None:
        """Take it out of the queue, with its jobs; a rescue file stays."""
        ran = self.state == "running"
        self.leave()
        if ran:
            self._write_rescue()
            self._write_status()
            self._write(".metrics", json.dumps({"dagman_id": str(self.cluster), "exitcode": 2}))
        self._event("009", f"Job was aborted.\n\t{reason}")

    def leave(self) -> None:
        """Leave the queue, with all jobs, and without a word."""
        self.state = "over"
        for job in self.jobs:
            job.state = "over"
        self._pool.left(self)

    def _end(self) -> None:
        success = all(n.state == "done" for n in self._nodes.values())
        self.leave()
        if not success:
            self._write_rescue()
        code = 0 if success else 1
        self._write(".metrics", json.dumps({"dagman_id": str(self.cluster), "exitcode": code}))
        self._event("005", f"Job terminated.\n\t(1) Normal termination (return value {code})")
        self._agenda.tell(f"{self.name} ends, exit {code}")

    def _write_rescue(self) -> None:
        number = len(list(self.file.parent.glob(f"{self.file.name}.rescue*"))) + 1
        done = "".join(f"DONE {n.name}\n" for n in self._nodes.values() if n.state == "done")
        self._write(f".rescue{number:03d}", done)

    def _write_status(self) -> None:
        rows = "".join(
            f'[\n  Type = "NodeStatus";\n  Node = "{n.name}";\n'
            f"  NodeStatus = {_STATUS[n.state]};\n]\n"
            for n in self._nodes.values()
        )
        self._write(".status", rows)

    def _write(self, ending: str, text: str) -> None:
        if self.file.parent.exists():
            with unwatched():
                Path(f"{self.file}{ending}").write_text(text)

    def _event(self, code: str, text: str) -> None:
        if self.file.parent.exists():
            with unwatched(), Path(f"{self.file}.dagman.log").open("a") as log:
                log.write(f"{code} ({self.cluster:03d}.000.000) 2026-09-21 14:13:20 {text}\n...\n")

    def queued(self) -> QueuedDag:
        """What the schedd tells of it."""
        now = self._agenda.now
        runs = self.state == "running" and self.held_code is None and bool(self._nodes)
        if runs and now - max(self._counted_at, self.started_at) >= UPDATES_EVERY:
            self._counted_at = now
            states = [n.state for n in self._nodes.values()]
            jobs = [job.state for job in self.jobs]
            self._counts = {
                "NodesTotal": len(states),
                "NodesDone": states.count("done"),
                "NodesFailed": states.count("failed"),
                "JobsIdle": jobs.count("idle"),
                "JobsRunning": jobs.count("running"),
                "JobsHeld": jobs.count("held"),
            }
        held = self.held_code is not None
        return QueuedDag(
            id=self.id,
            key=self.key,
            number=self.number,
            cluster=self.cluster,
            hold_reason=self._held_why if held else None,
            counts=dict(self._counts),
            idle=self.state == "idle" and not held,
            hold_code=self.held_code,
            batch=self._batch,
            sends=self._sends,
        )

    def held_jobs(self) -> list[HeldJob]:
        """Its jobs that are on hold."""
        return [
            HeldJob(self.id, j.node, f"{j.number}.0", j.code, 0, j.why, j.since)
            for j in self.jobs
            if j.state == "held"
        ]


def _number(attribute: str | None) -> int | None:
    return None if attribute is None else int(attribute)
