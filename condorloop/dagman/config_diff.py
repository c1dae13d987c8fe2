"""What the present configuration would change in a DAG that was written before.

Knows the files of a DAG's directory and how they are made; it writes nothing and asks nobody.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from condorloop.config.calibration import Calibration
from condorloop.config.loader import Config
from condorloop.config.recipe import Recipe, in_words
from condorloop.config.stream import Stream
from condorloop.config.tuning import Standing
from condorloop.config.yaml_text import dotted
from condorloop.dagman.plan import DagPlan, plan_batch, plan_harvest, plan_upload
from condorloop.dagman.render import Renderer
from condorloop.dagman.replan import plan_of
from condorloop.dagman.run_configuration import recipe_in
from condorloop.ledger.connection import LedgerError
from condorloop.ledger.store import LedgerReader
from condorloop.model.campaign import Batch
from condorloop.model.enums import NodeKind
from condorloop.rundir.layout import LEDGER, MANIFEST, newest_first, run_dir
from condorloop.rundir.records.manifest import Manifest

CONTEXT = 2
"""Lines around a change that are shown with it."""

_NOT_CONFIGURED = frozenset({"id", "templates", "uploaded", "earlier"})
"""What a manifest has from the ledger and the version of condorloop."""

_PYTHON = re.compile(r"^exec .+(?= -m condorloop\.node )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The newest DAG of a stream, and what a next one with the same files would have otherwise.

    `calibration` is the stream's name: the calibration's, if it is its own. Of one that shares a
    stream, `kept` alone is told.
    `dag` is the directory of that DAG, None if there is none; `changes` has the lines of a unified
    diff for each file that would change. `kept` has what open runs keep of an earlier
    configuration, by run and key: for them the next DAG does not change in that.
    """

    calibration: str
    dag: Path | None = None
    changes: Mapping[str, list[str]] = field(default_factory=dict)
    kept: Mapping[int, Mapping[str, str]] = field(default_factory=dict)


def compare(config: Config, run: int | None = None) -> Iterator[Comparison]:
    """Compare, for each stream, its newest DAG with the one that it would be now.

    Calibrations that share a stream are told of by themselves where runs keep something of theirs.

    Parameters
    ----------
    run
        Look at this run only.

    Raises
    ------
    OSError
        A run directory cannot be read.
    """
    for name, stream in config.streams.items():
        is_own = name in config.calibrations
        found = _newest(config.site.work_dir / name, run, batches_alone=not is_own)
        kept = _kept(config, name) if is_own else {}
        if not is_own:
            sharing = [c.name for c in config.calibrations.values() if c.stream_name == name]
            told = ((c, _kept(config, c)) for c in sorted(sharing))
            yield from (Comparison(c, kept=own) for c, own in told if own)
        if found is None:
            yield Comparison(name, kept=kept)
            continue
        folder, manifest = found
        plan = plan_of(manifest)
        if not is_own:
            plan = replace(plan, made_for=tuple(sorted(sharing)))
        plan = planned_anew(plan, stream)
        renderer = Renderer(config, config.site.work_dir, manifest.id.partition("/")[0])
        after = renderer.texts(plan)
        before = {file: _text(folder / file) for file in after}
        before[MANIFEST], after[MANIFEST] = _told(manifest), _told(renderer.manifest(plan))
        yield Comparison(name, folder, changes(before, after), kept)


def planned_anew(plan: DagPlan, stream: Stream) -> DagPlan:
    """Plan a DAG of the same number and the same files again."""
    if plan.sends is not None:
        return plan_upload(plan.key, plan.calibrations[0], plan.number, plan.sends)
    if plan.batch is None:
        return plan_harvest(plan.key, plan.calibrations[0], plan.number)
    harvested = [n.calibration for n in plan.of_kind(NodeKind.HARVEST)]
    files = tuple(file for node in plan.nodes for file in node.files)
    jobs = [node.job for node in plan.of_kind(NodeKind.ALCA) if node.job is not None]
    batch = Batch(plan.batch, files)
    job = min(jobs, default=0)
    return plan_batch(
        plan.key,
        stream,
        batch,
        plan.number,
        job,
        made_for=plan.made_for,
        harvested_for=[c for c in harvested if c in plan.made_for],
    )


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, list[str]]:
    r"""Give the unified diff of each file that is not the same before and after.

    Which Python runs the DAG's scripts is no matter of configuration, and not compared.

    >>> changes({"dag": "RETRY 3\n"}, {"dag": "RETRY 5\n"})
    {'dag': ['@@ -1,2 +1,2 @@', '-RETRY 3', '+RETRY 5', ' ']}
    """
    found = {}
    for file, text in after.items():
        old, new = (_PYTHON.sub("exec python", t).split("\n") for t in (before[file], text))
        lines = list(difflib.unified_diff(old, new, n=CONTEXT, lineterm=""))
        if lines:
            found[file] = lines[2:]
    return found


def to_json(comparisons: Iterable[Comparison]) -> dict[str, Any]:
    """Give comparisons as the object that ``condorloop validate --diff --json`` prints."""
    told = {
        c.calibration: {
            "dag": str(c.dag) if c.dag else None,
            "changes": dict(c.changes),
            "kept": {str(run): dict(kept) for run, kept in c.kept.items()},
        }
        for c in comparisons
    }
    return {"schema": 1, "calibrations": told}


def own_settings(calibration: Calibration) -> dict[str, object]:
    """Give the settings of condorloop's own sections that are not the default, by dotted key."""
    own = set(Standing.model_fields)
    return dict(_flat(calibration.model_dump(mode="json", include=own, exclude_defaults=True)))


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, object]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, dotted(above, key))
        else:
            yield dotted(above, key), value


def _kept(config: Config, name: str) -> dict[int, dict[str, str]]:
    """What the open runs of a calibration keep of an earlier configuration."""
    work_dir, configured = config.site.work_dir, Recipe.configured(config, name)
    runs: list[int] = []
    with suppress(LedgerError), LedgerReader(work_dir / LEDGER) as ledger:
        runs = [campaign.key.run for campaign in ledger.campaigns.open_of(name)]
    kept = {run: recipe_in(run_dir(work_dir, name, run)) for run in runs}
    found = {run: in_words(recipe.changes(configured)) for run, recipe in kept.items() if recipe}
    return {run: changes for run, changes in found.items() if changes}


def _newest(folder: Path, run: int | None, *, batches_alone: bool) -> tuple[Path, Manifest] | None:
    """Find the newest DAG that is as it was planned, with its manifest.

    One of a batch tells more than one of HARVEST and UPLOAD alone.
    """
    harvest = None
    for path in newest_first(folder, run):
        manifest = Manifest.find(path)
        if manifest is None or manifest.taken_out:
            continue
        if manifest.batch is not None:
            return path.parent, manifest
        harvest = harvest or (path.parent, manifest)
    return None if batches_alone else harvest


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _told(manifest: Manifest) -> str:
    told = _configured(manifest.to_json())
    if "calibrations" in told:
        told["calibrations"] = {n: _configured(of) for n, of in told["calibrations"].items()}
    return json.dumps(told, indent=1, sort_keys=True)


def _configured(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key not in _NOT_CONFIGURED}
