"""The tracker: from a DAG that is written down to one that has ended.

Knows how the ledger, a DAG's directory and the schedd's queue are brought to agree; it decides
nothing about what is to be done next. No answer of the schedd leaves everything as it is.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from condorloop.cycle.isolation import Isolation
from condorloop.cycle.launcher import Launcher
from condorloop.cycle.node_progress import Observed, follow_dag, observe_dag
from condorloop.cycle.ports import JobQueue
from condorloop.cycle.settings import Settings
from condorloop.cycle.start_watch import StartWatch
from condorloop.dagman.adoption import unknown_dags, why_not_of_ledger
from condorloop.dagman.logs import script_log
from condorloop.dagman.logs.dag_outcome import Ended, failed_nodes, how_ended, last_cluster
from condorloop.dagman.logs.lost_jobs import LostJobs, is_missing
from condorloop.dagman.logs.nodes_log import NodesLog
from condorloop.dagman.render import Renderer
from condorloop.dagman.schedd.client import ScheddUnavailable
from condorloop.dagman.schedd.idle_reasons import IDLE_LONG
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import (
    Campaign,
    CampaignKey,
    Dag,
    Reconstruction,
    ReconstructionKey,
)
from condorloop.model.enums import Artifact, CampaignState, DagState
from condorloop.model.jobs import FailedNode
from condorloop.model.queue import HeldJob, JobSelector, QueuedDag, WaitingScript
from condorloop.model.service import Service
from condorloop.policy.window import closing_rules, is_over, is_past
from condorloop.rundir.durable import let_group_write
from condorloop.rundir.layout import MANIFEST, RUN_START, dag_dir, dag_file
from condorloop.rundir.records import attempts
from condorloop.rundir.records.manifest import Manifest
from condorloop.rundir.work_dir import check_dag
from condorloop.runtime.logs import say
from condorloop.runtime.shutdown import Shutdown

DELETED = "its directory was deleted"
"""Why a DAG is taken out of the queue that works in what is no longer there."""

HISTORY = 86400.0
"""Seconds for which history is searched for a DAG that has left the queue without a word."""

LOST_TRACK = "DAGMan waits for a job that is not in the queue any more"
"""Why a DAG is taken out of the queue whose DAGMan missed the end of a job; it is rescued."""

LOST_AFTER = 60.0
"""Seconds for which a DAG may be out of the queue without a result before it counts as failed."""


class Tracker:
    """Follows the DAGs of one ledger."""

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        schedd: JobQueue,
        launcher: Launcher,
        shutdown: Shutdown,
        isolation: Isolation,
    ) -> None:
        self.service = Service("schedd")
        self.queue: Mapping[str, QueuedDag] = {}
        self.held_jobs: tuple[HeldJob, ...] = ()
        self.late_scripts: tuple[WaitingScript, ...] = ()
        self._ledger = ledger
        self._settings = settings
        self._schedd = schedd
        self._launcher = launcher
        self._shutdown = shutdown
        self._isolation = isolation
        self._strangers: dict[CampaignKey, tuple[Path, ...]] = {}
        self._missed: dict[int, float] = {}
        self._logs: dict[int, NodesLog] = {}
        self._idle_since: dict[str, float] = {}
        self.starts = StartWatch(schedd, shutdown)
        self._pre_since: dict[str, float] = {}
        self._lost_jobs = LostJobs()

    @property
    def _renderer(self) -> Renderer:
        return self._settings.renderer

    def observe(self, reconstructions: Sequence[Reconstruction], now: float) -> None:
        """Look at the queue once, and at what the DAGs in flight have left."""
        answered = self._ask_queue(now)
        if answered:
            self.late_scripts = ()
        in_flight = {dag.id for r in reconstructions for dag in r.dags if dag.in_flight}
        self._logs = {i: log for i, log in self._logs.items() if i in in_flight}
        keys = {of.campaigns[0].key for of in reconstructions}
        self._strangers = {k: names for k, names in self._strangers.items() if k in keys}
        self._lost_jobs.keep(in_flight)
        for of in reconstructions:
            first = of.campaigns[0].key
            with self._isolation.one_campaign_only(first):
                if self._is_deleted(of):
                    self._restore_run_directory(of, answered, now)
                    continue
                for dag in of.dags:
                    if dag.in_flight:
                        self._observe_dag(of, dag, answered, now)
                if first not in self._strangers:
                    self._strangers[first] = self._find_strangers(of)

    def _ask_queue(self, now: float) -> bool:
        mine = f"{self._ledger.id}/"
        try:
            with self._shutdown.outside():
                queued = self._schedd.queued()
        except ScheddUnavailable as error:
            self.service.failed(error, now)
            return False
        self.queue = {i: d for i, d in queued.dags.items() if i.startswith(mine)}
        self.held_jobs = tuple(h for h in queued.held_jobs if h.dag_id.startswith(mine))
        idle = {i for i, d in self.queue.items() if d.idle}
        self._idle_since = {i: self._idle_since.get(i, now) for i in idle}
        preparing = {i for i, d in self.queue.items() if d.works and d.counts.get("NodesPrerun")}
        self._pre_since = {i: self._pre_since.get(i, now) for i in preparing}
        self.service.good(now)
        self.starts.look(self.queue, self._renderer.config.site.pool.start_within, now)
        return True

    def idle_dags(self, now: float) -> int:
        """How many DAGs the schedd has not started for long."""
        return sum(now - since >= IDLE_LONG for since in self._idle_since.values())

    def strangers(self) -> dict[CampaignKey, tuple[str, ...]]:
        """The directories of DAGs of its own that the ledger does not know, by campaign."""
        return {
            key: there
            for key, folders in self._strangers.items()
            if (there := tuple(f.name for f in folders if (f / MANIFEST).exists()))
        }

    def _find_strangers(self, of: Reconstruction) -> tuple[Path, ...]:
        """Look once for what no row of the ledger stands for; later ones are seen when they come.

        Its jobs may go on. What it makes counts only where nothing else has its RAW files.
        """
        runs, found = self._renderer.run_dir(of.key), []
        for number in unknown_dags(runs, self._ledger.dags.numbers(of.id)):
            folder = dag_dir(runs, number)
            manifest = Manifest.find(folder / MANIFEST)
            if manifest and manifest.id == self._renderer.dag_id(of.key, number):
                say(of.key, f"{folder} is not adopted: it is not in the ledger", logging.ERROR)
                found.append(folder)
        return tuple(found)

    def _is_deleted(self, of: Reconstruction) -> bool:
        """Whether a person has deleted the run directory of DAGs; retention has not."""
        removed = all(Artifact.RUNS in campaign.cleaned for campaign in of.campaigns)
        if not of.campaigns[0].dag_count or removed:
            return False
        return not (self._renderer.run_dir(of.key) / RUN_START).exists()

    def _observe_dag(self, of: Reconstruction, dag: Dag, answered: bool, now: float) -> None:
        if dag.state is DagState.PLANNED and self._is_of_another(of, dag):
            return
        observed = self._observed(of, dag)
        queued = self.queue.get(observed.dag_id) if answered else None
        if queued and dag.removed_by:
            self._withdraw(queued, f"abandoned by {dag.removed_by}")
        if answered and dag.state is DagState.ACTIVE and queued is None:
            self._ended(of, dag, now)
            return
        if queued and not dag_file(observed.runs, dag.number).exists():
            self._withdraw(queued, DELETED)
            return
        follow_dag(self._ledger, observed, self._log_of(observed))
        if queued:
            self._observe_queued(observed, dag, queued, now)
            if queued.works:
                self._await_scripts(observed, queued, now)
                self._listen(of, observed, queued, now)
            self._hold_some(of, dag, queued)
        if answered and dag.state is DagState.PLANNED:
            self._reconcile(of, dag, queued, now)

    def _hold_some(self, of: Reconstruction, dag: Dag, queued: QueuedDag) -> None:
        """Hold harvests and uploads that came into the queue while a person holds a campaign.

        In a batch's DAG that others share; elsewhere DAGMan itself is held.
        """
        if not of.shared or not dag.is_of_all:
            return
        for campaign in of.campaigns:
            if campaign.held_by and campaign.state.open:
                jobs = JobSelector(queued.id, calibration=campaign.key.calibration)
                with self._shutdown.outside():
                    self._schedd.hold(jobs, f"held by {campaign.held_by}")

    def _observe_queued(self, observed: Observed, dag: Dag, queued: QueuedDag, now: float) -> None:
        self._missed.pop(dag.id, None)
        held = queued.held or bool(queued.counts.get("JobsHeld"))
        if held != dag.held:
            self._ledger.dags.set_held(dag.id, held)
        if dag.state is DagState.ACTIVE and queued.cluster != dag.cluster:
            self._ledger.dags.submitted(dag.id, queued.cluster, now)
        if queued.counts.get("NodesFailed", 0) > len(dag.failed_nodes):
            file = dag_file(observed.runs, dag.number)
            self._ledger.dags.nodes_failed(dag.id, _told(file.parent, failed_nodes(file)))

    def _await_scripts(self, observed: Observed, queued: QueuedDag, now: float) -> None:
        """Note the nodes whose scripts are late, and what these say."""
        directory = dag_dir(observed.runs, observed.dag.number)
        unjudged, preparing = self._log_of(observed).unjudged, self._pre_since.get(queued.id)
        for script in script_log.late(queued, unjudged, preparing, now):
            said = script_log.last_words(directory, script.node)
            self.late_scripts += (replace(script, said=said),)

    def _listen(
        self, of: Reconstruction, observed: Observed, queued: QueuedDag, now: float
    ) -> None:
        """Take a DAG out of the queue whose DAGMan waits for a job that is gone; it is rescued."""
        log, pool = self._log_of(observed), self._renderer.config.site.pool
        again = pool.pending_report_interval
        quiet = pool.check_queue_interval + 2 * again  # DAGMan's own look comes before
        waited_for = queued.counts.get("NodesQueued", 0)
        dag = observed.dag
        if not self._lost_jobs.is_due(dag.id, log.read_to, now, quiet) or not waited_for:
            return
        try:
            with self._shutdown.outside():
                in_queue = self._schedd.count_jobs(queued.id)
        except ScheddUnavailable:
            return
        missing = is_missing(waited_for, len(log.unjudged), in_queue)
        if self._lost_jobs.is_lost(dag.id, missing, now, quiet, again):
            told = f"{dag.label}: {LOST_TRACK}; removing it for a rescue"
            say(of.about(dag), told, logging.WARNING)
            self._withdraw(queued, LOST_TRACK)

    def _log_of(self, observed: Observed) -> NodesLog:
        dag = observed.dag
        if dag.id not in self._logs:
            self._logs[dag.id] = NodesLog(dag_file(observed.runs, dag.number))
        return self._logs[dag.id]

    def _observed(self, of: Reconstruction, dag: Dag) -> Observed:
        campaigns = {c.key.calibration: c.id for c in of.campaigns_of(dag)}
        dag_id = self._renderer.dag_id(of.key, dag.number)
        return Observed(dag_id, self._renderer.run_dir(of.key), campaigns, of.id, dag)

    def _reconcile(
        self, of: Reconstruction, dag: Dag, queued: QueuedDag | None, now: float
    ) -> None:
        """Carry on where a submitter stopped between the ledger and the schedd."""
        about = of.about(dag)
        file = dag_file(self._renderer.run_dir(of.key), dag.number)
        if queued:
            if (who := _held_by(of, dag)) and not dag.removed_by:
                self._hold(queued, who)
            self._ledger.dags.submitted(dag.id, queued.cluster, now)
            say(about, f"{dag.label} adopted from the queue as {queued.cluster}")
        elif not file.exists() and dag.cluster is None:
            self._ledger.dags.forget(dag.id)
            say(about, f"{dag.label}: planned but never written; replanning")
        elif not file.exists():
            self._lose(of.key, dag.id, dag.number, now)
        elif (cluster := last_cluster(file)) and cluster != dag.cluster:
            self._ledger.dags.submitted(dag.id, cluster, now)
            say(about, f"{dag.label} adopted from history as {cluster}")
        elif dag.removed_by:
            self._ledger.dags.ended(dag.id, [], now, dag.removed_by)
        elif self._is_too_late(of, dag, now):
            self._ledger.dags.ended(dag.id, [], now)
            say(about, f"{dag.label} was not submitted before its window ended", logging.WARNING)
        elif not _held_by(of, dag) and not _is_abandoned(of, dag):
            self._launcher.submit_planned(of, dag, now)

    def _is_of_another(self, of: Reconstruction, dag: Dag) -> bool:
        """Forget a DAG whose number belongs to one that the ledger does not know."""
        folder = dag_dir(self._renderer.run_dir(of.key), dag.number)
        inputs = self._ledger.dags.inputs(dag.id) if dag.cluster is None else None
        why = why_not_of_ledger(folder, self._renderer.dag_id(of.key, dag.number), inputs)
        if why:
            self._ledger.dags.forget(dag.id)
            self._strangers.pop(of.campaigns[0].key, None)
            told = f"{folder} is not adopted as {dag.label}: {why}; its files wait for another DAG"
            say(of.about(dag), told, logging.ERROR)
        return bool(why)

    def _is_too_late(self, of: Reconstruction, dag: Dag, now: float) -> bool:
        """Whether a DAG that has not got into the queue has no use for anybody any more."""
        return all(self._has_no_use(campaign, now) for campaign in of.campaigns_of(dag))

    def _has_no_use(self, campaign: Campaign, now: float) -> bool:
        closing = closing_rules(campaign.key, self._renderer.config.calibrations)
        closed = not campaign.state.open and is_over(now, campaign, closing)
        return closed or is_past(now, campaign, closing)

    def _hold(self, queued: QueuedDag, who: str) -> None:
        """Hold a DAG that got into the queue while somebody put its campaign on hold."""
        with self._shutdown.outside():
            self._schedd.hold(JobSelector(queued.id, dagman=True), f"held by {who}")
            self._schedd.hold(JobSelector(queued.id), f"held by {who}")

    def _ended(self, of: Reconstruction, dag: Dag, now: float) -> None:
        observed, about = self._observed(of, dag), of.about(dag)
        file = dag_file(observed.runs, dag.number)
        ended = how_ended(file, dag.cluster or 0) or self._told_by_history(file, dag, now)
        observe_dag(self._ledger, observed)
        if not file.exists():
            self._lose(of.key, dag.id, dag.number, now)
            return
        if ended and ended.success and self._ledger.dags.unfinished_nodes(dag.id):
            ended = None  # what it says that it made is not there
        if ended is None:
            if now - self._missed.setdefault(dag.id, now) < LOST_AFTER:
                return
            ended = Ended(False, ())
        self._missed.pop(dag.id, None)
        let_group_write(file.parent.iterdir())
        log = self._log_of(observed)
        del self._logs[dag.id]
        log.read_on()
        self._ledger.dags.record_jobs(dag.id, log.jobs)
        if ended.success:
            self._ledger.dags.ended(dag.id, None, now)
            say(about, f"{dag.label} is done")
            return
        who = ended.removed_by or dag.removed_by
        told = [] if who else _told(file.parent, ended.failed_nodes)
        self._ledger.dags.ended(dag.id, told, now, who)
        if who:
            say(about, f"{dag.label} was removed by {who}", logging.WARNING)
        else:
            failed = ", ".join(ended.failed_nodes) or "it left the queue without a result"
            say(about, f"{dag.label} failed: {failed}", logging.WARNING)

    def _told_by_history(self, file: Path, dag: Dag, now: float) -> Ended | None:
        """Ask history how a DAG ended whose own files do not tell; None if it does not, either."""
        try:
            with self._shutdown.outside():
                told = self._schedd.history(dag.cluster or 0, now - HISTORY)
        except ScheddUnavailable:
            return None
        if told is None:
            return None
        failed = () if told.exit_code is None else failed_nodes(file)
        return Ended(told.exit_code == 0, failed, told.removed_by)

    def _restore_run_directory(self, of: Reconstruction, answered: bool, now: float) -> None:
        """Begin again where a person has deleted the run directory under a reconstruction.

        DAGs that work in what is no longer there are taken out of the queue first.
        """
        if not answered:
            return
        runs, busy = self._renderer.run_dir(of.key), False
        for dag_id, number in self._ledger.dags.all(of.id):
            if dag_file(runs, number).exists():
                continue
            if queued := self.queue.get(self._renderer.dag_id(of.key, number)):
                busy = True
                self._withdraw(queued, DELETED)
            else:
                self._lose(of.key, dag_id, number, now)
        if busy:
            return
        for campaign in of.campaigns:
            check_dag(self._renderer.work_dir, runs)
            check_dag(self._renderer.work_dir, self._renderer.run_dir(campaign.key))
            self._renderer.begin_run(campaign.key, campaign.run_start, of.key)

    def _withdraw(self, queued: QueuedDag, why: str) -> None:
        """Take a DAG out of the queue that has no use any more."""
        with self._shutdown.outside():
            self._schedd.remove(queued.cluster, why)

    def _lose(self, key: ReconstructionKey, dag_id: int, number: int, now: float) -> None:
        runs = self._renderer.run_dir(key)
        alca = self._ledger.dags.alca_nodes(dag_id)
        kept = frozenset(n.name for n in alca if (runs / n.witness).exists())
        self._ledger.dags.lost(dag_id, kept, now)
        gone = dag_dir(runs, number)
        say(key, f"{gone} was deleted; processing its files again", logging.ERROR)


def _held_by(of: Reconstruction, dag: Dag) -> str:
    """Who holds a DAG; empty if somebody it works for is not held."""
    holders = [c.held_by for c in of.campaigns_of(dag)]
    return holders[0] if holders and all(holders) else ""


def _is_abandoned(of: Reconstruction, dag: Dag) -> bool:
    return all(c.state is CampaignState.ABANDONED for c in of.campaigns_of(dag))


def _told(directory: Path, names: tuple[str, ...]) -> list[FailedNode]:
    """What the nodes of these names told of their failures."""
    return [_failed_node(name, attempts.read(directory, name)) for name in names]


def _failed_node(name: str, failed: tuple[attempts.Attempt, ...]) -> FailedNode:
    if not failed:
        return FailedNode(name)
    blames = Counter(guilty for attempt in failed for guilty in attempt.blames)
    culprits = Counter(named for attempt in failed for named in attempt.calibrations)
    return FailedNode(name, failed[-1].exit_code, failed[-1].words, blames, culprits)
