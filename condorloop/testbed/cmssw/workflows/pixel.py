"""The pixel detector: Lorentz angle in collisions and cosmics, and bad modules.

Source: ALCARECOPromptCalibProdSiPixelLorentzAngle{,MCS}_cff.py in
Calibration/TkAlCaRecoProducers, ALCARECOPromptCalibProdSiPixel_cff.py in
CalibTracker/SiPixelQuality of CMSSW; the records are in AlCaHarvesting_cff.py. The filter of
``PromptCalibProdSiPixel`` takes every path and tolerates that there is none.
"""

from __future__ import annotations

from condorloop.testbed.cmssw.workflows.workflow import Record, Workflow, filtered

_QUALITY = "SiPixelQualityFromDbRcd"
_ANGLE = "SiPixelLorentzAngle"
_PATH = "pathALCARECOPromptCalibProdSiPixelLorentzAngle"

LORENTZ_ANGLES = (
    filtered(
        calibration="SiPixelLA",
        product="PromptCalibProdSiPixelLA",
        skim="SiPixelCalSingleMuon",
        module="ALCARECOCalSignleMuonFilterForSiPixelLorentzAngle",
        harvests={"SiPixelLA": (Record(f"{_ANGLE}Rcd", "SiPixelLA_pcl", _ANGLE),)},
        path=_PATH,
    ),
    filtered(
        calibration="SiPixelLAMCS",
        product="PromptCalibProdSiPixelLAMCS",
        skim="SiPixelCalCosmics",
        module="ALCARECOCalCosmicsFilterForSiPixelLorentzAngleMCS",
        harvests={"SiPixelLAMCS": (Record(f"{_ANGLE}RcdMCS", "SiPixelLAMCS_pcl", _ANGLE),)},
        path=f"{_PATH}MCS",
    ),
)

QUALITY = (
    Workflow(
        calibration="SiPixelQuality",
        product="PromptCalibProdSiPixel",
        harvests={
            "SiPixelQuality": tuple(
                Record(f"{_QUALITY}_{kind}", f"{_QUALITY}_{kind}", "SiPixelQuality", "lumiid")
                for kind in ("prompt", "stuckTBM", "other")
            )
        },
        unfiltered=("SiPixelCalZeroBias",),
    ),
)
