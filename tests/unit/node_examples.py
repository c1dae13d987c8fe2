"""DAGs in their directories, and what jobs leave in them, for the tests of a DAG's own steps."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from condorloop.dagman.render import Renderer
from condorloop.model.campaign import Batch, ReconstructionKey
from condorloop.model.lumis import Lumis
from condorloop.node.dag_context import DagContext
from condorloop.node.post_script import finish
from condorloop.node.pre_script import choose_inputs
from condorloop.rundir.layout import JOB_REPORT, MADE, MANIFEST
from condorloop.rundir.records.manifest import HarvestSettings, Manifest
from condorloop.testbed.cmssw.io.root_file import write_trees
from tests.unit.dag_plans import own_batch
from tests.unit.examples import config, raw_file

ROOT = "PromptCalibProdEcalPedestals.root"
REPORT = """<FrameworkJobReport>
<InputFile><PFN>root://eos/f.root</PFN><EventsRead>{events}</EventsRead>
<Runs><Run ID="398600">{lumis}</Run><Run ID="1"><LumiSection ID="77"/></Run></Runs></InputFile>
</FrameworkJobReport>
"""


def report(lumis: str, events: int) -> str:
    """A job report that tells these LS."""
    rows = "".join(f'<LumiSection ID="{n}"/>' for n in Lumis.parse(lumis))
    return REPORT.format(events=events, lumis=rows)


@cache
def root_bytes(name: str = "a") -> bytes:
    """A whole ROOT file as the testbed's cmsRun writes it; each name has another content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.root"
        write_trees(path, {"Events": {"run": np.ones(3, np.uint32)}}, {"Name": name})
        return path.read_bytes()


def make_dag(
    folder: Path,
    number: int = 0,
    first_job: int = 0,
    files: int = 1,
    like: int | None = None,
    parts: Collection[str] = (),
) -> DagContext:
    """A DAG of one RECO and one ALCA node, in its directory, with nothing run yet.

    Its RAW files are its own, or those that the DAG of the number `like` has; of these, all of
    their lumisections, or parts, with a RECO node for each.
    """
    loaded = config(folder)
    name = "EcalPedestals"
    key = ReconstructionKey(name, 398600)
    of = number if like is None else like
    first = 5 * of + 1
    whole = [raw_file(files * of + i, first, first + 4) for i in range(files)]
    read = [file.part(Lumis.parse(part)) for file in whole for part in parts] or whole
    batch = Batch(number, tuple(read))
    stream = loaded.stream_of(name)
    plan = own_batch(key, stream, batch, number, first_job)
    made = Renderer(loaded, loaded.site.work_dir, "ledger").write(plan).parent
    return DagContext(made, Manifest.read(made / MANIFEST))


def rewritten(dag: DagContext, /, **changes: Any) -> DagContext:
    """The same DAG with another manifest, or other settings of its calibration, on the disk too."""
    of_settings = {f.name for f in fields(HarvestSettings)} & changes.keys()
    settings = replace(dag.settings, **{name: changes.pop(name) for name in of_settings})
    of_all = {**dag.manifest.settings, dag.calibration: settings}
    manifest = replace(dag.manifest, settings=of_all, **changes)
    manifest.write(dag.directory / MANIFEST)
    return replace(dag, manifest=manifest)


def with_tool(dag: DagContext, **changes: Any) -> DagContext:
    """The same DAG with another tool that uploads."""
    return rewritten(dag, conditions=replace(dag.settings.conditions, **changes))


def leave(
    dag: DagContext,
    name: str,
    files: Mapping[str, bytes],
    lumis: str = "1-5",
    events: int = 100,
    listed: bool = True,
) -> Path:
    """Leave what a job's file transfer leaves, over what may be there."""
    made = dag.directory / name
    made.mkdir(exist_ok=True)
    texts = {JOB_REPORT: report(lumis, events).encode(), **files}
    if listed:
        lines = (f"{len(content)} {file}\n" for file, content in texts.items())
        texts = {**texts, MADE: "".join(lines).encode()}
    for file, content in texts.items():
        (made / file).write_bytes(content)
    for stream in ("out", "err"):
        (dag.directory / f"{name}.{stream}").write_text("")
    return made


def leave_reco(dag: DagContext, lumis: str = "1-5") -> str:
    """Leave what a RECO job that went well leaves; give the name of its output."""
    output = dag.manifest.nodes["RECO_0000"].output
    files = {f"{output}.root": root_bytes(), f"{output}.py": b"py", f"{output}.log": b"log\n"}
    leave(dag, "RECO_0000", files, lumis)
    return output


def leave_alca(dag: DagContext, lumis: str = "1-5", events: int = 100) -> None:
    """Leave what an ALCA job that went well leaves."""
    leave(dag, "ALCA_0000", {ROOT: root_bytes()}, lumis, events)


def run_alca(dag: DagContext, lumis: str = "1-5", events: int = 100) -> int:
    """Let an ALCA node go well."""
    leave_alca(dag, lumis, events)
    return finish(dag, "ALCA_0000", 0)


def payload(since: int = 398600) -> bytes:
    """A conditions file with one IOV."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.db"
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE IOV (TAG_NAME, SINCE, PAYLOAD_HASH, INSERTION_TIME)")
        db.execute("INSERT INTO IOV VALUES ('EcalPedestals_NGTDemonstrator', ?, 'abc', 0)", [since])
        db.commit()
        db.close()
        return path.read_bytes()


def leave_harvest(dag: DagContext, lumis: str = "", data: bytes | None = None) -> None:
    """Leave what a HARVEST job leaves; without data it made no payload."""
    files = {} if data is None else {"promptCalibConditions.db": data}
    leave(dag, "HARVEST", files, lumis, 0)


def run_harvest(dag: DagContext, since: int | None = 398600, lumis: str = "") -> int:
    """Let HARVEST go well."""
    choose_inputs(dag)
    leave_harvest(dag, lumis, None if since is None else payload(since))
    return finish(dag, "HARVEST", 0)
