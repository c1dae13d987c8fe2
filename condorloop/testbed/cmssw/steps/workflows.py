"""The Prompt Calibration Loop's workflows that the testbed knows, by the names CMSSW gives them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ARCHITECTURES = {
    "el8_amd64_gcc12": ("CMSSW_15_0_16",),
    "el8_amd64_gcc13": ("CMSSW_16_0_7_patch1",),
}
"""Releases by architecture: those of the loops of 2025 and 2026."""

ERAS = ("Run2_2018", "Run3", "Run3_2023", "Run3_2024", "Run3_2025", "Run3_2026", "Run3_pp_on_PbPb")
MODIFIERS = ("trackingIters01", "siPixelQualityRawToDigi", "gpuValidation", "alpaka")
SCENARIOS = ("pp", "cosmics", "nocoll", "HeavyIons")


@dataclass(frozen=True, slots=True)
class Workflow:
    """One calibration, through its three steps.

    Attributes
    ----------
    calibration
        Its name in the loop's YAML.
    producer
        The ALCARECO that RECO makes sums for.
    skims
        ALCARECOs that RECO makes with it.
    product
        What ALCA makes of the sums, and the name of ALCA's file.
    harvest
        The path of harvesting.
    record, tag, object_type, time_type
        What harvesting writes; `time_type` as PoolDBOutputService calls it.
    """

    calibration: str
    producer: str
    skims: tuple[str, ...]
    product: str
    harvest: str
    record: str
    tag: str
    object_type: str
    time_type: str = "runnumber"


WORKFLOWS = (
    Workflow(
        calibration="EcalPedestals",
        producer="EcalTestPulsesRaw",
        skims=(),
        product="PromptCalibProdEcalPedestals",
        harvest="EcalPedestals",
        record="EcalPedestalsRcd",
        tag="EcalPedestals",
        object_type="EcalPedestals",
    ),
    Workflow(
        calibration="SiStripBad",
        producer="SiStripCalZeroBias",
        skims=("SiStripPCLHistos",),
        product="PromptCalibProdSiStrip",
        harvest="SiStripQuality",
        record="SiStripBadStripRcd",
        tag="SiStripBadStrip",
        object_type="SiStripBadStrip",
    ),
    Workflow(
        calibration="BeamSpot",
        producer="TkAlMinBias",
        skims=(),
        product="PromptCalibProdBeamSpotHP",
        harvest="BeamSpotHPByLumi",
        record="BeamSpotObjectsRcd",
        tag="BeamSpotObjectHP_ByLumi",
        object_type="BeamSpotObjects",
        time_type="lumiid",
    ),
)

TIME_TYPES = {"runnumber": "Run", "lumiid": "Lumi"}
"""The conditions database's time types by PoolDBOutputService's names of them."""

ALCARECOS = tuple(name for w in WORKFLOWS for name in (w.producer, *w.skims, w.product))
"""Every name that ALCAPRODUCER, ALCAOUTPUT and ALCA can be asked for."""


def made_by(names: Iterable[str]) -> tuple[Workflow, ...]:
    """Give the workflows whose producer, product or harvest is among the names."""
    wanted = set(names)
    return tuple(w for w in WORKFLOWS if wanted & {w.producer, w.product, w.harvest})
