"""Calibrations that share the stream Express, and a DAG of theirs in its directory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from condorloop.config.loader import Config, load
from condorloop.dagman.plan import DagPlan, plan_batch
from condorloop.dagman.render import Renderer
from condorloop.model.campaign import Batch, ReconstructionKey
from condorloop.node.dag_context import DagContext
from condorloop.node.post_script import finish
from condorloop.rundir.layout import MANIFEST
from condorloop.rundir.records.manifest import Manifest
from tests.unit.examples import raw_file
from tests.unit.express import STREAM, express_config
from tests.unit.node_examples import leave, root_bytes

ALI, COMBINED, GAINS = "SiPixelAliHG", "SiPixelAliHGCombined", "SiStripGains"
SHARING = (ALI, COMBINED, GAINS)
EXPRESS = ReconstructionKey(STREAM, 398600)
ROOTS = {
    ALI: "PromptCalibProdSiPixelAliHG.root",
    COMBINED: "PromptCalibProdSiPixelAliHGComb.root",
    GAINS: "PromptCalibProdSiStripGains.root",
}


def shared_config(folder: Path) -> Config:
    """Three shipped calibrations of the shipped stream Express, switched on."""
    if not (folder / "calibrations").exists():
        return express_config(SHARING, folder)
    return load(folder / "site.yaml", folder / "calibrations")


def shared_renderer(folder: Path) -> Renderer:
    """What writes their DAGs."""
    loaded = shared_config(folder)
    return Renderer(loaded, loaded.site.work_dir, "ledger")


def shared_batch(
    config: Config,
    number: int = 0,
    made_for: tuple[str, ...] = SHARING,
    harvested_for: tuple[str, ...] | None = None,
) -> DagPlan:
    """A batch of one RAW file of five LS."""
    batch = Batch(number, (raw_file(number, 5 * number + 1, 5 * number + 5),))
    return plan_batch(
        EXPRESS,
        config.stream(STREAM, made_for),
        batch,
        number,
        number,
        made_for=made_for,
        harvested_for=made_for if harvested_for is None else harvested_for,
    )


def shared_dag(folder: Path, plan: DagPlan | None = None, **options: object) -> DagContext:
    """The DAG of a batch in its directory, with nothing run yet."""
    renderer = shared_renderer(folder)
    plan = plan or shared_batch(renderer.config, **options)  # type: ignore[arg-type]
    made = renderer.write(plan).parent
    return DagContext(made, Manifest.read(made / MANIFEST))


def shared_alca(dag: DagContext, *lacking: str) -> int:
    """Let the RECO and ALCA jobs of a batch end, which made nothing for some calibrations."""
    lumis = str(dag.manifest.files[0].lumis)
    output = dag.manifest.nodes["RECO_0000"].output
    leave(dag, "RECO_0000", {f"{output}.root": root_bytes()}, lumis)
    assert finish(dag, "RECO_0000", 0) == 0
    made = [ROOTS[c] for c in dag.manifest.made_for if c not in lacking]
    leave(dag, "ALCA_0000", {root: root_bytes(root) for root in made}, lumis)
    return finish(dag, "ALCA_0000", 0)


def reread(dag: DagContext) -> DagContext:
    """The same DAG, as its manifest has it on the disk."""
    return replace(dag, manifest=Manifest.read(dag.directory / MANIFEST))
