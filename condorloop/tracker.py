"""The tracker: from a DAG that is written down to one that has ended.

Knows how the ledger, a DAG's directory and the schedd's queue are brought to agree; it decides
nothing about what is to be done next. No answer of the schedd leaves everything as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from condorloop.dagman.outcome import failed_nodes, how_ended, last_cluster
from condorloop.dagman.plan import DagPlan
from condorloop.dagman.render import Renderer
from condorloop.dagman.schedd import Schedd, ScheddUnavailable
from condorloop.isolation import one_campaign_only
from condorloop.ledger import Ledger
from condorloop.logs import say
from condorloop.model import Campaign, CampaignKey, Dag, DagState, PlannedNode, QueuedDag
from condorloop.progress import Observed, observe_dag
from condorloop.rundir import MANIFEST, dag_dir, dag_file, read_json
from condorloop.services import Service

LOST_AFTER = 60.0
"""Seconds for which a DAG may be out of the queue without a result before it counts as failed."""


class Tracker:
    """Submits the DAGs of one ledger and follows them."""

    def __init__(self, ledger: Ledger, renderer: Renderer, schedd: Schedd) -> None:
        self.service = Service("schedd")
        self.submission = Service("submission of DAGs")
        self.queue: Mapping[str, QueuedDag] = {}
        self._ledger = ledger
        self._renderer = renderer
        self._schedd = schedd
        self._missed: dict[int, float] = {}

    def observe(self, campaigns: list[Campaign], now: float) -> None:
        """Look at the queue once, and at what the DAGs in flight have left."""
        try:
            mine = f"{self._ledger.id}/"
            self.queue = {i: d for i, d in self._schedd.dags().items() if i.startswith(mine)}
            answered = True
            self.service.good(now)
        except ScheddUnavailable as error:
            answered = False
            self.service.failed(error, now)
        for campaign in campaigns:
            with one_campaign_only(campaign.key):
                for dag in campaign.dags:
                    if dag.in_flight:
                        self._observe_dag(campaign, dag, answered, now)

    def _observe_dag(self, campaign: Campaign, dag: Dag, answered: bool, now: float) -> None:
        observed = self._observed(campaign, dag)
        queued = self.queue.get(observed.dag_id)
        if answered and dag.state is DagState.ACTIVE and queued is None:
            self._ended(campaign, dag, now)
            return
        observe_dag(self._ledger, observed)
        if queued:
            self._missed.pop(dag.id, None)
        if queued and queued.counts.get("NodesFailed") and not dag.failed_nodes:
            failed = failed_nodes(dag_file(observed.runs, dag.number))
            self._ledger.nodes_failed(dag.id, failed)
        if answered and dag.state is DagState.PLANNED:
            self._reconcile(campaign.key, dag, queued, now)

    def _observed(self, campaign: Campaign, dag: Dag) -> Observed:
        key = campaign.key
        dag_id = self._renderer.dag_id(key, dag.number)
        return Observed(dag_id, self._renderer.run_dir(key), campaign.id, dag)

    def carry_out(self, campaign: Campaign, plan: DagPlan, reason: str, now: float) -> None:
        """Write a plan into the ledger, then onto the disk, then submit it.

        Raises
        ------
        OSError
            The DAG's directory cannot be written; the plan is dropped in the next cycle.
        """
        nodes = [
            PlannedNode(n.name, n.kind, n.output, n.witness, n.job, tuple(f.path for f in n.files))
            for n in plan.nodes
        ]
        dag_id = self._ledger.plan_dag(campaign.id, plan.batch, plan.number, nodes, reason, now)
        self._renderer.write(plan)
        detail = f"LS {plan.lumis}" if plan.batch is not None else "HARVEST and UPLOAD"
        say(campaign.key, f"{plan.label} ({detail}): {reason}")
        self._submit(campaign.key, dag_id, plan.number, plan.label, now)

    def rescue(self, key: CampaignKey, dag: Dag, reason: str, now: float) -> None:
        """Submit a failed DAG again, from its rescue file."""
        say(key, f"{dag.label} is rescued: {reason}")
        self._ledger.plan_rescue(dag.id)
        self._submit(key, dag.id, dag.number, dag.label, now)

    def _submit(self, key: CampaignKey, dag_id: int, number: int, label: str, now: float) -> None:
        file = dag_file(self._renderer.run_dir(key), number)
        try:
            cluster = self._schedd.submit(file, f"{key} {label}")
        except ScheddUnavailable as error:
            self.submission.failed(error, now)
            return
        self.submission.good(now)
        self._ledger.dag_submitted(dag_id, cluster, now)
        say(key, f"{label} submitted as {cluster}")

    def _reconcile(self, key: CampaignKey, dag: Dag, queued: QueuedDag | None, now: float) -> None:
        """Carry on where a submitter stopped between the ledger and the schedd."""
        runs = self._renderer.run_dir(key)
        file = dag_file(runs, dag.number)
        made_by = read_json(dag_dir(runs, dag.number) / MANIFEST).get("id")
        if queued:
            self._ledger.dag_submitted(dag.id, queued.cluster, now)
            say(key, f"{dag.label} is in the queue as {queued.cluster}: adopted")
        elif not file.exists() and dag.cluster is None:
            self._ledger.drop_dag(dag.id)
            say(key, f"{dag.label} was planned but never written: planned anew")
        elif made_by not in (None, self._renderer.dag_id(key, dag.number)):
            self._ledger.drop_dag(dag.id)
            say(key, f"{file.parent} is another ledger's, {made_by}: move it away", logging.ERROR)
        elif not file.exists():
            self._ledger.dag_ended(dag.id, (), now)
            say(key, f"{dag.label} cannot be submitted: {file} is gone", logging.ERROR)
        elif (cluster := last_cluster(file)) and cluster != dag.cluster:
            self._ledger.dag_submitted(dag.id, cluster, now)
            say(key, f"{dag.label} has run as {cluster}: adopted")
        else:
            self._submit(key, dag.id, dag.number, dag.label, now)

    def _ended(self, campaign: Campaign, dag: Dag, now: float) -> None:
        observed = self._observed(campaign, dag)
        ended = how_ended(dag_file(observed.runs, dag.number), dag.cluster or 0)
        observe_dag(self._ledger, observed)
        if ended and ended.success and self._ledger.unfinished_nodes(dag.id):
            ended = None  # what it says that it made is not there
        if ended is None and now - self._missed.setdefault(dag.id, now) < LOST_AFTER:
            return
        self._missed.pop(dag.id, None)
        if ended is None:
            self._ledger.dag_ended(dag.id, (), now)
            say(campaign.key, f"{dag.label} left the queue without a result", logging.ERROR)
        elif ended.success:
            self._ledger.dag_ended(dag.id, None, now)
            say(campaign.key, f"{dag.label} is done")
        else:
            self._ledger.dag_ended(dag.id, ended.failed_nodes, now)
            failed = ", ".join(ended.failed_nodes) or "it was ended from outside"
            say(campaign.key, f"{dag.label} failed: {failed}", logging.WARNING)
