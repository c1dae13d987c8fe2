"""A campaign of the simulation: what is true of it, and what the planner knows of it.

Knows that the loop learns at a poll what happened before it; decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from condorloop.calibration import Calibration
from condorloop.lumis import EMPTY
from condorloop.model import (
    Alcareco,
    Campaign,
    CampaignKey,
    CampaignState,
    DagState,
    NodeKind,
    RawFile,
    Statistics,
    UploadOutcome,
    WaitingFile,
)
from condorloop.simulation.beams import SimulatedRun
from condorloop.simulation.dag_run import DagRun
from condorloop.simulation.engine import Engine
from condorloop.simulation.tally import Tally

News = tuple[Callable[..., None], tuple[Any, ...]]


class Followed:
    """A campaign; `dags` are those that are not done, `news` what no poll has seen yet.

    `on_news` is called when there is news, with whether it takes the schedd's answer to be seen.
    """

    def __init__(
        self,
        number: int,
        key: CampaignKey,
        calibration: Calibration,
        run: SimulatedRun,
        engine: Engine,
        tally: Tally,
        on_news: Callable[[Followed, bool], None],
    ) -> None:
        self.id = number
        self.key = key
        self.calibration = calibration
        self.run = run
        self.state = CampaignState.ACTIVE
        self.run_end: float | None = None
        self.latched_at = self.last_new_at = engine.now
        self.seen = EMPTY
        self.waiting: list[WaitingFile] = []
        self.dags: dict[int, DagRun] = {}
        self.dag_count = self.batches = self.jobs = 0
        self.due = 0.0
        self._engine = engine
        self._tally = tally
        self._on_news = on_news
        self._news: list[News] = []
        self._unharvested: dict[int, Alcareco] = {}
        self._harvested = Statistics()
        self._in_payload = EMPTY
        self._complete: set[int] = set()
        self._holds = Statistics()
        self._uploaded = Statistics()

    def found(self, file: RawFile) -> None:
        """Take a good RAW file in."""
        self.waiting.append(WaitingFile(file, self._engine.now))
        self._tally.files += 1
        self.seen = self.seen | file.lumis

    def campaign(self, now: float, listed_at: float | None, probing: int) -> Campaign:
        """Give what the planner is told."""
        ended = self.run_end is not None
        return Campaign(
            id=self.id,
            key=self.key,
            state=self.state,
            run_start=self.run.start,
            run_end=self.run_end,
            last_ls=self.run.lumis if ended else self.run.lumis_by(now),
            last_new_at=self.last_new_at,
            listed_at=listed_at,
            seen=self.seen,
            harvested=self._harvested.lumis,
            in_payload=self._in_payload,
            waiting=tuple(self.waiting),
            probing=probing,
            dags=tuple(dag.as_dag() for dag in self.dags.values()),
            dag_count=self.dag_count,
            unharvested=dict(self._unharvested),
            events_harvested=self._harvested.events,
        )

    def observe(self, schedd_answers: bool) -> None:
        """Learn what has happened; how DAGs have ended only the schedd tells."""
        news, self._news = self._news, []
        for item in news:
            learn, given = item
            if schedd_answers or learn != self._learn_end:
                learn(*given)
            else:
                self._news.append(item)

    def _tell(self, learn: Callable[..., None], *given: Any) -> None:
        self._news.append((learn, given))
        self._on_news(self, learn == self._learn_end)

    # What happens in the pool (`dag_run.Watcher`).

    def job_over(self, kind: NodeKind, cores: int, waited: float, ran: float, ok: bool) -> None:
        """Note a job that has ended."""
        self._tally.job(kind, cores, waited, ran, ok)

    def alca_done(self, run: DagRun, job: int, holds: Statistics) -> None:
        """Note that an ALCARECO is complete."""
        self._complete.add(job)
        self._holds = self._holds + holds
        self._tell(self._learn_alcareco, job, Alcareco(self._engine.now, holds, run.id))

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
        self._tell(self._learn_harvest, run, run.reads, run.made)

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
        self._tell(self._learn_end, run, run.whole, run.failures)

    # What a poll learns of it.

    def _learn_alcareco(self, job: int, made: Alcareco) -> None:
        self._unharvested[job] = made

    def _learn_inputs(self, run: DagRun, inputs: frozenset[int]) -> None:
        run.harvest_inputs = inputs

    def _learn_harvest(self, run: DagRun, inputs: frozenset[int], made: Statistics) -> None:
        for job in inputs:
            self._unharvested.pop(job, None)
        if _goodness(made) > _goodness(self._harvested):
            self._harvested = made

    def _learn_upload(self, run: DagRun, outcome: UploadOutcome, made: Statistics) -> None:
        run.upload = outcome
        if outcome is UploadOutcome.UPLOADED:
            self._in_payload = made.lumis

    def _learn_end(self, run: DagRun, whole: bool, failed: tuple[str, ...]) -> None:
        if whole:
            self.dags.pop(run.id, None)
            return
        run.state, run.failed, run.ended_at = DagState.FAILED, failed, self._engine.now


def _goodness(made: Statistics) -> tuple[int, int]:
    return len(made.lumis), made.events
