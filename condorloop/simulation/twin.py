"""The submitter's loop in simulation: polls, the planner, and what comes of its decisions.

Knows the order of a cycle, as `condorloop.submitter` does. The planner is the real one, asked at
the polls and at the ends of probes; reconstructions of which nothing has changed are not asked
about.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from heapq import heappop, heappush
from random import Random

from condorloop.config.loader import Config
from condorloop.config.stream import Stream
from condorloop.dagman.plan import DagPlan, plan_batch, plan_harvest, plan_upload
from condorloop.model.campaign import (
    Batch,
    CampaignKey,
    Reconstruction,
    ReconstructionKey,
    Run,
)
from condorloop.model.enums import DagState, NodeKind
from condorloop.policy import planner
from condorloop.policy.dag_limits import share
from condorloop.policy.planner import (
    Action,
    Latch,
    Rescue,
    SetState,
    SubmitBatch,
    SubmitHarvest,
    SubmitUpload,
)
from condorloop.policy.window import longest
from condorloop.simulation.campaign import Followed
from condorloop.simulation.intake import SimulatedIntake, SimulatedStorage
from condorloop.simulation.models.dag_run import DagRun, Delays, Facility, KindOfJob
from condorloop.simulation.models.data_taking import SimulatedRun
from condorloop.simulation.models.events import Engine
from condorloop.simulation.models.outages import Outages, OutageTarget
from condorloop.simulation.models.slots import Slots
from condorloop.simulation.polls import Polls
from condorloop.simulation.reconstruction import Counts, FollowedReconstruction
from condorloop.simulation.replanning import due
from condorloop.simulation.tally import QueueLength, Tally, WorkTally


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that the loop works with: pool, storage, OMS, and when they do not answer.

    `kinds` has the jobs of each stream and calibration by its name, `oms_delay` is how much later
    OMS tells what happened.
    """

    slots: int
    kinds: Mapping[str, Mapping[NodeKind, KindOfJob]]
    delays: Delays
    storage: SimulatedStorage
    storage_patience: float
    oms_delay: float
    outages: Outages


class Twin:
    """A loop over so many runs, which are of the kind that the first calibration wants.

    Parameters
    ----------
    attentive
        Whether the planner is asked about all that is open at every poll; what comes of it is the
        same, only later.
    """

    def __init__(
        self,
        config: Config,
        around: Surroundings,
        runs: Sequence[SimulatedRun],
        seed: int,
        *,
        attentive: bool = False,
    ) -> None:
        self.engine = Engine()
        self.slots = Slots(self.engine, around.slots)
        self.queue = QueueLength()
        self.tallies = {
            name: Tally(c.closing.buffer, c.by_lumi) for name, c in config.calibrations.items()
        }
        self.work = {name: WorkTally() for name in around.kinds}
        self.followed: dict[CampaignKey, Followed] = {}
        self.reconstructions: dict[ReconstructionKey, FollowedReconstruction] = {}
        self._numbered: list[FollowedReconstruction] = []
        self.asked = 0
        self._config = config
        self._streams = config.streams
        self._around = around
        self._attentive = attentive
        random = Random(seed)
        self._facility = Facility(
            self.engine,
            self.slots,
            around.outages,
            random,
            around.delays,
            around.storage_patience,
        )
        interval = config.site.poll_interval
        self._polls = Polls(self.engine, interval, around.outages, self._cycle)
        self._intake = SimulatedIntake(
            self.engine, self._polls, around.storage, random, self._cycle
        )
        self._told: dict[int, Run] = {}
        self._changed: dict[int, FollowedReconstruction] = {}
        self._put_off: dict[int, FollowedReconstruction] = {}
        self._open: dict[int, Followed] = {}
        self._due: list[tuple[float, int]] = []
        self._dags = 0
        self._runs = {run.number: run for run in runs}
        for run in runs:
            self._expect(run)

    def run(self) -> None:
        """Let everything happen."""
        self.engine.run()

    # What is seen.

    def _expect(self, run: SimulatedRun) -> None:
        """OMS tells of a run when it starts, when its beams are stable, and when it has ended."""
        for time in sorted({run.start, max(run.start, run.stable_at), run.end}):
            told = self._polls.answered(OutageTarget.OMS, time + self._around.oms_delay)
            self._polls.see(told, self._tell_of, run)

    def _tell_of(self, run: SimulatedRun) -> None:
        """OMS tells of a run; its reconstructions learn of it."""
        now = self.engine.now - self._around.oms_delay
        end = run.end if run.end <= now else None
        for stream in self._streams:
            if of := self.reconstructions.get(ReconstructionKey(stream, run.number)):
                of.run_end = end
                self._note(of)
        wanted = next(iter(self._config.calibrations.values())).runs
        self._told[run.number] = Run(
            number=run.number,
            fill=run.fill,
            start=run.start,
            end=end,
            last_ls=run.lumis_by(now) if end is None else run.lumis,
            fill_type=wanted.fill_types[0],
            l1_hlt_mode=wanted.modes[0],
            stable_beam=run.stable_at <= now,
        )

    def _note(self, of: FollowedReconstruction) -> None:
        self._changed[of.id] = of

    # Cycles.

    def _cycle(self) -> None:
        """Ask the planner about what has changed, and what is due; do what it says."""
        now = self.engine.now
        self._intake.take_probes()
        runs, self._told = self._told.values(), {}
        asked = self._to_ask(now)
        if asked or runs:
            self._decide(now, runs, asked)
        if self._attentive and self._open:
            self._polls.see(now, _nothing)

    def _decide(
        self, now: float, runs: Collection[Run], asked: Sequence[FollowedReconstruction]
    ) -> None:
        listed = self._polls.last_answered(OutageTarget.EOS, now)
        told = [of.reconstruction(listed, self._older) for of in asked]
        keys = (CampaignKey(name, r.number) for r in runs for name in self._config.calibrations)
        known = frozenset(key for key in keys if key in self.followed)
        wanted = planner.decide(now, runs, known, told, self._config.calibrations)
        for action in self._sharing(wanted, told) if wanted else ():
            self._act(action)
        self.asked += len(told)
        for of, seen in zip(asked, told, strict=True):
            next_due = self._due_of(now, seen)
            if next_due != of.due and math.isfinite(next_due):
                of.due = next_due
                heappush(self._due, (next_due, of.id))
                self._polls.see(next_due, _nothing)

    def _due_of(self, now: float, seen: Reconstruction) -> float:
        listing = partial(self._polls.answered, OutageTarget.EOS)
        calibrations = self._config.calibrations
        return min(due(now, c, calibrations[c.key.calibration], listing) for c in seen.campaigns)

    def _older(self, campaign: Followed) -> tuple[int, ...]:
        """The older runs whose campaigns are open, where a payload may wait for them."""
        if not campaign.has_unsent:
            return ()
        name, run = campaign.key.calibration, campaign.key.run
        keys = (other.key for other in self._open.values())
        return tuple(sorted(k.run for k in keys if k.calibration == name and k.run < run))

    def _to_ask(self, now: float) -> list[FollowedReconstruction]:
        """Those for which the planner may decide something new, older runs first."""
        asked, self._changed = self._changed, {}
        while self._due and self._due[0][0] <= now:
            time, number = heappop(self._due)
            if self._numbered[number].due == time:
                asked[number] = self._numbered[number]
        asked |= self._put_off
        self._put_off = {}
        if self._attentive:
            asked |= {of.id: of for of in map(self.of, self._open.values())}
        return sorted(asked.values(), key=lambda of: (of.key.run, of.id))

    def of(self, campaign: Followed) -> FollowedReconstruction:
        """What a campaign is made from."""
        name, run = campaign.key.calibration, campaign.key.run
        stream = self._config.calibrations[name].stream_name
        return self.reconstructions[ReconstructionKey(stream, run)]

    def _sharing(
        self, wanted: Sequence[Action], told: Sequence[Reconstruction]
    ) -> Sequence[Action]:
        """What there is room for in the queue; for the rest the planner is asked again."""
        known = {of.id for of in told}
        working = {of.id: of for of in map(self.of, self._open.values()) if of.id not in known}
        others = sum(of.moving for of in working.values())
        shared = share(wanted, told, self._config.site.pool.max_dags - others)
        if shared.put_off:
            done = set(map(id, shared.actions))
            late = (a for a in wanted if id(a) not in done and not isinstance(a, Latch))
            numbers = {a.campaign.reconstruction_id for a in late}
            self._put_off = {number: self._numbered[number] for number in numbers}
        return shared.actions

    # What is decided.

    def _act(self, action: Action) -> None:
        self._note(self._carry_out(action))
        self._polls.see(self.engine.now, _nothing)

    def _carry_out(self, action: Action) -> FollowedReconstruction:
        if isinstance(action, Latch):
            return self._latch(action.key, action.run)
        campaign = self.followed[action.campaign.key]
        name, of = campaign.key.calibration, self.of(campaign)
        match action:
            case SubmitBatch():
                self._submit(of, self._plan_batch(of, action))
            case SubmitHarvest():
                self._submit(of, plan_harvest(of.key, name, of.dag_count))
            case SubmitUpload(harvest=made):
                campaign.sends[self._dags + 1] = action
                self._submit(of, plan_upload(of.key, name, of.dag_count, made))
            case Rescue(dag=dag):
                run = of.dags[dag.id]
                rescues = run.dag.rescues + 1
                run.dag = replace(run.dag, rescues=rescues, failed_nodes=(), ended_at=None)
                self._work_of(of, run).rescues += 1
                self._launch(of, run)
            case SetState(state=state):
                campaign.state = state
                if state.open:
                    self._open[campaign.id] = campaign
                else:
                    self._open.pop(campaign.id, None)
                    for other in self._open.values():
                        if other.has_unsent:
                            self._note(self.of(other))
        return of

    def _latch(self, key: CampaignKey, told: Run) -> FollowedReconstruction:
        calibration = self._config.calibrations[key.calibration]
        of = self._reconstruction(ReconstructionKey(calibration.stream_name, key.run), told)
        campaign = of.latch(len(self.followed), calibration)
        self.followed[key] = self._open[campaign.id] = campaign
        return of

    def _reconstruction(self, key: ReconstructionKey, told: Run) -> FollowedReconstruction:
        """The reconstruction of a stream and a run; it begins with the first campaign of it."""
        if of := self.reconstructions.get(key):
            return of
        run, stream = self._runs[key.run], self._streams[key.stream]
        of = self.reconstructions[key] = FollowedReconstruction(
            len(self._numbered),
            key,
            stream,
            told,
            run,
            self._intake.watch(stream, run, self._watched_until(stream, run)),
            self.engine,
            self._polls,
            Counts(self.tallies, self.work, self.queue),
            self._note,
        )
        self._numbered.append(of)
        return of

    def _watched_until(self, stream: Stream, run: SimulatedRun) -> float:
        """Until when files of a run are looked for, for all that read the same path."""
        readers = (
            calibration
            for calibration in self._config.calibrations.values()
            if self._streams[calibration.stream_name].raw_path == stream.raw_path
        )
        begin = run.end if any(c.by_lumi for c in readers) else run.start
        return begin + longest(self._config.calibrations)

    def _plan_batch(self, of: FollowedReconstruction, action: SubmitBatch) -> DagPlan:
        return plan_batch(
            of.key,
            of.stream,
            Batch(of.batches, action.files),
            of.dag_count,
            of.jobs,
            made_for=action.made_for,
            harvested_for=sorted(c.key.calibration for c in action.harvested_for),
            event_time=of.event_time,
        )

    def _submit(self, of: FollowedReconstruction, plan: DagPlan) -> None:
        self._dags += 1
        run = DagRun(self._facility, self._around.kinds, of, plan, self._dags)
        of.planned(run)
        self._work_of(of, run).dags += 1
        self._launch(of, run)

    def _work_of(self, of: FollowedReconstruction, run: DagRun) -> WorkTally:
        return self.work[run.dag.calibration or of.key.stream]

    def _launch(self, of: FollowedReconstruction, run: DagRun) -> None:
        """Submit a DAG; where the schedd does not answer, at the first poll at which it does."""
        self.queue.submitted()
        now = self.engine.now
        answered = self._around.outages.back(OutageTarget.SCHEDD, now)
        if answered == now:
            self._begin(of, run)
        else:
            run.dag = replace(run.dag, state=DagState.PLANNED)
            begin = partial(self._begin, of, run)
            self._polls.see(self._polls.answered(OutageTarget.SCHEDD, answered), begin)

    def _begin(self, of: FollowedReconstruction, run: DagRun) -> None:
        run.dag = replace(run.dag, state=DagState.ACTIVE)
        run.submit()
        self._note(of)


def _nothing() -> None:
    """What a poll sees that only has to take place."""
