"""The DAGs and nodes of a campaign that a request means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from condorloop.model.campaign import Campaign, Dag
from condorloop.model.queue import JobSelector
from condorloop.policy.node_names import meant, states, unknown
from condorloop.requests.campaign_command import Subject
from condorloop.requests.context import Context
from condorloop.text import plural


@dataclass(frozen=True, slots=True)
class Target:
    """A DAG that is acted on; with a `node`, only the jobs of that."""

    dag: Dag
    node: str | None = None

    def __str__(self) -> str:
        return f"{self.dag.label}/{self.node}" if self.node else self.dag.label


def named(node: str | None, subject: Subject) -> tuple[Target, ...] | str:
    """What a name means among the DAGs that are not done: ``b003``, ``RECO_0001``, or both.

    A name that means nothing, or only what is done, is answered by what there is.
    """
    dags = {d.label: d for d in subject.campaign.dags}
    if node is None:
        return tuple(map(Target, dags.values()))
    outline = {o.label: o for o in subject.outline}
    found = meant(node, outline)
    if not found:
        return unknown(node, outline)
    targets = tuple(Target(dags[each], name) for each, name in found.items() if each in dags)
    return targets or f"{node}: {states({each: outline[each].state for each in found})}"


def in_flight(node: str | None, subject: Subject) -> tuple[Target, ...] | str:
    """The targets of a name that can have jobs in the queue; if a name has none, why."""
    found = named(node, subject)
    if isinstance(found, str):
        return found
    targets = tuple(t for t in found if t.dag.in_flight)
    if found and node and not targets:
        return f"{node} is not in the queue: {states({t.dag.label: t.dag.state for t in found})}"
    return targets


def jobs_meant(
    target: Target,
    campaign: Campaign,
    context: Context,
    *,
    running: bool = False,
    release: bool = False,
) -> list[JobSelector]:
    """The jobs of a target, DAGMan's first.

    In a batch's DAG that other campaigns share, only the harvest and upload of one. RECO and ALCA
    are held with the last of them that is not held, and released with the first; what is others'
    stays as they want it.
    """
    dag_id = context.dag_id(campaign, target.dag)
    if target.node is not None:
        return [JobSelector(dag_id, node=target.node, running=running)]
    if campaign.shares and target.dag.is_of_all:
        own = JobSelector(dag_id, running=running, calibration=campaign.key.calibration)
        theirs = context.reconstruction_of(campaign).campaigns
        others = [c for c in theirs if c.id != campaign.id and c.state.open]
        if release:
            of_all = JobSelector(dag_id, shared=True)
            return [JobSelector(dag_id, dagman=True), of_all, own]
        if any(not c.held_by for c in others):
            return [own]
    return [JobSelector(dag_id, dagman=True), JobSelector(dag_id, running=running)]


def listed(targets: Iterable[Target]) -> str:
    """Name targets one by one."""
    return ", ".join(map(str, targets))


def jobs_of(count: int, targets: Iterable[Target]) -> str:
    """Say how many jobs of which targets, DAGMan's counted."""
    return f"{plural(count, 'job')} of {listed(targets)}"
