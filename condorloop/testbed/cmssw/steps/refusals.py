"""What CMSSW's harvesters say in a job's log when they write no payload.

A log shows warnings and errors; information (``LogInfo``) is switched off in CMSSW's default
MessageLogger. So some harvesters refuse in silence. What their code says, in their own words:

======================= ======== ================================================================
harvester               level    words
======================= ======== ================================================================
SiStripQualityHotStrip- warning  `` [SiStripQualityHotStripIdentifierRoot::getNewObject] :: Not
IdentifierRoot                   Enough Events :: Total number of events is  N Calibration NOT
                                 launched``: fewer than 10 000 events
the same                warning  ``… :: Empty Events :: Mean Number of Cluster is  X Calibration
                                 NOT launched``: enough events, at most 0.01 clusters in each
ECALpedestalPCL-        error    ``Large Variations found wrt to old pedestals, no file created``
Harvester                        is the category, the message is empty: a veto. With too few
                                 entries a channel keeps its old value, in silence; with no new
                                 value at all the old ones are written again
MillePedeFileReader     warning  ``Aborting payload creation. Exceeding maximum thresholds for
(SiPixelAli)                     movement: X forTPBHalfBarrelXplus(0)``: a veto; the same with
                                 ``error`` for ``movement``. There is no blank before the
                                 structure. Fewer records than ``minNRecords``: LogInfo only,
                                 ``Number of records used N``, N being the limit
the same, SiPixelAliHG  warning  ``Alignment will NOT be updated``, the last line of a list of
                                 fractions: too few structures moved; neither a veto nor a lack
SiPixelStatusHarvester  LogInfo  ``Tag requested for prompt in low statistics IOV in the
                                 dynamicLumibased harvester``: a payload of the permanently bad
                                 modules is written
AlcaBeamSpotManager     LogInfo  ``   BS is not valid!`` for each lumisection that has none
======================= ======== ================================================================

Sources, in CMSSW: DQMOffline/CalibTracker/plugins/SiStripQualityHotStripIdentifierRoot.cc,
Calibration/EcalCalibAlgos/src/ECALpedestalPCLHarvester.cc,
Alignment/MillePedeAlignmentAlgorithm/src/MillePedeFileReader.cc,
CalibTracker/SiPixelQuality/plugins/SiPixelStatusHarvester.cc,
Calibration/TkAlCaRecoProducers/src/AlcaBeamSpotManager.cc.

The testbed's ECAL has no old values: with too few entries in all channels it makes no payload, in
silence. Knows the words; knows nothing of when they are due.
"""

from __future__ import annotations

from dataclasses import dataclass

from condorloop.testbed.cmssw.framework import message_logger
from condorloop.testbed.cmssw.framework.message_logger import Severity


@dataclass(frozen=True, slots=True)
class Words:
    """A message, as `message_logger.message` takes it."""

    severity: Severity
    category: str
    module: str
    text: str

    def say(self, run: int) -> None:
        """Write it into the job's log."""
        context = f"Run: {run}"
        message_logger.message(self.severity, self.category, self.module, self.text, context)


_STRIP = "SiStripQualityHotStripIdentifierRoot"


def _strip(words: str) -> Words:
    text = f" [{_STRIP}::getNewObject] :: {words} Calibration NOT launched"
    return Words("w", _STRIP, f"{_STRIP}:alcaSiStripQualityHarvester@endRun", text)


def too_few(record: str, events: int) -> Words | None:
    """Give what the harvester of a record says of too few events; None if it says nothing."""
    if record == "SiStripBadStripRcd":
        return _strip(f"Not Enough Events :: Total number of events is  {events}")
    return None


def veto(record: str) -> Words | None:
    """Give what the harvester of a record says of constants out of bounds; None if nothing."""
    return _VETOES.get(record)


_VETOES = {
    "EcalPedestalsRcd": Words(
        "e",
        "Large Variations found wrt to old pedestals, no file created",
        "ECALpedestalPCLHarvester:ALCAHARVESTEcalPedestals@endProcessBlock",
        "",
    ),
    "SiStripBadStripRcd": _strip("Empty Events :: Mean Number of Cluster is  0.004"),
    "TrackerAlignmentRcd": Words(
        "w",
        "MillePedeFileReader",
        "AlignmentProducerAsAnalyzer:SiPixelAliPedeAlignmentProducer@endProcessBlock",
        "Aborting payload creation. Exceeding maximum thresholds for movement: 217.3"
        " forTPBHalfBarrelXplus(0)",
    ),
}
"""By record: those of the testbed's harvesters that can refuse, and the tracker alignment's."""
