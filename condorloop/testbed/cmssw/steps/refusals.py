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
SiStripGainsPCL-        warning  ``calibrationMode  -> StdBunch`` and, on the next line,
Harvester (both)                 ``produceTagFilter -> Return false: Statistics is too low : N``
                                 clusters; with enough of them ``produceTagFilter ->  Return
                                 false: ratio of GOOD/TOTAL is too low: X``
SiPixelLorentzAngle-    LogPrint its ``dqmEndJob``, then `` there is no new valid measurement to
PCLHarvester (both)              append! ``: no module has a fit. LogPrint has no header
SiStripLorentzAngle-    LogPrint five lines, one of them ``* There is no new valid measurement to
PCLHarvester                     append!``: no layer has a fit
SiStripHitEfficiency-   LogPrint ``There are no SiStrip hits for a valid measurement, skipping!``;
Harvester                        with any hit there is a payload
PPSTimingCalibration-   warning  ``Not enough entries for channel (…): N < 100. Skipping
PCLHarvester                     calibration.``, for each; a payload of the others is written
SiPixelStatusHarvester  LogInfo  ``Tag requested for prompt in low statistics IOV in the
                                 dynamicLumibased harvester``: a payload of the permanently bad
                                 modules is written
AlcaBeamSpotManager     LogInfo  ``   BS is not valid!`` for each lumisection that has none
======================= ======== ================================================================

Sources, in CMSSW: DQMOffline/CalibTracker/plugins/SiStripQualityHotStripIdentifierRoot.cc,
Calibration/EcalCalibAlgos/src/ECALpedestalPCLHarvester.cc,
Alignment/MillePedeAlignmentAlgorithm/src/MillePedeFileReader.cc,
CalibTracker/SiPixelQuality/plugins/SiPixelStatusHarvester.cc,
Calibration/TkAlCaRecoProducers/src/AlcaBeamSpotManager.cc,
CalibTracker/SiStripChannelGain/plugins/SiStripGainsPCLHarvester.cc,
CalibTracker/SiPixelLorentzAngle/plugins/SiPixelLorentzAnglePCLHarvester.cc,
CalibTracker/SiStripLorentzAngle/plugins/SiStripLorentzAnglePCLHarvester.cc,
CalibTracker/SiStripHitEfficiency/plugins/SiStripHitEfficiencyHarvester.cc,
CalibPPS/TimingCalibration/plugins/PPSTimingCalibrationPCLHarvester.cc. What the harvester of the
luminosity says of too few events is not known: here it is silent.

The testbed's ECAL has no old values: with too few entries in all channels it makes no payload, in
silence. Knows the words; knows nothing of when they are due.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from condorloop.testbed.cmssw.framework import message_logger
from condorloop.testbed.cmssw.framework.message_logger import Severity
from condorloop.testbed.means import MEANS, TooFew
from condorloop.testbed.truth import HIT_EFFICIENCY


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
_GAINS = "SiStripGainsPCLHarvester"
_PPS = "PPSTimingCalibrationPCLHarvester"
_GAIN_MODES = {"SiStripApvGainRcd": "StdBunch", "SiStripApvGainRcdAAG": "AagBunch"}


def _strip(words: str) -> Words:
    text = f" [{_STRIP}::getNewObject] :: {words} Calibration NOT launched"
    return Words("w", _STRIP, f"{_STRIP}:alcaSiStripQualityHarvester@endRun", text)


def _gains(mode: str, lack: TooFew) -> Words:
    if lack.good_fraction is None:
        why = f"produceTagFilter -> Return false: Statistics is too low : {lack.count}"
    else:
        why = (
            "produceTagFilter ->  Return false: ratio of GOOD/TOTAL is too low: "
            f"{lack.good_fraction:.6g}"
        )
    label = "alcaSiStripGainsHarvester" + ("AAG" if mode == "AagBunch" else "")
    text = f"calibrationMode  -> {mode}\n{why}"
    return Words("w", _GAINS, f"{_GAINS}:{label}@endProcessBlock", text)


def _end_of_job(harvester: str) -> str:
    return f"virtual void {harvester}::dqmEndJob(DQMStore::IBooker&, DQMStore::IGetter&)"


def _lorentz_angle(record: str) -> Words:
    if record == "SiStripLorentzAngleRcd":
        function = _end_of_job("SiStripLorentzAnglePCLHarvester")
        lines = (
            "****** WARNING ******",
            f"* {function}",
            "* There is no new valid measurement to append!",
            "* Will NOT update the DB!",
            "*********************",
        )
        return Words("p", "SiStripLorentzAngleDB", "", "\n".join(lines))
    function = _end_of_job("SiPixelLorentzAnglePCLHarvester")
    text = f"{function} there is no new valid measurement to append! "
    return Words("p", "SiPixelLorentzAngleDB", "", text)


def too_few(record: str, lack: TooFew) -> Words | None:
    """Give what the harvester of a record says of too few events; None if it says nothing."""
    if record == "SiStripBadStripRcd":
        return _strip(f"Not Enough Events :: Total number of events is  {lack.count}")
    if record in _GAIN_MODES:
        return _gains(_GAIN_MODES[record], lack)
    if record == HIT_EFFICIENCY:
        function = _end_of_job("SiStripHitEfficiencyHarvester")
        text = f"{function} There are no SiStrip hits for a valid measurement, skipping!"
        return Words("p", "SiStripHitEfficiencyHarvester", "", text)
    return _lorentz_angle(record) if "LorentzAngle" in record else None


def skipped(record: str, lacking: Mapping[int, int]) -> list[Words]:
    """Give what the harvester of a record says of structures that it leaves out.

    Parameters
    ----------
    record
        Its name.
    lacking
        What those structures have, by their number.
    """
    if record != "PPSTimingCalibrationRcd":
        return []
    return [_few_entries(channel, entries) for channel, entries in lacking.items()]


def _few_entries(channel: int, entries: int) -> Words:
    place = f"arm {channel // 12} station 1 plane {channel // 3 % 4} channel {channel % 3}"
    least = MEANS["PPSTimingCalibrationRcd"].least
    return Words(
        "w",
        f"{_PPS}:fetchWorkerHistograms",
        f"{_PPS}:PPSTimingCalibrationPCLHarvester@endProcessBlock",
        f"Not enough entries for channel ({place}): {entries} < {least}. Skipping calibration.",
    )


def veto(record: str) -> Words | None:
    """Give what the harvester of a record says of constants out of bounds; None if nothing."""
    return _VETOES.get(record)


def _pede(label: str, text: str) -> Words:
    module = f"AlignmentProducerAsAnalyzer:{label}@endProcessBlock"
    return Words("w", "MillePedeFileReader", module, text)


def _few_moved(kind: str) -> Words:
    """Give the words of the fine alignment, one structure and degree of freedom of many."""
    lines = (
        "TPBLadderLayer1",
        "X:   Fraction = 0.083   Fraction Threshold = 0.3",
        "===================",
        "Alignment will NOT be updated",
    )
    return _pede(f"SiPixelAliPedeAlignmentProducer{kind}", "\n".join(lines))


_VETOES = {
    "EcalPedestalsRcd": Words(
        "e",
        "Large Variations found wrt to old pedestals, no file created",
        "ECALpedestalPCLHarvester:ALCAHARVESTEcalPedestals@endProcessBlock",
        "",
    ),
    "SiStripBadStripRcd": _strip("Empty Events :: Mean Number of Cluster is  0.004"),
    "TrackerAlignmentRcd": _pede(
        "SiPixelAliPedeAlignmentProducer",
        "Aborting payload creation. Exceeding maximum thresholds for movement: 217.3"
        " forTPBHalfBarrelXplus(0)",
    ),
    **{
        f"TrackerAlignment{kind}Rcd": _few_moved(kind)
        for kind in ("HG", "HGCombined", "HLTHGCombined")
    },
}
"""By record: those of the harvesters that can refuse what has the statistics."""
