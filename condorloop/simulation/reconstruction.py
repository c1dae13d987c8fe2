"""A reconstruction of the simulation: what the campaigns of a stream and a run share.

Knows their RAW files, DAGs and numbers, and that the loop learns at a poll what happened before it;
decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from condorloop.config.calibration import Calibration
from condorloop.config.stream import Stream
from condorloop.dagman.plan import DagPlan, Node
from condorloop.model.campaign import (
    Alcareco,
    CampaignKey,
    Dag,
    Reconstruction,
    ReconstructionKey,
    Run,
    Statistics,
    WaitingFile,
)
from condorloop.model.enums import DagState, NodeKind, UploadOutcome
from condorloop.model.lumis import EMPTY
from condorloop.policy.splitting import event_time
from condorloop.simulation.campaign import Followed, Shared
from condorloop.simulation.intake import FilesOfRun
from condorloop.simulation.models.dag_run import DagRun, Inputs
from condorloop.simulation.models.data_taking import SimulatedRun
from condorloop.simulation.models.events import Engine
from condorloop.simulation.models.outages import OutageTarget
from condorloop.simulation.polls import Polls
from condorloop.simulation.tally import QueueLength, Tally, WorkTally


@dataclass(frozen=True, slots=True)
class _Made:
    """An ALCARECO that is complete, and the calibrations whose producers made it."""

    of: Alcareco
    made_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted: of calibrations, of streams and calibrations, of the queue."""

    tallies: Mapping[str, Tally]
    work: Mapping[str, WorkTally]
    queue: QueueLength


class FollowedReconstruction:
    """A reconstruction; `campaigns` are by calibration, `dags` are those that are not done.

    Parameters
    ----------
    on_change
        Called at a poll when something was learnt for which the planner may decide something new.
    """

    def __init__(
        self,
        number: int,
        key: ReconstructionKey,
        stream: Stream,
        told: Run,
        run: SimulatedRun,
        files: FilesOfRun,
        engine: Engine,
        polls: Polls,
        counts: Counts,
        on_change: Callable[[FollowedReconstruction], None],
    ) -> None:
        self.id = number
        self.key = key
        self.stream = stream
        self.run = run
        self.run_end = told.end
        self.campaigns: dict[str, Followed] = {}
        self.seen = EMPTY
        self.waiting: list[WaitingFile] = []
        self.dags: dict[int, DagRun] = {}
        self.dag_count = self.batches = self.jobs = 0
        self.due = 0.0
        self._told = told
        self._begun_at = engine.now
        self._files = files
        self._taken = 0
        self._engine = engine
        self._polls = polls
        self._counts = counts
        self._changed = partial(on_change, self)
        self._alcareco: dict[int, _Made] = {}
        self._known: dict[int, _Made] = {}
        self._unmade: dict[int, set[int]] = {}
        self.take_files()
        files.on_probe.append(self._probed)

    def latch(self, number: int, calibration: Calibration) -> Followed:
        """Open a campaign, which has the ALCARECO that were made for it before."""
        name = calibration.name
        campaign = self.campaigns[name] = Followed(
            number,
            CampaignKey(name, self.key.run),
            calibration,
            self.run,
            self._counts.tallies[name],
            self._tell,
            self._changed,
        )
        for job, made in self._alcareco.items():
            if name in made.made_for:
                campaign.alca_done(job, made.of.holds)
        for job, made in self._known.items():
            if name in made.made_for:
                campaign.learn_alcareco(job, made.of)
        return campaign

    def take_files(self) -> None:
        """Take in the good files that were found besides those that it knows."""
        for file, since in self._files.found[self._taken :]:
            self.waiting.append(WaitingFile(file, since))
            self._counts.work[self.key.stream].files += 1
            self.seen = self.seen | file.lumis
        self._taken = len(self._files.found)

    def _probed(self) -> None:
        self.take_files()
        self._changed()

    @property
    def moving(self) -> int:
        """How many of its DAGs are at work for a campaign that is open."""
        dags = (run.dag for run in self.dags.values())
        return sum(d.moves and not d.made and self._is_wanted(d) for d in dags)

    def _is_wanted(self, dag: Dag) -> bool:
        campaigns = self.campaigns.values()
        return any(c.state.open for c in campaigns if dag.calibration in ("", c.key.calibration))

    def reconstruction(
        self, listed_at: float, older_open: Callable[[Followed], tuple[int, ...]]
    ) -> Reconstruction:
        """Give what the planner is told; `older_open` gives older runs that are open."""
        ended, now = self.run_end is not None, self._engine.now
        shared = Shared(
            id=self.id,
            stream=self.key.stream,
            run_end=self.run_end,
            last_ls=self.run.lumis if ended else self.run.lumis_by(now),
            last_new_at=max(self._files.last_new_at or 0.0, self._begun_at),
            listed_at=listed_at if listed_at > self._begun_at else None,
            seen=self.seen,
            waiting=tuple(self.waiting),
            probing=self._files.probing,
            dags=tuple(run.dag for run in self.dags.values()),
            dag_count=self.dag_count,
        )
        return Reconstruction(
            id=self.id,
            key=self.key,
            campaigns=tuple(
                c.campaign(shared, older_open(c)) for _, c in sorted(self.campaigns.items())
            ),
            dags=shared.dags,
            fill_type=self._told.fill_type,
            l1_hlt_mode=self._told.l1_hlt_mode,
        )

    def planned(self, run: DagRun) -> None:
        """Take in a DAG that is to be submitted."""
        plan = run.plan
        self.dag_count += 1
        self.dags[run.dag.id] = run
        alcas = plan.of_kind(NodeKind.ALCA)
        if plan.batch is not None:
            taken = {file.path for node in plan.nodes for file in node.files}
            self.waiting = [w for w in self.waiting if w.file.path not in taken]
            self.batches += 1
            self.jobs += len(alcas)
            self._unmade[run.dag.id] = {node.job for node in alcas if node.job is not None}
        for name in plan.calibrations:
            self.campaigns[name].planned(plan, run.dag.id)

    def _made_for(self, plan: DagPlan) -> Iterator[Followed]:
        return (self.campaigns[name] for name in plan.made_for if name in self.campaigns)

    def _tell(self, learn: Callable[..., None], *given: object) -> None:
        self._polls.see(self._engine.now, learn, *given)

    def _tell_of_queue(self, learn: Callable[..., None], *given: object) -> None:
        """Let something be learnt that only the schedd tells."""
        self._polls.see(self._polls.answered(OutageTarget.SCHEDD, self._engine.now), learn, *given)

    # What happens in the pool (`dag_run.Watcher`).

    def job_over(self, node: Node, cores: int, waited: float, ran: float, ok: bool) -> None:
        """Note a job that has ended."""
        owner = node.calibration or self.key.stream
        work = self._counts.work[owner]
        work.job(node.kind, cores, waited, ran, ok)
        if ok and node.kind is NodeKind.RECO:
            work.latest_reco.append((ran, sum(file.events for file in node.files)))

    @property
    def event_time(self) -> float | None:
        """The seconds that RECO of its stream takes per event, as far as jobs have told."""
        return event_time(self._counts.work[self.key.stream].latest_reco)

    def alca_done(self, run: DagRun, job: int, holds: Statistics) -> None:
        """Note that an ALCARECO is complete."""
        made = _Made(Alcareco(self._engine.now, holds, run.dag.id), run.plan.made_for)
        self._alcareco[job] = made
        for campaign in self._made_for(run.plan):
            campaign.alca_done(job, holds)
        self._tell(self._learn_alcareco, run, job, made)

    def inputs(self, run: DagRun, node: Node) -> Inputs:
        """Choose what a HARVEST reads."""
        return self.campaigns[node.calibration].inputs(run)

    def harvest_done(self, run: DagRun, node: Node) -> None:
        """Note that a HARVEST has ended well."""
        self.campaigns[node.calibration].harvest_done(run, node)

    def node_failed(self, run: DagRun, node: Node) -> None:
        """Note that a node has failed for good."""
        self._tell_of_queue(self._learn_failure, run, node)

    def upload_over(self, run: DagRun, node: Node, answered: bool) -> UploadOutcome:
        """Note an attempt to upload."""
        campaign = self.campaigns[node.calibration]
        return campaign.upload_over(run, node, answered, self._engine.now)

    def dag_over(self, run: DagRun) -> None:
        """Note that a DAG has left the queue."""
        self._counts.queue.dag_over()
        self._tell_of_queue(self._learn_end, run, run.whole, run.failures)

    # What a poll learns of it.

    def _learn_alcareco(self, run: DagRun, job: int, made: _Made) -> None:
        self._known[job] = made
        for campaign in self._made_for(run.plan):
            campaign.learn_alcareco(job, made.of)
        left = self._unmade[run.dag.id]
        left.discard(job)
        if not left and self._goes_on_apart:
            run.dag = replace(run.dag, made=True)
        self._changed()

    @property
    def _goes_on_apart(self) -> bool:
        """Whether HARVEST and UPLOAD of a batch are no business of all that share it."""
        return self.key.stream not in self.campaigns

    def _learn_failure(self, run: DagRun, node: Node) -> None:
        run.dag = replace(run.dag, failed_nodes=(*run.dag.failed_nodes, node.name))
        if node.calibration:
            self.campaigns[node.calibration].learn_failure(run, node)
        self._changed()

    def _learn_end(self, run: DagRun, whole: bool, failed: tuple[str, ...]) -> None:
        if whole:
            del self.dags[run.dag.id]
        else:
            state, now = DagState.FAILED, self._engine.now
            run.dag = replace(run.dag, state=state, failed_nodes=failed, ended_at=now)
        self._changed()
