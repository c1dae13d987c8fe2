"""A DAG that runs: which node is submitted when, how long its jobs take, and how they end.

Knows DAGMan's order of things, retries and rescues, and the pool; knows nothing of why a DAG was
planned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Protocol

from condorloop.config.loader import Config
from condorloop.config.site import Site
from condorloop.config.stream import STREAM_NODES
from condorloop.config.tuning import Tuning
from condorloop.dagman.plan import DagPlan, Node
from condorloop.dagman.submit_description import job_kind
from condorloop.model.campaign import Dag, Statistics
from condorloop.model.enums import DagState, NodeKind, UploadOutcome
from condorloop.simulation.models.events import Engine
from condorloop.simulation.models.outages import Outages, OutageTarget
from condorloop.simulation.models.sampling import Duration, Work
from condorloop.simulation.models.slots import Slots


@dataclass(frozen=True, slots=True)
class KindOfJob:
    """What the jobs of a node kind of a stream or calibration ask for, and how they go."""

    cores: int
    retries: int
    time: Duration
    fails: float = 0.0


def asked_for(kind: NodeKind, tuning: Tuning, site: Site) -> tuple[int, int]:
    """Say how many cores jobs of a kind ask for, and how often a node is tried again."""
    asked = job_kind(kind, tuning, site)
    return int(str(dict(asked.commands).get("request_cpus", 1))), asked.retries


def asked_by_owner(config: Config) -> dict[tuple[str, NodeKind], tuple[int, int]]:
    """What `asked_for` says of all jobs, by whose they are: a stream's or a calibration's."""
    return {
        (calibration.stream_name if kind in STREAM_NODES else name, kind): asked_for(
            kind, config.tuning_of(name, kind), config.site
        )
        for name, calibration in config.calibrations.items()
        for kind in NodeKind
    }


@dataclass(frozen=True, slots=True)
class Inputs:
    """The ALCARECO that a HARVEST has chosen, by number, and what they hold."""

    jobs: frozenset[int]
    holds: Statistics


@dataclass(frozen=True, slots=True)
class Delays:
    """What HTCondor and DAGMan take besides the jobs; `pool_model.Overheads` says more."""

    dag_start: Duration
    match: Duration
    between: Duration
    dag_end: Duration
    upload_start: Duration


class Watcher(Protocol):
    """What a DAG is of, as what happens in the pool changes it."""

    def job_over(self, node: Node, cores: int, waited: float, ran: float, ok: bool) -> None:
        """Note a job that has ended."""

    def alca_done(self, run: DagRun, job: int, holds: Statistics) -> None:
        """Note that an ALCARECO is complete."""

    def inputs(self, run: DagRun, node: Node) -> Inputs:
        """Choose what a HARVEST reads."""

    def harvest_done(self, run: DagRun, node: Node) -> None:
        """Note that a HARVEST has ended well."""

    def node_failed(self, run: DagRun, node: Node) -> None:
        """Note that a node has failed for good."""

    def upload_over(self, run: DagRun, node: Node, answered: bool) -> UploadOutcome:
        """Note an attempt to upload, and say what became of it."""

    def dag_over(self, run: DagRun) -> None:
        """Note that a DAG has left the queue."""


@dataclass(frozen=True, slots=True)
class Facility:
    """Where DAGs run: clock, cores, outages, and the delays of HTCondor."""

    engine: Engine
    slots: Slots
    outages: Outages
    random: Random
    delays: Delays
    storage_patience: float


class DagRun:
    """One DAG: what happens in it, and `dag`, which is what all that share it are told of it.

    `reads` is what its HARVESTs have chosen, by calibration.

    Parameters
    ----------
    kinds
        The jobs of its stream, and of the calibrations that it works for.
    """

    def __init__(
        self,
        facility: Facility,
        kinds: Mapping[str, Mapping[NodeKind, KindOfJob]],
        watcher: Watcher,
        plan: DagPlan,
        number: int,
    ) -> None:
        self.plan = plan
        events = {n.name: sum(f.events for f in n.files) for n in plan.nodes}
        self.dag = Dag(
            id=number,
            number=plan.number,
            batch=plan.batch,
            state=DagState.PLANNED,
            cluster=number,
            ended_at=None,
            rescues=0,
            failed_nodes=(),
            harvest_inputs=None,
            upload=None,
            harvests=plan.harvests,
            holds=Statistics(plan.lumis, sum(events.values())),
            sends=plan.sends,
            calibration="" if plan.batch is not None else plan.calibrations[0],
        )
        self.reads: dict[str, Inputs] = {}
        self._facility = facility
        self._kinds = {n.name: kinds[n.calibration or plan.key.stream][n.kind] for n in plan.nodes}
        self._watcher = watcher
        self._nodes = {node.name: node for node in plan.nodes}
        self._events = events
        self._children: dict[str, list[Node]] = {}
        for node in plan.nodes:
            for parent in node.parents:
                self._children.setdefault(parent, []).append(node)
                if node.kind is NodeKind.ALCA:
                    self._events[node.name] += self._events[parent]
        self._done: set[str] = set()
        self._failures: list[str] = []
        self._going = 0

    @property
    def whole(self) -> bool:
        """Whether every node is done."""
        return len(self._done) == len(self._nodes)

    @property
    def failures(self) -> tuple[str, ...]:
        """The nodes that have failed."""
        return tuple(self._failures)

    def submit(self) -> None:
        """Go into the queue; of a DAG that has failed, only what failed runs again."""
        self._failures.clear()
        engine = self._facility.engine
        engine.at(engine.now + self._draw(self._facility.delays.dag_start), self._begin)

    def _draw(self, duration: Duration) -> float:
        return duration.draw(self._facility.random)

    def _begin(self) -> None:
        for node in self._nodes.values():
            if node.name not in self._done and self._is_ready(node):
                self._submit_node(node)
        self._end_if_over()

    def _is_ready(self, node: Node) -> bool:
        return all(parent in self._done for parent in node.parents)

    def _submit_node(self, node: Node, attempt: int = 0) -> None:
        self._going += 1
        facility = self._facility
        kind = node.kind
        if kind is NodeKind.HARVEST:
            self.reads[node.calibration] = self._watcher.inputs(self, node)
        now = facility.outages.back(OutageTarget.SCHEDD, facility.engine.now)
        delays = facility.delays
        delay = self._draw(delays.upload_start if kind is NodeKind.UPLOAD else delays.match)
        facility.engine.at(now + delay, self._ask, node, attempt)

    def _ask(self, node: Node, attempt: int) -> None:
        asked = self._facility.engine.now
        start = partial(self._start, node, attempt, asked)
        if node.kind is NodeKind.UPLOAD:
            start()
        else:
            self._facility.slots.ask(self._kinds[node.name].cores, start)

    def _start(self, node: Node, attempt: int, asked: float) -> None:
        facility, kind = self._facility, self._kinds[node.name]
        start = facility.outages.back(OutageTarget.SCHEDD, facility.engine.now)
        takes = kind.time.draw(facility.random, self._work(node, kind.cores))
        ok = not kind.fails or facility.random.random() >= kind.fails
        if not ok:
            takes *= facility.random.random()
        if node.kind is NodeKind.RECO:
            silent = facility.outages.within(OutageTarget.EOS, start, start + takes)
            if silent is not None:
                ok, takes = False, silent - start + facility.storage_patience
        facility.engine.at(start + takes, self._end, node, attempt, ok, start - asked, takes)

    def _work(self, node: Node, cores: int) -> Work:
        is_harvest = node.kind is NodeKind.HARVEST
        return Work(
            files=len(node.files),
            lumis=len(node.lumis),
            events=self._events[node.name],
            inputs=len(self.reads[node.calibration].jobs if is_harvest else node.inputs),
            cores=cores,
        )

    def _end(self, node: Node, attempt: int, ok: bool, waited: float, ran: float) -> None:
        facility, kind = self._facility, self._kinds[node.name]
        is_upload = node.kind is NodeKind.UPLOAD
        if is_upload and ok:
            silent = facility.outages.back(OutageTarget.CONDITIONS, facility.engine.now)
            outcome = self._watcher.upload_over(self, node, silent == facility.engine.now)
            ok = outcome is not UploadOutcome.NO_ANSWER
        if not is_upload:
            facility.slots.free(kind.cores)
        self._watcher.job_over(node, 0 if is_upload else kind.cores, waited, ran, ok)
        seen = facility.outages.back(OutageTarget.SCHEDD, facility.engine.now)
        after: Callable[..., None] = self._succeed if ok else self._fail
        facility.engine.at(seen + self._draw(facility.delays.between), after, node, attempt)

    def _succeed(self, node: Node, _: int) -> None:
        self._done.add(node.name)
        if node.kind is NodeKind.ALCA:
            holds = Statistics(node.lumis, self._events[node.name])
            self._watcher.alca_done(self, node.job or 0, holds)
        elif node.kind is NodeKind.HARVEST:
            self._watcher.harvest_done(self, node)
        for child in self._children.get(node.name, ()):
            if self._is_ready(child):
                self._submit_node(child)
        self._going -= 1
        self._end_if_over()

    def _fail(self, node: Node, attempt: int) -> None:
        if attempt < self._kinds[node.name].retries:
            self._submit_node(node, attempt + 1)
        else:
            self._failures.append(node.name)
            self._watcher.node_failed(self, node)
        self._going -= 1
        self._end_if_over()

    def _end_if_over(self) -> None:
        if not self._going:
            facility = self._facility
            at = facility.engine.now + self._draw(facility.delays.dag_end)
            facility.engine.at(at, self._watcher.dag_over, self)
