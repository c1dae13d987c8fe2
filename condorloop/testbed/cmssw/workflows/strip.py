"""The strip tracker: bad modules, gains, hit efficiency and Lorentz angle.

Source: ALCARECOPromptCalibProdSiStrip{,Gains,GainsAAG,HitEfficiency,LorentzAngle}_cff.py and
_Output_cff.py in Calibration/TkAlCaRecoProducers of CMSSW; the records are in
AlCaHarvesting_cff.py. ``PromptCalibProdSiStrip`` has an empty sequence: it keeps the histograms
that ``SiStripPCLHistos`` converted and ``SiStripCalZeroBias`` filled, where they are. That its
Lorentz angle's record is ``SiStripLorentzAngleRcd`` is said by the harvester's default alone.
"""

from __future__ import annotations

from condorloop.testbed.cmssw.workflows.workflow import Record, Workflow, filtered

WORKFLOWS = (
    Workflow(
        calibration="SiStripBad",
        product="PromptCalibProdSiStrip",
        harvests={
            "SiStripQuality": (
                Record("SiStripBadStripRcd", "SiStripBadStrip_pcl", "SiStripBadStrip"),
            )
        },
        unfiltered=("SiStripPCLHistos",),
    ),
    filtered(
        calibration="SiStripGains",
        product="PromptCalibProdSiStripGains",
        skim="SiStripCalMinBias",
        module="ALCARECOCalMinBiasFilterForSiStripGains",
        harvests={
            "SiStripGains": (Record("SiStripApvGainRcd", "SiStripApvGain_pcl", "SiStripApvGain"),)
        },
    ),
    filtered(
        calibration="SiStripGainsAAG",
        product="PromptCalibProdSiStripGainsAAG",
        skim="SiStripCalMinBiasAAG",
        module="ALCARECOCalMinBiasFilterForSiStripGainsAAG",
        harvests={
            "SiStripGainsAAG": (
                Record("SiStripApvGainRcdAAG", "SiStripApvGainAAG_pcl", "SiStripApvGain"),
            )
        },
    ),
    filtered(
        calibration="SiStripHitEff",
        product="PromptCalibProdSiStripHitEff",
        skim="SiStripCalMinBias",
        module="ALCARECOCalMinBiasFilterForSiStripHitEff",
        harvests={
            "SiStripHitEff": (
                Record(
                    "SiStripBadStripFromHitEffRcd",
                    "SiStripBadStripRcdHitEff_pcl",
                    "SiStripBadStrip",
                ),
            )
        },
        path="pathALCARECOPromptCalibProdSiStripHitEfficiency",
    ),
    filtered(
        calibration="SiStripLA",
        product="PromptCalibProdSiStripLA",
        skim="SiStripCalCosmics",
        module="ALCARECOCalCosmicsFilterForSiStripLorentzAngle",
        harvests={
            "SiStripLA": (Record("SiStripLorentzAngleRcd", "SiStripLA_pcl", "SiStripLorentzAngle"),)
        },
        path="pathALCARECOPromptCalibProdSiStripLorentzAngle",
    ),
)
