"""A campaign of the simulation: what is true of it, and what the planner knows of it.

Knows that the loop learns at a poll what happened before it; decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from condorloop.config.calibration import Calibration
from condorloop.model.campaign import (
    Alcareco,
    Campaign,
    CampaignKey,
    Statistics,
    Unsent,
    WaitingFile,
)
from condorloop.model.enums import CampaignState, DagState, NodeKind, UploadOutcome
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.policy.planner import SubmitUpload
from condorloop.simulation.destination import SimulatedDestination, goodness
from condorloop.simulation.intake import StreamOfRun
from condorloop.simulation.models.dag_run import DagRun
from condorloop.simulation.models.data_taking import SimulatedRun
from condorloop.simulation.models.events import Engine
from condorloop.simulation.models.outages import OutageTarget
from condorloop.simulation.polls import Polls
from condorloop.simulation.tally import Tally


class Followed:
    """A campaign; `dags` are those that are not done.

    Parameters
    ----------
    on_change
        Called at a poll when something was learnt for which the planner may decide something new.
    """

    def __init__(
        self,
        number: int,
        key: CampaignKey,
        calibration: Calibration,
        run: SimulatedRun,
        stream: StreamOfRun,
        engine: Engine,
        polls: Polls,
        tally: Tally,
        on_change: Callable[[Followed], None],
    ) -> None:
        self.id = number
        self.key = key
        self.calibration = calibration
        self.run = run
        self.state = CampaignState.ACTIVE
        self.run_end: float | None = None
        self.latched_at = engine.now
        self.seen = EMPTY
        self.waiting: list[WaitingFile] = []
        self.dags: dict[int, DagRun] = {}
        self.dag_count = self.batches = self.jobs = 0
        self.due = 0.0
        self._stream = stream
        self._taken = 0
        self._engine = engine
        self._polls = polls
        self._tally = tally
        self._on_change = on_change
        self._unharvested: dict[int, Alcareco] = {}
        self._harvested = Statistics()
        self._in_payload = EMPTY
        self._made: dict[int, Statistics] = {}
        self._unsent: dict[int, Unsent] = {}
        self._destination = SimulatedDestination(calibration, run)
        self._complete: set[int] = set()
        self._holds = Statistics()
        self.sends: dict[int, SubmitUpload] = {}

    @property
    def moving(self) -> int:
        """How many of its DAGs are at work."""
        return sum(run.dag.moves for run in self.dags.values())

    def take_files(self) -> None:
        """Take in the good files that its stream has besides those that it knows."""
        for file, since in self._stream.found[self._taken :]:
            self.waiting.append(WaitingFile(file, since))
            self._tally.files += 1
            self.seen = self.seen | file.lumis
        self._taken = len(self._stream.found)

    @property
    def has_unsent(self) -> bool:
        """Whether a payload waits for its turn."""
        return bool(self._unsent)

    def campaign(self, listed_at: float, older_open: tuple[int, ...] = ()) -> Campaign:
        """Give what the planner is told; `older_open` are older runs that are open."""
        return Campaign(
            id=self.id,
            key=self.key,
            reconstruction_id=self.id,
            state=self.state,
            run_start=self.run.start,
            run_end=self.run_end,
            last_ls=self.run.lumis_by(self._engine.now) if self.run_end is None else self.run.lumis,
            last_new_at=max(self._stream.last_new_at or 0.0, self.latched_at),
            listed_at=listed_at if listed_at > self.latched_at else None,
            seen=self.seen,
            harvested=self._harvested.lumis,
            in_payload=self._in_payload,
            waiting=tuple(self.waiting),
            probing=self._stream.probing,
            dags=tuple(run.dag for run in self.dags.values()),
            dag_count=self.dag_count,
            unharvested=dict(self._unharvested),
            events_harvested=self._harvested.events,
            unsent=tuple(self._unsent.values()),
            older_open=older_open,
            by_lumi=self.calibration.by_lumi,
        )

    def _tell(self, learn: Callable[..., None], *given: object) -> None:
        self._polls.see(self._engine.now, learn, *given)

    def _tell_of_queue(self, learn: Callable[..., None], *given: object) -> None:
        """Let something be learnt that only the schedd tells."""
        self._polls.see(self._polls.answered(OutageTarget.SCHEDD, self._engine.now), learn, *given)

    # What happens in the pool (`dag_run.Watcher`).

    def job_over(self, kind: NodeKind, cores: int, waited: float, ran: float, ok: bool) -> None:
        """Note a job that has ended."""
        self._tally.job(kind, cores, waited, ran, ok)

    def alca_done(self, run: DagRun, job: int, holds: Statistics) -> None:
        """Note that an ALCARECO is complete."""
        self._complete.add(job)
        self._holds = self._holds + holds
        self._tell(self._learn_alcareco, job, Alcareco(self._engine.now, holds, run.dag.id))

    def inputs(self, run: DagRun) -> frozenset[int]:
        """Choose what a HARVEST reads: all that is complete."""
        chosen = frozenset(self._complete)
        run.made = self._holds
        self._tell(self._learn_inputs, run, chosen)
        return chosen

    def harvest_done(self, run: DagRun) -> None:
        """Note that a HARVEST has ended well."""
        self._tally.harvests += 1
        self._tally.harvested_files += len(run.reads)
        self._made[run.dag.number] = run.made
        self._tell(self._learn_harvest, run.reads, run.made)

    def node_failed(self, run: DagRun, name: str) -> None:
        """Note that a node has failed for good."""
        self._tell_of_queue(self._learn_failure, run, name)

    def upload_over(self, run: DagRun, answered: bool) -> UploadOutcome:
        """Note an attempt to upload; a payload that is no better than the last one is not sent."""
        made, how = self._made[run.dag.harvest], self.sends.get(run.dag.id)
        outcome, before = UploadOutcome.NO_ANSWER, self._destination.served
        if answered:
            outcome, was_sent = self._destination.sent(made, how)
            served = self._destination.served
            if was_sent:
                self._tally.uploaded(self.run, served - before, self._engine.now)
            in_pieces = how is not None and how.piece is not None
            unsent = Unsent(
                run.dag.harvest,
                outcome,
                made,
                answered_at=self._engine.now,
                in_pieces=in_pieces,
            )
            self._tell(self._learn_upload, run, unsent, served)
        else:
            self._tell(self._learn_no_answer, run)
        return outcome

    def dag_over(self, run: DagRun) -> None:
        """Note that a DAG has left the queue."""
        self._tally.dag_over()
        self._tell_of_queue(self._learn_end, run, run.whole, run.failures)

    # What a poll learns of it. A payload alone is no reason to decide anything.

    def _learn_alcareco(self, job: int, made: Alcareco) -> None:
        self._unharvested[job] = made
        self._on_change(self)

    def _learn_inputs(self, run: DagRun, inputs: frozenset[int]) -> None:
        run.dag = replace(run.dag, harvest_inputs=inputs)
        self._on_change(self)

    def _learn_harvest(self, inputs: frozenset[int], made: Statistics) -> None:
        for job in inputs:
            self._unharvested.pop(job, None)
        if goodness(made) > goodness(self._harvested):
            self._harvested = made

    def _learn_failure(self, run: DagRun, name: str) -> None:
        run.dag = replace(run.dag, failed_nodes=(*run.dag.failed_nodes, name))
        self._on_change(self)

    def _learn_no_answer(self, run: DagRun) -> None:
        run.dag = replace(run.dag, upload=UploadOutcome.NO_ANSWER)

    def _learn_upload(self, run: DagRun, told: Unsent, served: Lumis) -> None:
        run.dag = replace(run.dag, upload=told.outcome)
        self._in_payload = served
        self._unsent.pop(told.harvest, None)
        if told.outcome is UploadOutcome.PENDING:
            self._unsent[told.harvest] = told
            self._on_change(self)
        elif told.outcome is UploadOutcome.UPLOADED:
            left = self._unsent.values()
            self._unsent = {u.harvest: u for u in left if u.rank > told.rank}

    def _learn_end(self, run: DagRun, whole: bool, failed: tuple[str, ...]) -> None:
        if whole:
            del self.dags[run.dag.id]
        else:
            state, now = DagState.FAILED, self._engine.now
            run.dag = replace(run.dag, state=state, failed_nodes=failed, ended_at=now)
        self._on_change(self)
