"""Functions for ``cmsDriver.py --customise`` that CMSSW ships and the testbed knows.

Those of tracking change nothing here: the testbed has one reconstruction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from condorloop.testbed.cmssw.framework import fwcore as cms
from condorloop.testbed.cmssw.framework.process import Process

Customisation = Callable[[Process], Process]


def _nothing(process: Process) -> Process:
    return process


def _add_monitoring(process: Process) -> Process:
    process.SimpleMemoryCheck = cms.Module("SimpleMemoryCheck", jobReportOutputOnly=cms.Bool(True))
    process.Timing = cms.Module("Timing", summaryOnly=cms.Bool(True))
    return process


CUSTOMS: Mapping[str, Mapping[str, Customisation]] = {
    "Configuration.DataProcessing.Utils": {"addMonitoring": _add_monitoring},
    "Configuration.DataProcessing.RecoTLR": dict.fromkeys(
        ("customiseExpress", "customisePrompt", "customiseCosmicData"), _nothing
    ),
    "Alignment.CommonAlignmentProducer.customizeLSNumberFilterForRelVals": {
        "doNotFilterLS": _nothing
    },
}
"""By module and function."""
