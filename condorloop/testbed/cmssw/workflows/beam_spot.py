"""The beam spot: the producer of all tracks, and that of the tracking alone (HP).

Source: ALCARECOPromptCalibProd_cff.py and ALCARECOPromptCalibProdBeamSpotHP_cff.py in
Calibration/TkAlCaRecoProducers of CMSSW; the records are in AlCaHarvesting_cff.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from condorloop.testbed.cmssw.workflows.workflow import Record, filtered


def _harvests(kind: str) -> Mapping[str, tuple[Record, ...]]:
    tag, name = f"BeamSpotObject{kind}", f"BeamSpotObjectsRcd{kind}"
    by_run = Record(f"{name}ByRun", f"{tag}_ByRun", "BeamSpotObjects")
    by_lumi = Record(f"{name}ByLumi", f"{tag}_ByLumi", "BeamSpotObjects", "lumiid")
    return {f"BeamSpot{kind}ByRun": (by_run,), f"BeamSpot{kind}ByLumi": (by_lumi,)}


WORKFLOWS = (
    filtered(
        calibration="BeamSpotLegacy",
        product="PromptCalibProd",
        skim="TkAlMinBias",
        module="ALCARECOTkAlMinBiasFilterForBS",
        harvests=_harvests(""),
        sums="vertices",
    ),
    filtered(
        calibration="BeamSpot",
        product="PromptCalibProdBeamSpotHP",
        skim="TkAlMinBias",
        module="ALCARECOTkAlMinBiasFilterForBSHP",
        harvests=_harvests("HP"),
        sums="vertices",
    ),
)
