"""Renew a DAG that has been written: the same nodes, with the present configuration.

Knows what a DAG's directory holds. Its destination stays, unless a person means another. Each
file is replaced whole and the manifest last, so that a renewal that was cut short is made again,
with the same result.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from condorloop.dagman import written_destination
from condorloop.dagman.plan import DagPlan
from condorloop.dagman.render import Renderer, write_texts
from condorloop.dagman.replan import Dropped, plan_of, without
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import NodeKind
from condorloop.rundir.layout import MANIFEST, dag_dir
from condorloop.rundir.records.manifest import Earlier, Manifest
from condorloop.rundir.records.record import RecordError


def renew(
    renderer: Renderer,
    key: CampaignKey,
    number: int,
    dropped: Dropped,
    *,
    accept_destination: bool = False,
) -> bool:
    """Write a DAG anew, without what is `dropped`, and say whether that changed anything.

    It must not be in the queue. What no manifest tells of any more stays as it was written.
    Its destination stays, too: with `accept_destination` it takes the configured one.

    Raises
    ------
    OSError
        The DAG's directory cannot be written.
    RecordError
        Its manifest is gone or tells nothing, and something is to be taken out; or it is damaged.
    """
    runs = renderer.run_dir(key)
    folder = dag_dir(runs, number)
    try:
        told = Manifest.read(folder / MANIFEST)
    except RecordError as error:
        if error.key or dropped:
            raise
        return False
    before = plan_of(told)
    plan = without(before, dropped)
    differs = written_destination.keeps(renderer, key, told)
    if differs and not accept_destination:
        renderer = written_destination.with_mods_of(renderer, key, folder)
    changed = write_texts(folder, renderer.texts(plan))
    manifest = _manifest(renderer, plan, told, runs)
    if differs and not accept_destination:
        manifest = written_destination.with_destination_of(told, manifest)
    else:
        manifest = written_destination.with_tag_of_payload(told, manifest, plan, runs)
    if differs and accept_destination:
        written_destination.send_elsewhere(manifest, plan, runs)
    if plan != before:
        manifest = replace(manifest, taken_out=True)
    if manifest != told:
        manifest.write(folder / MANIFEST)
    return changed or manifest != told


def _manifest(renderer: Renderer, plan: DagPlan, told: Manifest, runs: Path) -> Manifest:
    """The manifest of a renewed DAG."""
    present = renderer.manifest(plan, told.uploaded)
    earlier = told.earlier
    if told.software != present.software:
        known = {name for each in earlier for name in each.nodes}
        if done := tuple(n for n in _done(plan, runs) if n not in known):
            earlier = (*earlier, Earlier(*told.software, done))
    return replace(
        present,
        earlier=earlier,
        taken_out=told.taken_out,
        again=told.again,
        restores=told.restores,
        turn=told.turn,
        piece=told.piece,
    )


def _done(plan: DagPlan, runs: Path) -> list[str]:
    """The nodes whose output is there: they are not made again."""
    made = (n for n in plan.nodes if n.kind is not NodeKind.UPLOAD)
    return [n.name for n in made if (runs / n.witness).exists()]
