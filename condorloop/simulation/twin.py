"""The submitter's loop in simulation: polls, probes, the planner, and what comes of its decisions.

Knows the order of a cycle, as `condorloop.submitter` does. The planner is the real one, asked at
the polls and at the ends of probes; campaigns of which nothing has changed are not asked about.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random

from condorloop import planner
from condorloop.config import Config
from condorloop.dagman.plan import DagPlan, plan_batch, plan_harvest
from condorloop.model import (
    Batch,
    Campaign,
    CampaignKey,
    DagState,
    NodeKind,
    Run,
)
from condorloop.planner import Action, Latch, Rescue, SetState, SubmitBatch, SubmitHarvest
from condorloop.simulation.beams import SimulatedRun
from condorloop.simulation.dag_run import DagRun, Delays, Facility, KindOfJob
from condorloop.simulation.draws import Duration
from condorloop.simulation.due import due
from condorloop.simulation.engine import Engine
from condorloop.simulation.followed import Followed
from condorloop.simulation.outages import Outages, Target
from condorloop.simulation.pool_model import Stream
from condorloop.simulation.raw_files import (
    ComingFile,
    Probes,
    StreamOfRun,
    coming,
    stream_name,
)
from condorloop.simulation.slots import Slots
from condorloop.simulation.tally import Queue, Tally
from condorloop.window import longest


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that the loop works with: pool, storage, OMS, and when they do not answer.

    `kinds` has the jobs of each calibration. `data` says how many times as much data there is.
    """

    slots: int
    kinds: Mapping[str, Mapping[NodeKind, KindOfJob]]
    delays: Delays
    probe: Duration
    streams: Mapping[str, Stream]
    storage_patience: float = 0.0
    oms_delay: float = 0.0
    outages: Outages = field(default_factory=Outages)
    data: float = 1.0


@dataclass(slots=True)
class _Poll:
    """What a poll will find: runs of which OMS tells something, files, campaigns with news."""

    runs: list[SimulatedRun] = field(default_factory=list)
    files: list[tuple[str, SimulatedRun, ComingFile]] = field(default_factory=list)
    news: dict[int, Followed] = field(default_factory=dict)
    begun: list[DagRun] = field(default_factory=list)


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
        self.queue = Queue()
        self.tallies = {
            name: Tally(c.closing.buffer, self.queue) for name, c in config.calibrations.items()
        }
        self.followed: dict[CampaignKey, Followed] = {}
        self.asked = 0
        self._config = config
        self._around = around
        self._seed = seed
        self._attentive = attentive
        self._random = Random(seed)
        self._facility = Facility(
            self.engine,
            self.slots,
            around.outages,
            self._random,
            around.delays,
            around.storage_patience,
        )
        self._interval = config.site.poll_interval
        self._probes = Probes(config.site.storage.probes_at_once)
        self._streams: dict[tuple[str, int], StreamOfRun] = {}
        self._stream_names = {n: stream_name(c) for n, c in config.calibrations.items()}
        self._polls: dict[int, _Poll] = {}
        self._polled = -1
        self._changed: dict[int, Followed] = {}
        self._due: list[tuple[float, int, Followed]] = []
        self._dags = 0
        self._wanted = next(iter(config.calibrations.values())).reco
        self._runs = {run.number: run for run in runs}
        for run in runs:
            self._expect(run)

    def run(self) -> None:
        """Let everything happen."""
        self.engine.run()

    # When things are seen.

    def _expect(self, run: SimulatedRun) -> None:
        """OMS tells of a run when it starts, when its beams are stable, and when it has ended."""
        for time in sorted({run.start, max(run.start, run.stable_at), run.end}):
            told = self._around.oms_delay + time
            self._poll_at(self._seen(Target.OMS, told)).runs.append(run)

    def _seen(self, target: Target, time: float) -> int:
        """The number of the first poll, from a time on, at which a service answers."""
        outages, interval = self._around.outages, self._interval
        number = math.ceil(time / interval)
        while (back := outages.back(target, number * interval)) > number * interval:
            number = math.ceil(back / interval)
        return number

    def _poll_at(self, number: int) -> _Poll:
        """The poll of a number, or the next one if that is over."""
        number = max(number, self._polled + 1)
        poll = self._polls.get(number)
        if poll is None:
            poll = self._polls[number] = _Poll()
            self.engine.at(number * self._interval, self._do_poll, number)
        return poll

    def _next_poll(self) -> _Poll:
        return self._poll_at(math.ceil(self.engine.now / self._interval))

    def _on_news(self, campaign: Followed, of_schedd: bool) -> None:
        number = math.ceil(self.engine.now / self._interval)
        if of_schedd:
            number = self._seen(Target.SCHEDD, self.engine.now)
        self._poll_at(number).news[campaign.id] = campaign

    # Cycles.

    def _do_poll(self, number: int) -> None:
        now = number * self._interval
        self._polled = number
        poll = self._polls.pop(number)
        runs = [self._told(run, now) for run in poll.runs]
        for name, run, file in poll.files:
            self._list(name, run, file, now)
        answers = self._around.outages.back(Target.SCHEDD, now) == now
        for campaign in poll.news.values():
            campaign.observe(answers)
            self._changed[campaign.id] = campaign
        for dag in poll.begun:
            dag.state = DagState.ACTIVE
        if self._attentive:
            self._changed |= {c.id: c for c in self.followed.values() if c.state.open}
        self._cycle(now, runs)
        if self._attentive and any(c.state.open for c in self.followed.values()):
            self._poll_at(number + 1)

    def _told(self, run: SimulatedRun, now: float) -> Run:
        """What OMS tells of a run; its campaigns learn of it."""
        ended = run.end + self._around.oms_delay <= now
        for name in self._config.calibrations:
            campaign = self.followed.get(CampaignKey(name, run.number))
            if campaign:
                campaign.run_end = run.end if ended else None
                self._changed[campaign.id] = campaign
        return Run(
            number=run.number,
            fill=run.fill,
            start=run.start,
            end=run.end if ended else None,
            last_ls=run.lumis if ended else run.lumis_by(now),
            fill_type=self._wanted.filltype,
            l1_hlt_mode=self._wanted.l1hltmode,
            stable_beam=run.stable_at + self._around.oms_delay <= now,
        )

    def _cycle(self, now: float, runs: Collection[Run] = ()) -> None:
        """Ask the planner about what has changed, and what is due; do what it says."""
        asked, self._changed = self._changed, {}
        while self._due and self._due[0][0] <= now:
            time, number, campaign = heappop(self._due)
            if campaign.due == time:
                asked[number] = campaign
        by_id = dict(sorted(asked.items(), key=lambda item: (item[1].key.run, item[0])))
        told = [self._campaign(c, now) for c in by_id.values()]
        known = frozenset(k for r in runs for k in self._keys(r.number) if k in self.followed)
        self.asked += len(told)
        for action in planner.decide(now, runs, known, told, self._config.calibrations):
            self._act(action, now)
        for campaign, seen in zip(by_id.values(), told, strict=True):
            next_due = due(now, seen, campaign.calibration, self._listing)
            if next_due != campaign.due and math.isfinite(next_due):
                campaign.due = next_due
                heappush(self._due, (next_due, campaign.id, campaign))
                self._poll_at(math.ceil(next_due / self._interval))

    def _keys(self, run: int) -> list[CampaignKey]:
        return [CampaignKey(name, run) for name in self._config.calibrations]

    def _campaign(self, followed: Followed, now: float) -> Campaign:
        stream = self._streams[self._stream_names[followed.key.calibration], followed.run.number]
        listed = self._listed(now)
        listed_at = listed if listed > followed.latched_at else None
        return followed.campaign(now, listed_at, stream.probing)

    def _listed(self, now: float) -> float:
        """When storage was last listed."""
        interval, outages = self._interval, self._around.outages
        time = math.floor(now / interval) * interval
        while (until := outages.before(Target.EOS, time)) < time:
            time = (math.ceil(until / interval) - 1) * interval
        return time

    def _listing(self, time: float) -> float:
        """When storage is listed next, from a time on."""
        return self._seen(Target.EOS, time) * self._interval

    # RAW files.

    def _list(self, name: str, run: SimulatedRun, coming_file: ComingFile, now: float) -> None:
        """A file is new: it is probed."""
        stream = self._streams[name, run.number]
        stream.probing += 1
        for campaign in self._of_stream(name, run.number):
            campaign.last_new_at = now
            self._changed[campaign.id] = campaign
        self._probe(name, run, coming_file, now)

    def _probe(self, name: str, run: SimulatedRun, coming_file: ComingFile, now: float) -> None:
        end = self._probes.ends(now, self._around.probe.draw(self._random))
        if self._around.outages.within(Target.EOS, now, end) is None:
            self.engine.at(end, self._probed, name, run.number, coming_file)
        else:
            again = self._listing(end)
            self.engine.at(again, self._probe, name, run, coming_file, again)

    def _probed(self, name: str, run: int, coming_file: ComingFile) -> None:
        stream = self._streams[name, run]
        stream.probing -= 1
        if coming_file.good:
            stream.found.append(coming_file.file)
        for campaign in self._of_stream(name, run):
            if coming_file.good:
                campaign.found(coming_file.file)
            self._changed[campaign.id] = campaign
        self._cycle(self.engine.now)

    def _of_stream(self, name: str, run: int) -> list[Followed]:
        keys = (CampaignKey(c, run) for c, of in self._stream_names.items() if of == name)
        return [campaign for key in keys if (campaign := self.followed.get(key))]

    def _watch(self, name: str, run: SimulatedRun) -> StreamOfRun:
        """Look for the files of a stream of a run, as long as they are of use."""
        stream = self._streams.get((name, run.number))
        if stream is None:
            stream = self._streams[name, run.number] = StreamOfRun()
            window = longest(self._config.calibrations)
            layout = self._around.streams[name]
            for file in coming(layout, name, run, self._around.data, self._seed):
                number = self._seen(Target.EOS, file.time)
                if number * self._interval < run.start + window:
                    self._poll_at(number).files.append((name, run, file))
        return stream

    # What is decided.

    def _act(self, action: Action, now: float) -> None:
        match action:
            case Latch(key=key):
                campaign = self._latch(key)
            case SubmitBatch():
                campaign = self._submit_batch(action, now)
            case SubmitHarvest(campaign=told):
                campaign = self.followed[told.key]
                self._submit(campaign, plan_harvest(told.key, campaign.dag_count), now)
            case Rescue(campaign=told, dag=dag):
                campaign = self.followed[told.key]
                run = campaign.dags[dag.id]
                run.rescues += 1
                run.failed = ()
                self.tallies[told.key.calibration].rescues += 1
                self._launch(campaign, run, now)
            case SetState(campaign=told, state=state):
                campaign = self.followed[told.key]
                campaign.state = state
        self._poll_at(self._after(now)).news[campaign.id] = campaign

    def _after(self, now: float) -> int:
        """The number of the poll after this cycle."""
        return math.floor(now / self._interval) + 1

    def _latch(self, key: CampaignKey) -> Followed:
        calibration = self._config.calibrations[key.calibration]
        run = self._runs[key.run]
        stream = self._watch(self._stream_names[key.calibration], run)
        campaign = Followed(
            len(self.followed),
            key,
            calibration,
            run,
            self.engine,
            self.tallies[key.calibration],
            self._on_news,
        )
        for file in stream.found:
            campaign.found(file)
        self.followed[key] = campaign
        return campaign

    def _submit_batch(self, action: SubmitBatch, now: float) -> Followed:
        campaign = self.followed[action.campaign.key]
        batch = Batch(campaign.batches, action.files)
        plan = plan_batch(
            *(campaign.key, campaign.calibration, batch, campaign.dag_count, campaign.jobs),
            harvest=action.harvest,
        )
        taken = {file.path for file in action.files}
        campaign.waiting = [w for w in campaign.waiting if w.file.path not in taken]
        campaign.batches += 1
        campaign.jobs += len(plan.of_kind(NodeKind.ALCA))
        self._submit(campaign, plan, now)
        return campaign

    def _submit(self, campaign: Followed, plan: DagPlan, now: float) -> None:
        self._dags += 1
        campaign.dag_count += 1
        kinds = self._around.kinds[campaign.key.calibration]
        run = DagRun(self._facility, kinds, campaign, plan, self._dags)
        campaign.dags[run.id] = run
        self.tallies[campaign.key.calibration].dags += 1
        self._launch(campaign, run, now)

    def _launch(self, campaign: Followed, run: DagRun, now: float) -> None:
        """Submit a DAG; where the schedd does not answer, at the first poll at which it does."""
        run.state = DagState.ACTIVE
        time = now
        if self._around.outages.back(Target.SCHEDD, now) > now:
            number = self._seen(Target.SCHEDD, now)
            run.state = DagState.PLANNED
            poll = self._poll_at(number)
            poll.begun.append(run)
            poll.news[campaign.id] = campaign
            time = number * self._interval
        self.tallies[campaign.key.calibration].submitted()
        run.submit(time)
