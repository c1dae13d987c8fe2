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
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import NodeKind
from condorloop.rundir.layout import HARVEST_RECORD, MANIFEST, dag_dir, harvest_name, newest_first
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.manifest import Manifest, UploadSettings

SCRIPT = "harvest.sh"
_MOD = re.compile(r"""^printf '%s\\n' (.+) >> "\$output\.py"$""", re.MULTILINE)


def destination_of(runs: Path, number: int) -> Destination | None:
    """The destination that a DAG was written with; None if its manifest does not say."""
    manifest = Manifest.find(dag_dir(runs, number) / MANIFEST)
    return written(manifest) if manifest else None


def written(manifest: Manifest) -> Destination:
    """The destination that a DAG's manifest has."""
    tags = frozenset(tag for upload in manifest.uploads for tag in upload.metadata.tags)
    address = Address.from_options(manifest.conditions.command[1:])
    return Destination(manifest.upload.metadata.database, tags, address)


def configured_destination(renderer: Renderer, calibration: str) -> Destination | None:
    """The destination that is configured; None of a calibration that is not."""
    found = configured(renderer.config).get(calibration)
    return found.destination if found else None


def keeps(renderer: Renderer, key: CampaignKey, told: Manifest) -> bool:
    """Whether a DAG has another destination than the configured one, and so keeps its own."""
    return written(told) != configured_destination(renderer, key.calibration)


def mods_of(script: str) -> tuple[str, ...]:
    r"""The lines that a HARVEST script appends to its job's configuration.

    >>> mods_of("printf '%s\\n' 'process.a = \"b\"' >> \"$output.py\"")
    ('process.a = "b"',)
    """
    return tuple(" ".join(shlex.split(found)) for found in _MOD.findall(script))


def with_mods_of(renderer: Renderer, key: CampaignKey, folder: Path) -> Renderer:
    """Give a renderer whose HARVEST scripts name the same tag as the one that stands in a folder.

    Raises
    ------
    OSError
        There is no script.
    """
    mods = mods_of((folder / SCRIPT).read_text(encoding="utf-8"))
    calibration = renderer.config.calibrations[key.calibration]
    driver = calibration.harvest.cms_driver.model_copy(update={"config_mods": mods})
    harvest = calibration.harvest.model_copy(update={"cms_driver": driver})
    changed = calibration.model_copy(update={"harvest": harvest})
    calibrations = {**renderer.config.calibrations, key.calibration: changed}
    return replace(renderer, config=replace(renderer.config, calibrations=calibrations))


def with_destination_of(told: Manifest, present: Manifest) -> Manifest:
    """Give the present manifest of a DAG, with the destination that it had.

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


def _as_many(present: Manifest, told: Manifest) -> tuple[UploadSettings, ...]:
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


def with_tag_of_payload(told: Manifest, present: Manifest, plan: DagPlan, runs: Path) -> Manifest:
    """Give the present manifest of a DAG, whose payload keeps the tags that it has in its file.

    That is so once HARVEST has made it. A present tag that is in the file counts.
    """
    harvests = plan.of_kind(NodeKind.HARVEST)
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
    told = None if plan.sends is None else last_sender(runs, plan.sends)
    if told is None:
        return lambda present: present
    if keeps(renderer, plan.key, told) and not accept:
        return partial(with_destination_of, told)
    return partial(_with_tags_of, told, runs / harvest_name(plan.sends or 0))


def last_sender(runs: Path, harvest: int) -> Manifest | None:
    """The manifest of the last DAG that was to send a payload; None if none tells."""
    folder, run = runs.parent, int(runs.name.removeprefix("run"))
    for file in newest_first(folder, run):
        manifest = Manifest.find(file)
        uploads = manifest.nodes.values() if manifest else ()
        if any(n.kind is NodeKind.UPLOAD and n.output == harvest_name(harvest) for n in uploads):
            return manifest
    return None


def _with_tags_of(told: Manifest, harvest: Path, present: Manifest) -> Manifest:
    """Give a manifest whose records name tags that a payload file has."""
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


def send_elsewhere(manifest: Manifest, plan: DagPlan, runs: Path) -> None:
    """Write what a manifest says beside a payload that HARVEST has made, to be sent with it.

    Raises
    ------
    OSError
        It cannot be written.
    """
    for node in plan.of_kind(NodeKind.UPLOAD):
        for upload in manifest.uploads:
            file = runs / node.output / upload.metadata_filename
            if file.exists():
                upload.metadata.write(file)
