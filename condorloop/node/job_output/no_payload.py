"""Why a harvest that went well made no payload: the words of its log.

Knows the messages of CMSSW's harvesters, and the form of its message logger; knows nothing of DAGs
or files on the disk. It is pure.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from condorloop.model.enums import NoPayloadCause
from condorloop.model.no_payload import NoPayload

LONGEST = 300
"""Characters of the words that are kept."""

_LONGEST_LINE = 2000
_LONGEST_MESSAGE = 20_000
"""Characters of a line, and of a message, that are looked at."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """What a harvester says when it makes no payload; `source` is a file of cms-sw/cmssw."""

    cause: NoPayloadCause
    pattern: re.Pattern[str]
    source: str


def _phrase(cause: NoPayloadCause, source: str, pattern: str) -> Phrase:
    return Phrase(cause, re.compile(pattern), source)


_VETO, _UNCHANGED = NoPayloadCause.VETO, NoPayloadCause.UNCHANGED
_STATISTICS = NoPayloadCause.STATISTICS

PHRASES = (
    _phrase(
        _VETO,
        "Calibration/EcalCalibAlgos/src/ECALpedestalPCLHarvester.cc",
        r"Large Variations found wrt to old pedestals, no file created",
    ),
    _phrase(
        _VETO,
        "Alignment/MillePedeAlignmentAlgorithm/src/MillePedeFileReader.cc",
        r"Aborting payload creation\. Exceeding maximum thresholds for \w+: \S+ for ?\w+ ?\(\w+\)",
    ),
    _phrase(
        _VETO,
        "CalibTracker/SiStripChannelGain/plugins/SiStripGainsPCLHarvester.cc",
        r"Return false: ratio of GOOD/TOTAL is too low: \S+",
    ),
    _phrase(
        _STATISTICS,
        "CalibTracker/SiStripChannelGain/plugins/SiStripGainsPCLHarvester.cc",
        r"Return false: Statistics is too low : \S+",
    ),
    _phrase(
        _STATISTICS,
        "DQMOffline/CalibTracker/plugins/SiStripQualityHotStripIdentifierRoot.cc",
        r"Not Enough Events :: Total number of events is \S+ Calibration NOT launched",
    ),
    _phrase(
        _STATISTICS,
        "DQMOffline/CalibTracker/plugins/SiStripQualityHotStripIdentifierRoot.cc",
        r"Empty Events :: Mean Number of Cluster is \S+ Calibration NOT launched",
    ),
    _phrase(
        _STATISTICS,
        "CalibTracker/SiStripHitEfficiency/plugins/SiStripHitEfficiencyHarvester.cc",
        r"There are no SiStrip hits for a valid measurement",
    ),
    _phrase(
        _STATISTICS,
        "CalibTracker/SiPixelLorentzAngle/plugins/SiPixelLorentzAnglePCLHarvester.cc, "
        "CalibTracker/SiStripLorentzAngle/plugins/SiStripLorentzAnglePCLHarvester.cc",
        r"[Tt]here is no new valid measurement to append",
    ),
    _phrase(
        _STATISTICS,
        "Calibration/TkAlCaRecoProducers/src/AlcaBeamSpotManager.cc",
        r"BS is not valid",
    ),
    _phrase(
        _STATISTICS,
        "CalibPPS/TimingCalibration/plugins/PPSTimingCalibrationPCLHarvester.cc",
        r"Not enough entries for channel \(.*?\): \S+ < \d+",
    ),
    _phrase(
        _STATISTICS,
        "Alignment/MillePedeAlignmentAlgorithm/src/MillePedeFileReader.cc",
        r"Number of records used \d+",
    ),
    _phrase(
        _UNCHANGED,
        "Alignment/MillePedeAlignmentAlgorithm/src/MillePedeFileReader.cc",
        r"Alignment will NOT be updated",
    ),
)
"""The gravest cause first: of what a log says, the first phrase of these counts.

SiPixelStatusHarvester and PPSAlignmentHarvester always write a payload, so that they are not here.
"""

_ANY_PHRASE = re.compile("|".join(phrase.pattern.pattern for phrase in PHRASES))

_BEGIN = re.compile(r"%MSG-([a-z]+) (.*)")
_HEADER = re.compile(r"(?P<category>.*?):  \S+ .*|(?P<rest>.*)")
"""``category:  module date Run: number``: two blanks end the category, which can be the message."""
_SERIOUS = ("e", "s")

_OF_NO_USE = re.compile(
    r"Begin processing the |%MSG|=+$|-+$|\*+$|.* (Initiating request to open|Successfully opened"
    r"|Closed) file |TimeReport|MemoryReport|MessageLogger Summary|TrigReport"
)
"""How lines begin that tell of no cause."""


@dataclass(frozen=True, slots=True)
class _Message:
    """A message of the log: its severity, empty for a line that is in none, and its text."""

    severity: str
    text: str


def reason(log: Iterable[str]) -> NoPayload:
    """Say why a harvester made no payload.

    Parameters
    ----------
    log
        The lines that cmsRun printed, in their order; there may be any number of them.

    Returns
    -------
    NoPayload
        The first of `PHRASES` that is in the log. If none is, the cause is not said, and the words
        are those of the last error, else of the last warning, else the last line that tells
        something.
    """
    found: dict[Phrase, str] = {}
    last: dict[str, str] = {}
    for message in _messages(log):
        if _ANY_PHRASE.search(message.text):
            for phrase in PHRASES:
                if match := phrase.pattern.search(message.text):
                    found.setdefault(phrase, match[0])
        if not _OF_NO_USE.match(message.text):
            last["e" if message.severity in _SERIOUS else message.severity] = message.text
    for phrase in PHRASES:
        if phrase in found:
            return NoPayload(phrase.cause, found[phrase])
    words = last.get("e") or last.get("w") or last.get("") or ""
    return NoPayload(NoPayloadCause.NOT_SAID, _short(words))


def _messages(log: Iterable[str]) -> Iterator[_Message]:
    """Put the lines of each message together: the message logger breaks long ones."""
    severity, category = "", ""
    body: deque[str] = deque()
    length = 0
    for raw in log:
        line = " ".join(raw[:_LONGEST_LINE].split())
        begin = _BEGIN.match(line)
        if severity and (begin or line == "%MSG"):
            yield _Message(severity, _joined(category, body))
            severity = ""
        if begin:
            severity, category, length = begin[1], _category(raw), 0
            body.clear()
        elif severity and line:
            body.append(line)
            length += len(line)
            while length > _LONGEST_MESSAGE:  # the end of a message tells most
                length -= len(body.popleft())
        elif line and line != "%MSG":
            yield _Message("", line)
    if severity:
        yield _Message(severity, _joined(category, body))


def _joined(category: str, body: Iterable[str]) -> str:
    return ": ".join(filter(None, (category, " ".join(body))))


def _category(raw: str) -> str:
    _, _, header = raw[:_LONGEST_LINE].strip().partition(" ")
    match = _HEADER.fullmatch(header)
    return " ".join(((match and (match["category"] or match["rest"])) or "").split())


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
