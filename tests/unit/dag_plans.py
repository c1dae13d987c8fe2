"""Plans of the DAGs of calibrations that have streams of their own."""

from __future__ import annotations

from condorloop.config.stream import Stream
from condorloop.dagman.plan import DagPlan, plan_batch, plan_harvest, plan_upload
from condorloop.model.campaign import Batch, CampaignKey, ReconstructionKey
from tests.unit.examples import KEY

RECONSTRUCTION = ReconstructionKey(KEY.calibration, KEY.run)


def of(key: CampaignKey | ReconstructionKey) -> ReconstructionKey:
    """The reconstruction of a campaign whose stream is its calibration's own."""
    return ReconstructionKey(key.name, key.run)


def own_batch(
    key: CampaignKey | ReconstructionKey,
    stream: Stream,
    batch: Batch,
    number: int,
    first_job: int,
    *,
    harvest: bool = True,
) -> DagPlan:
    """A batch; HARVEST and UPLOAD follow if wanted."""
    harvested = [key.name] if harvest else []
    return plan_batch(
        of(key), stream, batch, number, first_job, made_for=[key.name], harvested_for=harvested
    )


def own_harvest(key: CampaignKey | ReconstructionKey, number: int) -> DagPlan:
    """HARVEST and UPLOAD alone."""
    return plan_harvest(of(key), key.name, number)


def own_upload(key: CampaignKey | ReconstructionKey, number: int, harvest: int) -> DagPlan:
    """An UPLOAD alone, of what another DAG made."""
    return plan_upload(of(key), key.name, number, harvest)
