"""The pool: a schedd with a queue of DAGMans, and slots that run their jobs.

Knows what the schedd was told and what it answered. A submitter sees it through `Schedd`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from condorloop.dagman.logs.dag_outcome import HistoryEnd, our_reason, removed_by
from condorloop.dagman.schedd.client import ScheddUnavailable
from condorloop.model.queue import JobSelector, Obstacle, Queued, WaitingJob, Waits
from tests.soak.dagman import DagMan, Job
from tests.soak.jobs import JobSelector as Machines
from tests.soak.promises import Promises
from tests.soak.story import Agenda
from tests.soak.tripwire import Killed, Tripwire, unwatched
from tests.soak.weather import Weather

SLOTS = 24
DAGMANS = 12
"""How many DAGMans the schedd lets run."""

SECONDS = {"RECO": 180.0, "ALCA": 40.0, "HARVEST": 25.0, "UPLOAD": 4.0}
CANNOT_READ = 20.0
"""How long a job takes, in seconds, whose file cannot be opened."""


class SimulatedPool:
    """A pool with one schedd."""

    def __init__(
        self,
        agenda: Agenda,
        rng: Random,
        weather: Weather,
        jobs: Machines,
        wire: Tripwire,
        promises: Promises,
    ) -> None:
        self.agenda = agenda
        self.weather = weather
        self.promises = promises
        self.failed_at = -1.0
        self._rng = rng
        self._jobs = jobs
        self._wire = wire
        self._clusters = 0
        self.queue: dict[int, DagMan] = {}
        self._history: dict[int, HistoryEnd] = {}
        self._wanting: list[tuple[DagMan, Job]] = []
        self._running = 0

    def next_job(self) -> int:
        """Give a job its number."""
        self._clusters += 1
        return self._clusters

    def take(self, file: Path) -> int:
        """Take a DAG into the queue."""
        self.promises.submitted(file, list(self.queue.values()))
        dag = DagMan(self, self.next_job(), file)
        self.queue[dag.cluster] = dag
        self.agenda.tell(f"{dag.name} is submitted")
        self.agenda.after(self._rng.uniform(1, 5), self.start_some)
        return dag.cluster

    def start_some(self) -> None:
        """Start as many DAGMans as may run."""
        running = sum(d.state == "running" for d in self.queue.values())
        for dag in list(self.queue.values()):
            if dag.state == "idle" and dag.held_code is None and running < DAGMANS:
                running += 1
                dag.start()

    def left(self, dag: DagMan, by: str = "", removed: bool = False) -> None:
        """A DAGMan has left the queue."""
        self.queue.pop(dag.cluster, None)
        reason = by if removed else ""
        self._history[dag.cluster] = HistoryEnd(
            None, None, removed, removed_by(reason), reason, self.agenda.now
        )
        self.agenda.after(1.0, self.start_some)

    def remove(self, dag: DagMan, reason: str) -> None:
        """Take a DAG out of the queue."""
        dag.remove(reason)
        self.left(dag, reason, removed=True)
        self.agenda.tell(f"{dag.name} is removed: {reason}")

    def want_slot(self, dag: DagMan, job: Job) -> None:
        """Let a job wait for a slot."""
        job.since = self.agenda.now
        self._wanting.append((dag, job))
        self.agenda.after(self._rng.uniform(0.5, 5), self._match)

    def _match(self) -> None:
        if self.weather["the pool is idle"]:
            if self._wanting:
                self.agenda.after(60.0, self._match)
            return
        slots = 3 if self.weather["the pool is slow"] else SLOTS
        waiting, self._wanting = self._wanting, []
        for dag, job in waiting:
            if not dag.in_queue or job.state != "idle":
                continue
            if self._running >= slots:
                self._wanting.append((dag, job))
            elif self.weather["jobs are put on hold"] and self._rng.random() < 0.5:
                dag.hold(job, 34)
            else:
                self._run(dag, job)

    def _run(self, dag: DagMan, job: Job) -> None:
        job.state = "running"
        job.started_at = self.agenda.now
        self._running += 1
        usual = SECONDS[job.node.partition("_")[0]]
        seconds = self._rng.uniform(0.5, 1.5) * (usual if self._can_read(dag, job) else CANNOT_READ)
        self.agenda.after(seconds, lambda: self._ended(dag, job))

    def _can_read(self, dag: DagMan, job: Job) -> bool:
        return job.node.partition("_")[0] != "RECO" or self._jobs.can_read(dag.variables(job.node))

    def _ended(self, dag: DagMan, job: Job) -> None:
        self._running -= 1
        self.agenda.after(0.5, self._match)
        if not dag.in_queue or job.state != "running":
            return
        if not dag.file.parent.exists():
            dag.hold(job, 12)
            return
        variables = dag.variables(job.node)
        with unwatched():
            try:
                code = self._jobs.run(dag.file.parent, job.node, variables)
            except Killed:
                self.agenda.tell(f"{dag.name}: {job.node} is killed, and starts again")
                job.state = "idle"
                self.want_slot(dag, job)
                return
        dag.ended(job, code)

    def on_access_point(self, script: Callable[[], int], directory: Path, node: str) -> int:
        """Run a DAG's script, which can be killed, or have no room for what it writes.

        Raises
        ------
        Killed
            It was killed.
        """
        deadly = self.weather["scripts are killed"] and self._rng.random() < 0.5
        try:
            with self._wire.deadly(self._rng.randint(1, 25) if deadly else 0):
                return script()
        finally:
            with unwatched():
                self.promises.stamp(directory, node)

    def schedd(self) -> Schedd:
        """The schedd as a submitter sees it."""
        return Schedd(self, self._rng, self._wire)

    def waits(self, longer: float) -> Waits:
        """What waits for longer, one job for each kind of a calibration's; whether others start."""
        now, found = self.agenda.now, dict[tuple[str, str], WaitingJob]()
        stands = self.weather["the pool is idle"]
        what = Obstacle.FREE if stands else Obstacle.FULL
        for dag in self.queue.values():
            for job in dag.jobs:
                if job.state != "idle" or now - job.since < longer:
                    continue
                told = WaitingJob(
                    dag.id, dag.key, job.node, f"{job.number}.0", job.since, what, what.value
                )
                alike = (dag.key.calibration, told.kind)
                if alike not in found or told.since < found[alike].since:
                    found[alike] = told
        running = (j for d in self.queue.values() for j in d.jobs if j.state == "running")
        return Waits(tuple(found.values()), any(now - j.started_at < longer for j in running))

    def longest_wait(self) -> float:
        """For how long the first job waits for a slot of those whose DAGMan can tell of it."""
        tells = (d for d in self.queue.values() if d.state == "running" and d.held_code is None)
        waiting = (j.since for d in tells for j in d.jobs if j.state == "idle")
        return self.agenda.now - min(waiting, default=self.agenda.now)

    def history(self, cluster: int) -> HistoryEnd | None:
        """What history says of a DAG."""
        return None if self.weather["history is empty"] else self._history.get(cluster)


class Schedd:
    """The schedd as a submitter asks it."""

    def __init__(self, pool: SimulatedPool, rng: Random, wire: Tripwire) -> None:
        self._pool = pool
        self._rng = rng
        self._wire = wire

    def _answer(self) -> None:
        if self._pool.weather["the schedd is down"]:
            self._pool.failed_at = self._pool.agenda.now
            raise ScheddUnavailable("no answer in 20 s")

    def queued(self) -> Queued:
        """What is in the queue."""
        self._answer()
        dags = self._pool.queue.values()
        held = tuple(job for d in dags for job in d.held_jobs())
        return Queued({d.id: d.queued() for d in dags}, held)

    def waits(self, longer: float) -> Waits:
        """What waits for longer."""
        self._answer()
        return self._pool.waits(longer)

    def count_jobs(self, dag_id: str) -> int:
        """How many jobs of a DAG's nodes are in the queue."""
        self._answer()
        return sum(len(d.jobs) for d in self._pool.queue.values() if d.id == dag_id)

    def submit(self, dag_file: Path, batch_name: str) -> int:
        """Submit a DAG, from its newest rescue file if it has one; return its cluster id."""
        self._answer()
        if not dag_file.exists():
            raise ScheddUnavailable(f"submitting {dag_file.name}: no such file")
        loses = self._pool.weather["the schedd loses answers"] and self._rng.random() < 0.5
        if loses and self._rng.random() < 0.5:
            raise ScheddUnavailable(f"submitting {dag_file.name}: no answer in 20 s")
        self._wire.effect()
        with unwatched():
            cluster = self._pool.take(dag_file)
        self._wire.effect()
        if loses:
            raise ScheddUnavailable(f"submitting {dag_file.name}: no answer in 20 s")
        return cluster

    def remove(self, cluster: int, why: str) -> None:
        """Take a DAG out of the queue."""
        self._answer()
        if dag := self._pool.queue.get(cluster):
            self._pool.remove(dag, our_reason(why))

    def hold(self, jobs: JobSelector, why: str) -> int:
        """Put jobs on hold, and say how many."""
        return self._act(jobs, lambda dag: dag.hold_some(jobs, our_reason(why)))

    def release(self, jobs: JobSelector, why: str) -> int:
        """Release jobs that are on hold, and say how many."""
        return self._act(jobs, lambda dag: dag.release_some(jobs))

    def _act(self, jobs: JobSelector, act: Callable[[DagMan], int]) -> int:
        self._answer()
        self._wire.effect()
        dags = [d for d in self._pool.queue.values() if d.id == jobs.dag_id]
        with unwatched():
            count = sum(map(act, dags))
        self._wire.effect()
        return count

    def history(self, cluster: int, after: float = 0.0) -> HistoryEnd | None:
        """How a DAG that has left the queue ended; None if history does not know."""
        self._answer()
        return self._pool.history(cluster)

    def close(self) -> None:
        """Let go of the pool."""
