"""A campaign of the simulation: what is true of it, and what the planner knows of it.

Knows ALCARECO, harvests and payloads of one calibration; what it shares with others of its stream,
its reconstruction knows. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from condorloop.config.calibration import Calibration
from condorloop.dagman.plan import DagPlan, Node
from condorloop.model.campaign import (
    Alcareco,
    Campaign,
    CampaignKey,
    Dag,
    Statistics,
    Unsent,
    WaitingFile,
)
from condorloop.model.enums import CampaignState, NodeKind, NodeState, UploadOutcome
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.model.shared_dag import seen_by_one
from condorloop.policy.planner import SubmitUpload
from condorloop.simulation.destination import SimulatedDestination, goodness
from condorloop.simulation.models.dag_run import DagRun, Inputs
from condorloop.simulation.models.data_taking import SimulatedRun
from condorloop.simulation.tally import Tally


@dataclass(frozen=True, slots=True)
class Shared:
    """What the planner is told of all campaigns of a reconstruction alike."""

    id: int
    stream: str
    run_end: float | None
    last_ls: int
    last_new_at: float
    listed_at: float | None
    seen: Lumis
    waiting: tuple[WaitingFile, ...]
    probing: int
    dags: tuple[Dag, ...]
    dag_count: int


class Followed:
    """A campaign.

    Parameters
    ----------
    tell
        Lets the loop learn something at the next poll.
    on_change
        Called at a poll when something was learnt for which the planner may decide something new.
    """

    def __init__(
        self,
        number: int,
        key: CampaignKey,
        calibration: Calibration,
        run: SimulatedRun,
        tally: Tally,
        tell: Callable[..., None],
        on_change: Callable[[], None],
    ) -> None:
        self.id = number
        self.key = key
        self.calibration = calibration
        self.run = run
        self.state = CampaignState.ACTIVE
        self.sends: dict[int, SubmitUpload] = {}
        self._tally = tally
        self._tell = tell
        self._on_change = on_change
        self._unharvested: dict[int, Alcareco] = {}
        self._harvested = Statistics()
        self._in_payload = EMPTY
        self._made: dict[int, Statistics] = {}
        self._unsent: dict[int, Unsent] = {}
        self._destination = SimulatedDestination(calibration, run)
        self._complete = Inputs(frozenset(), Statistics())
        self._nodes: dict[int, dict[str, NodeState]] = {}
        self._inputs: dict[int, frozenset[int]] = {}
        self._uploads: dict[int, UploadOutcome] = {}
        self._last_harvest = -1
        self._sent: set[int] = set()
        self._not_harvested: set[int] = set()

    @property
    def has_unsent(self) -> bool:
        """Whether a payload waits for its turn."""
        return bool(self._unsent)

    def campaign(self, shared: Shared, older_open: tuple[int, ...]) -> Campaign:
        """Give what the planner is told; `older_open` are older runs that are open."""
        return Campaign(
            id=self.id,
            key=self.key,
            reconstruction_id=shared.id,
            state=self.state,
            run_start=self.run.start,
            run_end=shared.run_end,
            last_ls=shared.last_ls,
            last_new_at=shared.last_new_at,
            listed_at=shared.listed_at,
            seen=shared.seen,
            harvested=self._harvested.lumis,
            in_payload=self._in_payload,
            waiting=shared.waiting,
            probing=shared.probing,
            dags=tuple(self._seen(shared.dags)),
            dag_count=shared.dag_count,
            unharvested=dict(self._unharvested),
            events_harvested=self._harvested.events,
            unsent=tuple(self._unsent.values()),
            older_open=older_open,
            by_lumi=self.calibration.by_lumi,
            stream=shared.stream,
        )

    def _seen(self, dags: tuple[Dag, ...]) -> Iterator[Dag]:
        """What DAGs of the reconstruction are to this campaign."""
        for dag in dags:
            if dag.calibration not in ("", self.key.calibration):
                continue
            dag = replace(
                dag, harvest_inputs=self._inputs.get(dag.id), upload=self._uploads.get(dag.id)
            )
            if dag.batch is not None:
                seen = seen_by_one(dag, self._nodes.get(dag.id, {}), self._taken_over(dag))
                if seen is None:
                    continue
                dag = seen
            yield dag

    def _taken_over(self, dag: Dag) -> bool:
        """Whether another HARVEST or UPLOAD does, or did, what its own in a DAG were to do."""
        if self._last_harvest > dag.number or dag.number in self._sent:
            return True
        unread = any(made.dag_id == dag.id for made in self._unharvested.values())
        return dag.id in self._not_harvested and not unread

    def planned(self, plan: DagPlan, dag_id: int) -> None:
        """Note a DAG that has a HARVEST or UPLOAD for it."""
        own = [n.name for n in plan.nodes if n.calibration == self.key.calibration]
        self._nodes[dag_id] = dict.fromkeys(own, NodeState.WAITING)
        if plan.sends is not None:
            self._sent.add(plan.sends)
        elif plan.batch is None:
            self._last_harvest = plan.number

    # What happens in the pool.

    def alca_done(self, job: int, holds: Statistics) -> None:
        """Note that an ALCARECO is complete."""
        self._complete = Inputs(self._complete.jobs | {job}, self._complete.holds + holds)

    def inputs(self, run: DagRun) -> Inputs:
        """Choose what a HARVEST reads: all that is complete."""
        chosen = self._complete
        self._tell(self._learn_inputs, run, chosen.jobs)
        return chosen

    def harvest_done(self, run: DagRun, node: Node) -> None:
        """Note that a HARVEST has ended well."""
        read = run.reads[node.calibration]
        self._tally.harvests += 1
        self._tally.harvested_files += len(read.jobs)
        self._made[run.dag.number] = read.holds
        self._tell(self._learn_harvest, run, node, read)

    def upload_over(self, run: DagRun, node: Node, answered: bool, now: float) -> UploadOutcome:
        """Note an attempt to upload; a payload that is no better than the last one is not sent."""
        made, how = self._made[run.dag.harvest], self.sends.get(run.dag.id)
        outcome, before = UploadOutcome.NO_ANSWER, self._destination.served
        if answered:
            outcome, was_sent = self._destination.sent(made, how)
            served = self._destination.served
            if was_sent:
                self._tally.uploaded(self.run, served - before, now)
            in_pieces = how is not None and how.piece is not None
            unsent = Unsent(
                run.dag.harvest,
                outcome,
                made,
                answered_at=now,
                in_pieces=in_pieces,
            )
            self._tell(self._learn_upload, run, node, unsent, served)
        else:
            self._tell(self._learn_no_answer, run)
        return outcome

    # What a poll learns of it. A payload alone is no reason to decide anything.

    def learn_alcareco(self, job: int, made: Alcareco) -> None:
        """Learn that an ALCARECO is complete."""
        self._unharvested[job] = made

    def learn_failure(self, run: DagRun, node: Node) -> None:
        """Learn that its HARVEST or UPLOAD in a DAG has failed for good."""
        self._nodes[run.dag.id][node.name] = NodeState.FAILED
        if node.kind is NodeKind.HARVEST:
            self._not_harvested.add(run.dag.id)

    def _learn_inputs(self, run: DagRun, inputs: frozenset[int]) -> None:
        self._inputs[run.dag.id] = inputs
        self._on_change()

    def _learn_harvest(self, run: DagRun, node: Node, read: Inputs) -> None:
        self._nodes[run.dag.id][node.name] = NodeState.DONE
        for job in read.jobs:
            self._unharvested.pop(job, None)
        if goodness(read.holds) > goodness(self._harvested):
            self._harvested = read.holds

    def _learn_no_answer(self, run: DagRun) -> None:
        self._uploads[run.dag.id] = UploadOutcome.NO_ANSWER

    def _learn_upload(self, run: DagRun, node: Node, told: Unsent, served: Lumis) -> None:
        self._nodes[run.dag.id][node.name] = NodeState.DONE
        self._uploads[run.dag.id] = told.outcome
        self._in_payload = served
        self._unsent.pop(told.harvest, None)
        if told.outcome is UploadOutcome.PENDING:
            self._unsent[told.harvest] = told
            self._on_change()
        elif told.outcome is UploadOutcome.UPLOADED:
            left = self._unsent.values()
            self._unsent = {u.harvest: u for u in left if u.rank > told.rank}
