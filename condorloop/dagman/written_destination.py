"""The destination of a DAG that has been written: it stays until a person says otherwise.

Knows where it stands: in the manifest's upload metadata and command, and in the HARVEST script,
whose lines name the tag that a payload gets in its file.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from pathlib import Path

from condorloop.config.destinations import (
    Address,
    Destination,
    address_of,
    configured,
    without_address,
)
from condorloop.dagman.plan import DagPlan
from condorloop.dagman.render import Renderer
from condorloop.model.enums import NodeKind
from condorloop.rundir.layout import (
    HARVEST_RECORD,
    MANIFEST,
    dag_dir,
    harvest_name,
    made_in,
    newest_first,
)
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.manifest import HarvestSettings, Manifest, UploadSettings

SCRIPT = "harvest.sh"
_CASE = r"^{node}\)$(.*?)^;;$"
"""What a script of several calibrations has for a node of one."""
_MOD = re.compile(r"""^printf '%s\\n' (.+) >> "\$output\.py"$""", re.MULTILINE)


def destination_of(runs: Path, number: int, calibration: str) -> Destination | None:
    """The destination that a DAG was written with; None if its manifest does not say."""
    manifest = Manifest.find(dag_dir(runs, number) / MANIFEST)
    settings = manifest.settings.get(calibration) if manifest else None
    return written(settings) if settings else None


def written(settings: HarvestSettings) -> Destination:
    """The destination that a DAG's manifest has for a calibration."""
    tags = frozenset(tag for upload in settings.uploads for tag in upload.metadata.tags)
    address = Address.from_options(settings.conditions.command[1:])
    return Destination(settings.upload.metadata.database, tags, address)


def configured_destination(renderer: Renderer, calibration: str) -> Destination | None:
    """The destination that is configured; None of a calibration that is not."""
    found = configured(renderer.config).get(calibration)
    return found.destination if found else None


def keeps(renderer: Renderer, calibration: str, told: HarvestSettings) -> bool:
    """Whether a DAG has another destination than the configured one, and so keeps its own."""
    return written(told) != configured_destination(renderer, calibration)


def mods_of(script: str, node: str = NodeKind.HARVEST) -> tuple[str, ...]:
    r"""The lines that a HARVEST script appends to the configuration of a node's job.

    >>> mods_of("printf '%s\\n' 'process.a = \"b\"' >> \"$output.py\"")
    ('process.a = "b"',)
    """
    if node != NodeKind.HARVEST:
        case = re.search(_CASE.format(node=re.escape(node)), script, re.MULTILINE | re.DOTALL)
        script = case[1] if case else ""
    return tuple(" ".join(shlex.split(found)) for found in _MOD.findall(script))


def with_mods_of(renderer: Renderer, name: str, folder: Path, node: str) -> Renderer:
    """Give a renderer whose HARVEST scripts name the same tag as the one that stands in a folder.

    Parameters
    ----------
    name, node
        The calibration, and its HARVEST.

    Raises
    ------
    OSError
        There is no script.
    """
    mods = mods_of((folder / SCRIPT).read_text(encoding="utf-8"), node)
    calibration = renderer.config.calibrations[name]
    driver = calibration.harvest.cms_driver.model_copy(update={"config_mods": mods})
    harvest = calibration.harvest.model_copy(update={"cms_driver": driver})
    changed = calibration.model_copy(update={"harvest": harvest})
    calibrations = {**renderer.config.calibrations, name: changed}
    return replace(renderer, config=replace(renderer.config, calibrations=calibrations))


def with_destination_of(told: HarvestSettings, present: HarvestSettings) -> HarvestSettings:
    """Give the present settings of a DAG, with the destination that it had.

    What is said of a payload is the present text.
    """
    tool, *options = present.conditions.command
    before = told.conditions.command
    command = (tool, *without_address(options), *address_of(before[1:]))
    conditions = replace(present.conditions, command=command)
    first, *others = (
        _kept(before, now) for before, now in zip_longest(told.uploads, _as_many(present, told))
    )
    return replace(present, conditions=conditions, upload=first, more_uploads=tuple(others))


def _as_many(present: HarvestSettings, told: HarvestSettings) -> tuple[UploadSettings, ...]:
    """The present records of a DAG, as far as it had as many."""
    return present.uploads if len(present.uploads) == len(told.uploads) else ()


def _kept(before: UploadSettings, now: UploadSettings | None) -> UploadSettings:
    """A record with the destination that it had, and the present text where there is one."""
    if now is None:
        return before
    metadata = replace(before.metadata, user_text=now.metadata.user_text)
    return replace(
        now, metadata=metadata, synchronisation=before.synchronisation, since=before.since
    )


def with_tag_of_payload(
    told: HarvestSettings, present: HarvestSettings, plan: DagPlan, runs: Path, name: str
) -> HarvestSettings:
    """Give the present settings of a DAG, whose payload keeps the tags that it has in its file.

    That is so once HARVEST has made it. A present tag that is in the file counts.

    Parameters
    ----------
    runs, name
        The run directory of the calibration, and its name.
    """
    harvests = [n for n in plan.of_kind(NodeKind.HARVEST) if n.calibration == name]
    made = plan.sends is not None or any((runs / h.witness).exists() for h in harvests)
    harvest = plan.number if plan.sends is None else plan.sends
    return _with_tags_of(told, runs / harvest_name(harvest), present) if made else present


def settled(
    renderer: Renderer, plan: DagPlan, *, accept: bool = False
) -> Callable[[Manifest], Manifest]:
    """Give what puts the destination into the manifest of a DAG that sends what another one made.

    It is that of the DAG that sent the payload last, unless a person accepts the configured one.
    The tag that the payload has in its file stays in any case.
    """
    runs = renderer.run_dir(plan.key)
    if plan.sends is None:
        return lambda present: present
    [name] = plan.calibrations
    told = last_sender(runs, name, plan.sends)
    if told is None:
        return lambda present: present
    if keeps(renderer, name, told) and not accept:
        return partial(_changed, name, partial(with_destination_of, told))
    harvest = made_in(runs, name) / harvest_name(plan.sends)
    return partial(_changed, name, partial(_with_tags_of, told, harvest))


def _changed(
    name: str, change: Callable[[HarvestSettings], HarvestSettings], manifest: Manifest
) -> Manifest:
    settings = {**manifest.settings, name: change(manifest.settings[name])}
    return replace(manifest, settings=settings)


def last_sender(runs: Path, calibration: str, harvest: int) -> HarvestSettings | None:
    """The settings of the last DAG that was to send a payload; None if none tells.

    Parameters
    ----------
    runs
        The run directory that has the DAGs.
    """
    folder, run = runs.parent, int(runs.name.removeprefix("run"))
    for file in newest_first(folder, run):
        manifest = Manifest.find(file)
        for node in manifest.nodes.values() if manifest else ():
            sends = node.kind is NodeKind.UPLOAD and node.output == harvest_name(harvest)
            if manifest and sends and node.calibration == calibration:
                return manifest.settings[calibration]
    return None


def _with_tags_of(
    told: HarvestSettings, harvest: Path, present: HarvestSettings
) -> HarvestSettings:
    """Give settings whose records name tags that a payload file has."""
    record = HarvestResult.find(harvest / HARVEST_RECORD)
    there = frozenset(iov.tag for iov in record.iovs) if record else frozenset[str]()
    first, *others = (
        _with_tag(now, before, there)
        for now, before in zip_longest(present.uploads, _as_many(told, present))
    )
    return replace(present, upload=first, more_uploads=tuple(others))


def _with_tag(
    now: UploadSettings, before: UploadSettings | None, there: frozenset[str]
) -> UploadSettings:
    """A record whose tag in the payload file is one that is there."""
    if before is None or now.metadata.input_tag in there:
        return now
    return replace(now, metadata=replace(now.metadata, input_tag=before.metadata.input_tag))


def send_elsewhere(settings: HarvestSettings, name: str, plan: DagPlan, runs: Path) -> None:
    """Write what a manifest says beside a payload that HARVEST has made, to be sent with it.

    Parameters
    ----------
    name, runs
        The calibration, and its run directory.

    Raises
    ------
    OSError
        It cannot be written.
    """
    for node in plan.of_kind(NodeKind.UPLOAD):
        for upload in settings.uploads if node.calibration == name else ():
            file = runs / node.output / upload.metadata_filename
            if file.exists():
                upload.metadata.write(file)
