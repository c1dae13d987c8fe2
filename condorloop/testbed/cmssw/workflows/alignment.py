"""The alignment of the pixel detector, coarse and fine (HG), from one or two skims.

Source: ALCARECOPromptCalibProdSiPixelAli*_cff.py, their _Output_cff.py and
AlcaSiPixelAliHarvester*_cff.py in Alignment/CommonAlignmentProducer of CMSSW. A combined producer
has two paths with a Mille file each. The path of minimum bias of ``…HGComb`` is that of ``…HG``,
with the same filter.

Uncertain, as no source shows it: record and tag of the alignment for the HLT. CMSSW's
LSNumberFilter, which drops the first lumisections of a run, has no part in the testbed.
"""

from __future__ import annotations

from collections.abc import Mapping

from condorloop.testbed.cmssw.workflows.workflow import Filter, Record, Workflow, filtered

PEDE_CORES = 4
"""What Tier-0 gives the harvest (T0/JobSplitting/AlcaHarvest.py)."""

_PATH = "pathALCARECOPromptCalibProdSiPixelAli"


def _harvest(name: str, kind: str) -> Mapping[str, tuple[Record, ...]]:
    tag = f"{name}_pcl"
    return {name: (Record(f"TrackerAlignment{kind}Rcd", tag, "Alignments"),)}


WORKFLOWS = (
    filtered(
        calibration="SiPixelAli",
        product="PromptCalibProdSiPixelAli",
        skim="TkAlMinBias",
        module="ALCARECOTkAlMinBiasFilterForSiPixelAli",
        harvests=_harvest("SiPixelAli", ""),
        cores=PEDE_CORES,
    ),
    filtered(
        calibration="SiPixelAliHG",
        product="PromptCalibProdSiPixelAliHG",
        skim="TkAlMinBias",
        module="ALCARECOTkAlMinBiasFilterForSiPixelAliHG",
        harvests=_harvest("SiPixelAliHG", "HG"),
        cores=PEDE_CORES,
    ),
    Workflow(
        calibration="SiPixelAliHGComb",
        product="PromptCalibProdSiPixelAliHGComb",
        harvests=_harvest("SiPixelAliHGCombined", "HGCombined"),
        filters=(
            Filter("ALCARECOTkAlMinBiasFilterForSiPixelAliHG", "TkAlMinBias", f"{_PATH}HG"),
            Filter("ALCARECOTkAlZMuMuFilterForSiPixelAli", "TkAlZMuMu", f"{_PATH}HGDiMu"),
        ),
        cores=PEDE_CORES,
    ),
    Workflow(
        calibration="SiPixelAliHLTHGC",
        product="PromptCalibProdSiPixelAliHLTHGC",
        harvests=_harvest("SiPixelAliHLTHGCombined", "HLTHGCombined"),
        filters=(
            Filter(
                "ALCARECOTkAlMinBiasFilterForSiPixelAliHLTHG",
                "TkAlHLTTracks",
                f"{_PATH}HLTHGMinBias",
            ),
            Filter(
                "ALCARECOTkAlZMuMuFilterForSiPixelAliHLT",
                "TkAlHLTTracksZMuMu",
                f"{_PATH}HLTHGDiMu",
            ),
        ),
        cores=PEDE_CORES,
    ),
)
