"""Write a DAG: from its plan and the templates to a directory that can be submitted by hand.

Knows what the templates' variables are. The directory is written under a temporary
name and renamed into place, so that it is whole or not there.
"""

from __future__ import annotations

import errno
import math
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condorloop.config import credentials
from condorloop.config.calibration import Calibration
from condorloop.config.loader import Config
from condorloop.dagman import cmsdriver, run_configuration
from condorloop.dagman.plan import DagPlan, Node
from condorloop.dagman.submit_description import job_kind
from condorloop.dagman.templates import template, template_versions
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import NodeKind
from condorloop.model.gate import GateAnswer, GateLimits, QuantityLimit, SetLimit
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.rundir.durable import json_text, sync_folder, write_to_disk, write_whole
from condorloop.rundir.layout import (
    AGAIN,
    DEFERRED,
    MANIFEST,
    PERMANENT,
    RUN_START,
    dag_dir,
    dag_file,
    iso_time,
    run_dir,
)
from condorloop.rundir.records.gate import GateTool
from condorloop.rundir.records.manifest import (
    CmsswArea,
    Manifest,
    ManifestFile,
    ManifestNode,
    UploadMetadata,
    UploadSettings,
    UploadTool,
)
from condorloop.services import tag_reader
from condorloop.services.cmssw import Cmssw

_SCRIPTS = ("cmssw.sh", "reco.sh", "alca.sh", "harvest.sh", "node.sh")
_TEXTS = (*_SCRIPTS, "dagman.config", "dag")
_LEAST_QUEUE_UPDATE = 5
"""Seconds: how often a DAGMan brings its counts to the schedd, however fast the polls."""


@dataclass(frozen=True, slots=True)
class Renderer:
    """Turns plans into directories.

    `ledger_id` makes the DAGs' ids unique among ledgers that share a schedd; `work_dir` is where
    run directories are.
    """

    config: Config
    work_dir: Path
    ledger_id: str

    def dag_id(self, key: CampaignKey, number: int) -> str:
        """The `CondorloopId` of a DAG."""
        return f"{self.ledger_id}/{key.calibration}/{key.run}/{number}"

    def run_dir(self, key: CampaignKey) -> Path:
        """The run directory of a campaign."""
        return run_dir(self.work_dir, key.calibration, key.run)

    def begin_run(self, key: CampaignKey, start: float) -> None:
        """Make the run directory, with the time at which the run began, and the configuration.

        Raises
        ------
        OSError
            It cannot be written.
        """
        folder = self.run_dir(key)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / RUN_START, iso_time(start))
        self.keep_configuration(key)

    def keep_configuration(self, key: CampaignKey) -> None:
        """Keep the configuration with a run whose directory has none yet.

        Raises
        ------
        OSError
            It cannot be written.
        """
        if key.calibration in self.config.calibrations:
            versions = template_versions(_TEXTS)
            folder = self.run_dir(key)
            folder.mkdir(parents=True, exist_ok=True)
            run_configuration.keep(folder, self.config, key.calibration, key.run, versions)

    def replace_configuration(self, key: CampaignKey) -> None:
        """Keep this configuration with a run, in place of the one that it has.

        Raises
        ------
        OSError
            It cannot be written.
        """
        versions = template_versions(_TEXTS)
        folder = self.run_dir(key)
        run_configuration.replace(folder, self.config, key.calibration, key.run, versions)

    def attributes(self, plan: DagPlan) -> dict[str, str | int]:
        """The ClassAd attributes of the DAGMan job and of all its nodes' jobs."""
        attributes: dict[str, str | int] = {
            "CondorloopSite": self.config.site.name,
            "CondorloopCalibration": plan.key.calibration,
            "CondorloopRun": plan.key.run,
            "CondorloopDag": plan.number,
            "CondorloopId": self.dag_id(plan.key, plan.number),
        }
        if plan.batch is not None:
            attributes["CondorloopBatch"] = plan.batch
        if plan.sends is not None:
            attributes["CondorloopSends"] = plan.sends
        return attributes

    def write(
        self,
        plan: DagPlan,
        uploaded: tuple[Lumis, int] = (EMPTY, 0),
        settle: Callable[[Manifest], Manifest] = lambda manifest: manifest,
    ) -> Path:
        """Write a DAG's directory, and return the path of its DAG description.

        Parameters
        ----------
        uploaded
            The LS and events of the campaign's best payload in the database: its UPLOAD node
            does not replace it by a lesser one, even if the run directory knows nothing of it.
        settle
            Gives the manifest that is written, from the one by the present configuration.

        Raises
        ------
        OSError
            The run directory cannot be written, or the DAG's directory is there.
        """
        runs = self.run_dir(plan.key)
        final = dag_dir(runs, plan.number)
        if final.exists():
            raise FileExistsError(errno.EEXIST, "there is a DAG already", str(final))
        temporary = final.with_name(f".{final.name}.partial")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, text in self.texts(plan).items():
            write_to_disk(temporary / name, text, mode=_mode(name))
        manifest = settle(self.manifest(plan, uploaded))
        write_to_disk(temporary / MANIFEST, json_text(manifest.to_json()))
        sync_folder(temporary)
        temporary.replace(final)
        sync_folder(runs)
        return dag_file(runs, plan.number)

    def texts(self, plan: DagPlan) -> dict[str, str]:
        """What stands in the files of a DAG's directory, by name, but for the manifest."""
        context = self._context(plan)
        files = {"dag": context["dag_name"]}
        return {files.get(name, name): template(name).render(context) for name in _TEXTS}

    def description(self, plan: DagPlan) -> str:
        """The DAG description alone."""
        return template("dag").render(self._context(plan))

    def _context(self, plan: DagPlan) -> dict[str, Any]:
        runs = self.run_dir(plan.key)
        calibration = self.config.calibrations[plan.key.calibration]
        stream = self.config.stream_of(calibration.name)
        parameters = self.config.parameters
        area = Cmssw.from_config(self.config).area
        nodes_of = {kind: plan.of_kind(kind) for kind in NodeKind}
        return {
            "key": plan.key,
            "label": f"{plan.key} {plan.label}",
            "dag_name": dag_file(runs, plan.number).name,
            "config_file": dag_dir(runs, plan.number) / "dagman.config",
            "queue_update": max(_LEAST_QUEUE_UPDATE, round(self.config.site.poll_interval)),
            "pending_report": math.ceil(self.config.site.pool.pending_report_interval),
            "check_queue": math.ceil(self.config.site.pool.check_queue_interval),
            "script_wait": math.ceil(self.config.site.pool.script_wait),
            "attributes": self.attributes(plan),
            # Among jobs of equal priority, those of the older run go first.
            "precedence": -plan.key.run,
            "kinds": [
                job_kind(kind, self.config.tuning_of(calibration.name, kind), self.config.site)
                for kind in NodeKind
                if nodes_of[kind]
            ],
            "nodes": plan.nodes,
            "nodes_of": nodes_of,
            "harvests": plan.harvests,
            "storage": self.config.site.storage.url.rstrip("/"),
            "runs": str(runs),
            "permanent": PERMANENT,
            "again": AGAIN,
            "deferred": DEFERRED,
            "python": sys.executable,
            "setup": self.config.site.cmssw.setup,
            "scram_arch": parameters.scram_arch,
            "release": parameters.release,
            "area": area,
            "harvest_areas": [*_own_areas(calibration, parameters.release), area],
            "reco": cmsdriver.reco_options(stream, parameters),
            "reco_mods": stream.reco.config_mods,
            "alca": cmsdriver.alca_options(stream, parameters),
            "alca_python": f"{runs.name}{stream.alca.cms_driver.python_affix}",
            "alca_mods": stream.alca.cms_driver.config_mods,
            "alca_cleanup": stream.alca.cms_driver.cleanup_command.strip(),
            "harvest": cmsdriver.harvest_options(calibration, parameters),
            "harvest_python": f"{runs.name}{calibration.harvest.cms_driver.python_affix}",
            "harvest_mods": calibration.harvest.cms_driver.config_mods,
        }

    def manifest(self, plan: DagPlan, uploaded: tuple[Lumis, int] = (EMPTY, 0)) -> Manifest:
        """What stands in the manifest of a DAG; `uploaded` as `write` takes it."""
        site, parameters = self.config.site, self.config.parameters
        calibration = self.config.calibrations[plan.key.calibration]
        cmssw = Cmssw.from_config(self.config)
        conditions = site.conditions
        first, *others = upload_settings(calibration, plan.key.run)
        return Manifest(
            calibration=plan.key.calibration,
            run=plan.key.run,
            dag=plan.number,
            batch=plan.batch,
            id=self.dag_id(plan.key, plan.number),
            release=parameters.release,
            global_tag=parameters.global_tag,
            templates=template_versions(_TEXTS),
            cmssw=CmsswArea(cmssw.setup, cmssw.scram_arch, cmssw.release, cmssw.folder),
            conditions=UploadTool(
                command=(conditions.upload_conditions, *conditions.options),
                auth_path=credentials.auth_path(calibration, site),
                timeout=conditions.timeout,
            ),
            alca_root=calibration.harvest.root_filename,
            alca_witness=calibration.harvest.witness,
            upload=first,
            more_uploads=tuple(others),
            lumis=plan.lumis,
            files=tuple(
                ManifestFile(file.path, file.size, file.lumis, file.events, node.name)
                for node in plan.nodes
                for file in node.files
            ),
            nodes={node.name: _manifest_node(node) for node in plan.nodes},
            uploaded=uploaded,
            tag_reader=tag_reader.tool_of(self.config),
            gate=gate_tool(calibration),
        )


def gate_tool(calibration: Calibration) -> GateTool | None:
    """What is asked before a payload of a calibration is uploaded; None if nothing is."""
    gate, reader = calibration.gate, calibration.payload_reader
    if gate is None:
        return None
    return GateTool(
        limits=GateLimits(
            {n: QuantityLimit(**limit.model_dump()) for n, limit in gate.quantities.items()},
            {n: SetLimit(**limit.model_dump()) for n, limit in gate.sets.items()},
        ),
        command=gate.command,
        timeout=gate.timeout,
        reader=reader.command if reader else (),
        reader_timeout=reader.timeout if reader else 0.0,
        first=GateAnswer(gate.first),
    )


def write_texts(folder: Path, texts: Mapping[str, str]) -> bool:
    """Write the files of a DAG that do not stand there so, and say whether there were any."""
    changed = False
    for name, text in texts.items():
        file = folder / name
        if _stands(file, text):
            continue
        changed = True
        write_whole(file, text, mode=_mode(name))
    return changed


def _stands(file: Path, text: str) -> bool:
    try:
        return file.read_bytes() == text.encode()
    except FileNotFoundError:
        return False


def _mode(name: str) -> int | None:
    return 0o775 if name in _SCRIPTS else None


def _own_areas(calibration: Calibration, release: str) -> list[Path]:
    """The release area that a calibration's YAML names for harvesting, if it names one."""
    base = calibration.harvest.cmssw_base_path
    return [Path(base) / release] if base else []


def _manifest_node(node: Node) -> ManifestNode:
    return ManifestNode(
        kind=node.kind,
        parents=node.parents,
        output=node.output,
        witness=node.witness,
        lumis=node.lumis,
        files=tuple(f.path for f in node.files),
        inputs=node.inputs,
    )


def upload_settings(calibration: Calibration, run: int) -> list[UploadSettings]:
    """What each record of a payload file is called, and where it goes; see `Manifest.uploads`."""
    harvest = calibration.harvest
    return [
        UploadSettings(
            metadata=UploadMetadata(
                database=record.database,
                tags=record.tags,
                input_tag=record.input_tag,
                since=run if calibration.expects_run(record) else None,
                user_text=record.user_text,
            ),
            metadata_filename=metadata_filename,
            final_db_name=final_db_name,
            synchronisation=record.synchronisation,
            since=record.since,
        )
        for record, (final_db_name, metadata_filename) in zip(
            harvest.records, harvest.file_names, strict=True
        )
    ]
