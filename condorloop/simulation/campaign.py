"""A campaign of the simulation: what is true of it, and what the planner knows of it.

Knows that the loop learns at a poll what happened before it; decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from condorloop.config.calibration import Calibration
from condorloop.model.campaign import Alcareco, Campaign, CampaignKey, Statistics, WaitingFile
from condorloop.model.enums import CampaignState, DagState, NodeKind, UploadOutcome
from condorloop.model.lumis import EMPTY
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
        self._complete: set[int] = set()
        self._holds = Statistics()
        self._uploaded = Statistics()

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

    def campaign(self, listed_at: float) -> Campaign:
        """Give what the planner is told."""
        return Campaign(
            id=self.id,
            key=self.key,
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
        self._tell(self._learn_harvest, run.reads, run.made)

    def node_failed(self, run: DagRun, name: str) -> None:
        """Note that a node has failed for good."""
        self._tell_of_queue(self._learn_failure, run, name)

    def upload_over(self, run: DagRun, answered: bool) -> UploadOutcome:
        """Note an attempt to upload; a payload that is no better than the last one is not sent."""
        if not answered:
            outcome = UploadOutcome.NO_ANSWER
        elif _goodness(run.made) <= _goodness(self._uploaded):
            outcome = UploadOutcome.SUPERSEDED
        else:
            outcome = UploadOutcome.UPLOADED
            self._tally.uploaded(self.run, run.made.lumis - self._uploaded.lumis, self._engine.now)
            lumis = run.made.lumis | self._uploaded.lumis
            self._uploaded = Statistics(lumis, run.made.events)
        self._tell(self._learn_upload, run, outcome, run.made)
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
        if _goodness(made) > _goodness(self._harvested):
            self._harvested = made

    def _learn_failure(self, run: DagRun, name: str) -> None:
        run.dag = replace(run.dag, failed_nodes=(*run.dag.failed_nodes, name))
        self._on_change(self)

    def _learn_upload(self, run: DagRun, outcome: UploadOutcome, made: Statistics) -> None:
        run.dag = replace(run.dag, upload=outcome)
        if outcome is UploadOutcome.UPLOADED:
            self._in_payload = made.lumis

    def _learn_end(self, run: DagRun, whole: bool, failed: tuple[str, ...]) -> None:
        if whole:
            del self.dags[run.dag.id]
        else:
            state, now = DagState.FAILED, self._engine.now
            run.dag = replace(run.dag, state=state, failed_nodes=failed, ended_at=now)
        self._on_change(self)


def _goodness(made: Statistics) -> tuple[int, int]:
    return len(made.lumis), made.events
