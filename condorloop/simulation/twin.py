"""The submitter's loop in simulation: polls, the planner, and what comes of its decisions.

Knows the order of a cycle, as `condorloop.submitter` does. The planner is the real one, asked at
the polls and at the ends of probes; campaigns of which nothing has changed are not asked about.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from heapq import heappop, heappush
from random import Random

from condorloop.config.loader import Config
from condorloop.dagman.plan import DagPlan, plan_batch, plan_harvest, plan_upload
from condorloop.model.campaign import Batch, Campaign, CampaignKey, Run
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
from condorloop.simulation.models.raw_files import dataset
from condorloop.simulation.models.slots import Slots
from condorloop.simulation.polls import Polls
from condorloop.simulation.replanning import due
from condorloop.simulation.tally import QueueLength, Tally


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that the loop works with: pool, storage, OMS, and when they do not answer.

    `kinds` has the jobs of each calibration, `oms_delay` is how much later OMS tells what happened.
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
        Whether the planner is asked about every open campaign at every poll; what comes of it is
        the same, only later.
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
            name: Tally(c.closing.buffer, c.by_lumi, self.queue)
            for name, c in config.calibrations.items()
        }
        self.followed: dict[CampaignKey, Followed] = {}
        self._numbered: list[Followed] = []
        self.asked = 0
        self._config = config
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
        self._changed: dict[int, Followed] = {}
        self._put_off: dict[int, Followed] = {}
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
        """OMS tells of a run; its campaigns learn of it."""
        now = self.engine.now - self._around.oms_delay
        end = run.end if run.end <= now else None
        for name in self._config.calibrations:
            if campaign := self.followed.get(CampaignKey(name, run.number)):
                campaign.run_end = end
                self._note(campaign)
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

    def _note(self, campaign: Followed) -> None:
        self._changed[campaign.id] = campaign

    def _take_files(self, campaign: Followed) -> None:
        campaign.take_files()
        self._note(campaign)

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

    def _decide(self, now: float, runs: Collection[Run], asked: Sequence[Followed]) -> None:
        listed = self._polls.last_answered(OutageTarget.EOS, now)
        told = [campaign.campaign(listed, self._older(campaign)) for campaign in asked]
        keys = (CampaignKey(name, r.number) for r in runs for name in self._config.calibrations)
        known = frozenset(key for key in keys if key in self.followed)
        wanted = planner.decide(now, runs, known, told, self._config.calibrations)
        for action in self._sharing(wanted, told) if wanted else ():
            self._act(action)
        self.asked += len(told)
        listing = partial(self._polls.answered, OutageTarget.EOS)
        for campaign, seen in zip(asked, told, strict=True):
            next_due = due(now, seen, campaign.calibration, listing)
            if next_due != campaign.due and math.isfinite(next_due):
                campaign.due = next_due
                heappush(self._due, (next_due, campaign.id))
                self._polls.see(next_due, _nothing)

    def _older(self, campaign: Followed) -> tuple[int, ...]:
        """The older runs whose campaigns are open, where a payload may wait for them."""
        if not campaign.has_unsent:
            return ()
        name, run = campaign.key.calibration, campaign.key.run
        keys = (other.key for other in self._open.values())
        return tuple(sorted(k.run for k in keys if k.calibration == name and k.run < run))

    def _to_ask(self, now: float) -> list[Followed]:
        """The campaigns for which the planner may decide something new, older runs first."""
        asked, self._changed = self._changed, {}
        while self._due and self._due[0][0] <= now:
            time, number = heappop(self._due)
            if self._numbered[number].due == time:
                asked[number] = self._numbered[number]
        asked |= self._put_off
        self._put_off = {}
        if self._attentive:
            asked |= self._open
        return sorted(asked.values(), key=lambda c: (c.key.run, c.id))

    def _sharing(self, wanted: Sequence[Action], told: Sequence[Campaign]) -> Sequence[Action]:
        """What there is room for in the queue; for the rest the planner is asked again."""
        known = {campaign.id for campaign in told}
        others = sum(c.moving for c in self._open.values() if c.id not in known)
        shared = share(wanted, told, self._config.site.pool.max_dags - others)
        if shared.put_off:
            done = set(map(id, shared.actions))
            late = (a for a in wanted if id(a) not in done and not isinstance(a, Latch))
            self._put_off = {a.campaign.id: self.followed[a.campaign.key] for a in late}
        return shared.actions

    # What is decided.

    def _act(self, action: Action) -> None:
        campaign = self._carry_out(action)
        self._note(campaign)
        self._polls.see(self.engine.now, _nothing)

    def _carry_out(self, action: Action) -> Followed:
        if isinstance(action, Latch):
            return self._latch(action.key, action.run.end)
        campaign = self.followed[action.campaign.key]
        match action:
            case SubmitBatch():
                self._submit(campaign, self._plan_batch(campaign, action))
            case SubmitHarvest():
                self._submit(campaign, plan_harvest(campaign.key, campaign.dag_count))
            case SubmitUpload(harvest=made):
                campaign.sends[self._dags + 1] = action
                self._submit(campaign, plan_upload(campaign.key, campaign.dag_count, made))
            case Rescue(dag=dag):
                run = campaign.dags[dag.id]
                run.dag = replace(dag, rescues=dag.rescues + 1, failed_nodes=(), ended_at=None)
                self.tallies[campaign.key.calibration].rescues += 1
                self._launch(campaign, run)
            case SetState(state=state):
                campaign.state = state
                if state.open:
                    self._open[campaign.id] = campaign
                else:
                    self._open.pop(campaign.id, None)
                    for other in self._open.values():
                        if other.has_unsent:
                            self._note(other)
        return campaign

    def _latch(self, key: CampaignKey, run_end: float | None) -> Followed:
        calibration = self._config.calibrations[key.calibration]
        run = self._runs[key.run]
        begin = run.end if calibration.by_lumi else run.start
        until = begin + longest(self._config.calibrations)
        stream = self._intake.watch(dataset(self._config.stream_of(key.calibration)), run, until)
        campaign = Followed(
            len(self._numbered),
            key,
            calibration,
            run,
            stream,
            self.engine,
            self._polls,
            self.tallies[key.calibration],
            self._note,
        )
        campaign.run_end = run_end
        campaign.take_files()
        stream.on_probe.append(partial(self._take_files, campaign))
        self.followed[key] = self._open[campaign.id] = campaign
        self._numbered.append(campaign)
        return campaign

    def _plan_batch(self, campaign: Followed, action: SubmitBatch) -> DagPlan:
        plan = plan_batch(
            campaign.key,
            self._config.stream_of(campaign.key.calibration),
            Batch(campaign.batches, action.files),
            campaign.dag_count,
            campaign.jobs,
            harvest=action.harvest,
        )
        taken = set(map(id, action.files))
        campaign.waiting = [w for w in campaign.waiting if id(w.file) not in taken]
        campaign.batches += 1
        campaign.jobs += len(plan.of_kind(NodeKind.ALCA))
        return plan

    def _submit(self, campaign: Followed, plan: DagPlan) -> None:
        self._dags += 1
        campaign.dag_count += 1
        kinds = self._around.kinds[campaign.key.calibration]
        run = DagRun(self._facility, kinds, campaign, plan, self._dags)
        campaign.dags[run.dag.id] = run
        self.tallies[campaign.key.calibration].dags += 1
        self._launch(campaign, run)

    def _launch(self, campaign: Followed, run: DagRun) -> None:
        """Submit a DAG; where the schedd does not answer, at the first poll at which it does."""
        self.tallies[campaign.key.calibration].submitted()
        now = self.engine.now
        answered = self._around.outages.back(OutageTarget.SCHEDD, now)
        if answered == now:
            self._begin(campaign, run)
        else:
            run.dag = replace(run.dag, state=DagState.PLANNED)
            begin = partial(self._begin, campaign, run)
            self._polls.see(self._polls.answered(OutageTarget.SCHEDD, answered), begin)

    def _begin(self, campaign: Followed, run: DagRun) -> None:
        run.dag = replace(run.dag, state=DagState.ACTIVE)
        run.submit()
        self._note(campaign)


def _nothing() -> None:
    """What a poll sees that only has to take place."""
