"""Renew a DAG that has been written: the same nodes, with the present configuration.

Knows what a DAG's directory holds. Its destination stays, unless a person means another, and so
does what RECO and ALCA of a shared stream are made by. Each file is replaced whole and the manifest
last, so that a renewal that was cut short is made again, with the same result.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from condorloop.dagman import replan, written_destination
from condorloop.dagman.plan import DagPlan, node_name
from condorloop.dagman.render import RECIPE_SCRIPTS, Renderer, write_texts
from condorloop.dagman.replan import Dropped, plan_of, without_calibrations
from condorloop.model.campaign import ReconstructionKey
from condorloop.model.enums import NodeKind
from condorloop.rundir.layout import MANIFEST, dag_dir, made_in
from condorloop.rundir.records.manifest import Earlier, HarvestSettings, Manifest
from condorloop.rundir.records.record import RecordError


def renew(
    renderer: Renderer,
    key: ReconstructionKey,
    number: int,
    dropped: Dropped,
    *,
    accept_destination: bool | Collection[str] = False,
    without: Collection[str] = (),
) -> bool:
    """Write a DAG anew, without what is `dropped`, and say whether that changed anything.

    It must not be in the queue. What no manifest tells of any more stays as it was written.
    Its destinations stay, too, but for those that are accepted.

    RECO and ALCA of a batch of a shared stream, their release and global tag stay as they were
    written. Calibrations that are not configured any more are not harvested.

    Parameters
    ----------
    accept_destination
        The calibrations whose payloads go to the configured destination; true of all of them.
    without
        Calibrations of a shared stream that RECO and ALCA make nothing for from here on.

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
        if error.key or dropped or without:
            raise
        return False
    before = plan_of(told)
    plan = present = replan.without(before, dropped)
    is_fixed = False
    if told.is_shared and told.batch is not None:
        renderer = _with_software_of(renderer, told)
        known = renderer.config.calibrations.keys() - set(without)
        plan = without_calibrations(plan, told.settings.keys() - known)
        present = replace(plan, made_for=tuple(c for c in plan.made_for if c in known))
        is_fixed = told.made_for.keys().isdisjoint(without)
        plan = plan if is_fixed else present
    differs = _going_elsewhere(renderer, told)
    taking = differs if accept_destination is True else set(accept_destination or ()) & differs
    for name in sorted(differs - taking):
        node = node_name(key, NodeKind.HARVEST, name)
        renderer = written_destination.with_mods_of(renderer, name, folder, node)
    texts = renderer.texts(present)
    for script in RECIPE_SCRIPTS if is_fixed else ():
        del texts[script]
    changed = write_texts(folder, texts)
    manifest = _manifest(renderer, present, told, is_fixed=is_fixed)
    settings = dict(told.settings)
    for name, now in manifest.settings.items():
        own, of = told.settings[name], made_in(runs, name)
        if name in differs - taking:
            settings[name] = written_destination.with_destination_of(own, now)
        else:
            settings[name] = written_destination.with_tag_of_payload(own, now, plan, of, name)
        if name in taking:
            written_destination.send_elsewhere(settings[name], name, plan, of)
    manifest = replace(
        manifest,
        settings=settings,
        earlier=_earlier(manifest, plan, told, runs),
        taken_out=told.taken_out or plan != before,
    )
    if manifest != told:
        manifest.write(folder / MANIFEST)
    return changed or manifest != told


def _going_elsewhere(renderer: Renderer, told: Manifest) -> set[str]:
    """The calibrations whose configured destination is another one than the DAG's."""
    known = renderer.config.calibrations
    of_known = ((name, settings) for name, settings in told.settings.items() if name in known)
    return {n for n, settings in of_known if written_destination.keeps(renderer, n, settings)}


def _manifest(renderer: Renderer, plan: DagPlan, told: Manifest, *, is_fixed: bool) -> Manifest:
    """The manifest of a renewed DAG; what RECO and ALCA are made by is that of before if fixed."""
    uploaded = {name: settings.uploaded for name, settings in told.settings.items()}
    present = renderer.manifest(plan, uploaded)
    present = replace(
        present,
        settings={n: _as_asked(told.settings[n], now) for n, now in present.settings.items()},
    )
    if not is_fixed:
        return present
    templates = {name: told.templates[name] for name in RECIPE_SCRIPTS if name in told.templates}
    return replace(
        present,
        made_for=told.made_for,
        recipe=told.recipe,
        templates={**present.templates, **templates},
    )


def _with_software_of(renderer: Renderer, told: Manifest) -> Renderer:
    """Give a renderer with the release and the global tag that a DAG was written with."""
    changes = {
        "release": told.release,
        "scram_arch": told.cmssw.scram_arch,
        "global_tag": told.global_tag,
    }
    parameters = renderer.config.parameters.model_copy(update=changes)
    return replace(renderer, config=replace(renderer.config, parameters=parameters))


def _as_asked(told: HarvestSettings, present: HarvestSettings) -> HarvestSettings:
    """Give the present settings of a DAG, with what was asked of this very DAG."""
    return replace(
        present, again=told.again, restores=told.restores, turn=told.turn, piece=told.piece
    )


def _earlier(present: Manifest, plan: DagPlan, told: Manifest, runs: Path) -> tuple[Earlier, ...]:
    """What nodes of a renewed DAG were made with that are done."""
    if told.software == present.software:
        return told.earlier
    known = {name for each in told.earlier for name in each.nodes}
    done = tuple(n for n in _done(plan, runs) if n not in known)
    return (*told.earlier, Earlier(*told.software, done)) if done else told.earlier


def _done(plan: DagPlan, runs: Path) -> list[str]:
    """The nodes whose output is there: they are not made again."""
    made = (n for n in plan.nodes if n.kind is not NodeKind.UPLOAD)
    return [n.name for n in made if (made_in(runs, n.calibration) / n.witness).exists()]
