"""The Prompt Calibration Loop's workflows that the testbed knows, by the names CMSSW gives them.

They are the 18 that run at Tier-0 (etc/ProdOfflineConfiguration.py of dmwm/T0, 2026).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from condorloop.testbed.cmssw.workflows import (
    alignment,
    beam_spot,
    ecal_lumi_pps,
    pixel,
    strip,
)
from condorloop.testbed.cmssw.workflows.workflow import Record, Workflow

ARCHITECTURES = {
    "el8_amd64_gcc12": ("CMSSW_15_0_16",),
    "el8_amd64_gcc13": ("CMSSW_16_0_7_patch1",),
}
"""Releases by architecture: those of the loops of 2025 and 2026."""

ERAS = ("Run2_2018", "Run3", "Run3_2023", "Run3_2024", "Run3_2025", "Run3_2026", "Run3_pp_on_PbPb")
MODIFIERS = ("trackingIters01", "siPixelQualityRawToDigi", "gpuValidation", "alpaka")
SCENARIOS = ("pp", "cosmics", "nocoll", "HeavyIons")

WORKFLOWS: tuple[Workflow, ...] = (
    *beam_spot.WORKFLOWS,
    *strip.WORKFLOWS,
    *alignment.WORKFLOWS,
    *pixel.LORENTZ_ANGLES,
    *ecal_lumi_pps.ECAL,
    *ecal_lumi_pps.LUMI,
    *pixel.QUALITY,
    *ecal_lumi_pps.PPS,
)
"""Their harvests, and what each writes, are in the order of CMSSW's AlCaHarvesting_cff.py."""

HARVESTS: Mapping[str, tuple[Record, ...]] = {
    name: records for w in WORKFLOWS for name, records in w.harvests.items()
}
"""What each path of harvesting writes. A job's paths come in this order, however it names them."""

BY_RECORD = {record.name: (w, record) for w in WORKFLOWS for record in w.records}
"""The workflow of a record, and the record."""

BY_PRODUCT = {w.product: w for w in WORKFLOWS}
"""The workflow of a producer."""

TIME_TYPES = {"runnumber": "Run", "lumiid": "Lumi"}
"""The conditions database's time types by PoolDBOutputService's names of them."""

_OTHERS = ("SiStripCalZeroBias", "SiPixelCalSingleMuonTight", "TkAlCosmics0T")
"""Skims of Tier-0's streams that no producer of the table reads by itself."""

SKIMS = tuple(dict.fromkeys([*_OTHERS, *(skim for w in WORKFLOWS for skim in w.skims)]))
"""The ALCARECOs that RECO can make."""

ALCARECOS = (*SKIMS, *BY_PRODUCT)
"""Every name that ALCAPRODUCER, ALCAOUTPUT and ALCA can be asked for."""


def paths_of(alcareco: str) -> tuple[str, ...]:
    """Give the paths of a skim or a producer."""
    if alcareco in BY_PRODUCT:
        return BY_PRODUCT[alcareco].paths
    return (f"pathALCARECO{alcareco}",)


def served_by_reco(skims: Collection[str], products: Collection[str]) -> tuple[Workflow, ...]:
    """Give the workflows for which a RECO job works.

    They are those whose producer it runs. A skim that none of these reads is there for others:
    those of which it makes all skims.
    """
    named = [w for w in WORKFLOWS if w.product in products]
    spare = set(skims).difference(*(w.skims for w in named))
    others = [w for w in WORKFLOWS if spare & set(w.skims) and set(w.skims) <= set(skims)]
    return tuple(w for w in WORKFLOWS if w in named or w in others)
