"""The Prompt Calibration Loop's workflows that the testbed knows, by the names CMSSW gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
class Record:
    """What one harvester writes into one tag.

    Attributes
    ----------
    name, tag
        The record, and the tag that CMSSW gives it.
    object_type
        The C++ class of its payloads.
    time_type
        As PoolDBOutputService calls it.
    """

    name: str
    tag: str
    object_type: str
    time_type: str = "runnumber"


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
    harvests
        The paths of harvesting, each with what it writes.
    """

    calibration: str
    producer: str
    skims: tuple[str, ...]
    product: str
    harvests: Mapping[str, tuple[Record, ...]]

    @property
    def records(self) -> tuple[Record, ...]:
        """Everything that harvesting can write."""
        return tuple(record for each in self.harvests.values() for record in each)


_PIXEL = "SiPixelQualityFromDbRcd"

WORKFLOWS = (
    Workflow(
        calibration="BeamSpot",
        producer="TkAlMinBias",
        skims=(),
        product="PromptCalibProdBeamSpotHP",
        harvests={
            "BeamSpotHPByRun": (
                Record("BeamSpotObjectsRcdHPByRun", "BeamSpotObjectHP_ByRun", "BeamSpotObjects"),
            ),
            "BeamSpotHPByLumi": (
                Record(
                    "BeamSpotObjectsRcdHPByLumi",
                    "BeamSpotObjectHP_ByLumi",
                    "BeamSpotObjects",
                    "lumiid",
                ),
            ),
        },
    ),
    Workflow(
        calibration="SiStripBad",
        producer="SiStripCalZeroBias",
        skims=("SiStripPCLHistos",),
        product="PromptCalibProdSiStrip",
        harvests={
            "SiStripQuality": (
                Record("SiStripBadStripRcd", "SiStripBadStrip_pcl", "SiStripBadStrip"),
            )
        },
    ),
    Workflow(
        calibration="EcalPedestals",
        producer="EcalTestPulsesRaw",
        skims=(),
        product="PromptCalibProdEcalPedestals",
        harvests={
            "EcalPedestals": (Record("EcalPedestalsRcd", "EcalPedestals_pcl", "EcalPedestals"),)
        },
    ),
    Workflow(
        calibration="SiPixelQuality",
        producer="SiPixelCalZeroBias",
        skims=(),
        product="PromptCalibProdSiPixel",
        harvests={
            "SiPixelQuality": tuple(
                Record(f"{_PIXEL}_{kind}", f"{_PIXEL}_{kind}", "SiPixelQuality", "lumiid")
                for kind in ("prompt", "stuckTBM", "other")
            )
        },
    ),
)
"""Their harvests, and what each writes, are in the order of CMSSW's AlCaHarvesting_cff.py."""

HARVESTS: Mapping[str, tuple[Record, ...]] = {
    name: records for w in WORKFLOWS for name, records in w.harvests.items()
}
"""What each path of harvesting writes. A job's paths come in this order, however it names them."""

BY_RECORD = {record.name: (w, record) for w in WORKFLOWS for record in w.records}
"""The workflow of a record, and the record."""

TIME_TYPES = {"runnumber": "Run", "lumiid": "Lumi"}
"""The conditions database's time types by PoolDBOutputService's names of them."""

ALCARECOS = tuple(name for w in WORKFLOWS for name in (w.producer, *w.skims, w.product))
"""Every name that ALCAPRODUCER, ALCAOUTPUT and ALCA can be asked for."""


def made_by(names: Iterable[str]) -> tuple[Workflow, ...]:
    """Give the workflows whose producer, product or harvest is among the names."""
    wanted = set(names)
    return tuple(w for w in WORKFLOWS if wanted & {w.producer, w.product, *w.harvests})
