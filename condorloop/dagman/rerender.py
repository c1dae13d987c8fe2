"""Renew a DAG that has been written: the same nodes, with the present configuration.

Knows what a DAG's directory holds. Its destination stays, unless a person means another. Each
file is replaced whole and the manifest last, so that a renewal that was cut short is made again,
with the same result.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from condorloop.dagman import written_destination
from condorloop.dagman.plan import DagPlan
from condorloop.dagman.render import Renderer, write_texts
from condorloop.dagman.replan import Dropped, plan_of, without
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import NodeKind
from condorloop.rundir.durable import read_json, write_json
from condorloop.rundir.layout import MANIFEST, dag_dir

TAKEN_OUT = "taken_out"
"""In a manifest: inputs were taken out of the DAG since it was planned."""

EARLIER = "earlier"
"""In a manifest: what nodes were made with that were done before the DAG was renewed."""

_SOFTWARE = ("release", "global_tag", "templates", "cmssw")


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
    ValueError
        Something is to be taken out, and its manifest is gone or damaged; or that does not say
        where the DAG uploads to.
    """
    runs = renderer.run_dir(key)
    folder = dag_dir(runs, number)
    told = read_json(folder / MANIFEST)
    if not told and not dropped:
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
        manifest[TAKEN_OUT] = True
    if manifest != told:
        write_json(folder / MANIFEST, manifest)
    return changed or manifest != told


def _manifest(
    renderer: Renderer, plan: DagPlan, told: Mapping[str, Any], runs: Path
) -> dict[str, Any]:
    """The manifest of a renewed DAG, as it is read back."""
    present: dict[str, Any] = json.loads(json.dumps(renderer.manifest(plan)))
    manifest = {**told, **present, "uploaded": told.get("uploaded", present["uploaded"])}
    software = {name: told[name] for name in _SOFTWARE if name in told}
    if any(software[name] != present[name] for name in software):
        known = {name for each in told.get(EARLIER, []) for name in each["nodes"]}
        done = [n for n in _done(plan, runs) if n not in known]
        if done:
            manifest[EARLIER] = [*told.get(EARLIER, []), {**software, "nodes": done}]
    return manifest


def _done(plan: DagPlan, runs: Path) -> list[str]:
    """The nodes whose output is there: they are not made again."""
    made = (n for n in plan.nodes if n.kind is not NodeKind.UPLOAD)
    return [n.name for n in made if (runs / n.witness).exists()]
