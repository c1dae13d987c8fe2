"""Write a DAG: from its plan and the templates to a directory that can be submitted by hand.

Knows what the templates' variables are. The directory is written under a temporary
name and renamed into place, so that it is whole or not there.
"""

from __future__ import annotations

import errno
import json
import math
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condorloop.config import credentials
from condorloop.config.calibration import Calibration
from condorloop.config.loader import Config
from condorloop.config.stream import STREAM_NODES, Stream
from condorloop.dagman import cmsdriver, run_configuration
from condorloop.dagman.plan import DagPlan, Node
from condorloop.dagman.submit_description import JobKind, job_kind, reading_part
from condorloop.dagman.templates import template, template_versions
from condorloop.model.campaign import CampaignKey, RawFile, ReconstructionKey
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
    lumis_file,
    made_in,
    run_dir,
)
from condorloop.rundir.records.gate import GateTool
from condorloop.rundir.records.manifest import (
    CmsswArea,
    HarvestSettings,
    Manifest,
    ManifestFile,
    ManifestNode,
    Product,
    UploadMetadata,
    UploadSettings,
    UploadTool,
)
from condorloop.services import tag_reader
from condorloop.services.cmssw import Cmssw

_SCRIPTS = ("cmssw.sh", "reco.sh", "alca.sh", "harvest.sh", "node.sh")
RECIPE_SCRIPTS = ("reco.sh", "alca.sh")
"""What RECO and ALCA make is fixed in these when a batch is planned, where they are shared."""

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

    def dag_id(self, key: ReconstructionKey, number: int) -> str:
        """The `CondorloopId` of a DAG."""
        return f"{self.ledger_id}/{key.stream}/{key.run}/{number}"

    def run_dir(self, key: CampaignKey | ReconstructionKey) -> Path:
        """The run directory of a campaign or a reconstruction."""
        return run_dir(self.work_dir, key.name, key.run)

    def begin_run(
        self, key: CampaignKey, start: float, made_from: ReconstructionKey | None = None
    ) -> None:
        """Make the run directories, with the time at which the run began, and the configuration.

        That of what it is made from is another one where its stream has other calibrations.

        Raises
        ------
        OSError
            They cannot be written.
        """
        for folder in {self.run_dir(made_from or key), self.run_dir(key)}:
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
        """The ClassAd attributes of the DAGMan job and of all its nodes' jobs.

        A batch of a shared stream is of no calibration: its harvests and uploads are. One that
        reads files once more is of the calibration that wants it.
        """
        attributes: dict[str, str | int] = {
            "CondorloopSite": self.config.site.name,
            "CondorloopStream": plan.key.stream,
        }
        if plan.again_for:
            attributes["CondorloopCalibration"] = plan.again_for
        elif not plan.is_shared or plan.batch is None:
            calibration = next(iter(plan.calibrations), plan.key.stream)
            attributes["CondorloopCalibration"] = calibration
        attributes |= {
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
        uploaded: Mapping[str, tuple[Lumis, int]] | None = None,
        settle: Callable[[Manifest], Manifest] = lambda manifest: manifest,
    ) -> Path:
        """Write a DAG's directory, and return the path of its DAG description.

        Parameters
        ----------
        uploaded
            By calibration, the LS and events of its campaign's best payload in the database: its
            UPLOAD node does not replace it by a lesser one, even if the run directory knows nothing
            of it.
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
        for calibration in plan.calibrations:
            made_in(runs, calibration).mkdir(parents=True, exist_ok=True)
        temporary.replace(final)
        sync_folder(runs)
        return dag_file(runs, plan.number)

    def texts(self, plan: DagPlan) -> dict[str, str]:
        """What stands in the files of a DAG's directory, by name, but for the manifest."""
        context = self._context(plan)
        files = {"dag": context["dag_name"]}
        texts = {files.get(name, name): template(name).render(context) for name in _TEXTS}
        for node in plan.nodes:
            if node.reads_part:
                texts[lumis_file(node.name)] = lumis_json(plan.key.run, node.lumis)
        if plan.is_shared and plan.batch is None:
            for name in RECIPE_SCRIPTS:
                del texts[name]
        return texts

    def description(self, plan: DagPlan) -> str:
        """The DAG description alone."""
        return template("dag").render(self._context(plan))

    def _context(self, plan: DagPlan) -> dict[str, Any]:
        runs = self.run_dir(plan.key)
        stream = self._stream(plan)
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
            "is_shared": plan.is_shared,
            "jobs": list(self._jobs(plan, stream)),
            "nodes": plan.nodes,
            "nodes_of": nodes_of,
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
            "reco": cmsdriver.reco_options(stream, parameters),
            "reco_mods": stream.reco.config_mods,
            "alca": cmsdriver.alca_options(stream, parameters),
            "alca_python": f"{runs.name}{stream.alca.cms_driver.python_affix}",
            "alca_mods": stream.alca.cms_driver.config_mods,
            "alca_cleanup": stream.alca.cms_driver.cleanup_command.strip(),
            "harvests": list(self._harvests(plan, [area])),
        }

    def _stream(self, plan: DagPlan) -> Stream:
        """The stream of a DAG, with what a batch makes for its calibrations."""
        return self.config.stream(plan.key.stream, plan.made_for)

    def _jobs(self, plan: DagPlan, stream: Stream) -> Iterator[_Jobs]:
        """How the jobs of a DAG are submitted: one description a kind, or a calibration of it."""
        of_dag, site = self.attributes(plan), self.config.site
        for kind in NodeKind:
            nodes = plan.of_kind(kind)
            if kind in STREAM_NODES:
                asked = job_kind(kind, stream, site)
                in_part = tuple(node for node in nodes if node.reads_part)
                if nodes:
                    whole = tuple(node for node in nodes if not node.reads_part)
                    yield _Jobs(asked, of_dag, whole)
                if in_part:
                    yield _Jobs(reading_part(asked), of_dag, in_part)
                continue
            for node in nodes:
                if node.is_empty:
                    continue
                tuning = self.config.tuning_of(node.calibration, kind)
                asked = job_kind(kind, tuning, site, stream.holds, node.name)
                attributes = of_dag
                if "CondorloopCalibration" not in of_dag:
                    attributes = of_dag | {"CondorloopCalibration": node.calibration}
                yield _Jobs(asked, attributes, (node,))

    def _harvests(self, plan: DagPlan, areas: Sequence[Path]) -> Iterator[dict[str, Any]]:
        """What stands in the script of HARVEST for each calibration."""
        parameters = self.config.parameters
        nodes = [(n.name, n.calibration) for n in plan.of_kind(NodeKind.HARVEST) if not n.is_empty]
        if not plan.is_shared:
            nodes = [(NodeKind.HARVEST, plan.key.stream)]
        for name, of in nodes:
            calibration = self.config.calibrations[of]
            driver = calibration.harvest.cms_driver
            yield {
                "name": name,
                "areas": [*_own_areas(calibration, parameters.release), *areas],
                "options": cmsdriver.harvest_options(calibration, parameters),
                "python": f"run{plan.key.run}{driver.python_affix}",
                "mods": driver.config_mods,
            }

    def manifest(
        self, plan: DagPlan, uploaded: Mapping[str, tuple[Lumis, int]] | None = None
    ) -> Manifest:
        """What stands in the manifest of a DAG; `uploaded` as `write` takes it."""
        parameters, cmssw = self.config.parameters, Cmssw.from_config(self.config)
        harvested = [n.calibration for n in plan.nodes if n.calibration and not n.is_empty]
        known = uploaded or {}
        return Manifest(
            stream=plan.key.stream,
            run=plan.key.run,
            dag=plan.number,
            batch=plan.batch,
            id=self.dag_id(plan.key, plan.number),
            release=parameters.release,
            global_tag=parameters.global_tag,
            templates=template_versions(_TEXTS),
            cmssw=CmsswArea(cmssw.setup, cmssw.scram_arch, cmssw.release, cmssw.folder),
            lumis=plan.lumis,
            files=tuple(
                _manifest_file(node.name, file) for node in plan.nodes for file in node.files
            ),
            nodes={node.name: _manifest_node(node) for node in plan.nodes},
            settings={
                calibration: self._settings(calibration, plan.key.run, known.get(calibration))
                for calibration in (harvested if plan.is_shared else [plan.key.stream])
            },
            made_for={calibration: self._product(calibration) for calibration in plan.made_for},
            again_for=plan.again_for,
            recipe=(
                cmsdriver.recipe_digest(self._stream(plan), parameters)
                if plan.is_shared and plan.batch is not None
                else ""
            ),
        )

    def _settings(self, name: str, run: int, uploaded: tuple[Lumis, int] | None) -> HarvestSettings:
        """What HARVEST and UPLOAD of a calibration are made by."""
        site, calibration = self.config.site, self.config.calibrations[name]
        conditions = site.conditions
        first, *others = upload_settings(calibration, run)
        return HarvestSettings(
            conditions=UploadTool(
                command=(conditions.upload_conditions, *conditions.options),
                auth_path=credentials.auth_path(calibration, site),
                timeout=conditions.timeout,
            ),
            alca_root=calibration.harvest.root_filename,
            alca_witness=calibration.harvest.witness,
            upload=first,
            more_uploads=tuple(others),
            uploaded=uploaded or (EMPTY, 0),
            tag_reader=tag_reader.tool_of(self.config),
            gate=gate_tool(calibration),
        )

    def _product(self, name: str) -> Product:
        """What ALCA makes for a calibration; what it is called where the stream is its own."""
        calibration = self.config.calibrations[name]
        added, root = calibration.additions, calibration.harvest.root_filename
        return Product(added.skims, "".join(added.producers), root)


@dataclass(frozen=True, slots=True)
class _Jobs:
    """How the jobs of some nodes are submitted, and their ClassAd attributes."""

    kind: JobKind
    attributes: Mapping[str, str | int]
    nodes: tuple[Node, ...]


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


def lumis_json(run: int, lumis: Lumis) -> str:
    """Give lumisections as CMSSW reads them from a file.

    >>> print(lumis_json(398600, Lumis.parse("1-5,7")), end="")
    {"398600": [[1, 5], [7, 7]]}
    """
    return json.dumps({str(run): [list(each) for each in lumis.ranges]}) + "\n"


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


def _manifest_file(node: str, file: RawFile) -> ManifestFile:
    of = (file.of.lumis, file.of.events) if file.of else None
    return ManifestFile(file.path, file.size, file.lumis, file.events, node, of)


def _manifest_node(node: Node) -> ManifestNode:
    return ManifestNode(
        kind=node.kind,
        parents=node.parents,
        output=node.output,
        witness=node.witness,
        lumis=node.lumis,
        files=tuple(f.path for f in node.files),
        inputs=node.inputs,
        calibration=node.calibration,
        taken_out=node.taken_out,
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
