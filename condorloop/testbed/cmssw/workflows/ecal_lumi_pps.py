"""ECAL pedestals, luminosity from pixel clusters, and the proton spectrometer (PPS).

Source: ALCARECOPromptCalibProdEcalPedestals_cff.py (Calibration/EcalCalibAlgos),
ALCARECOPromptCalibProdLumiPCC_cff.py (Calibration/LumiAlCaRecoProducers) and
ALCARECOPromptCalibProdPPSAlignment_cff.py (CalibPPS/AlignmentGlobal) of CMSSW; the records are in
AlCaHarvesting_cff.py. The filter of the pedestals has the name of a skim,
``ALCARECOEcalTestPulsesRaw``. The alignment of the PPS has no filter. That its timing has none
either is a guess.
"""

from __future__ import annotations

from condorloop.testbed.cmssw.workflows.workflow import Record, Workflow, filtered

ECAL = (
    filtered(
        calibration="EcalPedestals",
        product="PromptCalibProdEcalPedestals",
        skim="EcalTestPulsesRaw",
        module="ALCARECOEcalTestPulsesRaw",
        harvests={
            "EcalPedestals": (Record("EcalPedestalsRcd", "EcalPedestals_pcl", "EcalPedestals"),)
        },
        sums="pedestals",
    ),
)

LUMI = (
    filtered(
        calibration="LumiPCC",
        product="PromptCalibProdLumiPCC",
        skim="AlCaPCCRandom",
        module="ALCARECOPCCRandomFilter",
        harvests={
            "LumiPCC": (
                Record("LumiCorrectionsRcd", "LumiPCCCorrections_pcl", "LumiCorrections", "lumiid"),
            )
        },
    ),
)

PPS = (
    Workflow(
        calibration="PPSTiming",
        product="PromptCalibProdPPSTimingCalib",
        harvests={
            "PPSTimingCalibration": (
                Record(
                    "PPSTimingCalibrationRcd",
                    "PPSDiamondTimingCalibration_pcl",
                    "PPSTimingCalibration",
                ),
            )
        },
        unfiltered=("PPSCalMaxTracks",),
    ),
    Workflow(
        calibration="PPSAlignment",
        product="PromptCalibProdPPSAlignment",
        harvests={
            "PPSAlignment": (
                Record(
                    "CTPPSRPAlignmentCorrectionsDataRcd",
                    "CTPPSRPAlignment_real_pcl",
                    "CTPPSRPAlignmentCorrectionsData",
                ),
            )
        },
        unfiltered=("PPSCalMaxTracks",),
    ),
)
